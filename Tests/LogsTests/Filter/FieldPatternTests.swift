// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Logs

@Suite("Filter patterns of fields between spaces") struct FieldPatternTests {
    static let request = #"127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534"#
    static let names = "ip, user, username, timestamp"

    @Test(
        "conditions look at one field each",
        arguments: [
            ("[\(names), request, status_code, bytes]", true),
            ("[\(names), request, status_code, bytes > 1000]", true),
            ("[\(names), request, status_code, bytes > 1534]", false),
            ("[\(names), request, status_code, bytes >= 1.534e3]", true),
            ("[\(names), request =*.html*, status_code = 4*, bytes]", true),
            ("[\(names), request = *.png*, status_code = 4*, bytes]", false),
            ("[\(names), request = \"GET *\", status_code != 500, bytes]", true),
            ("[ip=%127\\.0\\.0\\.[1-9]%, user, username, timestamp, request, status_code = 404, bytes]", true),
            ("[ip = 127.0.0.0/8, ...]", true), ("[ip = 10.0.0.0/8, ...]", false),
            ("[\(names), request, status_code = 404 || status_code = 410, bytes]", true),
            ("[\(names), request, status_code = 4* && status_code != 404, bytes]", false),
            ("[\(names), request, (status_code = 500 || status_code = 404) && status_code = 4*, bytes]", true),
            ("[\(names) = \"10/Oct/2000*\", request, status_code, bytes]", true),
        ]
    )
    func conditions(_ pattern: String, _ matches: Bool) throws {
        try FilterCase(pattern, Self.request, matches).check()
    }

    @Test(
        "an ellipsis stands for any number of fields, none included",
        arguments: [
            ("[..., status_code = 404, bytes]", true), ("[..., status_code, bytes = 404]", false),
            ("[ip, user, ..., status_code = 404, bytes]", true), ("[ip = 127*, ...]", true), ("[...]", true),
            ("[..., a, b, c, d, e, f, g = 1534]", true), ("[a, b, c, d, e, f, g, ..., h]", false),
            ("[..., request =*.html*, status_code=4*,]", true),
        ]
    )
    func ellipsis(_ pattern: String, _ matches: Bool) throws { try FilterCase(pattern, Self.request, matches).check() }

    @Test(
        "without an ellipsis the last field takes the rest of the line",
        arguments: [
            FilterCase("[w1=ERROR, w2]", "ERROR 09/25/2014 12:00:02 Failed to process request", true),
            FilterCase("[w1=ERROR, w2]", "INFO 09/25/2014 12:00:00 GET /service/resource/67 1200", false),
            FilterCase("[w1=ERROR, w2]", "ERROR", false),
            FilterCase("[w1=ERROR]", "ERROR", true),
            FilterCase("[w1=ERROR]", "ERROR more", false),
            FilterCase("[w1=ERROR || w1=WARNING, w2]", "WARNING 09/25/2014 12:00:02 Invalid user request", true),
            FilterCase("[w1!=ERROR && w1!=WARNING, w2]", "INFO all is well", true),
            FilterCase("[w1!=ERROR && w1!=WARNING, w2]", "ERROR nothing is", false),
            FilterCase(
                "[timestamp=*Z, request_id=\"*-*\", event]",
                "2014-01-01T00:00:00Z\tab-cd\tmany words here\n",
                true
            ),
            FilterCase(
                "[timestamp=*Z, request_id=\"*-*\", event = \"many*here\"]",
                "2014-01-01Z ab-cd many words here\n",
                true
            ),
            FilterCase(
                "[logLevel, date, time, method, url=%/service/resource/[0-9]+$%, response_time]",
                "INFO 09/25/2014 12:00:00 GET /service/resource/67 1200",
                true
            ),
            FilterCase(
                "[logLevel, date, time, method, url=%/service/resource/[0-9]+$%, response_time]",
                "INFO 09/25/2014 12:00:01 POST /service/resource/67/part/111 1310",
                false
            ),
        ]
    )
    func rest(_ example: FilterCase) throws { try example.check() }

    @Test(
        "brackets and quotes that are never closed are text like any other",
        arguments: [
            FilterCase("[a = \"[x\", b]", "[x y", true), FilterCase("[a = x, b = \"\\\"y\"]", "x \"y", true),
            FilterCase("[a = \"x y\", b]", "[x y] z", true),
            FilterCase("[a = \"x \\\\\\\"y\", b]", #""x \"y" z"#, true),
        ]
    )
    func unclosed(_ example: FilterCase) throws { try example.check() }

    @Test(
        "what is no pattern is refused in AWS's words",
        arguments: [
            ("[a, ..., b, ...]", "Invalid filter pattern"), ("[a = ]", "Invalid filter pattern"),
            ("[a b]", "Invalid character(s) in term 'b'"), ("[a > x]", "Invalid filter pattern"),
            ("[a = (x)]", "Invalid character(s) in term '('"), ("[a = 1 && b = 2]", "Invalid filter pattern"),
            ("[a = 1 &&]", "Invalid filter pattern"), ("[(a = 1]", "Invalid filter pattern"),
            ("[a = 1;]", "Invalid character(s) in term ';'"),
            ("[(a = 1 || b = 2)]", "Invalid filter pattern"), ("[a.b]", "Invalid character(s) in term '.'"),
        ]
    )
    func malformed(_ pattern: String, _ message: String) {
        #expect(throws: FilterFault(message: message)) { try FilterPattern(pattern) }
    }
}
