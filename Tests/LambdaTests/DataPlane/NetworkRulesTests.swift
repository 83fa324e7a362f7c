// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Testing

@testable import Lambda

@Suite("Networks of functions") struct NetworkRulesTests {
    private func key(_ name: String, account: String = "000000000000") throws -> VersionKey {
        VersionKey(
            scope: Scope(account: try #require(AccountID(account)), region: .usEast1),
            functionName: name,
            version: "7",
            generation: "1"
        )
    }

    private func rules(_ texts: String..., others: FunctionNetwork = .endpoint) throws -> NetworkRules {
        NetworkRules(ofOthers: others, rules: try texts.map { try #require(NetworkRules.Rule($0)) })
    }

    @Test("the first rule that matches decides, and the server's choice for the rest")
    func first() throws {
        let rules = try rules("web-*=egress", "web-admin=host", "arn:aws:lambda:*:111111111111:function:*=none")
        #expect(rules.choice(of: try key("web-a")) == .egress)
        #expect(rules.choice(of: try key("web-admin")) == .egress)
        #expect(rules.choice(of: try key("other")) == .endpoint)
        #expect(rules.choice(of: try key("other", account: "111111111111")) == .none)
        #expect(rules.includes(.host) && rules.includes(.endpoint) && !NetworkRules().includes(.egress))
    }

    @Test("a star stands for any characters, everything else for itself")
    func stars() throws {
        for (pattern, name, isMatch) in [
            ("*", "f", true), ("f", "f", true), ("f", "ff", false), ("f*", "f", true), ("*f", "ggf", true),
            ("a*b*c", "axxbyyc", true), ("a*b*c", "axxbyy", false), ("a*b*c", "abcbc", true), ("**", "anything", true),
            ("f.*", "fx", false), ("", "f", false), ("F", "f", false),
            ("*a*a*a*a*b", String(repeating: "a", count: 64), false),
        ] where !pattern.isEmpty {
            let network = try rules("\(pattern)=egress").choice(of: try key(name))
            #expect((network == .egress) == isMatch, "\(pattern) \(name)")
        }
    }

    @Test("what is no rule is refused", arguments: ["", "f", "=egress", "f=", "f=everything", "f=EGRESS", "f=egress,"])
    func noRule(text: String) { #expect(NetworkRules.Rule(text) == nil) }
}
