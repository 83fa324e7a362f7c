// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// What a resource policy is attached to.
enum PolicyHolder: Sendable, Hashable {
    case function(String)
    case layer(String)

    var key: String {
        switch self {
        case .function(let name): "function:\(name)"
        case .layer(let name): "layer:\(name)"
        }
    }
}

/// One statement of the resource policy of a function, an alias, a version or a layer version. All of them allow.
struct PolicyStatement: Sendable, Equatable {
    var id: String
    var action: String
    var principal: PolicyPrincipal
    var conditions: Conditions

    struct Conditions: Sendable, Equatable {
        var sourceARN: String?
        var sourceAccount: String?
        var organizationID: String?
        var eventSourceToken: String?
        var urlAuthType: String?
        var isViaURL: Bool?
    }
}

/// Who may, as AddPermission and AddLayerVersionPermission take it.
enum PolicyPrincipal: Sendable, Equatable {
    case anyone
    case service(String)
    /// An account's root, a user or a role.
    case aws(ARN)

    /// `*`, twelve digits, an ARN of IAM or STS, or a service's host name. Nil for anything else.
    init?(_ text: String, partition: String) {
        if text == "*" {
            self = .anyone
        } else if let account = AccountID(text) {
            self = .aws(ARN(partition: partition, service: "iam", region: "", account: account.text, resource: "root"))
        } else if let arn = ARN(text), arn.service == "iam" || arn.service == "sts" {
            self = .aws(arn)
        } else if Self.isService(text) {
            self = .service(text)
        } else {
            return nil
        }
    }

    /// `s3.amazonaws.com`, `logs.eu-central-1.amazonaws.com`, `…amazonaws.com.cn`; Alexa's differ.
    private static func isService(_ text: String) -> Bool {
        let ends = [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com"]
        return ends.contains { text.hasSuffix($0) && text.utf8.count > $0.utf8.count }
            && text.utf8.allSatisfy { $0.isNameByte || $0 == UInt8(ascii: ".") }
    }

    /// As the store keeps it: the text that makes it again.
    var text: String {
        switch self {
        case .anyone: "*"
        case .service(let name): name
        case .aws(let arn): arn.description
        }
    }
}
