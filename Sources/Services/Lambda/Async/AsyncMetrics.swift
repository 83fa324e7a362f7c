// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// AWS/Lambda's metrics of asynchronous invokes.
struct AsyncMetrics: Sendable {
    enum Name: String, Sendable {
        case received = "AsyncEventsReceived"
        case age = "AsyncEventAge"
        case dropped = "AsyncEventsDropped"
        case deadLetterErrors = "DeadLetterErrors"
        case destinationFailures = "DestinationDeliveryFailures"
    }

    var sink: (any MetricSink)?
    var clock: any WallClock

    /// By function, and by the qualifier too where the caller named one.
    func record(_ name: Name, _ value: Double = 1, of function: FunctionReference) {
        guard let sink else { return }
        var dimensions = [["FunctionName": function.name]]
        if let qualifier = function.qualifier {
            dimensions.append(["FunctionName": function.name, "Resource": "\(function.name):\(qualifier)"])
        }
        for dimensions in dimensions {
            sink.record(
                Measurement(
                    namespace: "AWS/Lambda",
                    name: name.rawValue,
                    dimensions: dimensions,
                    value: value,
                    unit: name == .age ? "Milliseconds" : "Count",
                    timestamp: clock.now,
                    scope: function.scope
                )
            )
        }
    }
}
