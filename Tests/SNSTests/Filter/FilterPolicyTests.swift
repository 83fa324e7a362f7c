// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Testing

@testable import SNS

@Suite("A filter policy") struct FilterPolicyTests {
    private func accepts(_ policy: String, _ attributes: [String: (type: String, text: String)]) throws -> Bool {
        let values = attributes.mapValues { MessageAttribute(dataType: $0.type, value: .text($0.text)) }
        return try FilterPolicy(policy, scope: .messageAttributes).accepts(values, body: FilterBody(""))
    }

    private func accepts(_ policy: String, body: String) throws -> Bool {
        try FilterPolicy(policy, scope: .messageBody).accepts([:], body: FilterBody(body))
    }

    @Test(
        "compares texts, numbers and what else a value can be",
        arguments: [
            (#"{"a": ["x"]}"#, "String", "x", true), (#"{"a": ["x"]}"#, "String", "X", false),
            (#"{"a": ["y", "x"]}"#, "String", "x", true), (#"{"a": [1]}"#, "Number", "1.0", true),
            (#"{"a": [1]}"#, "String", "1", false), (#"{"a": ["1"]}"#, "Number", "1", false),
            (#"{"a": [{"prefix": "x"}]}"#, "String", "xy", true), (#"{"a": [{"suffix": "y"}]}"#, "String", "xy", true),
            (#"{"a": [{"suffix": "x"}]}"#, "String", "xy", false),
            (#"{"a": [{"equals-ignore-case": "Xy"}]}"#, "String", "xY", true),
            (#"{"a": [{"wildcard": "a*c*"}]}"#, "String", "abcd", true),
            (#"{"a": [{"wildcard": "a*c"}]}"#, "String", "abcd", false),
            (#"{"a": [{"anything-but": ["x", "y"]}]}"#, "String", "z", true),
            (#"{"a": [{"anything-but": ["x", "y"]}]}"#, "String", "y", false),
            (#"{"a": [{"anything-but": "x"}]}"#, "String", "x", false),
            (#"{"a": [{"anything-but": {"prefix": "x"}}]}"#, "String", "xy", false),
            (#"{"a": [{"anything-but": {"suffix": ["a", "b"]}}]}"#, "String", "xb", false),
            (#"{"a": [{"anything-but": [5]}]}"#, "Number", "5", false),
            (#"{"a": [{"numeric": ["=", 3.015e2]}]}"#, "Number", "301.5", true),
            (#"{"a": [{"numeric": [">", 0, "<=", 5]}]}"#, "Number", "5", true),
            (#"{"a": [{"numeric": [">", 0, "<=", 5]}]}"#, "Number", "0", false),
            (#"{"a": [{"numeric": ["<", 5]}]}"#, "String", "1", false),
            (#"{"a": [{"cidr": "10.1.0.0/16"}]}"#, "String", "10.1.255.3", true),
            (#"{"a": [{"cidr": "10.1.0.0/16"}]}"#, "String", "10.2.0.1", false),
            (#"{"a": [{"cidr": "2001:db8::/32"}]}"#, "String", "2001:db8:1::1", true),
            (#"{"a": [{"exists": true}]}"#, "String", "x", true),
            (#"{"a": [{"exists": false}]}"#, "String", "x", false),
        ] as [(String, String, String, Bool)]
    )
    func oneValue(policy: String, type: String, text: String, matches: Bool) throws {
        #expect(try accepts(policy, ["a": (type, text)]) == matches)
    }

    @Test("asks for all of its keys, and for one condition of each")
    func keys() throws {
        let policy = #"{"a": ["1", "2"], "b": [{"exists": true}]}"#
        #expect(try accepts(policy, ["a": ("String", "2"), "b": ("String", "x")]))
        #expect(try !accepts(policy, ["a": ("String", "2")]))
        #expect(try !accepts(policy, ["a": ("String", "3"), "b": ("String", "x")]))
        #expect(try accepts(#"{"a": [{"exists": false}]}"#, [:]))
        #expect(try !accepts(#"{"a": [{"anything-but": "x"}]}"#, [:]), "what is not there is not anything")
    }

    @Test("takes an array for each of its elements")
    func arrays() throws {
        let value = ("String.Array", #"["x", 5, true, null]"#)
        #expect(try accepts(#"{"a": ["x"]}"#, ["a": value]))
        #expect(try accepts(#"{"a": [{"numeric": [">", 4]}]}"#, ["a": value]))
        #expect(try accepts(#"{"a": [true]}"#, ["a": value]))
        #expect(try accepts(#"{"a": [null]}"#, ["a": value]))
        #expect(try !accepts(#"{"a": ["y"]}"#, ["a": value]))
        #expect(try accepts(#"{"a": [{"anything-but": ["x"]}]}"#, ["a": value]), "another element is not x")
    }

    @Test("chooses between alternatives")
    func or() throws {
        let policy = #"{"s": ["x"], "$or": [{"a": ["1"]}, {"b": ["2"], "c": ["3"]}]}"#
        #expect(try accepts(policy, ["s": ("String", "x"), "a": ("String", "1")]))
        #expect(try accepts(policy, ["s": ("String", "x"), "b": ("String", "2"), "c": ("String", "3")]))
        #expect(try !accepts(policy, ["s": ("String", "x"), "b": ("String", "2")]))
        #expect(try !accepts(policy, ["a": ("String", "1")]))
    }

    @Test(
        "looks into bodies",
        arguments: [
            (#"{"a": {"b": ["x"]}}"#, #"{"a": {"b": "x", "c": 1}}"#, true),
            (#"{"a": {"b": ["x"]}}"#, #"{"a": {"c": "x"}}"#, false), (#"{"a": {"b": ["x"]}}"#, #"{"a": "x"}"#, false),
            (#"{"a": {"b": ["x"]}}"#, #"{"a": [{"b": "y"}, {"b": "x"}]}"#, true),
            (#"{"a": ["x"]}"#, #"{"a": ["y", "x"]}"#, true), (#"{"a": [true]}"#, #"{"a": true}"#, true),
            (#"{"a": [null]}"#, #"{"a": null}"#, true), (#"{"a": [{"exists": false}]}"#, #"{"a": null}"#, false),
            (#"{"a": {"b": [{"exists": false}]}}"#, "{}", true),
            (#"{"a": [{"exists": true}]}"#, #"{"a": {"b": 1}}"#, false), (#"{"a": ["x"]}"#, "no JSON", false),
            (#"{"a": ["x"]}"#, #"["x"]"#, false),
        ] as [(String, String, Bool)]
    )
    func bodies(policy: String, body: String, matches: Bool) throws {
        #expect(try accepts(policy, body: body) == matches)
    }

    @Test(
        "that is wrong is refused in AWS's words",
        arguments: [
            ("[]", "Filter policy must be an object"), (#"{"a": "x"}"#, "\"a\" must be an object or an array"),
            (
                #"{"a": {"b": ["x"]}}"#,
                "Filter policy scope MessageAttributes does not support nested filter policy"
            ),
            (#"{"a": [{"x": 1}]}"#, "Unrecognized match type x"),
            (#"{"a": [{"prefix": "x", "suffix": "y"}]}"#, "Only one key allowed in match expression"),
            (#"{"a": [["x"]]}"#, "Match value must be String, number, true, false, or null"),
            (#"{"a": [{"prefix": 1}]}"#, "prefix match pattern must be a string"),
            (#"{"a": [{"exists": "x"}]}"#, "exists match pattern must be either true or false."),
            (#"{"a": [{"numeric": 1}]}"#, "Value of numeric must be an array."),
            (#"{"a": [{"numeric": ["!", 1]}]}"#, "Unrecognized numeric range operator: !"),
            (#"{"a": [{"numeric": ["<", "1"]}]}"#, "Value of < must be numeric"),
            (#"{"a": [{"numeric": [">", 5, "<", 1]}]}"#, "Bottom must be less than top"),
            (#"{"a": [1e10]}"#, "Value of numeric must be between -1.0E9 and 1.0E9"),
            (#"{"a": []}"#, "Empty arrays are not allowed"),
            (
                #"{"a": [1], "b": [1], "c": [1], "d": [1], "e": [1], "f": [1]}"#,
                "Filter policy can not have more than 5 keys"
            ),
        ]
    )
    func wrong(policy: String, message: String) throws {
        let fault = #expect(throws: InvalidParameterException.self) {
            try FilterPolicy(policy, scope: .messageAttributes)
        }
        #expect(fault?.message == "Invalid parameter: FilterPolicy: \(message)")
    }

    @Test("with too many combinations is refused, and numbers cannot overflow their count")
    func combinations() throws {
        let values = "[" + (0..<13).map { "\"\($0)\"" }.joined(separator: ",") + "]"
        #expect(throws: InvalidParameterException.self) {
            try FilterPolicy(#"{"a": \#(values), "b": \#(values)}"#, scope: .messageAttributes)
        }
        var nested = #"{"x": \#(values)}"#
        for depth in 0..<15 { nested = #"{"$or": [\#(nested), {"y\#(depth % 2)": \#(values)}], "z": \#(values)}"# }
        #expect(throws: InvalidParameterException.self) { try FilterPolicy(nested, scope: .messageBody) }
    }

    @Test("that is hostile is refused without harm")
    func hostile() {
        let deep = String(repeating: #"{"a":"#, count: 90) + "[1]" + String(repeating: "}", count: 90)
        let stars = #"{"a": [{"wildcard": "\#(String(repeating: "*a", count: 5_000))"}]}"#
        for text in [deep, stars, "{", "", "{\"a\": [\u{0}]}", String(repeating: "[", count: 100_000)] {
            #expect(throws: InvalidParameterException.self) { try FilterPolicy(text, scope: .messageBody) }
        }
    }

    @Test("matches wildcards in bounded time")
    func wildcardTime() throws {
        let policy = #"{"a": [{"wildcard": "*a*a*a*a*a*a*a*a*a*b"}]}"#
        #expect(try !accepts(policy, ["a": ("String", String(repeating: "a", count: 100_000))]))
    }

    @Test("takes $or as a name where it has not the form of alternatives")
    func orAsName() throws {
        #expect(try accepts(#"{"$or": ["x"]}"#, ["$or": ("String", "x")]))
        #expect(try accepts(#"{"$or": [{"prefix": "x"}, {"prefix": "y"}]}"#, ["$or": ("String", "yz")]))
        #expect(try !accepts(#"{"$or": ["x"]}"#, [:]))
    }

    @Test("does not see binary attributes, and without keys everything passes")
    func binary() throws {
        let bytes = ["a": MessageAttribute(dataType: "Binary", value: .binary([1]))]
        let there = try FilterPolicy(#"{"a": [{"exists": true}]}"#, scope: .messageAttributes)
        let absent = try FilterPolicy(#"{"a": [{"exists": false}]}"#, scope: .messageAttributes)
        #expect(!there.accepts(bytes, body: FilterBody("")))
        #expect(absent.accepts(bytes, body: FilterBody("")))
        #expect(try accepts("{}", [:]))
    }
}
