// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// What reads an event source and runs a function with what it finds. AWS: EventSourceMappingConfiguration
struct EventSourceMapping: Sendable, Equatable {
    /// AWS: UUID
    var id: String
    var scope: Scope
    var source: ARN
    var function: FunctionReference
    var settings: MappingSettings
    var state: MappingState
    /// What the caller wants it to be once it is settled.
    var isEnabled: Bool
    /// Of a stream's mapping; queues' have none.
    var lastResult: String?
    var lastModified: Instant
    /// Counts the changes, so that its reader sees them wherever they were made.
    var revision: Int

    var arn: ARN { scope.arn("lambda", "event-source-mapping:\(id)") }
    /// AWS: StateTransitionReason, which differs between queues and streams.
    var reason: String { source.service == "sqs" ? "USER_INITIATED" : "User action" }
    var isFIFO: Bool { source.resource.hasSuffix(".fifo") }
}

/// AWS: State
enum MappingState: String, Sendable {
    /// → enabled, disabled
    case creating = "Creating"
    /// → enabled
    case enabling = "Enabling"
    /// → updating, disabling, deleting
    case enabled = "Enabled"
    /// → enabled, disabled
    case updating = "Updating"
    /// Its batches under way end first. → disabled
    case disabling = "Disabling"
    /// → enabling, updating, deleting
    case disabled = "Disabled"
    /// Its batches under way end first. → gone
    case deleting = "Deleting"

    /// Only then it may be changed. AWS: ResourceInUseException
    var isSettled: Bool { self == .enabled || self == .disabled }

    /// What an accepted change makes of it.
    func changed(to wanted: Bool?, from isEnabled: Bool) -> MappingState {
        guard let wanted, wanted != isEnabled else { return .updating }
        return wanted ? .enabling : .disabling
    }

    /// Nil: it is gone.
    func settled(isEnabled: Bool) -> MappingState? {
        self == .deleting ? nil : isEnabled ? .enabled : .disabled
    }
}

/// What a caller decides about a mapping. Streams will add theirs.
struct MappingSettings: Sendable, Equatable {
    var batchSize = 10
    /// AWS: MaximumBatchingWindowInSeconds
    var windowSeconds = 0
    /// Patterns as they were given, at most five.
    var filters: [String] = []
    /// AWS: FunctionResponseTypes ReportBatchItemFailures
    var reportsItemFailures = false
    /// AWS: ScalingConfig.MaximumConcurrency
    var maximumConcurrency: Int?
    /// AWS: ProvisionedPollerConfig
    var pollers: ProvisionedPollers?
    /// AWS: MetricsConfig EventCount
    var countsEvents = false

    var text: String {
        var members: [JSONValue.Member] = [
            .init("batchSize", .integer(batchSize)), .init("window", .integer(windowSeconds)),
            .init("filters", .array(filters.map { .string($0) })), .init("reports", .bool(reportsItemFailures)),
        ]
        if let maximumConcurrency { members.append(.init("concurrency", .integer(maximumConcurrency))) }
        if let pollers { members.append(.init("pollers", pollers.json)) }
        if countsEvents { members.append(.init("counts", .bool(true))) }
        return JSONValue.object(members).compactText
    }

    init() {}

    /// Throws for what is damaged in the store.
    init(text: String) throws {
        let json = try JSONValue(parsing: text)
        guard case .integer(let batchSize)? = json["batchSize"], case .integer(let window)? = json["window"],
            case .bool(let reports)? = json["reports"], let filters = json["filters"]?.arrayValue
        else { throw Self.damaged }
        (self.batchSize, windowSeconds, reportsItemFailures) = (batchSize, window, reports)
        self.filters = filters.compactMap(\.stringValue)
        if case .integer(let limit)? = json["concurrency"] { maximumConcurrency = limit }
        if case .bool(let counts)? = json["counts"] { countsEvents = counts }
        if let stored = json["pollers"] {
            guard let pollers = ProvisionedPollers(stored) else { throw Self.damaged }
            self.pollers = pollers
        }
    }

    private static var damaged: MartletError {
        MartletError("lambda.row", "an event source mapping in the store is damaged")
    }
}
