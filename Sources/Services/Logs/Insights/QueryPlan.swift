// SPDX-License-Identifier: Apache-2.0
import RegularExpressions

/// A query that can be run: its stages in order, and what is shown of the rows that come out.
struct QueryPlan: Sendable {
    /// What may be asked of one query, and what it gives that was asked for no number.
    static let maximumResults = 100_000
    static let usualResults = 10_000
    static let maximumStages = 100

    indirect enum Stage: Sendable {
        case filter(Expression)
        case compute([Computed])
        case parse(Expression, FieldExtractor, slots: [Int])
        case stats(Statistics)
        case sort([SortKey])
        case limit(Int, stopsScan: Bool)
        case dedup([Expression])
        case lookup(LookupPlan)

        /// Whether a row goes on by itself, at once.
        var isStreaming: Bool {
            switch self {
            case .filter, .compute, .parse, .lookup: true
            case .stats, .sort, .limit, .dedup: false
            }
        }
    }

    /// Rows that are kept when StartQuery names no limit.
    var resultLimit: Int {
        let isLimited = stages.contains { if case .limit = $0 { true } else { false } }
        return isLimited ? Self.maximumResults : Self.usualResults
    }

    struct Computed: Sendable {
        var slot: Int
        var expression: Expression
    }

    struct SortKey: Sendable {
        var expression: Expression
        var isDescending: Bool
    }

    struct Statistics: Sendable {
        var aggregates: [(slot: Int, aggregate: Aggregate)] = []
        var keys: [Computed] = []
        /// Of the rows that come out, with what later stages compute.
        var slotCount = 0
    }

    struct Column: Sendable {
        var name: String
        var expression: Expression
    }

    var stages: [Stage] = []
    var columns: [Column] = []
    /// Slots of the rows that events become.
    var slotCount = 0
    var isAggregated = false
    /// Fields that `filterIndex` names: groups without an index of them are not looked through.
    var indexedFields: [String] = []
    /// Whether it shows what is masked.
    var unmasks = false

    /// Whether it matters in which order events come: not where everything is counted together first.
    var needsOrder: Bool {
        guard let first = stages.first(where: { !$0.isStreaming }) else { return true }
        switch first {
        case .stats, .sort: return false
        case .limit, .dedup, .filter, .compute, .parse, .lookup: return true
        }
    }

    /// Oldest first where groups are made, so that they come out in the order of time; else newest first, as AWS shows.
    var isDescending: Bool {
        if let first = stages.first(where: { !$0.isStreaming }), case .stats = first { return false }
        return true
    }
}

/// What `parse` takes out of a text.
enum FieldExtractor: Sendable {
    case glob(GlobPattern)
    case expression(RegularExpression, [String])

    /// A value for each field; nil where the text is not of that form.
    func values(of text: String) -> [String?]? {
        switch self {
        case .glob(let glob): glob.values(of: text)
        case .expression(let expression, let names):
            expression.firstMatch(in: text).map { match in names.map { match[$0] } }
        }
    }
}

/// `user=*, method:*`: what stands between the pieces, wherever the first piece is found.
struct GlobPattern: Sendable {
    private let pieces: [[UInt8]]

    init(_ text: String) {
        pieces = text.utf8.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false).map(Array.init)
    }

    /// How many asterisks it has.
    var count: Int { pieces.count - 1 }

    func values(of text: String) -> [String?]? {
        var text = text
        return text.withUTF8 { values(of: ByteText($0)) }
    }

    private func values(of text: ByteText) -> [String?]? {
        guard let first = pieces.first, let found = text.find(first, from: 0) else { return nil }
        var position = found + first.count
        var values: [String?] = []
        for (index, piece) in pieces.enumerated().dropFirst() {
            let isLast = index == pieces.count - 1
            let end: Int
            if piece.isEmpty {
                // Two asterisks in a row share nothing: the first takes nothing, the last one the rest.
                end = isLast ? text.count : position
            } else if let next = text.find(piece, from: position) {
                end = next
            } else {
                return nil
            }
            values.append(text[position..<end].text)
            position = end + piece.count
        }
        return values
    }
}
