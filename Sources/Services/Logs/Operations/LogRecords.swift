// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LogsService {
    /// All fields of the event that a result's `@ptr` points to. AWS: GetLogRecord
    func getLogRecord(_ input: GetLogRecordInput, _ context: RequestContext) async throws -> GetLogRecordOutput {
        var output = GetLogRecordOutput()
        output.logRecord = try await record(input.logRecordPointer, unmask: input.unmask, context)
        return output
    }

    func record(_ pointerText: String, unmask: Bool?, _ context: RequestContext) async throws -> [String: String] {
        guard let pointer = RecordPointer(pointerText) else {
            throw InvalidParameterException("The specified log record pointer is invalid.")
        }
        let now = clock.now
        let group = try await store.read(context.scope) { try $0.group(numbered: pointer.group)?.name } ?? ""
        let isUnmasked = try await allowsUnmasking(unmask, ofGroup: group, context)
        let record = try await store.read(context.scope) { logs -> [String: String]? in
            guard let group = try logs.group(numbered: pointer.group),
                let stream = try logs.name(ofStream: pointer.stream)
            else { return nil }
            let horizon = Retention.horizon(days: group.retentionDays, at: now)?.milliseconds ?? 0
            var query = EventQuery(source: .stream(pointer.stream))
            query.after = pointer.position.previous
            query.before = pointer.position.next
            var found: StoredEvent?
            try logs.events(query) { event in
                found = isUnmasked ? event.unmasked : event
                return false
            }
            guard let found, found.position.timestamp >= Int(horizon) else { return nil }
            let source = RecordSource(account: context.scope.account.text, group: group.name, groupID: group.id)
            return Self.fields(of: InsightsRecord(found, in: stream, of: source, slots: 0))
        }
        guard let record else { throw ResourceNotFoundException("The specified log record does not exist.") }
        return record
    }

    /// Times as numbers here, not as results show them.
    private static func fields(of record: InsightsRecord) -> [String: String] {
        let pairs = record.allFields().compactMap { name, value -> (String, String)? in
            if case .time(let time) = value { return (name, String(time)) }
            return value.text.map { (name, $0) }
        }
        return Dictionary(pairs) { first, _ in first }
    }

    /// The fields of the events around a time, and in how many of them each is: of the newest 1,000 of fifteen minutes.
    /// AWS: GetLogGroupFields
    func getLogGroupFields(
        _ input: GetLogGroupFieldsInput,
        _ context: RequestContext
    ) async throws -> GetLogGroupFieldsOutput {
        let name = try Self.groupName(input.logGroupName, or: input.logGroupIdentifier, in: context.scope)
        let now = Int(clock.now.milliseconds)
        let window = 15 * 60_000
        // Eight minutes on both sides of a time that is given, as AWS documents; else the last fifteen minutes.
        let range =
            input.time.map { time in
                let centre = min(max(time, 0), EventPosition.latestTimestamp / 1_000) * 1_000
                return (centre - 8 * 60_000, centre + 8 * 60_000)
            } ?? (now - window, now)
        let counts = try await store.read(context.scope) { logs -> (fields: [String: Int], events: Int) in
            let group = try logs.requireGroup(name)
            let horizon = Retention.horizon(days: group.retentionDays, at: Instant(milliseconds: Int64(now)))
            var query = EventQuery(source: .group(group.id))
            query.after = .before(max(range.0, Int(horizon?.milliseconds ?? 0)))
            query.before = .behind(range.1)
            query.descending = true
            let source = RecordSource(account: context.scope.account.text, group: name, groupID: group.id)
            var (fields, events): ([String: Int], Int) = ([:], 0)
            try logs.events(query) { event in
                let record = InsightsRecord(event, in: "-", of: source, slots: 0)
                for (name, _) in record.allFields() where name != "@ptr" { fields[name, default: 0] += 1 }
                events += 1
                return events < 1_000
            }
            return (fields, events)
        }
        var output = GetLogGroupFieldsOutput()
        output.logGroupFields = counts.fields.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { name, count in
            var field = LogGroupField()
            field.name = name
            field.percent = counts.events == 0 ? 0 : count * 100 / counts.events
            return field
        }
        return output
    }
}
