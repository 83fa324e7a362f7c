// SPDX-License-Identifier: Apache-2.0
import RegularExpressions

/// Reads a query and makes its plan in one go: a name that is used is one that an earlier command has made, or an event's field.
struct QueryParser {
    static let maximumLength = 40_000
    static let maximumDepth = 64
    /// Of sums and products: a long one is a deep tree.
    static let maximumOperations = 250
    static let maximumStats = 2

    /// What names mean at one place of the query.
    struct Names {
        var slots: [String: Int] = [:]
        var next = 0
        /// Behind a `stats` there are no events any more.
        var isAggregated = false

        mutating func make(_ name: String) -> Int {
            let slot = allocate()
            slots[name] = slot
            return slot
        }

        mutating func allocate() -> Int {
            defer { next += 1 }
            return next
        }

        func resolve(_ path: FieldPath) -> Expression {
            if let slot = slots[path.name] { return .slot(slot) }
            for count in stride(from: path.pieces.count - 1, to: 0, by: -1) {
                let prefix = path.pieces[..<count].joined(separator: ".")
                if let slot = slots[prefix] { return .member(slot, Array(path.pieces[count...])) }
            }
            return isAggregated ? .constant(.null) : .field(EventField(path))
        }
    }

    enum Mode { case row, aggregate }

    var scanner: QueryScanner
    var names = Names()
    var mode = Mode.row
    /// Of the `stats` that is being read.
    var statistics = QueryPlan.Statistics()
    /// What its results are called.
    var results = Names()
    var depth = 0
    var operations = 0

    var plan = QueryPlan()
    var fields: [QueryPlan.Column] = []
    var parsed: [QueryPlan.Column] = []
    var display: [QueryPlan.Column]?
    /// Where in `plan.stages` the rows that are being made now began.
    private var statsCount = 0

    private init(_ text: String) { scanner = QueryScanner(text) }

    /// Throws `QueryFault`.
    static func plan(_ text: String) throws(QueryFault) -> QueryPlan {
        guard text.utf8.count <= maximumLength else {
            throw QueryFault(message: "Query string exceeds the maximum length", range: 0..<0)
        }
        var parser = QueryParser(text)
        return try parser.query()
    }

    private mutating func query() throws(QueryFault) -> QueryPlan {
        repeat {
            try command()
            guard plan.stages.count <= QueryPlan.maximumStages else { throw scanner.unexpected }
        } while scanner.take("|")
        guard scanner.isAtEnd else { throw scanner.unexpected }
        closeSegment()
        plan.columns = columns()
        plan.isAggregated = names.isAggregated
        return plan
    }

    private mutating func command() throws(QueryFault) {
        if let last = plan.stages.last, case .dedup = last {
            // As in AWS, nothing but `limit` may follow.
            guard scanner.takeWord("limit") else { throw scanner.unexpected }
            return try limit()
        }
        if scanner.takeWord("fields") { return try fieldsCommand() }
        if scanner.takeWord("display") { return try displayCommand() }
        if scanner.takeWord("filter") { return plan.stages.append(.filter(try expression())) }
        if scanner.takeWord("filterindex") { return try filterIndex() }
        if scanner.takeWord("stats") { return try stats() }
        if scanner.takeWord("sort") { return try sort() }
        if scanner.takeWord("limit") || scanner.takeWord("head") { return try limit() }
        if scanner.takeWord("parse") { return try parse() }
        if scanner.takeWord("dedup") { return try dedup() }
        if scanner.takeWord("lookup") { return try lookup() }
        for known in Self.unsupported where scanner.takeWord(known) {
            throw scanner.invalid("Martlet does not implement the query command \(known) yet.", since: scanner.position)
        }
        throw scanner.unexpected
    }

    private static let unsupported = [
        "pattern", "diff", "anomaly", "unnest", "source", "join", "expand", "tail",
        "addtotals", "relevantfields",
    ]

    // MARK: Columns

