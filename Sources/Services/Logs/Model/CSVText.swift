// SPDX-License-Identifier: Apache-2.0

/// Why a text is no table.
struct CSVFault: Error, Equatable {
    let message: String
}

/// Reads comma-separated values record by record, as RFC 4180 describes them: fields between double quotes may hold commas,
/// line ends and doubled quotes. Lines without anything are passed over.
struct CSVText: Sendable {
    private let bytes: [UInt8]
    private var position: Int
    /// Of the record that was read last, from one on.
    private(set) var line = 1

    init(_ text: String) {
        bytes = Array(text.utf8)
        // What some editors put in front of UTF-8.
        position = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
    }

    /// Nil at the end.
    mutating func next() throws(CSVFault) -> [String]? {
        while takeLineEnd() { line += 1 }
        guard position < bytes.count else { return nil }
        var fields: [String] = []
        while true {
            fields.append(try field())
            guard position < bytes.count, bytes[position] == UInt8(ascii: ",") else { break }
            position += 1
        }
        guard position == bytes.count || takeLineEnd() else {
            throw CSVFault(message: "line \(line) has something behind a closing quote")
        }
        line += 1
        return fields
    }

    private mutating func takeLineEnd() -> Bool {
        guard position < bytes.count else { return false }
        if bytes[position] == 0x0d {
            position += position + 1 < bytes.count && bytes[position + 1] == 0x0a ? 2 : 1
            return true
        }
        guard bytes[position] == 0x0a else { return false }
        position += 1
        return true
    }

    private mutating func field() throws(CSVFault) -> String {
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { return plainField() }
        position += 1
        var field: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            guard byte == UInt8(ascii: "\"") else {
                field.append(byte)
                continue
            }
            guard position < bytes.count, bytes[position] == byte else {
                return String(decoding: field, as: UTF8.self)
            }
            field.append(byte)
            position += 1
        }
        throw CSVFault(message: "line \(line) has a quote that nothing closes")
    }

    private mutating func plainField() -> String {
        let start = position
        position = bytes[start...].firstIndex(where: Self.endsField) ?? bytes.count
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private static func endsField(_ byte: UInt8) -> Bool { byte == UInt8(ascii: ",") || byte == 0x0a || byte == 0x0d }

    /// The fields as one record, with its line end.
    static func record(_ fields: [String]) -> String {
        let written = fields.map { field in
            let needsQuotes = field.utf8.contains { endsField($0) || $0 == UInt8(ascii: "\"") }
            guard needsQuotes || (field.isEmpty && fields.count == 1) else { return field }
            return "\"" + field.replacing("\"", with: "\"\"") + "\""
        }
        return written.joined(separator: ",") + "\n"
    }
}

/// A text that has been found to be a table: a header with names, and records of that many fields.
struct LookupTableContent: Sendable, Equatable {
    let body: String
    let columns: [String]
    let recordCount: Int

    /// Throws `CSVFault`.
    init(_ body: String) throws(CSVFault) {
        guard body.utf8.count <= LogLimits.lookupTableBytes else {
            throw CSVFault(message: "it has more than \(LogLimits.lookupTableBytes) bytes")
        }
        guard !body.utf8.contains(0) else { throw CSVFault(message: "it has a null character") }
        var text = CSVText(body)
        columns = try Self.header(text.next())
        var count = 0
        while true {
            guard let record = try text.next() else { break }
            guard record.count == columns.count else {
                throw CSVFault(
                    message: "the record before line \(text.line) has \(record.count) fields, not \(columns.count)"
                )
            }
            count += 1
        }
        self.body = body
        recordCount = count
    }

    private static func header(_ names: [String]?) throws(CSVFault) -> [String] {
        guard let names else { throw CSVFault(message: "it has no header") }
        guard names.count <= LogLimits.lookupTableColumns else {
            throw CSVFault(message: "it has more than \(LogLimits.lookupTableColumns) columns")
        }
        guard !names.contains("") else { throw CSVFault(message: "a column of its header has no name") }
        guard Set(names).count == names.count else { throw CSVFault(message: "two columns of its header are alike") }
        return names
    }

    /// The results of a query. `@ptr`, which only this service can read, is left out.
    init(_ columns: [String], rows: [[ResultCell]]) throws(CSVFault) {
        let names = columns.filter { $0 != "@ptr" }
        var text = CSVText.record(names)
        for row in rows {
            let values = Dictionary(row.map { ($0.field, $0.value) }) { first, _ in first }
            text += CSVText.record(names.map { values[$0] ?? "" })
            guard text.utf8.count <= LogLimits.lookupTableBytes else { break }
        }
        try self.init(text)
    }
}
