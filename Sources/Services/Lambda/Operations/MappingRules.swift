// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventPatterns
import MartletCore

/// What a request changes of a mapping's settings. Nil members leave it as it is.
struct MappingChange: Sendable {
    var batchSize: Int?
    var windowSeconds: Int?
    var filters: [Filter]?
    var responseTypes: [FunctionResponseType]?
    var scaling: ScalingConfig?
    var pollers: ProvisionedPollerConfig?
    var metrics: [EventSourceMappingMetric]?

    init(_ input: CreateEventSourceMappingInput) {
        (batchSize, windowSeconds) = (input.batchSize, input.maximumBatchingWindowInSeconds)
        filters = input.filterCriteria.map { $0.filters ?? [] }
        (responseTypes, scaling) = (input.functionResponseTypes, input.scalingConfig)
        (pollers, metrics) = (input.provisionedPollerConfig, input.metricsConfig.map { $0.metrics ?? [] })
    }

    init(_ input: UpdateEventSourceMappingInput) {
        (batchSize, windowSeconds) = (input.batchSize, input.maximumBatchingWindowInSeconds)
        filters = input.filterCriteria.map { $0.filters ?? [] }
        (responseTypes, scaling) = (input.functionResponseTypes, input.scalingConfig)
        (pollers, metrics) = (input.provisionedPollerConfig, input.metricsConfig.map { $0.metrics ?? [] })
    }
}

extension MappingSettings {
    /// Throws InvalidParameterValueException for what a queue's mapping cannot be.
    func changed(by change: MappingChange, isFIFO: Bool) throws -> MappingSettings {
        var settings = self
        settings.batchSize = change.batchSize ?? batchSize
        settings.windowSeconds = change.windowSeconds ?? windowSeconds
        settings.filters = try change.filters.map(Self.patterns) ?? filters
        settings.reportsItemFailures = change.responseTypes.map { !$0.isEmpty } ?? reportsItemFailures
        // An empty structure takes the limit away.
        if let scaling = change.scaling { settings.maximumConcurrency = scaling.maximumConcurrency }
        if let pollers = change.pollers { settings.pollers = try pollers.changing(self.pollers) }
        if let metrics = change.metrics { settings.countsEvents = try MappingRules.countsEvents(metrics) }
        try settings.check(isFIFO: isFIFO)
        return settings
    }

    private func check(isFIFO: Bool) throws {
        guard pollers == nil || maximumConcurrency == nil else {
            throw InvalidParameterValueException(
                "MaximumConcurrency and ProvisionedPollerConfig cannot both be set for an event source mapping."
            )
        }
        if isFIFO {
            guard batchSize <= 10 else {
                throw InvalidParameterValueException("Batch size must not exceed 10 for FIFO queues.")
            }
            guard windowSeconds == 0 else {
                throw InvalidParameterValueException("Batching window is not supported for FIFO queues.")
            }
        }
        guard batchSize <= 10 || windowSeconds > 0 else {
            throw InvalidParameterValueException(
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
            )
        }
    }

    private static func patterns(_ filters: [Filter]) throws -> [String] {
        guard filters.count <= EventFilter.limit else {
            throw InvalidParameterValueException(
                "The number of filters exceeds the limit of \(EventFilter.limit) for an event source mapping."
            )
        }
        let patterns = filters.compactMap(\.pattern)
        guard patterns.count == filters.count, (try? EventFilter(patterns)) != nil else {
            throw InvalidParameterValueException("Invalid filter pattern definition.")
        }
        return patterns
    }
}

enum MappingRules {
    /// What reading a queue takes of a role, with the call's name in AWS's messages.
    static let queueActions = [
        ("sqs:ReceiveMessage", "ReceiveMessage"), ("sqs:DeleteMessage", "DeleteMessage"),
        ("sqs:GetQueueAttributes", "GetQueueAttributes"),
    ]

