import NIOCore
import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import AWSWire

@Suite("JSON text")
struct JSONParsingTests {
    @Test(
        "is read by RFC 8259",
        arguments: [
            ("null", .null),
            (" \t\r\n true ", .bool(true)),
            ("0", .integer(0)),
            ("-0", .number(-0.0)),
            ("-12", .integer(-12)),
            ("9223372036854775807", .integer(.max)),
            ("9223372036854775808", .number(9_223_372_036_854_775_808)),
            ("1e3", .number(1_000)),
            ("1.50", .number(1.5)),
            ("-2.5E-1", .number(-0.25)),
            (#""""#, .string("")),
            (#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{c}\n\r\t")),
            (#""\u00e9\u6f22\uD83E\uDD9C""#, .string("é漢🦜")),
            (#""é漢🦜""#, .string("é漢🦜")),
            (#""\u0000""#, .string("\u{0}")),
            ("[]", .array([])),
            ("[1, [2], {}]", .array([.integer(1), .array([.integer(2)]), .object([])])),
            (#"{"a":1,"b":[null]}"#, .object([.init("a", .integer(1)), .init("b", .array([.null]))])),
        ] as [(String, JSONValue)]
    )
    func valid(text: String, value: JSONValue) throws {
        #expect(try JSONValue(parsing: text) == value)
    }

    @Test(
        "that RFC 8259 forbids is refused",
        arguments: [
            "", " ", "nul", "nulll", "TRUE", "1 2", "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x10", "NaN", "Infinity",
            #"""#, #""a"#, #""\x""#, #""\u12"#, #""\u12g4""#, "\"\u{1}\"", "\"a\nb\"", "'a'",
            "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "]", "{", "{}}", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, "{a:1}",
            "{1:1}",
            #"{"a":1 "b":2}"#, "// a\n1", "\u{FEFF}1", "1\u{0}",
        ]
    )
    func invalid(text: String) {
        #expect(throws: JSONFault.self) { try JSONValue(parsing: text) }
    }

    @Test(
        "with bytes that are not UTF-8 is refused",
        arguments: [
            [0xff], [0xc0, 0x80], [0xc3], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80],
            [0xf0, 0x9f, 0xa6],
            [0x80], [0xe6, 0xbc, 0x22],
        ] as [[UInt8]]
    )
    func invalidUTF8(bytes: [UInt8]) {
        #expect(throws: JSONFault.self) { try JSONValue(parsing: [0x22] + bytes + [0x22]) }
    }

    @Test(
        "is taken or refused for each byte alike, wherever in a long string it stands",
        arguments: 0...255 as ClosedRange<UInt8>
    )
    func everyByteEverywhere(byte: UInt8) {
        for place in 0..<24 {
            var text = [UInt8](repeating: 0x61, count: 24)
            text[place] = byte
            // A quote ends the string too early but at its end; a backslash wants a letter that is an escape.
            let isPlain = (0x20..<0x80).contains(byte) && byte != 0x22 && byte != 0x5c
            let read = try? JSONValue(parsing: [0x22] + text + [0x22])
            #expect(read == (isPlain ? .string(String(decoding: text, as: UTF8.self)) : nil), "at \(place)")
        }
    }

    @Test("half of a surrogate pair becomes the replacement character, and what follows is kept")
    func loneSurrogates() throws {
        #expect(try JSONValue(parsing: #""\ud83ea""#) == .string("\u{FFFD}a"))
        #expect(try JSONValue(parsing: #""\udd9c""#) == .string("\u{FFFD}"))
        #expect(try JSONValue(parsing: #""\ud83e\ud83e\udd9c""#) == .string("\u{FFFD}🦜"))
    }

    @Test("a number that no double holds is infinite or zero, never a trap")
    func hugeNumbers() throws {
        #expect(try JSONValue(parsing: "1e999") == .number(.infinity))
        #expect(try JSONValue(parsing: "-1e999") == .number(-.infinity))
        #expect(try JSONValue(parsing: "1e-999") == .number(0))
        #expect(try JSONValue(parsing: String(repeating: "9", count: 5_000)) == .number(.infinity))
    }

    @Test("one hundred levels inside the outermost are read, one more is refused, and so are a million")
    func depth() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try JSONValue(parsing: nested(101))
        #expect(throws: JSONFault.self) { try JSONValue(parsing: nested(102)) }
        #expect(throws: JSONFault.self) { try JSONValue(parsing: String(repeating: #"{"a":["#, count: 1_000_000)) }
    }

    @Test("the last of repeated members counts")
    func duplicates() throws {
        let value = try JSONValue(parsing: #"{"a":1,"a":2}"#)
        #expect(value["a"] == .integer(2))
        #expect(value["b"] == nil)
    }

    @Test("a fault names its place")
    func faultOffset() throws {
        let fault = try #require(throws: JSONFault.self) { try JSONValue(parsing: #"{"a": x}"#) }
        #expect(fault.offset == 6)
    }

    @Test(
        "prints compactly, with slashes and letters as they are",
        arguments: [
            #"{"b":1,"a":[true,false,null,-3]}"#,
            #"["a/b","é漢🦜","\"\\\b\f\n\r\t\u0001"]"#,
            #"[1.5,0.1,1e+100,-2.5e-07]"#,
            "[]", "{}", #"{"":{}}"#,
        ]
    )
    func printing(text: String) throws {
        #expect(try JSONValue(parsing: text).compactText == text)
    }

    @Test("prints doubles in their shortest form, whole ones without a fraction")
    func doubles() {
        #expect(JSONValue.number(3).compactText == "3")
        #expect(JSONValue.number(0.1).compactText == "0.1")
        #expect(JSONValue.number(.nan).compactText == "\"NaN\"")
        #expect(JSONValue.number(-.infinity).compactText == "\"-Infinity\"")
    }

    @Test("whatever is printed reads back the same")
    func printedReadsBack() throws {
        let value = JSONValue.object([
            .init(
                "\u{0}\"\\",
                .array([.number(.leastNonzeroMagnitude), .number(.greatestFiniteMagnitude), .integer(.min)])
            ),
            .init("", .string(String((0..<0x300).compactMap { Unicode.Scalar($0).map(Character.init) }))),
        ])
        #expect(try JSONValue(parsing: value.compactText) == value)
    }
}
