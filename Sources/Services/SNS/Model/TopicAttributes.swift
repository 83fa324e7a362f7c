// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// A topic's settings, as the caller wrote them: what was never set is not there.
struct TopicAttributes: Sendable, Equatable {
    var values: [String: String] = [:]

    subscript(name: Name) -> String? {
        get { values[name.rawValue] }
        set { values[name.rawValue] = newValue }
    }

    enum Name: String, Sendable {
        case displayName = "DisplayName"
        case policy = "Policy"
        case deliveryPolicy = "DeliveryPolicy"
        case kmsMasterKeyID = "KmsMasterKeyId"
        case tracingConfig = "TracingConfig"
        case signatureVersion = "SignatureVersion"
        case maximumMessageSize = "MaximumMessageSize"
        case fifoTopic = "FifoTopic"
        case contentBasedDeduplication = "ContentBasedDeduplication"
        case fifoThroughputScope = "FifoThroughputScope"
        case archivePolicy = "ArchivePolicy"
    }

    var isContentDeduplicated: Bool { self[.contentBasedDeduplication] == "true" }
    var deduplicatesPerGroup: Bool { self[.fifoThroughputScope] == "MessageGroup" }
    var isEncrypted: Bool { self[.kmsMasterKeyID]?.isEmpty == false }
    var signatureVersion: Int { self[.signatureVersion] == "2" ? 2 : 1 }
    var maximumMessageBytes: Int { self[.maximumMessageSize].flatMap { Int($0) } ?? SNSLimits.messageBytes }
    /// Nil when nothing is archived.
    var archiveDays: Int? { self[.archivePolicy].flatMap { try? ArchivePolicy($0).days } }

    /// Throws `InvalidParameterException` for text that this version of Martlet did not check.
    func deliveryPolicy() throws -> DeliveryPolicy {
        try self[.deliveryPolicy].map { try DeliveryPolicy(ofTopic: $0) } ?? DeliveryPolicy()
    }
}

// MARK: Setting them

extension TopicAttributes {
    private static let feedbackProtocols = ["HTTP", "SQS", "Lambda", "Firehose", "Application"]
    private static let feedbackNames: Set<String> = Set(
        feedbackProtocols.flatMap {
            ["\($0)SuccessFeedbackRoleArn", "\($0)FailureFeedbackRoleArn", "\($0)SuccessFeedbackSampleRate"]
        }
    )

    /// Sets one, or takes it back when the value is nil or empty. Throws `InvalidParameterException`.
    mutating func set(_ name: String, to value: String?, isFIFO: Bool) throws {
        let value = value ?? ""
        if let known = Name(rawValue: name) {
            guard known != .fifoTopic else { throw InvalidParameterException.of("AttributeName") }
            if !value.isEmpty { try Self.check(known, value, isFIFO: isFIFO) }
        } else {
            guard Self.feedbackNames.contains(name) else { throw InvalidParameterException.of("AttributeName") }
            if !value.isEmpty { try Self.checkFeedback(name, value) }
        }
        values[name] = value.isEmpty && name != Name.displayName.rawValue ? nil : value
    }

    private static func check(_ name: Name, _ value: String, isFIFO: Bool) throws {
        func require(_ holds: Bool, _ what: @autoclosure () -> String) throws {
            guard holds else { throw InvalidParameterException.of(what()) }
        }
        switch name {
        case .displayName:
            try require(
                value.utf8.count <= 100 && value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f },
                "DisplayName"
            )
        case .policy: try TopicPolicy.check(value)
        case .deliveryPolicy: _ = try DeliveryPolicy(ofTopic: value)
        case .kmsMasterKeyID: try require(value.utf8.count <= 2_048, "KmsMasterKeyId")
        case .tracingConfig: try require(["PassThrough", "Active"].contains(value), "TracingConfig")
        case .signatureVersion: try require(value == "1" || value == "2", "SignatureVersion")
        case .maximumMessageSize:
            try require(Int(value).map(SNSLimits.messageBytesRange.contains) == true, "MaximumMessageSize")
        case .fifoTopic: break
        case .contentBasedDeduplication:
            try require(isFIFO, "Content-based deduplication can only be set for FIFO topics")
            try require(value == "true" || value == "false", "ContentBasedDeduplication")
        case .fifoThroughputScope:
            try require(isFIFO, "FifoThroughputScope can only be set for FIFO topics")
            try require(["Topic", "MessageGroup"].contains(value), "FifoThroughputScope")
        case .archivePolicy:
            try require(isFIFO, "ArchivePolicy can only be set for FIFO topics")
            _ = try ArchivePolicy(value)
        }
    }

    private static func checkFeedback(_ name: String, _ value: String) throws {
        let isWellFormed =
            name.hasSuffix("SampleRate")
            ? Int(value).map((0...100).contains) == true
            : ARN(value).map { $0.service == "iam" && $0.resource.hasPrefix("role/") } == true
        guard isWellFormed else { throw InvalidParameterException.of(name) }
    }
}

/// `{"MessageRetentionPeriod": "30"}`: days. An empty object archives nothing.
struct ArchivePolicy: Sendable, Equatable {
    let days: Int?

    /// Throws `InvalidParameterException`.
    init(_ text: String) throws {
        guard let json = try? JSONValue(parsing: text), let members = json.members else {
            throw InvalidParameterException.of("ArchivePolicy: failed to parse JSON.")
        }
        guard !members.isEmpty else {
            days = nil
            return
        }
        guard members.count == 1, let days = json["MessageRetentionPeriod"]?.wholeNumber, (1...365).contains(days)
        else {
            throw InvalidParameterException.of("ArchivePolicy: MessageRetentionPeriod must be between 1 and 365 days")
        }
        self.days = days
    }
}
