// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// Where an event comes from, for `@log` and the fields that only functions' groups have.
final class RecordSource: Sendable {
    let account: String
    let group: String
    let groupID: Int
    let isLambda: Bool

    init(account: String, group: String, groupID: Int) {
        self.account = account
        self.group = group
        self.groupID = groupID
        isLambda = group.hasPrefix("/aws/lambda/")
    }
}

/// A row on its way through a query: an event with what was computed of it, or a group of a `stats`.
///
/// Used by one task at a time.
final class InsightsRecord {
    let event: StoredEvent?
    private let source: RecordSource?
    private let stream: String
    /// What `fields`, `parse` and `stats` have made, by slot.
    var slots: [InsightsValue]
    private var document: JSONValue??
    private var lambda: LambdaLine??
    private var original: InsightsRecord?

    init(_ event: StoredEvent, in stream: String, of source: RecordSource, slots: Int) {
        self.event = event
        self.stream = stream
        self.source = source
        self.slots = Array(repeating: .null, count: slots)
    }

    /// A row of a `stats`.
    init(slots: [InsightsValue]) {
        event = nil
        source = nil
        stream = ""
        self.slots = slots
    }

    /// About what it takes of memory.
    var bytes: Int {
        200 + (event?.message.utf8.count ?? 0) + slots.reduce(0) { $0 + 40 + ($1.textLength) }
    }

    /// Drops what can be read out of the event again.
    func forget() {
        document = nil
        lambda = nil
        original = nil
    }

    func value(of field: EventField) -> InsightsValue {
        guard let event, let source else { return .null }
        switch field {
        case .timestamp: return .time(event.position.timestamp)
        case .ingestionTime: return .time(event.ingestedAt)
        case .message: return .text(event.message)
        case .logStream: return .text(stream)
        case .log: return .text("\(source.account):\(source.group)")
        case .pointer: return .text(RecordPointer(group: source.groupID, event).text)
        case .lambda(let field): return lambdaLine()?.value(of: field) ?? .null
        case .json(let path): return discovered(path)
        }
    }

    /// As the event came, with nothing masked. Whether the caller may see that was asked before the query began.
    func unmaskedValue(of field: EventField) -> InsightsValue {
        guard let event, let source else { return .null }
        let record = original ?? InsightsRecord(event.unmasked, in: stream, of: source, slots: 0)
        original = record
        return record.value(of: field)
    }

    private func discovered(_ path: FieldPath) -> InsightsValue {
        guard let root = json() else { return .null }
        if path.pieces.count > 1, let whole = root[path.name] { return .from(whole) }
        return .from(Self.descend(root, path.pieces[...]))
    }

    static func descend(_ root: JSONValue, _ pieces: ArraySlice<String>) -> JSONValue? {
        var value = root
        for piece in pieces {
            switch value {
            case .object:
                guard let next = value[piece] else { return nil }
                value = next
            case .array(let elements):
                guard let index = Int(piece), elements.indices.contains(index) else { return nil }
                value = elements[index]
            default: return nil
            }
        }
        return value
    }

    /// The event as JSON, or in functions' groups its first JSON fragment. Parsed once.
    func json() -> JSONValue? {
        if let document { return document }
        let found = event.flatMap { event in
            // What a transformer has made is a document already.
            Self.parse(event.transformed ?? event.message, anywhere: source?.isLambda == true)
        }
        document = .some(found)
        return found
    }

    private static func parse(_ message: String, anywhere: Bool) -> JSONValue? {
        let bytes = message.utf8
        guard let first = bytes.first(where: { !$0.isSpace }) else { return nil }
        if first == UInt8(ascii: "{") { return try? JSONValue(parsing: message) }  // No JSON: no fields, no fault.
        guard anywhere, let open = bytes.firstIndex(of: UInt8(ascii: "{")),
            let close = bytes.lastIndex(of: UInt8(ascii: "}")), open < close
        else { return nil }
        return try? JSONValue(parsing: Array(bytes[open...close]))  // As above.
    }

    private func lambdaLine() -> LambdaLine? {
        if let lambda { return lambda }
        let found = source?.isLambda == true ? event.flatMap { LambdaLine($0.message) } : nil
        lambda = .some(found)
        return found
    }

    /// Everything that is known of the event, by name: for GetLogRecord and GetLogGroupFields.
    func allFields() -> [(name: String, value: InsightsValue)] {
        var fields: [(String, InsightsValue)] = EventField.common.map { ($0.name, value(of: $0.field)) }
        for field in LambdaLine.Field.allCases { fields.append((field.rawValue, value(of: .lambda(field)))) }
        if let root = json() { Self.flatten(root, "", depth: 0, &fields) }
        return fields.filter { $0.1 != .null }
    }

    /// AWS discovers 200 fields of an event.
    private static func flatten(
        _ value: JSONValue,
        _ prefix: String,
        depth: Int,
        _ fields: inout [(String, InsightsValue)]
    ) {
        guard fields.count < 200, depth < 32 else { return }
        switch value {
        case .object(let members):
            for member in members { flatten(member.value, prefix + member.name + ".", depth: depth + 1, &fields) }
        case .array(let elements):
            for (index, element) in elements.enumerated() {
                flatten(element, prefix + "\(index).", depth: depth + 1, &fields)
            }
        default: fields.append((String(prefix.dropLast()), .from(value)))
        }
    }
}

