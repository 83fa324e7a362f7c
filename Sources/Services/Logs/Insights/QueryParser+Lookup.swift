// SPDX-License-Identifier: Apache-2.0

extension QueryParser {
    /// Behind the word: `table column [as field], … OUTPUT|OUTPUTNEW column, …`
    mutating func lookup() throws(QueryFault) {
        scanner.skipSpace()
        let start = scanner.position
        guard let table = scanner.tableName() else { throw scanner.unexpected }
        var lookup = LookupPlan(table: table)
        repeat {
            guard let column = try scanner.name() else { throw scanner.unexpected }
            var field = column
            if scanner.takeWord("as") {
                guard let named = try scanner.name() else { throw scanner.unexpected }
                field = named
            }
            lookup.keys.append((column.name, names.resolve(field)))
        } while scanner.take(",")
        let keeps = scanner.takeWord("outputnew")
        guard keeps || scanner.takeWord("output") else { throw scanner.unexpected }
        let outputs = try lookupOutputs()
        let kept = outputs.map { keeps ? names.resolve($0) : nil }
        for (path, kept) in zip(outputs, kept) {
            let slot = names.make(path.name)
            lookup.outputs.append(.init(column: path.name, slot: slot, kept: kept))
            show(path.name, in: slot)
        }
        lookup.ordinal = plan.lookups.count
        guard lookup.ordinal < LookupPlan.maximumTables else {
            throw scanner.invalid("A query can look into at most \(LookupPlan.maximumTables) tables", since: start)
        }
        plan.stages.append(.lookup(lookup))
    }

    private mutating func lookupOutputs() throws(QueryFault) -> [FieldPath] {
        var outputs: [FieldPath] = []
        repeat {
            scanner.skipSpace()
            let start = scanner.position
            guard let column = try scanner.name() else { throw scanner.unexpected }
            guard !outputs.contains(where: { $0.name == column.name }) else {
                throw scanner.invalid("Duplicate output field in lookup", since: start)
            }
            outputs.append(column)
        } while scanner.take(",")
        return outputs
    }

    /// A field that was asked for before shows from now on what was looked up; another one comes behind.
    private mutating func show(_ name: String, in slot: Int) {
        let column = QueryPlan.Column(name: name, expression: .slot(slot))
        var isShown = false
        func replace(_ columns: inout [QueryPlan.Column]) {
            for index in columns.indices where columns[index].name == name {
                columns[index] = column
                isShown = true
            }
        }
        replace(&fields)
        replace(&parsed)
        if var shown = display {
            replace(&shown)
            display = shown
        }
        if !isShown { parsed.append(column) }
    }
}

extension QueryPlan {
    var lookups: [LookupPlan] {
        stages.compactMap { if case .lookup(let lookup) = $0 { lookup } else { nil } }
    }
}

extension QueryScanner {
    /// Letters, digits and underscores, the first of which may be a digit.
    mutating func tableName() -> String? {
        skipSpace()
        var ahead = self
        var name: [UInt8] = []
        while let byte = ahead.current, byte.isWordCharacter {
            name.append(byte)
            ahead.advance()
        }
        guard !name.isEmpty, ahead.current?.isSpace == true else { return nil }
        self = ahead
        return String(decoding: name, as: UTF8.self)
    }
}
