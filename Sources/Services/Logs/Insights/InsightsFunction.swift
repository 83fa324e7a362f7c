// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Glibc
import RegularExpressions

/// A function of Logs Insights, found by its name in any case.
struct InsightsFunction: Sendable {
    typealias Body = @Sendable ([InsightsValue], QueryEnvironment) -> InsightsValue

    let name: String
    let arity: ClosedRange<Int>
    private let body: Body

    private init(_ name: String, _ arity: ClosedRange<Int>, _ body: @escaping Body) {
        self.name = name
        self.arity = arity
        self.body = body
    }

    func call(_ arguments: [InsightsValue], _ environment: QueryEnvironment) -> InsightsValue {
        body(arguments, environment)
    }

    static func named(_ name: String) -> InsightsFunction? { table[name.lowercased()] }

    /// `bin` and its like have a period that is read before the query runs.
    static func floor(toPeriod period: Int) -> InsightsFunction {
        InsightsFunction("bin", 1...1) { arguments, _ in rounded(arguments[0], period, up: false) }
    }

    static func ceiling(toPeriod period: Int) -> InsightsFunction {
        InsightsFunction("dateceil", 1...1) { arguments, _ in rounded(arguments[0], period, up: true) }
    }

    private static func rounded(_ value: InsightsValue, _ period: Int, up: Bool) -> InsightsValue {
        guard let time = milliseconds(value) else { return .null }
        let (quotient, remainder) = time.quotientAndRemainder(dividingBy: period)
        let start = (remainder < 0 ? quotient - 1 : quotient) * period
        guard up, remainder != 0 else { return .time(start) }
        let (end, overflow) = start.addingReportingOverflow(period)
        return overflow ? .null : .time(end)
    }

    private static func milliseconds(_ value: InsightsValue) -> Int? {
        let time: Int?
        if case .time(let exact) = value {
            time = exact
        } else {
            time = value.number.flatMap { Int(exactly: $0.rounded(.down)) }
        }
        return time.flatMap { abs(clamping: $0) <= latest ? $0 : nil }
    }

    /// Far beyond all calendars, and far from where numbers overflow.
    private static let latest = 1 << 53

    private static func abs(clamping number: Int) -> Int { number == .min ? .max : Swift.abs(number) }