    private mutating func fieldsCommand() throws(QueryFault) {
        var computed: [QueryPlan.Computed] = []
        var added: [(name: String, expression: Expression)] = []
        repeat {
            let (name, expression, isPlain) = try item()
            if isPlain {
                added.append((name, expression))
            } else {
                let slot = names.allocate()
                computed.append(.init(slot: slot, expression: expression))
                added.append((name, .slot(slot)))
            }
        } while scanner.take(",")
        if !computed.isEmpty { plan.stages.append(.compute(computed)) }
        for (name, expression) in added {
            if case .slot(let slot) = expression { names.slots[name] = slot }
            fields.append(.init(name: name, expression: expression))
        }
    }

    private mutating func displayCommand() throws(QueryFault) {
        var shown: [QueryPlan.Column] = []
        repeat {
            let (name, expression, _) = try item()
            shown.append(.init(name: name, expression: expression))
        } while scanner.take(",")
        display = shown
    }

    /// An expression with its alias, or with its own text as its name. Plain is a field under its own name.
    private mutating func item() throws(QueryFault) -> (name: String, Expression, isPlain: Bool) {
        scanner.skipSpace()
        let start = scanner.position
        let value = try expression()
        let text = scanner.text(since: start)
        if let alias = try alias() { return (alias, value, false) }
        switch value {
        case .field, .slot, .member: return (text.replacing("`", with: ""), value, true)
        case .constant(.null) where names.isAggregated: return (text, value, true)
        default: return (text, value, false)
        }
    }

    mutating func alias() throws(QueryFault) -> String? {
        guard scanner.takeWord("as") else { return nil }
        guard let path = try scanner.name() else { throw scanner.unexpected }
        return path.name
    }

    private func columns() -> [QueryPlan.Column] {
        var shown: [QueryPlan.Column]
        if let display {
            shown = display
        } else {
            shown = fields
            if fields.isEmpty, !names.isAggregated {
                shown = [
                    .init(name: "@timestamp", expression: .field(.timestamp)),
                    .init(name: "@message", expression: .field(.message)),
                ]
            }
            shown += parsed
        }
        var seen: Set<String> = []
        shown = shown.reversed().filter { seen.insert($0.name).inserted }.reversed()
        if !names.isAggregated { shown.append(.init(name: "@ptr", expression: .field(.pointer))) }
        return shown
    }

    // MARK: Stats

    private mutating func stats() throws(QueryFault) {
        statsCount += 1
        guard statsCount <= Self.maximumStats else { throw scanner.unexpected }
        statistics = QueryPlan.Statistics()
        results = Names(isAggregated: true)
        var computed: [QueryPlan.Computed] = []
        var columns: [QueryPlan.Column] = []
        repeat {
            let (name, slot) = try statsItem(&computed)
            columns.append(.init(name: name, expression: .slot(slot)))
        } while scanner.take(",")
        if scanner.takeWord("by") { columns = try groupKeys() + columns }
        closeSegment()
        plan.stages.append(.stats(statistics))
        if !computed.isEmpty { plan.stages.append(.compute(computed)) }
        names = results
        (fields, parsed, display) = (columns, [], nil)
    }

    private mutating func statsItem(_ computed: inout [QueryPlan.Computed]) throws(QueryFault) -> (String, Int) {
        scanner.skipSpace()
        let start = scanner.position
        let before = scanner
        mode = .aggregate
        let value = try expression()
        mode = .row
        let text = scanner.text(since: start)
        let name = try alias() ?? text
        guard value.usesSlots else { throw before.unexpected }
        if case .slot(let slot) = value {
            results.slots[name] = slot
            return (name, slot)
        }
        let slot = results.make(name)
        computed.append(.init(slot: slot, expression: value))
        return (name, slot)
    }

    private mutating func groupKeys() throws(QueryFault) -> [QueryPlan.Column] {
        var columns: [QueryPlan.Column] = []
        repeat {
            scanner.skipSpace()
            let start = scanner.position
            let value = try expression()
            let text = scanner.text(since: start).replacing("`", with: "")
            let name = try alias() ?? text
            let slot = results.make(name)
            statistics.keys.append(.init(slot: slot, expression: value))
            columns.append(.init(name: name, expression: .slot(slot)))
        } while scanner.take(",")
        return columns
    }

    /// The rows up to here have as many slots as were made for them.
    private mutating func closeSegment() {
        guard let index = plan.stages.lastIndex(where: { if case .stats = $0 { true } else { false } }),
            case .stats(var earlier) = plan.stages[index]
        else {
            plan.slotCount = names.next
            return
        }
        earlier.slotCount = names.next
        plan.stages[index] = .stats(earlier)
    }

