// SPDX-License-Identifier: Apache-2.0
package import MartletCore

/// SQL text with bound values. Interpolated values are always bound, never pasted; only another `SQL` is inserted as
/// text.
package struct SQL: Sendable, ExpressibleByStringInterpolation {
    /// Pieces of text; between two of them stands a value.
    package private(set) var pieces: [String]
    package private(set) var values: [SQLValue]

    package init(stringLiteral text: String) {
        pieces = [text]
        values = []
    }

    package init(stringInterpolation: StringInterpolation) {
        pieces = stringInterpolation.pieces
        values = stringInterpolation.values
    }

    package struct StringInterpolation: StringInterpolationProtocol, Sendable {
        var pieces = [""]
        var values: [SQLValue] = []

        package init(literalCapacity: Int, interpolationCount: Int) {}

        package mutating func appendLiteral(_ literal: String) { pieces[pieces.count - 1] += literal }

        package mutating func appendInterpolation(_ value: some SQLBindable) { append(value.sqlValue) }
        package mutating func appendInterpolation(_ value: (some SQLBindable)?) { append(value?.sqlValue ?? .null) }

        package mutating func appendInterpolation(_ sql: SQL) {
            pieces[pieces.count - 1] += sql.pieces.first ?? ""
            pieces.append(contentsOf: sql.pieces.dropFirst())
            values.append(contentsOf: sql.values)
        }

        /// `IN \(list: names)`: each element bound; an empty list matches nothing.
        package mutating func appendInterpolation(list: [some SQLBindable]) {
            guard !list.isEmpty else { return appendLiteral("(NULL)") }
            appendLiteral("(")
            for (index, element) in list.enumerated() {
                if index > 0 { appendLiteral(", ") }
                append(element.sqlValue)
            }
            appendLiteral(")")
        }

        private mutating func append(_ value: SQLValue) {
            values.append(value)
            pieces.append("")
        }
    }

    /// The text with numbered parameters: `?1` for SQLite, `$1` for PostgreSQL.
    package func text(parameterSign sign: Character) -> String {
        var text = pieces.first ?? ""
        for (index, piece) in pieces.dropFirst().enumerated() {
            text.append(sign)
            text.append(String(index + 1))
            text.append(piece)
        }
        return text
    }
}

package enum SQLValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case bytes([UInt8])
}

/// A Swift value that can be bound.
package protocol SQLBindable {
    var sqlValue: SQLValue { get }
}

extension Int: SQLBindable { package var sqlValue: SQLValue { .integer(Int64(self)) } }
extension Int64: SQLBindable { package var sqlValue: SQLValue { .integer(self) } }
extension Bool: SQLBindable { package var sqlValue: SQLValue { .integer(self ? 1 : 0) } }
extension Double: SQLBindable { package var sqlValue: SQLValue { .real(self) } }
extension String: SQLBindable { package var sqlValue: SQLValue { .text(self) } }
extension [UInt8]: SQLBindable { package var sqlValue: SQLValue { .bytes(self) } }
extension Instant: SQLBindable { package var sqlValue: SQLValue { .integer(milliseconds) } }
extension AccountID: SQLBindable { package var sqlValue: SQLValue { .text(text) } }
extension Region: SQLBindable { package var sqlValue: SQLValue { .text(name) } }
extension ARN: SQLBindable { package var sqlValue: SQLValue { .text(description) } }
extension ContentAddress: SQLBindable { package var sqlValue: SQLValue { .text(hex) } }
