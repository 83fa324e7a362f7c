// SPDX-License-Identifier: Apache-2.0

/// An `http` or `https` URL, taken apart. Strict: what is not plainly a URL is none.
struct WebAddress: Sendable, Equatable {
    static let maximumBytes = 2_048

    let isSecure: Bool
    let host: String
    let port: Int
    /// As the URL has it; nil for the scheme's own.
    let explicitPort: Int?
    /// Path and query, beginning with a slash.
    let target: String
    /// `user:password` of the URL, percent-decoded.
    let userInfo: String?

    init?(_ text: String) {
        guard text.utf8.count <= Self.maximumBytes, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return nil }
        guard let separator = text.firstRange(of: "://") else { return nil }
        switch text[..<separator.lowerBound].lowercased() {
        case "http": isSecure = false
        case "https": isSecure = true
        default: return nil
        }
        let rest = text[separator.upperBound...].prefix { $0 != "#" }
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        var authority = rest[..<end]
        let path = rest[end...]
        target = path.isEmpty ? "/" : path.hasPrefix("?") ? "/\(path)" : String(path)
        if let at = authority.lastIndex(of: "@") {
            guard let decoded = Self.percentDecoded(authority[..<at]) else { return nil }
            userInfo = decoded
            authority = authority[authority.index(after: at)...]
        } else {
            userInfo = nil
        }
        guard let (host, port) = Self.split(authority) else { return nil }
        self.host = host
        explicitPort = port
        self.port = port ?? (isSecure ? 443 : 80)
    }

    /// For the `Host` header and for URLs.
    var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return explicitPort.map { "\(name):\($0)" } ?? name
    }

    private static func split(_ authority: Substring) -> (String, Int?)? {
        var (host, port) = (authority, Substring?.none)
        if authority.hasPrefix("[") {
            guard let close = authority.firstIndex(of: "]") else { return nil }
            host = authority[authority.index(after: authority.startIndex)..<close]
            let rest = authority[authority.index(after: close)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
            port = rest.isEmpty ? nil : rest.dropFirst()
            guard host.utf8.allSatisfy({ $0 == 0x3a || $0 == 0x2e || $0.isHexDigit }) else { return nil }
        } else {
            if let colon = authority.firstIndex(of: ":") {
                host = authority[..<colon]
                port = authority[authority.index(after: colon)...]
            }
            guard host.utf8.allSatisfy({ $0.isNameByte || $0 == 0x2e }) else { return nil }
        }
        guard !host.isEmpty, host.utf8.count <= 253 else { return nil }
        guard let port else { return (host.lowercased(), nil) }
        guard let number = Int(port), (1...65_535).contains(number) else { return nil }
        return (host.lowercased(), number)
    }

    private static func percentDecoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == 0x25 else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension UInt8 {
    fileprivate var isHexDigit: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
        default: false
        }
    }
}