    // MARK: Rows

    /// A filter of indexed fields, by equality: `requestId = "a" and user in ["b", "c"]`. Comes before anything else that
    /// changes rows.
    private mutating func filterIndex() throws(QueryFault) {
        var conditions: [Expression] = []
        repeat {
            let before = scanner
            guard let path = try scanner.name(), case .field = names.resolve(path) else { throw before.unexpected }
            var ahead = scanner
            guard ahead.take("=") || ahead.takeWord("in") else { throw scanner.unexpected }
            plan.indexedFields.append(path.name)
            scanner = before
            conditions.append(try comparison())
        } while scanner.takeWord("and")
        plan.stages.append(.filter(conditions.count == 1 ? conditions[0] : .all(conditions)))
    }

    private mutating func sort() throws(QueryFault) {
        var keys: [QueryPlan.SortKey] = []
        repeat {
            let value = try expression()
            let isDescending = scanner.takeWord("desc")
            if !isDescending { _ = scanner.takeWord("asc") }
            keys.append(.init(expression: value, isDescending: isDescending))
        } while scanner.take(",")
        plan.stages.append(.sort(keys))
    }

    private mutating func limit() throws(QueryFault) {
        let stopsScan = scanner.takeWord("any")
        let before = scanner
        guard let number = try scanner.number(), let count = Int(exactly: number),
            1...QueryPlan.maximumResults ~= count
        else { throw before.unexpected }
        plan.stages.append(.limit(count, stopsScan: stopsScan))
    }

    private mutating func dedup() throws(QueryFault) {
        var keys: [Expression] = []
        repeat {
            guard let path = try scanner.name() else { throw scanner.unexpected }
            keys.append(names.resolve(path))
        } while scanner.take(",")
        plan.stages.append(.dedup(keys))
    }

    private mutating func parse() throws(QueryFault) {
        var subject = Expression.field(.message)
        if let path = try scanner.name() { subject = names.resolve(path) }
        scanner.skipSpace()
        let start = scanner.position
        if let text = try scanner.string() {
            let glob = GlobPattern(text)
            guard scanner.takeWord("as") else { throw scanner.unexpected }
            let made = try aliases()
            guard glob.count == made.count, glob.count > 0 else {
                throw scanner.invalid("Number of wildcards must match number of aliases in parse", since: start)
            }
            addParse(subject, .glob(glob), made)
        } else if let source = try scanner.regexSource() {
            guard let expression = RegularExpression(source) else {
                throw scanner.invalid("Invalid regular expression", since: start)
            }
            let groups = expression.groupNames
            guard !groups.isEmpty else {
                throw scanner.invalid("Regular expression must contain at least one named capture group", since: start)
            }
            addParse(subject, .expression(expression, groups), groups)
        } else {
            throw scanner.unexpected
        }
    }

    private mutating func aliases() throws(QueryFault) -> [String] {
        var made: [String] = []
        repeat {
            guard let path = try scanner.name() else { throw scanner.unexpected }
            made.append(path.name)
        } while scanner.take(",")
        return made
    }

    private mutating func addParse(_ subject: Expression, _ extractor: FieldExtractor, _ made: [String]) {
        let slots = made.map { names.make($0) }
        plan.stages.append(.parse(subject, extractor, slots: slots))
        for (name, slot) in zip(made, slots) { parsed.append(.init(name: name, expression: .slot(slot))) }
    }
}

extension Expression {
    /// Whether it looks at anything that was made before: behind a `stats` nothing else is there.
    var usesSlots: Bool {
        switch self {
        case .slot, .member: true
        case .constant, .field, .unmasked: false
        case .not(let inner), .like(let inner, _): inner.usesSlots
        case .all(let parts), .any(let parts), .call(_, let parts): parts.contains(where: \.usesSlots)
        case .compare(_, let left, let right), .arithmetic(_, let left, let right): left.usesSlots || right.usesSlots
        case .isIn(let subject, let list): subject.usesSlots || list.contains(where: \.usesSlots)
        }
    }
}
