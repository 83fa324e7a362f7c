// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// What a queue was told: the attributes as AWS shows them, and what they mean.
struct QueueSettings: Sendable, Equatable {
    /// Only those that were given. Defaults are added when they are shown.
    private(set) var attributes: [String: String]
    let isFIFO: Bool
    private(set) var delaySeconds = 0
    private(set) var visibilitySeconds = 30
    private(set) var waitSeconds = 0
    private(set) var retentionSeconds = 345_600
    private(set) var maximumBytes = SQSLimits.messageBytes
    private(set) var redrive: RedrivePolicy?
    private(set) var redriveAllow: RedriveAllowPolicy?
    private(set) var deduplicatesByContent = false
    private(set) var deduplicatesByGroup = false

    /// Throws AWS's errors for attributes that are unknown, of the other kind of queue, or wrong.
    init(_ attributes: [String: String], isFIFO: Bool) throws {
        self.attributes = [:]
        self.isFIFO = isFIFO
        try set(attributes)
    }

    var retention: Duration { .seconds(Int64(retentionSeconds)) }

    /// Takes all of the changes or throws. An empty policy or key takes the attribute away.
    mutating func set(_ changes: [String: String]) throws {
        var next = self
        for (name, value) in changes.sorted(by: { $0.key < $1.key }) {
            try next.judge(name, value)
            next.attributes[name] = value.isEmpty && Self.removable.contains(name) ? nil : value
        }
        try next.interpret()
        self = next
    }

    private static let removable: Set<String> = ["Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId"]
    private static let ranges: [String: ClosedRange<Int>] = [
        "DelaySeconds": 0...SQSLimits.delaySeconds,
        "MaximumMessageSize": 1_024...SQSLimits.messageBytes,
        "MessageRetentionPeriod": 60...1_209_600,
        "ReceiveMessageWaitTimeSeconds": 0...SQSLimits.waitSeconds,
        "VisibilityTimeout": 0...SQSLimits.visibilitySeconds,
        "KmsDataKeyReusePeriodSeconds": 60...86_400,
    ]
    private static let choices: [String: [String]] = [
        "FifoQueue": ["true"],
        "ContentBasedDeduplication": ["true", "false"],
        "DeduplicationScope": ["messageGroup", "queue"],
        "FifoThroughputLimit": ["perQueue", "perMessageGroupId"],
        "SqsManagedSseEnabled": ["true", "false"],
    ]
    static let ofFIFOOnly: Set<String> = [
        "FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit",
    ]

    private func judge(_ name: String, _ value: String) throws {
        if Self.ofFIFOOnly.contains(name), !isFIFO { throw InvalidAttributeName.unknown(name) }
        if let range = Self.ranges[name] {
            guard let number = Int(value), range.contains(number) else { throw InvalidAttributeValue.parameter(name) }
        } else if let choices = Self.choices[name] {
            guard choices.contains(value.lowercased()) || choices.contains(value) else {
                throw InvalidAttributeValue.parameter(name)
            }
        } else if name == "Policy" {
            guard value.isEmpty || Self.isJSONObject(value) else { throw InvalidAttributeValue.parameter(name) }
        } else if name == "KmsMasterKeyId" {
            guard value.utf8.count <= 2_048 else { throw InvalidAttributeValue.parameter(name) }
        } else if !Self.removable.contains(name) {
            throw InvalidAttributeName.unknown(name)
        }
    }

    private static func isJSONObject(_ text: String) -> Bool {
        if case .object? = try? JSONValue(parsing: text) { return true }
        return false
    }

    /// Of attributes that have been judged.
    private mutating func interpret() throws {
        func number(_ name: String, _ usual: Int) -> Int { attributes[name].flatMap { Int($0) } ?? usual }
        delaySeconds = number("DelaySeconds", 0)
        visibilitySeconds = number("VisibilityTimeout", 30)
        waitSeconds = number("ReceiveMessageWaitTimeSeconds", 0)
        retentionSeconds = number("MessageRetentionPeriod", 345_600)
        maximumBytes = number("MaximumMessageSize", SQSLimits.messageBytes)
        redrive = try attributes["RedrivePolicy"].map { try RedrivePolicy(parsing: $0) }
        redriveAllow = try attributes["RedriveAllowPolicy"].map { try RedriveAllowPolicy(parsing: $0) }
        deduplicatesByContent = attributes["ContentBasedDeduplication"]?.lowercased() == "true"
        deduplicatesByGroup = attributes["DeduplicationScope"] == "messageGroup"
        guard attributes["FifoThroughputLimit"] != "perMessageGroupId" || deduplicatesByGroup else {
            throw InvalidAttributeValue(
                "Invalid value for the parameter FifoThroughputLimit. Reason: perMessageGroupId is allowed only when the "
                    + "value for DeduplicationScope is messageGroup."
            )
        }
    }

    /// With AWS's defaults, as GetQueueAttributes shows them.
    var shown: [String: String] {
        var shown = [
            "DelaySeconds": "0", "MaximumMessageSize": "\(SQSLimits.messageBytes)", "MessageRetentionPeriod": "345600",
            "ReceiveMessageWaitTimeSeconds": "0", "VisibilityTimeout": "30",
            "SqsManagedSseEnabled": attributes["KmsMasterKeyId"] == nil ? "true" : "false",
        ]
        if isFIFO {
            shown["FifoQueue"] = "true"
            shown["ContentBasedDeduplication"] = "false"
            shown["DeduplicationScope"] = "queue"
            shown["FifoThroughputLimit"] = "perQueue"
        }
        if attributes["KmsMasterKeyId"] != nil { shown["KmsDataKeyReusePeriodSeconds"] = "300" }
        return shown.merging(attributes) { _, given in given }
    }

    /// The first attribute in which a queue with these settings differs from what a second CreateQueue asks for.
    func difference(from wanted: [String: String]) -> String? {
        let shown = shown
        return wanted.sorted { $0.key < $1.key }.first { name, value in
            Self.removable.contains(name) && value.isEmpty ? shown[name] != nil : shown[name] != value
        }?.key
    }
}
