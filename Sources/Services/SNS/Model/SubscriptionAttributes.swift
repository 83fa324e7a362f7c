// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// A subscription's settings, as the caller wrote them.
struct SubscriptionAttributes: Sendable, Equatable {
    enum Name: String, Sendable {
        case deliveryPolicy = "DeliveryPolicy"
        case filterPolicy = "FilterPolicy"
        case filterPolicyScope = "FilterPolicyScope"
        case rawMessageDelivery = "RawMessageDelivery"
        case redrivePolicy = "RedrivePolicy"
        case subscriptionRoleARN = "SubscriptionRoleArn"
        case replayPolicy = "ReplayPolicy"
    }

    var values: [String: String] = [:]

    subscript(name: Name) -> String? {
        get { values[name.rawValue] }
        set { values[name.rawValue] = newValue }
    }

    var isRaw: Bool { self[.rawMessageDelivery] == "true" }
    var filterScope: FilterPolicy.Scope {
        self[.filterPolicyScope].flatMap(FilterPolicy.Scope.init) ?? .messageAttributes
    }
    var deadLetterQueue: ARN? { self[.redrivePolicy].flatMap { try? RedrivePolicy($0).queue } }

    func deliveryPolicy() throws -> DeliveryPolicy {
        try self[.deliveryPolicy].map { try DeliveryPolicy(ofSubscription: $0) } ?? DeliveryPolicy()
    }

    /// What two subscriptions of one endpoint have to agree about.
    var compared: [String: String] {
        var compared = values
        if compared["RawMessageDelivery"] == "false" { compared["RawMessageDelivery"] = nil }
        if compared["FilterPolicyScope"] == "MessageAttributes" { compared["FilterPolicyScope"] = nil }
        return compared
    }

    /// Sets one, or takes it back when the value is nil or empty. Throws `InvalidParameterException`.
    mutating func set(
        _ name: String,
        to value: String?,
        _ wire: SubscriptionProtocol,
        endpoint: String,
        isFIFO: Bool
    ) throws {
        guard let name = Name(rawValue: name) else { throw InvalidParameterException.of("AttributeName") }
        let value = value ?? ""
        guard !value.isEmpty, !(name == .filterPolicy && value == "{}") else {
            self[name] = nil
            return
        }
        if name == .redrivePolicy {
            try RedrivePolicy(value).check(endpoint: endpoint, isFIFO: isFIFO)
        } else {
            try check(name, value, wire, isFIFO: isFIFO)
        }
        self[name] = value
    }

    private func check(_ name: Name, _ value: String, _ wire: SubscriptionProtocol, isFIFO: Bool) throws {
        switch name {
        case .deliveryPolicy:
            guard wire.isWeb else {
                throw InvalidParameterException.of(
                    "DeliveryPolicy: protocol \(wire.rawValue) does not support delivery policies"
                )
            }
            _ = try DeliveryPolicy(ofSubscription: value)
        case .filterPolicy: _ = try FilterPolicy(value, scope: filterScope)
        case .filterPolicyScope:
            guard FilterPolicy.Scope(rawValue: value) != nil else {
                throw InvalidParameterException.of(
                    "FilterPolicyScope: Invalid value [\(value)]. Please use either MessageBody or MessageAttributes"
                )
            }
        case .rawMessageDelivery:
            guard wire.takesRawMessages else {
                throw InvalidParameterException.of(
                    "Delivery protocol [\(wire.rawValue)] does not support raw message delivery."
                )
            }
            guard value == "true" || value == "false" else {
                throw InvalidParameterException.of(
                    "RawMessageDelivery: Invalid value [\(value)]. Must be true or false."
                )
            }
        case .redrivePolicy: break
        case .subscriptionRoleARN: throw InvalidParameterException.of("AttributeName")
        case .replayPolicy:
            guard isFIFO else {
                throw InvalidParameterException.of("ReplayPolicy is only supported for FIFO topics")
            }
            _ = try ReplayPolicy(value)
        }
    }

    /// Sets several at once. The scope goes before the policy, which it decides about.
    mutating func set(
        _ all: [String: String],
        _ wire: SubscriptionProtocol,
        endpoint: String,
        isFIFO: Bool
    ) throws {
        if let scope = all[Name.filterPolicyScope.rawValue] {
            try set(Name.filterPolicyScope.rawValue, to: scope, wire, endpoint: endpoint, isFIFO: isFIFO)
        }
        for (name, value) in all.sorted(by: { $0.key < $1.key }) where name != Name.filterPolicyScope.rawValue {
            try set(name, to: value, wire, endpoint: endpoint, isFIFO: isFIFO)
        }
    }
}

/// `{"deadLetterTargetArn": "arn:aws:sqs:…"}`
struct RedrivePolicy: Sendable, Equatable {
    let queue: ARN

    /// Throws `InvalidParameterException`.
    init(_ text: String) throws {
        guard let json = try? JSONValue(parsing: text), json.members != nil else {
            throw InvalidParameterException.of("RedrivePolicy: failed to parse JSON.")
        }
        guard let arn = json["deadLetterTargetArn"]?.stringValue.flatMap({ ARN($0) }), arn.service == "sqs",
            arn.scope != nil
        else { throw InvalidParameterException.of("RedrivePolicy: deadLetterTargetArn is an invalid arn") }
        queue = arn
    }

    /// A dead letter is delivered like the message: with a group to FIFO queues from FIFO topics, without one from others.
    /// Throws `InvalidParameterException`, for standard topics in our words.
    func check(endpoint: String, isFIFO: Bool) throws {
        let leadsToFIFO = queue.resource.hasSuffix(TopicName.fifoSuffix)
        if isFIFO, endpoint.hasSuffix(TopicName.fifoSuffix), !leadsToFIFO {
            throw InvalidParameterException.of(
                "RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic."
            )
        }
        guard isFIFO || !leadsToFIFO else {
            throw InvalidParameterException.of("RedrivePolicy: must use a standard queue as DLQ for a standard Topic.")
        }
    }
}

/// `{"PointType": "Timestamp", "StartingPoint": "2026-01-01T00:00:00Z", "EndingPoint": …}`
struct ReplayPolicy: Sendable, Equatable {
    let start: Instant
    let end: Instant?

    /// Throws `InvalidParameterException`.
    init(_ text: String) throws {
        guard let json = try? JSONValue(parsing: text), json.members != nil else {
            throw InvalidParameterException.of("ReplayPolicy: failed to parse JSON.")
        }
        guard json["PointType"]?.stringValue == "Timestamp" else {
            throw InvalidParameterException.of("ReplayPolicy: PointType must be Timestamp")
        }
        guard let start = json["StartingPoint"]?.stringValue.flatMap({ Instant(iso8601: $0) }) else {
            throw InvalidParameterException.of("ReplayPolicy: StartingPoint must be an ISO 8601 timestamp")
        }
        self.start = start
        guard let point = json["EndingPoint"], point != .null else {
            end = nil
            return
        }
        guard let end = point.stringValue.flatMap({ Instant(iso8601: $0) }), end > start else {
            throw InvalidParameterException.of("ReplayPolicy: EndingPoint must be a timestamp after StartingPoint")
        }
        self.end = end
    }
}