    static func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }

    private static let table: [String: InsightsFunction] = {
        let all = numeric + times + general + texts + addresses
        return Dictionary(all.map { ($0.name.lowercased(), $0) }) { first, _ in first }
    }()

    // MARK: Numbers

    private static func number(_ name: String, _ body: @escaping @Sendable (Double) -> Double) -> InsightsFunction {
        InsightsFunction(name, 1...1) { arguments, _ in .finite(arguments[0].number.map(body)) }
    }

    private static func extreme(
        _ name: String,
        _ isBetter: @escaping @Sendable (Double, Double) -> Bool
    ) -> InsightsFunction {
        InsightsFunction(name, 1...100) { arguments, _ in
            .finite(
                arguments.compactMap(\.number).reduce(nil) { best, next in
                    best.map { isBetter(next, $0) ? next : $0 } ?? next
                }
            )
        }
    }

    private static let numeric: [InsightsFunction] = [
        number("abs") { Swift.abs($0) }, number("ceil") { $0.rounded(.up) }, number("floor") { $0.rounded(.down) },
        number("log") { Glibc.log($0) }, number("sqrt") { $0.squareRoot() },
        number("toNumber") { $0 }, number("toDouble") { $0 },
        number("toInt") { $0.rounded(.towardZero) }, number("toLong") { $0.rounded(.towardZero) },
        extreme("greatest") { $0 > $1 }, extreme("least") { $0 < $1 },
        InsightsFunction("round", 1...2) { arguments, _ in
            let digits = arguments.count > 1 ? arguments[1].number ?? 0 : 0
            guard let number = arguments[0].number, (0...9).contains(digits) else { return .null }
            let scale = pow(10, digits.rounded())
            return .finite((number * scale).rounded() / scale)
        },
    ]

    // MARK: Times

    private static let times: [InsightsFunction] = [
        InsightsFunction("fromMillis", 1...1) { arguments, _ in
            milliseconds(arguments[0]).map(InsightsValue.time) ?? .null
        },
        InsightsFunction("toMillis", 1...1) { arguments, _ in .finite(milliseconds(arguments[0]).map(Double.init)) },
        InsightsFunction("now", 0...0) { _, environment in .finite(Double(environment.now / 1_000)) },
    ]

    // MARK: Anything

    private static let general: [InsightsFunction] = [
        InsightsFunction("isPresent", 1...1) { arguments, _ in .bool(arguments[0] != .null) },
        InsightsFunction("coalesce", 1...100) { arguments, _ in arguments.first { $0 != .null } ?? .null },
        InsightsFunction("if", 2...3) { arguments, _ in
            if arguments[0].isTrue { return arguments[1] }
            return arguments.count > 2 ? arguments[2] : .null
        },
        InsightsFunction("jsonParse", 1...1) { arguments, _ in
            // What is no JSON is nothing.
            guard let text = arguments[0].text, let json = try? JSONValue(parsing: text) else { return .null }
            return .from(json)
        },
        InsightsFunction("jsonStringify", 1...1) { arguments, _ in
            switch arguments[0] {
            case .json(let json): .text(json.compactText)
            case .text(let text): .text(JSONValue.string(text).compactText)
            case let other: other.text.map(InsightsValue.text) ?? .null
            }
        },
    ]

    // MARK: Texts

    private static func text(_ name: String, _ body: @escaping @Sendable (String) -> InsightsValue) -> InsightsFunction
    {
        InsightsFunction(name, 1...1) { arguments, _ in arguments[0].text.map(body) ?? .null }
    }

    /// Trims spaces, or the characters of the second argument.
    private static func trim(_ name: String, start: Bool, end: Bool) -> InsightsFunction {
        InsightsFunction(name, 1...2) { arguments, _ in
            guard var text = arguments[0].text?.unicodeScalars[...] else { return .null }
            let letters = Set((arguments.count > 1 ? arguments[1].text ?? "" : " \t\r\n").unicodeScalars)
            while start, let first = text.first, letters.contains(first) { text.removeFirst() }
            while end, let last = text.last, letters.contains(last) { text.removeLast() }
            return .text(String(text))
        }
    }

    private static func test(_ name: String, _ body: @escaping @Sendable (String, String) -> Bool) -> InsightsFunction {
        InsightsFunction(name, 2...2) { arguments, _ in
            guard let text = arguments[0].text, let other = arguments[1].text else { return .bool(false) }
            return .bool(body(text, other))
        }
    }

    private static let texts: [InsightsFunction] = [
        InsightsFunction("isEmpty", 1...1) { arguments, _ in .bool(arguments[0].text?.isEmpty ?? true) },
        InsightsFunction("isBlank", 1...1) { arguments, _ in
            .bool(arguments[0].text?.utf8.allSatisfy(\.isSpace) ?? true)
        },
        InsightsFunction("concat", 1...100) { arguments, _ in
            let result = arguments.map { $0.text ?? "" }
            return result.reduce(0) { $0 + $1.utf8.count } <= longestText ? .text(result.joined()) : .null
        },
        text("strlen") { .finite(Double($0.unicodeScalars.count)) },
        text("toUpper") { .text($0.uppercased()) }, text("toLower") { .text($0.lowercased()) },
        trim("trim", start: true, end: true), trim("ltrim", start: true, end: false),
        trim("rtrim", start: false, end: true),
        InsightsFunction("substr", 2...3) { arguments, _ in
            guard let text = arguments[0].text?.unicodeScalars, let start = whole(arguments[1]) else { return .null }
            let rest = text.dropFirst(start)
            guard arguments.count > 2 else { return .text(String(rest)) }
            return whole(arguments[2]).map { .text(String(rest.prefix($0))) } ?? .null
        },
        InsightsFunction("replace", 3...3) { arguments, _ in
            guard let text = arguments[0].text, let old = arguments[1].text, let new = arguments[2].text else {
                return .null
            }
            return replace(Array(old.utf8), by: Array(new.utf8), in: text).map(InsightsValue.text) ?? .null
        },
        // AWS takes a third argument, which changes nothing.
        InsightsFunction("strcontains", 2...3) { arguments, _ in
            guard let text = arguments[0].text, let part = arguments[1].text else { return .bool(false) }
            return .bool(TextMatcher.part(Array(part.utf8)).matches(text))
        },
        test("startsWith") { $0.utf8.starts(with: $1.utf8) },
        test("endsWith") { $0.utf8.reversed().starts(with: $1.utf8.reversed()) },
    ]

    /// Of what `replace` and `concat` make.
    private static let longestText = 1_048_576

    /// Nil when the result would be too long: it is not made first.
    private static func replace(_ old: [UInt8], by new: [UInt8], in text: String) -> String? {
        guard !old.isEmpty else { return text }
        var text = text
        return text.withUTF8 { bytes -> String? in
            let subject = ByteText(bytes)
            var result: [UInt8] = []
            var position = 0
            while let found = subject.find(old, from: position) {
                result += subject[position..<found].bytes
                result += new
                position = found + old.count
                guard result.count <= longestText else { return nil }
            }
            result += subject[position..<subject.count].bytes
            return result.count <= longestText ? String(decoding: result, as: UTF8.self) : nil
        }
    }

    private static func whole(_ value: InsightsValue) -> Int? {
        value.number.map { $0.rounded(.towardZero) }.flatMap { Int(exactly: min(max($0, 0), 1e9)) }
    }

    // MARK: Addresses

    private static func address(_ name: String, _ body: @escaping @Sendable (IPAddress) -> Bool) -> InsightsFunction {
        InsightsFunction(name, 1...1) { arguments, _ in
            .bool(arguments[0].text.flatMap(IPAddress.init).map(body) ?? false)
        }
    }

    private static func subnet(_ name: String, _ bits: [Int]) -> InsightsFunction {
        test(name) { address, network in
            guard let address = IPAddress(address), bits.contains(address.bytes.count * 8) else { return false }
            return address.isIn(network)
        }
    }

    private static let addresses: [InsightsFunction] = [
        address("isValidIp") { _ in true }, address("isValidIpV4") { $0.bytes.count == 4 },
        address("isValidIpV6") { $0.bytes.count == 16 },
        subnet("isIpInSubnet", [32, 128]), subnet("isIpv4InSubnet", [32]), subnet("isIpv6InSubnet", [128]),
    ]
}

/// An address of either version.
struct IPAddress: Sendable, Equatable {
    let bytes: [UInt8]

    init?(_ text: String) {
        guard text.utf8.count <= 45 else { return nil }
        var storage = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &storage) == 1 {
            bytes = Array(storage[..<4])
        } else if inet_pton(AF_INET6, text, &storage) == 1 {
            bytes = storage
        } else {
            return nil
        }
    }

    /// Whether it lies in `10.0.0.0/8`; false for what is no network of its version.
    func isIn(_ network: String) -> Bool {
        let parts = network.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let base = IPAddress(String(parts[0])), base.bytes.count == bytes.count,
            let length = Int(parts[1]), (0...(bytes.count * 8)).contains(length)
        else { return false }
        return (0..<length).allSatisfy { bit in
            let mask = UInt8(0x80) >> UInt8(bit % 8)
            return bytes[bit / 8] & mask == base.bytes[bit / 8] & mask
        }
    }
}
