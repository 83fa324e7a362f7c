// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Logs

@Suite("Filter patterns of JSON") struct JSONPatternTests {
    static let trail = """
        {"eventType":"UpdateTrail","sourceIPAddress":"111.111.111.111","arrayKey":["value","another value"],\
        "objectList":[{"name":"a","id":1},{"name":"b","id":2}],"SomeObject":null,"ThisFlag":true,"ThatFlag":false,\
        "cluster.name":"c","latency":512.5,"count":1000,"code":"400","sc-status":503,"nested":[[0,1,2],[4,5,6]]}
        """
    static let user = """
        {"user":{"id":1,"email":"John.Stiles@example.com"},"users":[{"id":2,"email":"John.Doe@example.com"},\
        {"id":3,"email":"Jane.Doe@example.com"}],"actions":["GET","PUT","DELETE"],"coordinates":[[0,1,2],[4,5,6],[7,8,9]]}
        """

    @Test(
        "strings are compared whole, an asterisk stands for anything",
        arguments: [
            ("{ $.eventType = \"UpdateTrail\" }", true), ("{$.eventType=\"UpdateTrail\"}", true),
            ("{ $.eventType = UpdateTrail }", true), ("{ $.eventType = \"Update\" }", false),
            ("{ $.eventType = \"Update*\" }", true), ("{ $.eventType = *Trail }", true),
            ("{ $.eventType = U*t*l }", true),
            ("{ $.eventType = U*x*l }", false), ("{ $.eventType = * }", true), ("{ $.eventType != * }", false),
            ("{ $.eventType = \"updatetrail\" }", false), ("{ $.eventType != \"UpdateTrail\" }", false),
            ("{ $.eventType != \"Other\" }", true), ("{ $.sourceIPAddress != 123.123.* }", true),
            ("{ $.sourceIPAddress = 111.111.* }", true), ("{ $.arrayKey[0] = \"value\" }", true),
            ("{ $.arrayKey[1] = \"value\" }", false), ("{ $.arrayKey[2] = \"value\" }", false),
            ("{ $.eventType = \"Update\\*\" }", false),
        ]
    )
    func strings(_ pattern: String, _ matches: Bool) throws { try FilterCase(pattern, Self.trail, matches).check() }

    @Test(
        "numbers are compared as numbers, exponents included",
        arguments: [
            ("{ $.count = 1000 }", true), ("{ $.count = 1e3 }", true), ("{ $.count = 1E+3 }", true),
            ("{ $.count = 10e2 }", true),
            ("{ $.count != 1e-3 }", true), ("{ $.count > +999 }", true), ("{ $.count >= 1000 }", true),
            ("{ $.count < 1000.5 }", true), ("{ $.count <= -1 }", false), ("{ $.latency > 512 }", true),
            ("{ $.latency = 512.5 }", true), ("{ $.count = 1* }", true), ("{ $.count = 2* }", false),
            ("{ $.objectList[1].id = 2 }", true), ("{ $.objectList[1].id != 2 }", false), ("{ $.code = 400 }", true),
            ("{ $.code > 399 }", false), ("{ $.eventType > 1 }", false), ("{ $.nested[1][2] = 6 }", true),
        ]
    )
    func numbers(_ pattern: String, _ matches: Bool) throws { try FilterCase(pattern, Self.trail, matches).check() }

    @Test(
        "IS looks at null and the two truths, EXISTS at the property itself",
        arguments: [
            ("{ $.SomeObject IS NULL }", true), ("{ $.eventType IS NULL }", false), ("{ $.missing IS NULL }", false),
            ("{ $.ThisFlag IS TRUE }", true), ("{ $.ThisFlag IS FALSE }", false), ("{ $.ThatFlag IS FALSE }", true),
            ("{ $.ThisFlag = true }", true), ("{ $.ThatFlag = true }", false), ("{ $.missing NOT EXISTS }", true),
            ("{ $.eventType NOT EXISTS }", false), ("{ $.SomeObject NOT EXISTS }", false),
            ("{ $.eventType EXISTS }", true),
            ("{ $.missing EXISTS }", false), ("{ $.objectList[0].name EXISTS }", true),
            ("{ $.objectList[9] NOT EXISTS }", true),
            ("{ $.isEXISTS NOT EXISTS }", true),
        ]
    )
    func words(_ pattern: String, _ matches: Bool) throws { try FilterCase(pattern, Self.trail, matches).check() }

    @Test(
        "arrays, objects, null and what is missing are neither equal nor unequal to anything",
        arguments: ["$.arrayKey", "$.objectList[0]", "$.SomeObject", "$.missing", "$.arrayKey.value", "$.eventType[0]"]
    )
    func noValues(_ selector: String) throws {
        try FilterCase("{ \(selector) = 1 }", Self.trail, false).check()
        try FilterCase("{ \(selector) != 1 }", Self.trail, false).check()
    }