    /// Throws 501 for sources that AWS reads and Martlet does not yet.
    static func source(_ text: String?) throws -> ARN {
        guard let text, let arn = ARN(text) else {
            throw InvalidParameterValueException("Unrecognized event source.")
        }
        let others = [
            "kinesis": "Kinesis streams", "dynamodb": "DynamoDB streams", "kafka": "MSK clusters", "mq": "MQ brokers",
            "rds": "DocumentDB clusters",
        ]
        if let other = others[arn.service] { throw CommonError.notImplemented("event source mappings of \(other)") }
        guard arn.service == "sqs", arn.scope != nil else {
            throw InvalidParameterValueException("Unrecognized event source.")
        }
        return arn
    }

    static func refuseUnsupported(_ input: CreateEventSourceMappingInput) throws {
        let isElsewhere =
            input.selfManagedEventSource != nil || input.topics != nil || input.queues != nil
            || input.amazonManagedKafkaEventSourceConfig != nil || input.selfManagedKafkaEventSourceConfig != nil
            || input.documentDBEventSourceConfig != nil || input.sourceAccessConfigurations?.isEmpty == false
        if isElsewhere { throw CommonError.notImplemented("event source mappings of other sources than SQS") }
        if input.startingPosition != nil || input.startingPositionTimestamp != nil {
            throw InvalidParameterValueException("StartingPosition is not valid for SQS event sources.")
        }
        try refuseStreams(
            [
                ("ParallelizationFactor", input.parallelizationFactor != nil),
                ("MaximumRecordAgeInSeconds", input.maximumRecordAgeInSeconds != nil),
                ("BisectBatchOnFunctionError", input.bisectBatchOnFunctionError == true),
                ("MaximumRetryAttempts", input.maximumRetryAttempts != nil),
                ("TumblingWindowInSeconds", input.tumblingWindowInSeconds ?? 0 != 0),
            ],
            input.destinationConfig
        )
        try refuseLater(input.kmsKeyArn, logging: input.loggingConfig != nil)
    }

    static func refuseUnsupported(_ input: UpdateEventSourceMappingInput) throws {
        let isElsewhere =
            input.amazonManagedKafkaEventSourceConfig != nil || input.selfManagedKafkaEventSourceConfig != nil
            || input.documentDBEventSourceConfig != nil || input.sourceAccessConfigurations?.isEmpty == false
        if isElsewhere { throw CommonError.notImplemented("event source mappings of other sources than SQS") }
        try refuseStreams(
            [
                ("ParallelizationFactor", input.parallelizationFactor != nil),
                ("MaximumRecordAgeInSeconds", input.maximumRecordAgeInSeconds != nil),
                ("BisectBatchOnFunctionError", input.bisectBatchOnFunctionError == true),
                ("MaximumRetryAttempts", input.maximumRetryAttempts != nil),
                ("TumblingWindowInSeconds", input.tumblingWindowInSeconds ?? 0 != 0),
            ],
            input.destinationConfig
        )
        try refuseLater(input.kmsKeyArn, logging: input.loggingConfig != nil)
    }

    /// What only streams have.
    private static func refuseStreams(
        _ members: [(name: String, isGiven: Bool)],
        _ destinations: DestinationConfig?
    ) throws {
        let destination = destinations?.onFailure?.named ?? destinations?.onSuccess?.named
        for (name, isGiven) in members + [("DestinationConfig", destination != nil)] where isGiven {
            throw InvalidParameterValueException("\(name) is not supported for SQS event source mappings.")
        }
    }

    private static func refuseLater(_ key: String?, logging: Bool) throws {
        if key?.isEmpty == false { throw CommonError.notImplemented("KMSKeyArn") }
        if logging { throw CommonError.notImplemented("LoggingConfig of an event source mapping") }
    }
}

extension ARN {
    var isFIFOQueue: Bool { resource.hasSuffix(".fifo") }
}
