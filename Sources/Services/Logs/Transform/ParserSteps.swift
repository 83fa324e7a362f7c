// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// `parseJSON`: the members of a JSON object become fields.
struct JSONStep: TransformStep {
    private let source: FieldKey
    private let destination: FieldKey?

    init(_ settings: ParseJSON) throws {
        source = try settings.source.map { try FieldKey($0) } ?? .message
        destination = try settings.destination.map { try FieldKey($0) }
    }

    func apply(to event: inout EventDocument) -> Bool {
        // A text that is no JSON is what the answer says.
        guard let text = event.text(at: source), case .object(let members)? = try? JSONValue(parsing: text) else {
            return false
        }
        return event.merge(members, into: destination)
    }
}

/// `csv`: values between delimiters get the names of columns.
struct CSVStep: TransformStep {
    private let source: FieldKey
    private let destination: FieldKey?
    private let columns: [String]
    private let line: CSVLine

    init(_ settings: CSV) throws {
        source = try settings.source.map { try FieldKey($0) } ?? .message
        destination = try settings.destination.map { try FieldKey($0) }
        columns = settings.columns ?? []
        let given = settings.delimiter ?? ","
        // A tabulator and a space may be written as two characters; nothing else may be longer than one.
        guard let delimiter = ["\\t": "\t", "\\s": " "][given] ?? (given.unicodeScalars.count == 1 ? given : nil) else {
            throw InvalidParameterException("The delimiter of csv must be a single character: \(given)")
        }
        guard let line = CSVLine(delimiter: delimiter, quote: settings.quoteCharacter ?? "\"") else {
            throw InvalidParameterException(
                "The delimiter and the quote character of csv must be different characters."
            )
        }
        self.line = line
    }

    func apply(to event: inout EventDocument) -> Bool {
        guard let text = event.text(at: source), let values = line.values(of: text) else { return false }
        let fields = values.prefix(EventDocument.fieldsPerParser).enumerated().map { index, value in
            JSONValue.Member(index < columns.count ? columns[index] : "column_\(index + 1)", .string(value))
        }
        return event.merge(fields, into: destination)
    }
}

/// Takes one line of comma-separated values apart. A quote inside quotes is written twice.
struct CSVLine: Sendable {
    private let delimiter: [UInt8]
    private let quote: UInt8

    /// Nil where the two cannot be told apart.
    init?(delimiter: String, quote: String) {
        guard let quote = quote.utf8.first, !delimiter.isEmpty, !delimiter.utf8.contains(quote) else { return nil }
        self.delimiter = Array(delimiter.utf8)
        self.quote = quote
    }

    /// Nil where a quoted value does not end. Spaces around quoted values are not part of them.
    func values(of text: String) -> [String]? {
        var values: [String] = []
        var rest = Array(text.utf8)[...]
        while let last = rest.last, last == 0x0a || last == 0x0d { rest = rest.dropLast() }
        while true {
            guard let (value, isLast) = next(&rest) else { return nil }
            values.append(value)
            if isLast { return values }
        }
    }

    private func next(_ rest: inout ArraySlice<UInt8>) -> (String, isLast: Bool)? {
        let afterSpace = rest.drop { $0 == 0x20 }
        guard afterSpace.first == quote else {
            let value = plain(&rest)
            return (value, !take(&rest))
        }
        rest = afterSpace.dropFirst()
        guard var value = quoted(&rest) else { return nil }
        // What stands behind the closing quote belongs to the value all the same.
        let tail = plain(&rest)
        if !tail.utf8.allSatisfy({ $0 == 0x20 }) { value += tail }
        return (value, !take(&rest))
    }

    private func plain(_ rest: inout ArraySlice<UInt8>) -> String {
        var end = rest.startIndex
        while end < rest.endIndex, !rest[end...].starts(with: delimiter) { end += 1 }
        defer { rest = rest[end...] }
        return String(decoding: rest[..<end], as: UTF8.self)
    }

    private func quoted(_ rest: inout ArraySlice<UInt8>) -> String? {
        var value: [UInt8] = []
        while let byte = rest.first {
            rest = rest.dropFirst()
            if byte != quote {
                value.append(byte)
            } else if rest.first == quote {
                value.append(quote)
                rest = rest.dropFirst()
            } else {
                return String(decoding: value, as: UTF8.self)
            }
        }
        return nil
    }

    private func take(_ rest: inout ArraySlice<UInt8>) -> Bool {
        guard rest.starts(with: delimiter) else { return false }
        rest = rest.dropFirst(delimiter.count)
        return true
    }
}

/// `parseKeyValue`: `a=1&b=2`.
struct KeyValueStep: TransformStep {
    private let source: FieldKey
    private let destination: FieldKey?
    private let fieldDelimiter: String
    private let keyValueDelimiter: String
    private let prefix: String
    private let nonMatch: JSONValue
    private let overwrites: Bool

    init(_ settings: ParseKeyValue) throws {
        source = try settings.source.map { try FieldKey($0) } ?? .message
        destination = try settings.destination.map { try FieldKey($0) }
        fieldDelimiter = settings.fieldDelimiter ?? "&"
        keyValueDelimiter = settings.keyValueDelimiter ?? "="
        prefix = settings.keyPrefix ?? ""
        nonMatch = settings.nonMatchValue.map(JSONValue.string) ?? .null
        overwrites = settings.overwriteIfExists ?? false
    }

    func apply(to event: inout EventDocument) -> Bool {
        guard let text = event.text(at: source) else { return false }
        let pairs = text.pieces(between: fieldDelimiter, limit: EventDocument.fieldsPerParser)
        let fields = pairs.filter { !$0.isEmpty }.map { pair in
            let parts = pair.pieces(between: keyValueDelimiter, limit: 1)
            return JSONValue.Member(prefix + parts[0], parts.count > 1 ? .string(parts[1]) : nonMatch)
        }
        return event.merge(fields, into: destination, overwriting: overwrites)
    }
}

extension String {
    /// What stands between the occurrences of a text; behind `limit` of them it is not cut any more. Never empty.
    func pieces(between delimiter: String, limit: Int = .max) -> [String] {
        var text = self
        let needle = Array(delimiter.utf8)
        guard !needle.isEmpty else { return [self] }
        return text.withUTF8 { bytes in
            let whole = ByteText(bytes)
            var pieces: [String] = []
            var position = 0
            while pieces.count < limit, let found = whole.find(needle, from: position) {
                pieces.append(whole[position..<found].text)
                position = found + needle.count
            }
            pieces.append(whole[position..<whole.count].text)
            return pieces
        }
    }
}
