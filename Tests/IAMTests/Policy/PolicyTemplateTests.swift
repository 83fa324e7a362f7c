// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import IAM

@Suite("Policy variables") struct PolicyTemplateTests {
    private func matches(
        _ template: String,
        _ text: String,
        _ keys: ConditionKeys = [:],
        variables: Bool = true
    ) -> Bool {
        PolicyTemplate(template, variables: variables, wildcards: true).resolved(keys).map {
            Wildcard(symbols: $0).matches(text)
        } ?? false
    }

    @Test("a variable stands for its key's value, whatever case the key is written in")
    func value() {
        #expect(matches("home/${AWS:UserName}", "home/ann", ["aws:username": ["ann"]]))
    }

    @Test("a variable whose key is missing or has several values matches nothing, not even with a star beside it")
    func missing() {
        #expect(!matches("${aws:username}*", "ann"))
        #expect(!matches("${aws:tagkeys}", "a", ["aws:TagKeys": ["a", "b"]]))
    }

    @Test("a variable's default is used when the key is missing")
    func fallback() {
        #expect(matches("team/${aws:PrincipalTag/team, 'none'}", "team/none"))
        #expect(matches("team/${aws:PrincipalTag/team, 'none'}", "team/red", ["aws:PrincipalTag/Team": ["red"]]))
    }

    @Test("a wildcard in a variable's value is no wildcard: a user named * gets only his own home")
    func valueIsLiteral() {
        #expect(!matches("home/${aws:username}", "home/ann", ["aws:username": ["*"]]))
        #expect(matches("home/${aws:username}", "home/*", ["aws:username": ["*"]]))
    }

    @Test("the escapes stand for the characters themselves")
    func escapes() {
        #expect(matches("a${*}b", "a*b"))
        #expect(!matches("a${*}b", "axb"))
        #expect(matches("${?}${$}", "?$"))
    }

    @Test("variables of a policy of the old version are plain text")
    func oldVersion() {
        #expect(matches("${aws:username}", "${aws:username}", ["aws:username": ["ann"]], variables: false))
    }

    @Test("an unclosed variable is plain text", arguments: ["${", "a${b", "${{{", "$", "}${"])
    func unclosed(text: String) {
        #expect(matches(text, text))
    }
}
