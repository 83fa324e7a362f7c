// SPDX-License-Identifier: Apache-2.0

/// Names an image: `REGISTRY/REPOSITORY[:TAG][@DIGEST]`, or `oci:PATH[:TAG][@DIGEST]` for a layout on this machine.
///
/// A registry is always named: there is none that is meant when it is left out, so nobody gets an image from a place that
/// they did not think of.
package struct ImageReference: Hashable, Sendable, CustomStringConvertible {
    package enum Place: Hashable, Sendable {
        /// `host` with its port, where there is one.
        case registry(host: String, repository: String)
        /// An absolute path without `.`, `..` and empty components.
        case layout(path: String)
    }

    package let place: Place
    package let tag: String?
    package let digest: ImageDigest?

    private static let maximumBytes = 1_024

    /// Throws `ImageFault` of kind `badReference`.
    package init(_ text: String) throws(ImageFault) {
        guard text.utf8.count <= Self.maximumBytes, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw ImageFault(.badReference, "An image's name has at most \(Self.maximumBytes) printable characters.")
        }
        var rest = Substring(text)
        var digest: ImageDigest?
        if let at = rest.lastIndex(of: "@") {
            digest = ImageDigest(rest[rest.index(after: at)...])
            guard digest != nil else {
                throw ImageFault(.badReference, "What follows “@” in \(text) is no SHA-256 digest.")
            }
            rest = rest[..<at]
        }
        let isLayout = rest.hasPrefix("oci:")
        if isLayout { rest = rest.dropFirst(4) }
        var tag: String?
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("/") {
            tag = String(rest[rest.index(after: colon)...])
            rest = rest[..<colon]
        }
        guard tag.map(Self.isTag) ?? true else { throw ImageFault(.badReference, "The tag of \(text) is malformed.") }
        place = isLayout ? try Self.layout(rest, text) : try Self.registry(rest, text)
        (self.tag, self.digest) = (tag, digest)
    }

    private init(place: Place, tag: String?, digest: ImageDigest?) {
        (self.place, self.tag, self.digest) = (place, tag, digest)
    }

    /// The same image, by its digest alone: what AWS calls the resolved URI.
    package func pinned(to digest: ImageDigest) -> ImageReference {
        ImageReference(place: place, tag: nil, digest: digest)
    }

    package var description: String {
        let name =
            switch place {
            case .registry(let host, let repository): "\(host)/\(repository)"
            case .layout(let path): "oci:\(path)"
            }
        return name + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
    }

    private static func layout(_ path: Substring, _ text: String) throws(ImageFault) -> Place {
        let components = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard path.hasPrefix("/"), !components.isEmpty,
            components.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." })
        else {
            throw ImageFault(.badReference, "The layout of \(text) must be named by an absolute path without “..”.")
        }
        return .layout(path: String(path))
    }

    private static func registry(_ name: Substring, _ text: String) throws(ImageFault) -> Place {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count > 1, isHost(parts[0]) else {
            throw ImageFault(.badReference, "\(text) names no registry: write it as REGISTRY/REPOSITORY:TAG.")
        }
        guard parts.dropFirst().allSatisfy(isComponent), name.utf8.count <= 512 else {
            throw ImageFault(.badReference, "The repository of \(text) is malformed.")
        }
        return .registry(host: String(parts[0]), repository: parts.dropFirst().joined(separator: "/"))
    }

    /// A name with a dot, an address or `localhost`, and perhaps a port.
    static func isHost(_ text: Substring) -> Bool {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard let name = parts.first, parts.count <= 2, name == "localhost" || name.contains(".") || parts.count == 2,
            name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy({ label in
                !label.isEmpty && label.first != "-" && label.last != "-" && label.utf8.allSatisfy(isHostByte)
            })
        else { return false }
        return parts.count == 1 || (UInt16(parts[1]).map { $0 > 0 } ?? false)
    }

    private static func isHostByte(_ byte: UInt8) -> Bool { isLowerOrDigit(byte) || isUpper(byte) || byte == 0x2d }
    private static func isUpper(_ byte: UInt8) -> Bool { (0x41...0x5a).contains(byte) }
    private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte)
    }

    /// Lower case and digits, parted by single separators.
    private static func isComponent(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last, isLowerOrDigit(first), isLowerOrDigit(last)
        else { return false }
        return text.utf8.allSatisfy { isLowerOrDigit($0) || $0 == 0x2d || $0 == 0x2e || $0 == 0x5f }
            && !text.contains("..")
    }

    private static func isTag(_ text: String) -> Bool {
        guard (1...128).contains(text.utf8.count), text.utf8.first != 0x2d, text.utf8.first != 0x2e else {
            return false
        }
        return text.utf8.allSatisfy { isLowerOrDigit($0) || isUpper($0) || $0 == 0x2d || $0 == 0x2e || $0 == 0x5f }
    }
}
