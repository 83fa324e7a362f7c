// SPDX-License-Identifier: Apache-2.0
import MartletCore

extension PolicyPrincipals.Entry {
    private static let serviceSuffixes = [
        ".amazonaws.com", ".amazonaws.com.cn", ".amazon.com", ".aws.internal", ".aws.com",
    ]
    private static let arnKinds = ["user/", "role/", "assumed-role/", "federated-user/"]
    /// The first letters of the ids of users, roles, groups and others.
    private static let idPrefixes = ["AIDA", "AROA"]

    /// Throws `PolicyFault` for a principal that cannot exist. Whether it does exist is not looked up.
    init(kind: String, name: String) throws {
        switch kind {
        case "*": self = .everyone
        case "AWS": self = try Self.aws(name)
        case "Service":
            guard Self.isService(name) else { throw PolicyFault.principal("SERVICE", name) }
            self = .service(name)
        case "Federated":
            guard !name.isEmpty else { throw PolicyFault.principal("FEDERATED", name) }
            self = .federated(name)
        case "CanonicalUser": self = .canonicalUser(name)
        default: throw PolicyFault.syntax
        }
    }

    private static func aws(_ name: String) throws -> Self {
        if name == "*" { return .everyone }
        if AccountID(name) != nil { return .account(name) }
        if name.utf8.count >= 16, name.utf8.allSatisfy(\.isAlphanumeric), idPrefixes.contains(where: name.hasPrefix) {
            return .uniqueID(name)
        }
        guard let arn = ARN(name), arn.region.isEmpty, AccountID(arn.account) != nil, !name.contains("*"),
            !name.contains("?")
        else { throw PolicyFault.principal("AWS", name) }
        if arn.service == "iam", arn.resource == "root" { return .account(arn.account) }
        guard arn.service == "iam" || arn.service == "sts", arnKinds.contains(where: arn.resource.hasPrefix) else {
            throw PolicyFault.principal("AWS", name)
        }
        return .arn(name)
    }

    private static func isService(_ name: String) -> Bool {
        name.utf8.allSatisfy { $0.isAlphanumeric || $0 == 0x2d || $0 == 0x2e }
            && serviceSuffixes.contains { name.hasSuffix($0) && name.utf8.count > $0.utf8.count }
    }
}
