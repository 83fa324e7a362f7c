// SPDX-License-Identifier: Apache-2.0
import HTTPTypes

/// What the address itself answers to web pages. It takes the place of what the function says. AWS: Cors
extension FunctionURL.CrossOrigin {
    private static let names: [HTTPField.Name] = [
        .accessControlAllowOrigin, .accessControlAllowCredentials, .accessControlExposeHeaders,
        .accessControlAllowMethods, .accessControlAllowHeaders, .accessControlMaxAge,
    ]

    func allows(_ origin: String) -> Bool {
        (allowOrigins ?? []).contains { $0 == "*" || $0.lowercased() == origin.lowercased() }
    }

    /// The answer to a browser's question whether it may ask; without leave where it may not.
    func preflight(from origin: String, asking headers: HTTPFields) -> HTTPFields {
        guard allows(origin) else { return [:] }
        var fields = leave(for: origin)
        fields[.accessControlAllowMethods] = list(allowMethods, headers[.accessControlRequestMethod])
        fields[.accessControlAllowHeaders] = list(allowHeaders, headers[.accessControlRequestHeaders])
        fields[.accessControlMaxAge] = maxAgeSeconds.map { String($0) }
        return fields
    }

    func decorate(_ fields: inout HTTPFields, for origin: String?) {
        for name in Self.names { fields[name] = nil }
        guard let origin, allows(origin) else { return }
        for field in leave(for: origin) { fields.append(field) }
        if let exposeHeaders, !exposeHeaders.isEmpty {
            fields[.accessControlExposeHeaders] = exposeHeaders.joined(separator: ",")
        }
    }

    /// `*` is not enough for requests with credentials, so those get their own origin.
    private func leave(for origin: String) -> HTTPFields {
        var fields = HTTPFields()
        let isForAll = allowOrigins?.contains("*") == true && allowCredentials != true
        fields[.accessControlAllowOrigin] = isForAll ? "*" : origin
        if !isForAll { fields[.vary] = "Origin" }
        if allowCredentials == true { fields[.accessControlAllowCredentials] = "true" }
        return fields
    }

    /// Nil when nothing is allowed. `*` becomes what was asked for where credentials make it mean nothing.
    private func list(_ allowed: [String]?, _ asked: String?) -> String? {
        guard let allowed, !allowed.isEmpty else { return nil }
        if allowed.contains("*"), allowCredentials == true { return asked }
        return allowed.joined(separator: ",")
    }
}
