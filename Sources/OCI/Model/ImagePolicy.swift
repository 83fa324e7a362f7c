// SPDX-License-Identifier: Apache-2.0

/// Where images may come from. The operator decides; a client only names them.
package struct ImagePolicy: Sendable, Equatable {
    package struct Registry: Sendable, Equatable {
        /// With its port, where there is one.
        package var host: String
        /// Spoken to without TLS.
        package var isPlain: Bool

        /// `HOST[:PORT]`, or with `http://` before it. Nil when it is neither.
        package init?(_ text: String) {
            isPlain = text.hasPrefix("http://")
            host = isPlain ? String(text.dropFirst(7)) : text
            guard ImageReference.isHost(host[...]) else { return nil }
        }
    }

    /// Nil: every registry over HTTPS, and one on this machine over plain HTTP.
    package var registries: [Registry]?
    /// Absolute paths: image layouts may lie below them and nowhere else.
    package var directories: [String]

    package init(registries: [Registry]? = nil, directories: [String] = []) {
        self.registries = registries
        self.directories = directories
    }

    /// Whether the registry is spoken to without TLS. Throws `ImageFault` for one that is not allowed.
    func isPlain(_ host: String) throws(ImageFault) -> Bool {
        guard let registries else { return Self.isLocal(host) }
        guard let registry = registries.first(where: { $0.host == host }) else {
            throw ImageFault(
                .badReference,
                "This server takes no images from \(host); its operator allows it with --image-registry."
            )
        }
        return registry.isPlain
    }

    static func isLocal(_ host: String) -> Bool {
        let name = host.prefix { $0 != ":" }
        let octets = name.split(separator: ".", omittingEmptySubsequences: false)
        return name == "localhost"
            || (octets.count == 4 && octets[0] == "127" && octets.allSatisfy { UInt8($0) != nil })
    }

    /// The configured directory that holds the layout, and the layout's path below it.
    func place(ofLayout path: String) throws(ImageFault) -> (directory: String, path: String) {
        for directory in directories {
            let prefix = directory.hasSuffix("/") ? directory : directory + "/"
            if path.hasPrefix(prefix) { return (directory, String(path.dropFirst(prefix.count))) }
        }
        throw ImageFault(
            .badReference,
            "This server takes no image layouts from \(path); its operator allows a directory with --image-directory."
        )
    }
}
