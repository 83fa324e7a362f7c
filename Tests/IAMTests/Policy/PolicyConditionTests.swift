// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import IAM

@Suite("Policy conditions") struct PolicyConditionTests {
    private func holds(_ name: String, _ values: [String], _ request: [String]?) -> Bool? {
        guard let comparison = ConditionOperator(name),
            let condition = PolicyCondition(comparison, key: "aws:Key", values: values, variables: true)
        else { return nil }
        var keys = ConditionKeys()
        keys["AWS:KEY"] = request
        return condition.holds(keys)
    }

    @Test(
        "each operator compares as AWS documents it",
        arguments: [
            ("StringEquals", "a", "a", true), ("StringEquals", "a", "A", false), ("StringEquals", "a*", "ab", false),
            ("StringNotEquals", "a", "b", true), ("StringNotEquals", "a", "a", false),
            ("StringEqualsIgnoreCase", "aB", "Ab", true), ("StringNotEqualsIgnoreCase", "aB", "Ab", false),
            ("StringLike", "a*", "abc", true), ("StringLike", "a*", "ba", false), ("StringNotLike", "a*", "abc", false),
            ("NumericEquals", "10", "10.0", true), ("NumericNotEquals", "10", "11", true),
            ("NumericLessThan", "10", "9.5", true), ("NumericLessThan", "10", "10", false),
            ("NumericLessThanEquals", "10", "10", true), ("NumericGreaterThan", "10", "11", true),
            ("NumericGreaterThanEquals", "10", "9", false), ("NumericEquals", "10", "ten", false),
            ("DateEquals", "2026-01-31T00:00:00Z", "2026-01-31", true),
            ("DateLessThan", "2026-01-31T00:00:00Z", "2026-01-30T23:59:59Z", true),
            ("DateGreaterThan", "1769817600", "2026-02-01T00:00:00Z", true),
            ("DateGreaterThanEquals", "2026-01-31T00:00Z", "2026-01-31T01:00:00+01:00", true),
            ("DateNotEquals", "2026", "2026-01-01", false),
            ("Bool", "true", "True", true), ("Bool", "false", "true", false),
            ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", true), ("BinaryEquals", "QmluYXJ5", "Zm9v", false),
            ("IpAddress", "203.0.113.0/24", "203.0.113.77", true),
            ("IpAddress", "203.0.113.0/24", "203.0.114.1", false),
            ("IpAddress", "203.0.113.7", "203.0.113.7", true), ("IpAddress", "2001:db8::/33", "2001:db8:7fff::1", true),
            ("IpAddress", "2001:db8::/33", "2001:db8:8000::1", false),
            ("IpAddress", "0.0.0.0/0", "not an address", false),
            ("NotIpAddress", "10.0.0.0/8", "192.0.2.1", true), ("NotIpAddress", "10.0.0.0/8", "10.255.0.1", false),
            ("ArnLike", "arn:aws:sns:*:*:t*", "arn:aws:sns:eu-west-1:123456789012:topic", true),
            ("ArnEquals", "arn:aws:sns:*:123456789012:t", "arn:aws:sns:eu-west-1:123456789012:t", true),
            ("ArnNotLike", "arn:aws:sns:*:*:t", "arn:aws:sns:eu-west-1:123456789012:t", false),
            ("ArnLike", "arn:aws:sns:*", "arn:aws:sns:eu-west-1:123456789012:t", false),
        ]
    )
    func operators(name: String, policy: String, request: String, expected: Bool) {
        #expect(holds(name, [policy], [request]) == expected)
    }

    @Test("a missing key fails a positive operator, satisfies a negated one, and satisfies IfExists")
    func missingKey() {
        #expect(holds("StringEquals", ["a"], nil) == false)
        #expect(holds("StringNotEquals", ["a"], nil) == true)
        #expect(holds("StringEqualsIfExists", ["a"], nil) == true)
        #expect(holds("StringEqualsIfExists", ["a"], ["b"]) == false)
        #expect(holds("NotIpAddress", ["10.0.0.0/8"], nil) == true)
        #expect(holds("Bool", ["true"], nil) == false)
    }

    @Test("Null asks whether the key is absent")
    func null() {
        #expect(holds("Null", ["true"], nil) == true)
        #expect(holds("Null", ["true"], ["x"]) == false)
        #expect(holds("Null", ["false"], ["x"]) == true)
        #expect(holds("Null", ["false"], nil) == false)
    }

    @Test("several values of one key are alternatives, and a negated operator refuses each of them")
    func alternatives() {
        #expect(holds("StringEquals", ["a", "b"], ["b"]) == true)
        #expect(holds("StringNotEquals", ["a", "b"], ["b"]) == false)
        #expect(holds("StringNotEquals", ["a", "b"], ["c"]) == true)
    }

    @Test("ForAllValues wants every value of the request, and takes a request without any")
    func forAllValues() {
        #expect(holds("ForAllValues:StringEquals", ["a", "b"], ["a", "b", "a"]) == true)
        #expect(holds("ForAllValues:StringEquals", ["a", "b"], ["a", "c"]) == false)
        #expect(holds("ForAllValues:StringEquals", ["a"], nil) == true)
        #expect(holds("ForAllValues:StringNotEquals", ["a"], ["b", "a"]) == false)
    }

    @Test("ForAnyValue wants one value of the request, and refuses a request without any")
    func forAnyValue() {
        #expect(holds("ForAnyValue:StringLike", ["a*"], ["x", "ab"]) == true)
        #expect(holds("ForAnyValue:StringEquals", ["a"], ["b"]) == false)
        #expect(holds("ForAnyValue:StringEquals", ["a"], nil) == false)
        #expect(holds("ForAnyValue:StringEqualsIfExists", ["a"], nil) == true)
        #expect(holds("ForAnyValue:StringNotEquals", ["a"], ["a", "b"]) == true)
    }

    @Test(
        "a value that its operator cannot compare is refused when the policy is read, so that no negation lets it through",
        arguments: [
            ("NumericEquals", "ten"), ("NumericEquals", "0x10"), ("NumericEquals", "nan"), ("NumericNotEquals", "inf"),
            ("DateEquals", "yesterday"), ("DateEquals", "2026-13-01"), ("NotIpAddress", "10.0.0.0/33"),
            ("NotIpAddress", "10.0.0"),
            ("IpAddress", "10.0.0.0/-1"), ("IpAddress", "::/129"), ("Bool", "yes"), ("Null", "maybe"),
        ]
    )
    func unreadableValues(name: String, value: String) {
        #expect(holds(name, [value], ["x"]) == nil)
    }

    @Test(
        "an operator that AWS does not have is none",
        arguments: [
            "", "stringequals", "StringMatches", "NullIfExists", "ForAnyValue:Null", "ForAnyValue:", "IfExists",
        ]
    )
    func unknownOperators(name: String) {
        #expect(ConditionOperator(name) == nil)
    }

    @Test("a variable in a condition's value is the caller's; ignoring case covers its value too")
    func variables() {
        let keys: ConditionKeys = ["s3:prefix": ["HOME/Ann"], "aws:username": ["ANN"]]
        func holds(_ name: String) -> Bool? {
            ConditionOperator(name).flatMap {
                PolicyCondition($0, key: "s3:prefix", values: ["home/${aws:username}"], variables: true)
            }?.holds(keys)
        }
        #expect(holds("StringEquals") == false)
        #expect(holds("StringEqualsIgnoreCase") == true)
    }
}
