// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// What CloudWatch shows of subscriptions, in `AWS/Logs`: of a group's by group, destination and filter, of the account's by
/// destination and filter.
enum ForwardingMetrics {
    enum Outcome: Sendable {
        /// - Parameter bytes: compressed.
        case forwarded(bytes: Int)
        case throttled
        /// Tried again or not.
        case failed
    }

    static func measurements(_ outcome: Outcome, of letter: SubscriptionLetter, at now: Instant) -> [Measurement] {
        let events = letter.document.events.count
        let figures: [(name: String, value: Int, unit: String)] =
            switch outcome {
            case .forwarded(let bytes): [("ForwardedLogEvents", events, "None"), ("ForwardedBytes", bytes, "Bytes")]
            case .throttled: [("DeliveryThrottling", events, "None")]
            case .failed: [("DeliveryErrors", events, "None")]
            }
        return figures.map { name, value, unit in
            Measurement(
                namespace: "AWS/Logs",
                name: name,
                dimensions: dimensions(of: letter),
                value: Double(value),
                unit: unit,
                timestamp: now,
                scope: letter.scope
            )
        }
    }

    private static func dimensions(of letter: SubscriptionLetter) -> [String: String] {
        var dimensions = ["FilterName": letter.subscription.name, "DestinationType": letter.target.typeName]
        if letter.subscription.isOfAccount {
            dimensions["PolicyLevel"] = "AccountPolicy"
        } else {
            dimensions["LogGroupName"] = letter.document.group
        }
        return dimensions
    }
}

extension SubscriptionTarget {
    fileprivate var typeName: String {
        switch arn.service {
        case "lambda": "Lambda"
        case "firehose": "Firehose"
        default: "Kinesis"
        }
    }
}
