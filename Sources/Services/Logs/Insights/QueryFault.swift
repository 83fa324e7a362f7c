// SPDX-License-Identifier: Apache-2.0

/// Why a query cannot be compiled, and where.
struct QueryFault: Error, Equatable {
    let message: String
    /// Characters from the beginning of the query.
    let range: Range<Int>

    /// AWS's way to name a place: lines from one on, positions in the line from one on.
    static func unexpected(_ symbol: String, at offset: Int, in query: [UInt8]) -> QueryFault {
        let before = query[..<min(offset, query.count)]
        let line = before.count { $0 == 0x0a } + 1
        let lineStart = before.lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
        let position = String(decoding: before[lineStart...], as: UTF8.self).unicodeScalars.count + 1
        return make("unexpected symbol found \(symbol) at line \(line) and position \(position)", symbol, before)
    }

    /// Any other complaint about a piece of the query.
    static func invalid(_ message: String, _ symbol: String, at offset: Int, in query: [UInt8]) -> QueryFault {
        make(message, symbol, query[..<min(offset, query.count)])
    }

    private static func make(_ message: String, _ symbol: String, _ before: ArraySlice<UInt8>) -> QueryFault {
        let start = String(decoding: before, as: UTF8.self).unicodeScalars.count
        return QueryFault(message: message, range: start..<(start + symbol.unicodeScalars.count))
    }
}
