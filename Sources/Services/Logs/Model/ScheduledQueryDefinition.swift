// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// What a scheduled query is to do, as a request says it and the store keeps it.
struct ScheduledQueryDefinition: Sendable, Equatable {
    /// A lookup table that each successful run replaces.
    struct Destination: Sendable, Equatable {
        var table: String
        var role: String
        var description: String?
        /// For a table that the first run makes.
        var tags: [String: String]
    }

    var description: String?
    var query: String
    /// Names or ARNs, as they were given.
    var groups: [String]
    var expression: String
    var timezone: String?
    /// Seconds before the time of the run.
    var startOffset: Int?
    var endOffset: Int?
    /// As they were given: seconds or milliseconds since 1970.
    var startTime: Int?
    var endTime: Int?
    var role: String
    var destination: Destination?

    /// Throws `ScheduleFault`.
    func schedule(from anchor: Instant, _ zones: ZoneCatalog) throws(ScheduleFault) -> QuerySchedule {
        var rules = ZoneRules.utc
        if let timezone {
            guard let found = zones.zone(timezone) else {
                throw ScheduleFault("the time zone \(timezone.prefix(64)) is not known on this host")
            }
            rules = found
        }
        let instant = { (time: Int) in Instant(milliseconds: Int64(LogsService.milliseconds(time))) }
        return try QuerySchedule(
            expression,
            zone: rules,
            from: anchor,
            start: startTime.map(instant),
            end: endTime.map(instant)
        )
    }

    /// The times of the events that a run looks at, in milliseconds, both included. Without a start offset it is what lies
    /// behind the run before, by the schedule.
    func range(ofRunAt time: Instant, _ schedule: QuerySchedule) -> ClosedRange<Int> {
        let now = max(Int(time.milliseconds), 0)
        let previous = schedule.previous(upTo: time - .milliseconds(1)).map { now - Int($0.milliseconds) }
        let start = startOffset.map { $0 * 1_000 } ?? max(previous ?? 3_600_000, (endOffset ?? 0) * 1_000)
        let end = max(now - (endOffset ?? 0) * 1_000, 0)
        return min(max(now - start, 0), end)...end
    }
}

extension ScheduledQueryDefinition {
    /// What CreateScheduledQuery and UpdateScheduledQuery have in common. Throws `ValidationException`, and 501 for what
    /// Martlet does not have.
    init(_ input: CreateScheduledQueryInput) throws {
        guard input.queryLanguage == .cwli else {
            throw CommonError.notImplemented("the query language \(input.queryLanguage.rawValue)")
        }
        description = input.description
        query = input.queryString
        groups = input.logGroupIdentifiers ?? []
        expression = input.scheduleExpression
        timezone = input.timezone
        (startOffset, endOffset) = (input.startTimeOffset, input.endTimeOffset)
        (startTime, endTime) = (input.scheduleStartTime, input.scheduleEndTime)
        role = input.executionRoleArn
        destination = try input.destinationConfiguration.flatMap(Self.destination)
        try check()
    }

    init(_ input: UpdateScheduledQueryInput) throws {
        var create = CreateScheduledQueryInput()
        create.description = input.description
        create.queryLanguage = input.queryLanguage
        create.queryString = input.queryString
        create.logGroupIdentifiers = input.logGroupIdentifiers
        create.scheduleExpression = input.scheduleExpression
        create.timezone = input.timezone
        (create.startTimeOffset, create.endTimeOffset) = (input.startTimeOffset, input.endTimeOffset)
        (create.scheduleStartTime, create.scheduleEndTime) = (input.scheduleStartTime, input.scheduleEndTime)
        create.executionRoleArn = input.executionRoleArn
        create.destinationConfiguration = input.destinationConfiguration
        try self.init(create)
    }

    private static func destination(_ configuration: DestinationConfiguration) throws -> Destination? {
        guard configuration.s3Configuration == nil else {
            throw ValidationException("Martlet has no S3 yet: results cannot be delivered to s3Configuration.")
        }
        guard let table = configuration.lookupTableConfiguration else { return nil }
        guard table.kmsKeyId?.isEmpty ?? true else { throw CommonError.notImplemented("KMS keys of lookup tables") }
        return Destination(
            table: table.tableName,
            role: table.roleArn,
            description: table.description,
            tags: table.tags ?? [:]
        )
    }

    private func check() throws {
        guard !groups.isEmpty else {
            throw ValidationException("logGroupIdentifiers must name at least one log group.")
        }
        for (name, offset) in [("startTimeOffset", startOffset), ("endTimeOffset", endOffset)] {
            guard offset.map({ 0...LogLimits.longestOffset ~= $0 }) ?? true else {
                throw ValidationException("\(name) must be from 0 to \(LogLimits.longestOffset) seconds.")
            }
        }
        if let startOffset, startOffset <= endOffset ?? 0 {
            throw ValidationException("endTimeOffset must be less than startTimeOffset.")
        }
        if let startTime, let endTime, LogsService.milliseconds(endTime) <= LogsService.milliseconds(startTime) {
            throw ValidationException("scheduleEndTime must be after scheduleStartTime.")
        }
    }

    /// As answers show it.
    var destinationConfiguration: DestinationConfiguration? {
        guard let destination else { return nil }
        var table = LookupTableConfiguration()
        table.tableName = destination.table
        table.roleArn = destination.role
        table.description = destination.description
        if !destination.tags.isEmpty { table.tags = destination.tags }
        var configuration = DestinationConfiguration()
        configuration.lookupTableConfiguration = table
        return configuration
    }
}

extension ScheduledQueryDefinition.Destination {
    /// As the store keeps it.
    var text: String {
        let tags = tags.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, .string($0.value)) }
        var members: [JSONValue.Member] = [
            .init("table", .string(table)), .init("role", .string(role)), .init("tags", .object(tags)),
        ]
        if let description { members.append(.init("description", .string(description))) }
        return JSONValue.object(members).compactText
    }

    /// Throws for what is no such text.
    init(text: String) throws {
        let json = try JSONValue(parsing: text)
        table = json["table"]?.stringValue ?? ""
        role = json["role"]?.stringValue ?? ""
        description = json["description"]?.stringValue
        tags = [:]
        guard case .object(let members)? = json["tags"] else { return }
        for member in members { tags[member.name] = member.value.stringValue }
    }
}
