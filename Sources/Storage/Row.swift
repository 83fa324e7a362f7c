// SPDX-License-Identifier: Apache-2.0
package import MartletCore

/// A value that one row of a result is read into, column by column from the left.
package protocol RowDecodable: Sendable {
    init(row: inout Row) throws
}

/// Reads the columns of one row in order. A column of another type, or one too many, throws `storage.row`: rows come
/// from disk and are not trusted.
package struct Row {
    package let values: [SQLValue]
    private var position = 0

    package init(_ values: [SQLValue]) { self.values = values }

    private mutating func next() throws -> SQLValue {
        guard position < values.count else { throw Self.mismatch("column \(position) is missing") }
        defer { position += 1 }
        return values[position]
    }

    package mutating func text() throws -> String {
        guard let text = try optionalText() else { throw Self.mismatch("text expected, found NULL") }
        return text
    }

    package mutating func optionalText() throws -> String? {
        switch try next() {
        case .null: nil
        case .text(let text): text
        default: throw Self.mismatch("text expected in column \(position - 1)")
        }
    }

    package mutating func integer() throws -> Int {
        guard let number = try optionalInteger() else { throw Self.mismatch("integer expected, found NULL") }
        return number
    }

    package mutating func optionalInteger() throws -> Int? {
        switch try next() {
        case .null: nil
        case .integer(let number): Int(number)
        default: throw Self.mismatch("integer expected in column \(position - 1)")
        }
    }

    package mutating func real() throws -> Double {
        switch try next() {
        case .real(let number): number
        case .integer(let number): Double(number)
        default: throw Self.mismatch("number expected in column \(position - 1)")
        }
    }

    package mutating func bool() throws -> Bool { try integer() != 0 }

    package mutating func bytes() throws -> [UInt8] {
        guard let bytes = try optionalBytes() else { throw Self.mismatch("bytes expected, found NULL") }
        return bytes
    }

    package mutating func optionalBytes() throws -> [UInt8]? {
        switch try next() {
        case .null: nil
        case .bytes(let bytes): bytes
        default: throw Self.mismatch("bytes expected in column \(position - 1)")
        }
    }

    package mutating func instant() throws -> Instant { Instant(milliseconds: Int64(try integer())) }
    package mutating func optionalInstant() throws -> Instant? {
        try optionalInteger().map { Instant(milliseconds: Int64($0)) }
    }

    private static func mismatch(_ what: String) -> MartletError { MartletError("storage.row", what) }
}

extension Int: RowDecodable {
    package init(row: inout Row) throws { self = try row.integer() }
}

extension String: RowDecodable {
    package init(row: inout Row) throws { self = try row.text() }
}
