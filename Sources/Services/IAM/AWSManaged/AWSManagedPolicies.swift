// SPDX-License-Identifier: Apache-2.0
import Crypto
import MartletCore

/// The policies `arn:aws:iam::aws:policy/…` that Martlet knows: those that functions, and the tools that deploy them, attach.
enum AWSManagedPolicies {
    struct Entry: Sendable {
        let policy: ManagedPolicy
        let version: ManagedPolicyVersion
        var path: String { policy.path }
    }

    static let byName: [String: Entry] = {
        let described = executionRoles + lambdaAccess + administration + serviceAccess
        return Dictionary(described.map { ($0.name, entry($0)) }, uniquingKeysWith: { first, _ in first })
    }()

    static let sorted: [ManagedPolicy] = byName.values.map(\.policy).sorted {
        $0.name.lowercased() < $1.name.lowercased()
    }

    private static func entry(_ policy: Described) -> Entry {
        // AWS's dates and ids differ from policy to policy; no client depends on them.
        let date = Instant(milliseconds: 1_428_594_000_000)
        let statements = policy.statements.map(\.json).joined(separator: ",")
        return Entry(
            policy: ManagedPolicy(
                id: id(of: policy.name),
                account: nil,
                name: policy.name,
                path: policy.path,
                description: nil,
                defaultVersion: 1,
                createdAt: date,
                updatedAt: date
            ),
            version: ManagedPolicyVersion(
                number: 1,
                document: "{\"Version\":\"2012-10-17\",\"Statement\":[\(statements)]}",
                createdAt: date
            )
        )
    }

    /// The same on every node and after every start.
    private static func id(of name: String) -> String {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)
        let digest = SHA256.hash(data: Array(name.utf8))
        return "ANPA" + String(decoding: digest.prefix(17).map { letters[Int($0 & 31)] }, as: UTF8.self)
    }

    /// A policy as the tables below write it.
    struct Described: Sendable {
        var name: String
        var path: String
        var statements: [Rule]

        init(_ name: String, path: String = "/", _ statements: Rule...) {
            self.name = name
            self.path = path
            self.statements = statements
        }
    }

    struct Rule: Sendable {
        var effect = "Allow"
        var element = "Action"
        var actions: [String]
        var resources: [String]
        /// JSON of the whole `Condition`.
        var condition: String?

        static func allow(_ actions: String..., on resources: [String] = ["*"], when condition: String? = nil) -> Rule {
            Rule(actions: actions, resources: resources, condition: condition)
        }

        static func allowAllBut(_ actions: String...) -> Rule {
            Rule(element: "NotAction", actions: actions, resources: ["*"])
        }

        static func deny(_ actions: String...) -> Rule { Rule(effect: "Deny", actions: actions, resources: ["*"]) }

        var json: String {
            let when = condition.map { ",\"Condition\":\($0)" } ?? ""
            return "{\"Effect\":\"\(effect)\",\"\(element)\":\(list(actions)),\"Resource\":\(list(resources))\(when)}"
        }

        private func list(_ texts: [String]) -> String {
            texts.count == 1 ? "\"\(texts[0])\"" : "[" + texts.map { "\"\($0)\"" }.joined(separator: ",") + "]"
        }
    }
}
