// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Logs

/// A pattern, a message, and whether the one takes the other.
struct FilterCase: Sendable, CustomTestStringConvertible {
    let pattern: String
    let message: String
    let matches: Bool

    init(_ pattern: String, _ message: String, _ matches: Bool) {
        self.pattern = pattern
        self.message = message
        self.matches = matches
    }

    var testDescription: String { "\(pattern) \(matches ? "takes" : "leaves") \(message)" }

    func check() throws { #expect(try FilterPattern(pattern).matches(message) == matches) }
}

@Suite("Filter patterns of terms") struct TermPatternTests {
    static let badRequest = "[ERROR 400] BAD REQUEST"
    static let unauthorized = "[ERROR 401] UNAUTHORIZED REQUEST"
    static let missing = "[ERROR 419] MISSING ARGUMENTS"

    @Test(
        "a term occurs anywhere in a message, in the same case",
        arguments: [
            FilterCase("ERROR", badRequest, true),
            FilterCase("ERROR", "Exiting with ERRORCODE: -1", true),
            FilterCase("error", badRequest, false),
            FilterCase("ERROR_CODE", "x ERROR_CODE y", true),
            FilterCase("ERROR ARGUMENTS", missing, true),
            FilterCase("ERROR ARGUMENTS", badRequest, false),
            FilterCase("ARGUMENTS ERROR", missing, true),
            FilterCase("  ERROR\t400 ", badRequest, true),
        ]
    )
    func terms(_ example: FilterCase) throws { try example.check() }

    @Test(
        "one of the optional terms is enough, and beside other terms they are ignored",
        arguments: [
            FilterCase("?ERROR ?WARN", "WARN message", true),
            FilterCase("?ERROR ?WARN", "ERROR WARN message", true),
            FilterCase("?ERROR ?WARN", "INFO message", false),
            FilterCase("?ERROR ?ARGUMENTS REQUEST", "[INFO] REQUEST FAILED", true),
            FilterCase("?ERROR ?ARGUMENTS REQUEST", missing, false),
            FilterCase("?ERROR -FAILED", "[INFO] REQUEST", true),
            FilterCase("?\"a b\" ?%c[0-9]%", "c7", true),
            FilterCase("?\"a b\" ?%c[0-9]%", "a  b", false),
        ]
    )
    func optional(_ example: FilterCase) throws { try example.check() }

    @Test(
        "a minus leaves out what has the term",
        arguments: [
            FilterCase("ERROR -ARGUMENTS", badRequest, true),
            FilterCase("ERROR -ARGUMENTS", missing, false),
            FilterCase("-ARGUMENTS", unauthorized, true),
            FilterCase("-ARGUMENTS", missing, false),
            FilterCase("ERROR -\"BAD REQUEST\"", badRequest, false),
            FilterCase("ERROR -%4[0-9]{2}%", badRequest, false),
            FilterCase("ERROR -%5[0-9]{2}%", badRequest, true),
        ]
    )
    func excluded(_ example: FilterCase) throws { try example.check() }

    @Test(
        "quotes hold a phrase together, with whatever characters",
        arguments: [
            FilterCase("\"INTERNAL SERVER ERROR\"", "[ERROR 500] INTERNAL SERVER ERROR", true),
            FilterCase("\"INTERNAL SERVER ERROR\"", "INTERNAL ERROR SERVER", false),
            FilterCase("\"a:b/c.d\"", "x a:b/c.d", true),
            FilterCase(#""say \"hi\"""#, #"they say "hi""#, true),
            FilterCase(#""back\\slash""#, #"a back\slash"#, true),
            FilterCase("\"50% *\"", "at 50% * now", true),
            FilterCase("\"50% *\"", "at 50% x now", false),
            FilterCase("\"grün\" \"日本\"", "日本 grün", true),
        ]
    )
    func phrases(_ example: FilterCase) throws { try example.check() }

    @Test("an empty pattern and a quoted space take everything", arguments: ["", "   ", "\" \"", "\n"])
    func everything(_ pattern: String) throws {
        let filter = try FilterPattern(pattern)
        for message in ["", "word", "two words", "{\"a\":1}"] { #expect(filter.matches(message)) }
    }

    @Test(
        "a term between percent signs is a regular expression",
        arguments: [
            FilterCase("%AUTHORIZED%", unauthorized, true),
            FilterCase("%AUTHORIZED%", "Authorized", false),
            FilterCase("%^[hc]at%", "hat trick", true),
            FilterCase("%^[hc]at%", "that", false),
            FilterCase("%[hc]at$%", "my cat", true),
            FilterCase("%[hc]at$%", "my cat\n", true),
            FilterCase("%[hc]at$%", "cats", false),
            FilterCase("%colou?r%", "the color", true),
            FilterCase("%a{3,5}%", "aa", false),
            FilterCase("%xa{,2}x%", "xx", true),
            FilterCase("%xa{,2}x%", "xaaax", false),
            FilterCase("%xa{2,}x%", "xaaax", true),
            FilterCase("%^starting|^initializing|^shutting down%", "initializing now", true),
            FilterCase("%^starting|^initializing|^shutting down%", "skipping initializing", false),
            FilterCase(#"%\[.\]%"#, "a [7] b", true),
            FilterCase(#"%10\.10\.0\.1%"#, "10010,051", false),
            FilterCase("%10.10.0.1%", "10010,051", true),
            FilterCase(#"%\d\D\s\S\w\W%"#, "1a b_-", true),
            FilterCase(#"%\x28\x29%"#, "call()", true),
            FilterCase(#"%\x3A%"#, "a:b", true),
            FilterCase("%ab+c%", "abbc", true),
            FilterCase("%ab*c%", "ac", true),
        ]
    )
    func expressions(_ example: FilterCase) throws { try example.check() }

    @Test(
        "what is no pattern is refused in AWS's words",
        arguments: [
            ("a:b", "Invalid character(s) in term ':'"),
            ("request-id", "Invalid character(s) in term '-'"),
            ("me@example.com", "Invalid character(s) in term '@'"),
            ("grün", "Invalid character(s) in term 'ü'"),
            ("?", "Invalid character(s) in term '?'"),
            ("ERROR - WARN", "Invalid character(s) in term '-'"),
            ("--x", "Invalid character(s) in term '-'"),
            ("\"\"", "Invalid character(s) in term '\"\"'"),
            ("\"open", "Invalid filter pattern"),
            ("\"a\"b", "Invalid character(s) in term 'b'"),
            ("%open", "Invalid filter pattern"),
            ("%%", "Invalid filter pattern"),
            ("%a% %b% %c%", "Invalid filter pattern"),
            ("%something!%", "Invalid character(s) in term '!'"),
            ("%(a)%", "Invalid character(s) in term '('"),
            (#"%\(%"#, "Invalid character(s) in term '('"),
            (#"%\bword%"#, "Invalid filter pattern"),
            (#"%a\1%"#, "Invalid filter pattern"),
            (#"%\x2%"#, "Invalid filter pattern"),
            (#"%a\%"#, "Invalid filter pattern"),
            ("%[a%", "Invalid filter pattern"),
            ("%*a%", "Invalid filter pattern"),
            ("{ $.a = 1", "If a filter pattern starts with '{' it must end with '}'"),
            ("[a, b", "If a filter pattern starts with '[' it must end with ']'"),
        ]
    )
    func malformed(_ pattern: String, _ message: String) {
        #expect(throws: FilterFault(message: message)) { try FilterPattern(pattern) }
    }
}
