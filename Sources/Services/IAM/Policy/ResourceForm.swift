// SPDX-License-Identifier: Apache-2.0

/// What IAM demands of the text of a `Resource`.
enum ResourceForm {
    private static let iamKinds = [
        "user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/",
        "sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/",
    ]

    /// Too few parts, and empty ones among them: IAM's oldest parser refuses it before anything else.
    static func isTruncated(_ resource: String) -> Bool {
        let parts = resource.split(separator: ":", omittingEmptySubsequences: false)
        return parts.first == "arn" && (3..<6).contains(parts.count) && parts.contains("") && isPartition(parts[1])
    }

    static func check(_ resource: String) throws {
        if resource == "*" { return }
        let parts = resource.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count > 1 else { throw PolicyFault("Resource \(resource) must be in ARN format or \"*\".") }
        guard isPartition(parts[1]) else { throw partition(parts) }
        guard parts.count > 2, !parts[2].isEmpty else {
            throw PolicyFault("Resource vendor must be fully qualified and cannot contain regexes.")
        }
        try checkVendorRules(resource, parts)
    }

    private static func checkVendorRules(_ resource: String, _ parts: [Substring]) throws {
        let region = parts.count > 3 ? parts[3] : "*"
        if parts[2] == "iam", !region.isEmpty, region != "*" {
            throw PolicyFault("IAM resource \(resource) cannot contain region information.")
        }
        if parts[2] == "s3", !region.isEmpty, region != "*" {
            throw PolicyFault("Resource \(resource) can not contain region information.")
        }
        guard parts[2] == "iam", parts.count == 6 else { return }
        let path = parts[5]
        guard path == "*" || path == "root" || iamKinds.contains(where: path.hasPrefix) else {
            throw PolicyFault(
                "IAM resource path must either be \"*\" or start with \(iamKinds.joined(separator: ", "))."
            )
        }
    }

    /// `aws`, `aws-cn`, …; a wildcard or a variable may stand for it.
    private static func isPartition(_ text: Substring) -> Bool {
        if text == "*" || text.hasPrefix("${") { return true }
        return text == "aws" || text.hasPrefix("aws-")
    }

    /// AWS fills up what is missing and writes `arn` in front, whatever stood there.
    private static func partition(_ parts: [Substring]) -> PolicyFault {
        var rest = parts.dropFirst(2).map(String.init)
        if rest.count == 1, rest[0].isEmpty { rest = [] }
        while rest.count < 4 { rest.append("*") }
        return PolicyFault(
            "Partition \"\(parts[1])\" is not valid for resource \"arn:\(parts[1]):\(rest.joined(separator: ":"))\"."
        )
    }
}
