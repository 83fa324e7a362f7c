// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventPatterns

/// The filters of a mapping: a record passes when one of them matches. Compiled once per reader.
///
/// A queue's message is seen as its record, with the body as JSON when both it and the pattern are; a body that is text
/// matches only patterns for text. AWS: FilterCriteria
struct EventFilter: Sendable {
    static let limit = 5

    private let patterns: [EventPattern]

    init(_ filters: [String]) throws(PatternFault) {
        var patterns: [EventPattern] = []
        for filter in filters { patterns.append(try EventPattern(filter)) }
        self.patterns = patterns
    }

    /// Without filters everything passes.
    var isEmpty: Bool { patterns.isEmpty }

    func passes(_ record: QueueRecord) -> Bool {
        guard !patterns.isEmpty else { return true }
        let json = record.filterable
        return patterns.contains { $0.matches(json) }
    }
}
