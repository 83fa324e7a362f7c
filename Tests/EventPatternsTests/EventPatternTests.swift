// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Testing

@testable import EventPatterns

@Suite("Event patterns") struct EventPatternTests {
    private func matches(_ pattern: String, _ event: String) throws -> Bool {
        try EventPattern(pattern).matches(JSONValue(parsing: event))
    }

    @Test(
        "match what AWS's documentation says they match",
        arguments: [
            (
                #"{"a":["x"]}"#, [#"{"a":"x"}"#, #"{"a":["y","x"]}"#],
                [#"{"a":"y"}"#, #"{"b":"x"}"#, #"{"a":{"x":1}}"#, "{}"]
            ),
            (#"{"a":[""]}"#, [#"{"a":""}"#], [#"{"a":" "}"#]),
            (#"{"a":[null]}"#, [#"{"a":null}"#], [#"{"a":"null"}"#, "{}"]),
            (#"{"a":[true]}"#, [#"{"a":true}"#], [#"{"a":false}"#, #"{"a":"true"}"#]),
            (#"{"a":[100]}"#, [#"{"a":100}"#, #"{"a":1e2}"#, #"{"a":100.0}"#], [#"{"a":"100"}"#, #"{"a":101}"#]),
            (#"{"a":["x"],"b":["y"]}"#, [#"{"a":"x","b":"y"}"#], [#"{"a":"x"}"#]),
            (#"{"a":{"b":{"c":[1]}}}"#, [#"{"a":{"b":{"c":1,"d":2}}}"#], [#"{"a":{"b":1}}"#, #"{"a":{"c":1}}"#]),
            (#"{"a":[{"prefix":"us-"}]}"#, [#"{"a":"us-east-1"}"#], [#"{"a":"eu-us-"}"#, #"{"a":5}"#]),
            (#"{"a":[{"prefix":{"equals-ignore-case":"US-"}}]}"#, [#"{"a":"uS-x"}"#], [#"{"a":"u"}"#]),
            (#"{"a":[{"suffix":".png"}]}"#, [#"{"a":"x.png"}"#], [#"{"a":".png.x"}"#]),
            (#"{"a":[{"suffix":{"equals-ignore-case":".PNG"}}]}"#, [#"{"a":"x.pNg"}"#], [#"{"a":"png"}"#]),
            (#"{"a":[{"equals-ignore-case":"Alice"}]}"#, [#"{"a":"ALICE"}"#], [#"{"a":"alic"}"#]),
            (
                #"{"a":[{"anything-but":"x"}]}"#, [#"{"a":"y"}"#, #"{"a":5}"#, #"{"a":["x","y"]}"#],
                [#"{"a":"x"}"#, "{}"]
            ),
            (#"{"a":[{"anything-but":["x","y"]}]}"#, [#"{"a":"z"}"#], [#"{"a":"y"}"#]),
            (#"{"a":[{"anything-but":[1,2]}]}"#, [#"{"a":3}"#, #"{"a":"1"}"#], [#"{"a":2.0}"#]),
            (#"{"a":[{"anything-but":{"prefix":"init"}}]}"#, [#"{"a":"x"}"#], [#"{"a":"initial"}"#]),
            (#"{"a":[{"anything-but":{"prefix":["a","b"]}}]}"#, [#"{"a":"x"}"#], [#"{"a":"bx"}"#]),
            (#"{"a":[{"anything-but":{"suffix":".txt"}}]}"#, [#"{"a":"x"}"#], [#"{"a":"x.txt"}"#]),
            (#"{"a":[{"anything-but":{"equals-ignore-case":["A","B"]}}]}"#, [#"{"a":"c"}"#], [#"{"a":"b"}"#]),
            (#"{"a":[{"anything-but":{"wildcard":"*/lib/*"}}]}"#, [#"{"a":"x"}"#], [#"{"a":"/lib/x"}"#]),
            (
                #"{"a":[{"numeric":[">",0,"<=",5]}]}"#, [#"{"a":5}"#, #"{"a":0.1}"#],
                [#"{"a":0}"#, #"{"a":5.1}"#, #"{"a":"3"}"#]
            ),
            (#"{"a":[{"numeric":["=",-3.5]}]}"#, [#"{"a":-3.5}"#], [#"{"a":3.5}"#]),
            (#"{"a":[{"numeric":["<",10]}]}"#, [#"{"a":-1e9}"#], [#"{"a":10}"#]),
            (
                #"{"a":[{"cidr":"10.0.0.0/24"}]}"#, [#"{"a":"10.0.0.255"}"#],
                [#"{"a":"10.0.1.0"}"#, #"{"a":"10.0.0"}"#, #"{"a":"::1"}"#]
            ),
            (#"{"a":[{"cidr":"2001:db8::/33"}]}"#, [#"{"a":"2001:db8:0:1::5"}"#], [#"{"a":"2001:db8:8000::"}"#]),
            (#"{"a":[{"exists":true}]}"#, [#"{"a":null}"#, #"{"a":[1]}"#], ["{}", #"{"a":{"b":1}}"#, #"{"a":[]}"#]),
            (#"{"a":{"b":[{"exists":false}]}}"#, ["{}", #"{"a":1}"#, #"{"a":{"c":1}}"#], [#"{"a":{"b":0}}"#]),
            (#"{"a":[{"wildcard":"dir/*/b.png"}]}"#, [#"{"a":"dir/x/y/b.png"}"#], [#"{"a":"dir/b.png"}"#]),
            (#"{"a":[{"wildcard":"a\\*b*"}]}"#, [#"{"a":"a*bc"}"#], [#"{"a":"axbc"}"#]),
            (
                #"{"$or":[{"a":[1]},{"b":[2]}],"c":[3]}"#, [#"{"a":1,"c":3}"#, #"{"b":2,"c":3}"#],
                [#"{"a":1,"b":2}"#, #"{"c":3}"#]
            ),
            (
                #"{"d":{"$or":[{"a":[1]},{"b":{"c":[2]}}]}}"#, [#"{"d":{"b":{"c":2}}}"#],
                [#"{"d":{"c":2}}"#, #"{"a":1}"#]
            ),
            (
                #"{"e":{"first":["Anna"],"last":["Smith"]}}"#,
                [#"{"e":[{"first":"Bo"},{"first":"Anna","last":"Smith"}]}"#],
                [#"{"e":[{"first":"Anna","last":"Jones"},{"first":"Bo","last":"Smith"}]}"#]
            ),
        ]
    ) func documented(pattern: String, yes: [String], no: [String]) throws {
        for event in yes { #expect(try matches(pattern, event), "\(pattern) ~ \(event)") }
        for event in no { #expect(try !matches(pattern, event), "\(pattern) !~ \(event)") }
    }

    @Test(
        "that are none are refused in AWS's words",
        arguments: [
            ("[]", "Filter is not an object"),
            ("{}", "Empty objects are not allowed"),
            (#"{"a":{}}"#, "Empty objects are not allowed"),
            (#"{"a":[]}"#, "Empty arrays are not allowed"),
            (#"{"a":"x"}"#, "\"a\" must be an object or an array"),
            (#"{"a":[["x"]]}"#, "Match value must be String, number, true, false, or null"),
            (#"{"a":["x"],"a":["y"]}"#, "Path `a` cannot be allowed multiple times"),
            (#"{"a":[{}]}"#, "Match expression name not found"),
            (#"{"a":[{"prefix":"x","suffix":"y"}]}"#, "Only one key allowed in match expression"),
            (#"{"a":[{"like":"x"}]}"#, "Unrecognized match type like"),
            (#"{"a":[{"prefix":1}]}"#, "prefix match pattern must be a string"),
            (#"{"a":[{"suffix":null}]}"#, "suffix match pattern must be a string"),
            (#"{"a":[{"equals-ignore-case":["x"]}]}"#, "equals-ignore-case match pattern must be a string"),
            (#"{"a":[{"exists":"true"}]}"#, "exists match pattern must be either true or false."),
            (#"{"a":[{"cidr":1}]}"#, "prefix match pattern must be a string"),
            (#"{"a":[{"cidr":"10.0.0.0"}]}"#, "Malformed CIDR, one '/' required"),
            (#"{"a":[{"cidr":"10.0.0.0/33"}]}"#, "IPv4 mask bits must be between 0 and 32"),
            (#"{"a":[{"cidr":"10.0.0.0/x"}]}"#, "Malformed CIDR, mask bits must be an integer"),
            (#"{"a":[{"numeric":5}]}"#, "Value of numeric must be an array."),
            (#"{"a":[{"numeric":[5]}]}"#, "Invalid member in numeric match: 5"),
            (#"{"a":[{"numeric":["<"]}]}"#, "Value of < must be numeric"),
            (#"{"a":[{"numeric":["=","x"]}]}"#, "Value of equals must be numeric"),
            (#"{"a":[{"numeric":["<",1,2]}]}"#, "Too many elements in numeric expression"),
            (#"{"a":[{"numeric":[">",1,">",2]}]}"#, "Bad numeric range operator: >"),
            (#"{"a":[{"numeric":[">",1,"<",2,3]}]}"#, "Too many terms in numeric range expression"),
            (#"{"a":[{"numeric":[">",2,"<",1]}]}"#, "Bottom must be less than top"),
            (#"{"a":[{"numeric":["!",2]}]}"#, "Unrecognized numeric range operator: !"),
            (#"{"a":[{"numeric":["=",6e9]}]}"#, "Value must be between -5.0E9 and 5.0E9, inclusive"),
            (
                #"{"a":[{"anything-but":null}]}"#,
                "Value of anything-but must be an array or single string/number value."
            ),
            (#"{"a":[{"anything-but":[null]}]}"#, "Inside anything but list, start|null|boolean is not supported."),
            (
                #"{"a":[{"anything-but":["x",1]}]}"#,
                "Inside anything but list, either all values are number or string, mixed type is not supported"
            ),
            (#"{"a":[{"anything-but":{"exists":true}}]}"#, "Unsupported anything-but pattern: exists"),
            (#"{"a":[{"anything-but":{"prefix":""}}]}"#, "Null prefix/suffix not allowed"),
            (#"{"a":[{"wildcard":"a**b"}]}"#, "Consecutive wildcard characters at pos 1"),
            (#"{"a":[{"wildcard":"a\\b"}]}"#, "Invalid escape character at pos 1"),
            (#"{"$or":1}"#, "It must be an Array followed with $or."),
            (#"{"$or":[{"a":[1]}]}"#, "There must have at least 2 Objects in $or relationship."),
            (#"{"$or":[{"a":[1]},5]}"#, "Only JSON object is allowed in array of $or relationship."),
            (
                #"{"$or":[{"a":[1]},{"prefix":["x"]}]}"#,
                "prefix is Ruler reserved fieldName which cannot be used inside $or."
            ),
        ]
    ) func refused(pattern: String, reason: String) {
        #expect(throws: PatternFault(reason)) { try EventPattern(pattern) }
    }

    @Test("stay within their limits") func limits() {
        let long = #"{"a":[""# + String(repeating: "x", count: 4_096) + #""]}"#
        #expect(throws: PatternFault("Event pattern is longer than 4096 characters")) { try EventPattern(long) }
        let many = #"{"a":["# + (0..<1_001).map { "\($0 % 10)" }.joined(separator: ",") + "]}"
        #expect(throws: PatternFault("Event pattern has more than 1000 values")) { try EventPattern(many) }
        let or = #"{"$or":[{"a":[1]},{"b":[1]}],"f":"#
        let deep = (0..<10).map { _ in or }.joined() + "{\"x\":[1]}" + String(repeating: "}", count: 10)
        #expect(throws: PatternFault("Event pattern has more than 1000 combinations of $or")) { try EventPattern(deep) }
        let nested = String(repeating: #"{"a":"#, count: 200) + "[1]" + String(repeating: "}", count: 200)
        #expect(throws: PatternFault.self) { try EventPattern(nested) }
    }

    @Test("ask in time that grows with the text, however the stars lie") func stars() throws {
        let pattern = #"{"a":[{"wildcard":"*"# + String(repeating: "a", count: 2_000) + #"b*c"}]}"#
        let event = JSONValue.object([.init("a", .string(String(repeating: "a", count: 1_000_000)))])
        #expect(try !EventPattern(pattern).matches(event))
    }

    @Test("rubbish is refused or compiled, never a trap, and any event can be asked of it") func fuzz() {
        var random = SystemRandomNumberGenerator()
        let seed = Array(
            #"{"a":[{"prefix":"x"},{"anything-but":{"suffix":["y","z"]}},{"numeric":[">",-1e3,"<=",5]},{"cidr":"::1/64"},{"exists":false},{"wildcard":"a*\\*"}],"$or":[{"b":[null]},{"c":{"d":[1.5]}}]}"#
                .utf8
        )
        let alphabet = Array(#"{}[]":,0123456789-+.eE*\/$orabxnulltruefalse "#.utf8)
        var compiled = 0
        for _ in 0..<20_000 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = alphabet.randomElement(using: &random) ?? 0
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(alphabet.randomElement(using: &random) ?? 0, at: place)
                default: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...20, using: &random)))
                }
                if bytes.isEmpty { bytes = seed }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            guard let pattern = try? EventPattern(text) else { continue }
            compiled += 1
            if let event = try? JSONValue(parsing: text) { _ = pattern.matches(event) }
            _ = pattern.matches(.null)
        }
        #expect(compiled > 0)
    }
}