extension InsightsValue {
    fileprivate var textLength: Int {
        switch self {
        case .text(let text): text.utf8.count
        case .json(let json): json.compactText.utf8.count * 4
        default: 0
        }
    }
}

/// A field that events have by themselves.
enum EventField: Sendable, Equatable {
    case timestamp, ingestionTime, message, logStream, log, pointer
    case lambda(LambdaLine.Field)
    case json(FieldPath)

    static let common: [(name: String, field: EventField)] = [
        ("@timestamp", .timestamp), ("@ingestionTime", .ingestionTime), ("@message", .message),
        ("@logStream", .logStream), ("@log", .log), ("@ptr", .pointer),
    ]

    init(_ path: FieldPath) {
        let name = path.name
        if let known = Self.common.first(where: { $0.name == name }) {
            self = known.field
        } else if let field = LambdaLine.Field(rawValue: name) {
            self = .lambda(field)
        } else {
            self = .json(path)
        }
    }
}

/// Where GetLogRecord finds an event again.
struct RecordPointer: Sendable, Equatable {
    let group: Int
    let stream: Int
    let position: EventPosition

    init(group: Int, _ event: StoredEvent) {
        self.group = group
        stream = event.streamID
        position = event.position
    }

    var text: String {
        PageToken.encode([String(group), String(stream), String(position.timestamp), String(position.sequence)])
    }

    init?(_ text: String) {
        guard let keys = PageToken.decode(text, count: 4), let group = Int(keys[0]), let stream = Int(keys[1]),
            let timestamp = Int(keys[2]), let sequence = Int(keys[3])
        else { return nil }
        self.group = group
        self.stream = stream
        position = EventPosition(timestamp: timestamp, sequence: sequence)
    }
}

/// What Logs Insights finds in the lines that Lambda writes: START, END and REPORT, and the request id of others.
struct LambdaLine: Sendable {
    enum Field: String, Sendable, CaseIterable {
        case type = "@type"
        case requestID = "@requestId"
        case duration = "@duration"
        case billedDuration = "@billedDuration"
        case initDuration = "@initDuration"
        case memorySize = "@memorySize"
        case maxMemoryUsed = "@maxMemoryUsed"
        case xrayTraceID = "@xrayTraceId"
    }

    private var values: [Field: InsightsValue] = [:]

    /// Nil for a line without any of it.
    init?(_ message: String) {
        if let kind = ["START", "END", "REPORT"].first(where: { message.hasPrefix($0 + " RequestId: ") }) {
            values[.type] = .text(kind)
            readPlatformLine(message.dropFirst(kind.utf8.count + 1))
        } else if let id = Self.requestID(in: message) {
            values[.requestID] = .text(id)
        } else {
            return nil
        }
    }

    func value(of field: Field) -> InsightsValue { values[field] ?? .null }

    private mutating func readPlatformLine(_ line: Substring) {
        for part in line.split(whereSeparator: { $0 == "\t" || $0 == "\n" }) {
            guard let colon = part.firstIndex(of: ":") else { continue }
            let label = part[..<colon].drop { $0 == " " }
            let words = part[part.index(after: colon)...].split(separator: " ")
            guard let first = words.first else { continue }
            switch label {
            case "RequestId": values[.requestID] = .text(String(first))
            case "Duration": values[.duration] = Self.number(first, 1)
            case "Billed Duration": values[.billedDuration] = Self.number(first, 1)
            case "Init Duration": values[.initDuration] = Self.number(first, 1)
            case "Memory Size": values[.memorySize] = Self.number(first, 1_000_000)
            case "Max Memory Used": values[.maxMemoryUsed] = Self.number(first, 1_000_000)
            case "XRAY TraceId": values[.xrayTraceID] = .text(String(first))
            default: break
            }
        }
    }

    private static func number(_ text: Substring, _ factor: Double) -> InsightsValue {
        NumberText.parse(text.utf8).map { .text(doubleText($0 * factor)) } ?? .null
    }

    /// These fields are doubles, and AWS shows them as Java writes doubles: `3.0`, `1.28E8`.
    static func doubleText(_ number: Double) -> String {
        guard number >= 10_000_000 else { return "\(number)" }
        var (mantissa, exponent) = (number, 0)
        while mantissa >= 10, exponent < 308 {
            mantissa /= 10
            exponent += 1
        }
        return "\((mantissa * 1e9).rounded() / 1e9)E\(exponent)"
    }

    /// The UUID between tabs, as the runtimes' loggers write it: `[INFO]\ttime\tid\tmessage`, `time\tid\tINFO\tmessage`.
    private static func requestID(in message: String) -> String? {
        message.split(separator: "\t", maxSplits: 3).prefix(3).map(String.init).first { part in
            part.utf8.count == 36
                && part.utf8.enumerated().allSatisfy { index, byte in
                    [8, 13, 18, 23].contains(index)
                        ? byte == UInt8(ascii: "-") : byte.isDigit || (0x61...0x66).contains(byte | 0x20)
                }
        }
    }
}
