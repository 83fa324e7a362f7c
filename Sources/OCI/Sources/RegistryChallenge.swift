// SPDX-License-Identifier: Apache-2.0

/// What a registry demands in `WWW-Authenticate`.
enum RegistryChallenge: Equatable {
    case basic
    case bearer(realm: String, service: String?, scope: String?)

    /// Nil for a scheme that Martlet does not speak.
    init?(_ header: String) {
        guard header.utf8.count <= 4_096 else { return nil }
        let space = header.firstIndex(of: " ") ?? header.endIndex
        switch header[..<space].lowercased() {
        case "basic": self = .basic
        case "bearer":
            let parameters = Self.parameters(header[space...])
            guard let realm = parameters["realm"] else { return nil }
            self = .bearer(realm: realm, service: parameters["service"], scope: parameters["scope"])
        default: return nil
        }
    }

    /// `name="value", name=value`. A comma inside quotes belongs to the value.
    private static func parameters(_ text: Substring) -> [String: String] {
        var result: [String: String] = [:]
        var rest = text
        while let equals = rest.firstIndex(of: "=") {
            let name = rest[..<equals].drop { $0 == " " || $0 == "," }.lowercased()
            rest = rest[rest.index(after: equals)...]
            let isQuoted = rest.first == "\""
            if isQuoted { rest = rest.dropFirst() }
            let end = rest.firstIndex(of: isQuoted ? "\"" : ",") ?? rest.endIndex
            result[name] = String(rest[..<end])
            rest = rest[end...].dropFirst()
        }
        return result
    }
}
