// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// How often and when a failed delivery over HTTP is tried again, in four phases: at once, after the shortest pause, with
/// growing pauses, after the longest.
struct RetryPolicy: Sendable, Equatable {
    enum Backoff: String, Sendable, CaseIterable { case linear, arithmetic, geometric, exponential }

    var minDelayTargetSeconds = 20
    var maxDelayTargetSeconds = 20
    var numRetries = 3
    var numMaxDelayRetries = 0
    var numNoDelayRetries = 0
    var numMinDelayRetries = 0
    var backoffFunction = Backoff.linear

    var json: JSONValue {
        .object([
            .init("minDelayTarget", .integer(minDelayTargetSeconds)),
            .init("maxDelayTarget", .integer(maxDelayTargetSeconds)),
            .init("numRetries", .integer(numRetries)), .init("numMaxDelayRetries", .integer(numMaxDelayRetries)),
            .init("numNoDelayRetries", .integer(numNoDelayRetries)),
            .init("numMinDelayRetries", .integer(numMinDelayRetries)),
            .init("backoffFunction", .string(backoffFunction.rawValue)),
        ])
    }

    init() {}

    /// Members that are left out keep the usual values. Throws `InvalidParameterException`.
    init(_ json: JSONValue, path: String) throws {
        guard json.members != nil else { throw Self.fault(path, "must be an object") }
        func number(_ name: String, _ range: ClosedRange<Int>, _ usual: Int) throws -> Int {
            guard let value = json[name], value != .null else { return usual }
            guard let number = value.wholeNumber, range.contains(number) else {
                throw Self.fault(
                    "\(path).\(name)",
                    "value must be between \(range.lowerBound) and \(range.upperBound)"
                )
            }
            return number
        }
        numRetries = try number("numRetries", 0...100, numRetries)
        maxDelayTargetSeconds = try number("maxDelayTarget", 1...3_600, maxDelayTargetSeconds)
        minDelayTargetSeconds = try number(
            "minDelayTarget",
            1...maxDelayTargetSeconds,
            min(minDelayTargetSeconds, maxDelayTargetSeconds)
        )
        numNoDelayRetries = try number("numNoDelayRetries", 0...100, 0)
        numMinDelayRetries = try number("numMinDelayRetries", 0...100, 0)
        numMaxDelayRetries = try number("numMaxDelayRetries", 0...100, 0)
        if let name = json["backoffFunction"], name != .null {
            guard let function = name.stringValue.flatMap(Backoff.init) else {
                throw Self.fault(
                    "\(path).backoffFunction",
                    "must be one of linear, arithmetic, geometric or exponential"
                )
            }
            backoffFunction = function
        }
        guard numNoDelayRetries + numMinDelayRetries + numMaxDelayRetries <= numRetries else {
            throw Self.fault("\(path).numRetries", "must be at least the sum of the retries of the phases")
        }
        guard RetrySchedule(self).total <= .seconds(3_600) else {
            throw Self.fault(path, "the policy must not last longer than 3600 seconds")
        }
    }

    static func fault(_ path: String, _ what: String) -> InvalidParameterException {
        .of("DeliveryPolicy: \(path) \(what)")
    }
}

/// What a topic or a subscription says about deliveries over HTTP.
struct DeliveryPolicy: Sendable, Equatable {
    static let usualContentType = "text/plain; charset=UTF-8"

    var retry: RetryPolicy?
    var maxReceivesPerSecond: Int?
    var headerContentType: String?
    /// A topic's only.
    var disableSubscriptionOverrides = false

    init() {}

    /// Throws `InvalidParameterException`.
    init(ofTopic text: String) throws {
        let json = try Self.object(text)
        guard let http = json["http"] else { return }
        guard http.members != nil else { throw RetryPolicy.fault("http", "must be an object") }
        try read(
            http,
            retry: "defaultHealthyRetryPolicy",
            throttle: "defaultThrottlePolicy",
            request: "defaultRequestPolicy"
        )
        if case .bool(let disabled)? = http["disableSubscriptionOverrides"] { disableSubscriptionOverrides = disabled }
    }

    /// Throws `InvalidParameterException`.
    init(ofSubscription text: String) throws {
        try read(
            Self.object(text),
            retry: "healthyRetryPolicy",
            throttle: "throttlePolicy",
            request: "requestPolicy"
        )
    }

    private static func object(_ text: String) throws -> JSONValue {
        guard text.utf8.count <= SNSLimits.policyBytes, let json = try? JSONValue(parsing: text), json.members != nil
        else { throw InvalidParameterException.of("DeliveryPolicy: failed to parse JSON.") }
        return json
    }

    private mutating func read(_ json: JSONValue, retry: String, throttle: String, request: String) throws {
        if let value = json[retry], value != .null { self.retry = try RetryPolicy(value, path: retry) }
        if let value = json[throttle]?["maxReceivesPerSecond"], value != .null {
            guard let rate = value.wholeNumber, rate >= 1 else {
                throw RetryPolicy.fault("\(throttle).maxReceivesPerSecond", "value must be at least 1")
            }
            maxReceivesPerSecond = rate
        }
        if let value = json[request]?["headerContentType"], value != .null {
            guard let type = value.stringValue, Self.contentTypes.contains(Self.bare(type)), type.utf8.count <= 256,
                type.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f })
            else { throw RetryPolicy.fault("\(request).headerContentType", "is not supported") }
            headerContentType = type
        }
    }

    private static func bare(_ type: String) -> String {
        (type.split(separator: ";").first ?? "").lowercased().filter { $0 != " " }
    }

    private static let contentTypes: Set<String> = [
        "text/css", "text/csv", "text/html", "text/plain", "text/xml", "application/atom+xml", "application/json",
        "application/octet-stream", "application/soap+xml", "application/x-www-form-urlencoded",
        "application/xhtml+xml", "application/xml",
    ]

    // MARK: What is in force

    /// Of a subscription under a topic.
    static func effective(topic: DeliveryPolicy, subscription: DeliveryPolicy) -> DeliveryPolicy {
        var policy = topic
        if !topic.disableSubscriptionOverrides { policy.retry = subscription.retry ?? topic.retry }
        policy.maxReceivesPerSecond = subscription.maxReceivesPerSecond ?? topic.maxReceivesPerSecond
        policy.headerContentType = subscription.headerContentType ?? topic.headerContentType
        return policy
    }

    private var request: JSONValue {
        .object([.init("headerContentType", .string(headerContentType ?? Self.usualContentType))])
    }

    private var throttle: JSONValue {
        maxReceivesPerSecond.map { .object([.init("maxReceivesPerSecond", .integer($0))]) } ?? .null
    }

    var effectiveTextOfTopic: String {
        var http: [JSONValue.Member] = [
            .init("defaultHealthyRetryPolicy", (retry ?? RetryPolicy()).json),
            .init("disableSubscriptionOverrides", .bool(disableSubscriptionOverrides)),
        ]
        if maxReceivesPerSecond != nil { http.append(.init("defaultThrottlePolicy", throttle)) }
        http.append(.init("defaultRequestPolicy", request))
        return JSONValue.text([("http", .object(http))])
    }

    var effectiveTextOfSubscription: String {
        JSONValue.text([
            ("healthyRetryPolicy", (retry ?? RetryPolicy()).json), ("sicklyRetryPolicy", .null),
            ("throttlePolicy", throttle), ("requestPolicy", request), ("guaranteed", .bool(false)),
        ])
    }
}