    @Test(
        "selectors name members in brackets and take any element with an asterisk",
        arguments: [
            ("{ $.['cluster.name'] = \"c\" }", true), ("{ $['cluster.name'] = \"c\" }", true),
            ("{ $.[\"cluster.name\"] = c }", true), ("{ $.cluster.name = \"c\" }", false),
            ("{ $.sc-status = 5* }", true),
            ("{ $.arrayKey[*] = %val.{2}% }", true), ("{ $.arrayKey[*] = \"another value\" }", true),
            ("{ $.arrayKey[*] = \"none\" }", false), ("{ $.objectList[*].id = 2 }", true),
            ("{ $.objectList[*].id = 3 }", false),
            (#"{ $.* = %111\.111\.111\.1[0-9]{1,2}% }"#, true), ("{ $.*.name = b }", false),
            ("{ $.objectList[*].none NOT EXISTS }", true),
        ]
    )
    func selectors(_ pattern: String, _ matches: Bool) throws { try FilterCase(pattern, Self.trail, matches).check() }

    @Test(
        "a network takes the addresses in it",
        arguments: [
            ("{ $.sourceIPAddress = 111.0.0.0/8 }", true), ("{ $.sourceIPAddress = 10.0.0.0/8 }", false),
            ("{ $.sourceIPAddress != 10.0.0.0/8 }", true), ("{ $.sourceIPAddress = 111.111.111.111/32 }", true),
            ("{ $.sourceIPAddress = 0.0.0.0/0 }", true), ("{ $.eventType = 0.0.0.0/0 }", false),
        ]
    )
    func networks(_ pattern: String, _ matches: Bool) throws { try FilterCase(pattern, Self.trail, matches).check() }

    @Test(
        "conditions are joined, parentheses before and before or",
        arguments: [
            ("{ ($.user.id = 1) && ($.users[0].email = \"John.Doe@example.com\") }", true),
            (
                """
                { $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch" && $.actions[2] = "nonmatch" }
                """, true
            ),
            (
                """
                { ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch") && $.actions[2] = "nonmatch" }
                """, false
            ),
            ("{ ($.user.id = 2 && $.users[0].email = \"nonmatch\") || $.actions[2] = \"GET\" }", false),
            ("{ $.user.id=1&&$.actions[0]=GET }", true), ("{ (($.user.id = 1)) }", true),
            ("{$.user.id=2||$.user.id=3||$.user.id=1}", true),
            ("{ $.actions[0] = \"x*\" && ($.user.id >= 3 || $.user.id = 1) }", false),
        ]
    )
    func compound(_ pattern: String, _ matches: Bool) throws { try FilterCase(pattern, Self.user, matches).check() }

    @Test(
        "a message that is no JSON is left",
        arguments: ["", "text", "{", "{\"a\":1", "x {\"a\":1}", "{\"a\":1} x", "\"a\""]
    )
    func notJSON(_ message: String) throws {
        try FilterCase("{ $.a = 1 }", message, false).check()
        try FilterCase("{ $.b NOT EXISTS }", message, false).check()
    }

    @Test("spaces and line ends around the JSON do no harm")
    func spaces() throws { try FilterCase("{ $.a = 1 }", "  {\"a\": 1}\n", true).check() }

    @Test("the root may be an array")
    func rootArray() throws { try FilterCase("{ $[0].a = 1 }", "[{\"a\":1}]", true).check() }

    @Test(
        "what is no pattern is refused in AWS's words",
        arguments: [
            ("{ }", "Invalid filter pattern"), ("{}", "Invalid filter pattern"),
            ("{ a = 1 }", "Invalid character(s) in term 'a'"),
            ("{ $ = 1 }", "Invalid character(s) in term ' '"), ("{ $. = 1 }", "Invalid character(s) in term ' '"),
            ("{ $.\"sc-status\" = 5* }", "Invalid character(s) in term '\"'"), ("{ $.a }", "Invalid filter pattern"),
            ("{ $.a = }", "Invalid filter pattern"), ("{ $.a == 1 }", "Invalid character(s) in term '='"),
            ("{ $.a > \"x\" }", "Invalid filter pattern"), ("{ $.a >= x }", "Invalid filter pattern"),
            ("{ $.a < %x% }", "Invalid filter pattern"), ("{ $.a = a:b }", "Invalid character(s) in term ':'"),
            ("{ $.a = 10.0.0.0/33 }", "Invalid character(s) in term '/'"), ("{ $.a = 1 && }", "Invalid filter pattern"),
            ("{ $.a = 1 $.b = 2 }", "Invalid character(s) in term '$'"), ("{ ($.a = 1 }", "Invalid filter pattern"),
            ("{ $.a = 1) }", "Invalid character(s) in term ')'"), ("{ $.a IS MAYBE }", "Invalid filter pattern"),
            ("{ $.a NOT NULL }", "Invalid filter pattern"), ("{ $.a[x] = 1 }", "Invalid character(s) in term 'x'"),
            ("{ $.a[-1] = 1 }", "Invalid character(s) in term '-'"), ("{ $.a['b = 1 }", "Invalid filter pattern"),
            ("{ $.a[99999999999999999999] = 1 }", "Invalid character(s) in term ']'"),
            ("{ $.a[*].b[*] = 1 }", "Invalid filter pattern"), ("{ $.a = \"x }", "Invalid filter pattern"),
            ("{ $.*=1 || $.*=2 || $.*=3 || $.*=4 }", "Invalid filter pattern"),
            ("{ $.a = %a% || $.a = %b% || $.a = %c% }", "Invalid filter pattern"),
        ]
    )
    func malformed(_ pattern: String, _ message: String) {
        #expect(throws: FilterFault(message: message)) { try FilterPattern(pattern) }
    }

    @Test("parentheses nest to a limit")
    func depth() throws {
        func nested(_ depth: Int) -> String {
            "{" + String(repeating: "(", count: depth) + "$.a = 1" + String(repeating: ")", count: depth) + "}"
        }
        #expect(try FilterPattern(nested(PatternScanner.maximumDepth)).matches("{\"a\":1}"))
        #expect(throws: FilterFault.malformed) { try FilterPattern(nested(PatternScanner.maximumDepth + 1)) }
    }
}
