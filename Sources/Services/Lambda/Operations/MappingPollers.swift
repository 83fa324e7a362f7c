// SPDX-License-Identifier: Apache-2.0
import AWSWire

extension ProvisionedPollerConfig {
    /// What it makes of the pollers that are provisioned so far. Nil: it is empty, which takes them away.
    /// Throws InvalidParameterValueException for what queues do not have.
    func changing(_ pollers: ProvisionedPollers?) throws -> ProvisionedPollers? {
        guard pollerGroupName ?? "" == "" else {
            throw InvalidParameterValueException("PollerGroupName is not supported for SQS event source mappings.")
        }
        guard minimumPollers != nil || maximumPollers != nil else { return nil }
        var changed = pollers ?? ProvisionedPollers()
        changed.minimum = minimumPollers ?? changed.minimum
        changed.maximum = maximumPollers ?? changed.maximum
        try Self.refuse("MinimumPollers", changed.minimum, outside: ProvisionedPollers.minima)
        try Self.refuse("MaximumPollers", changed.maximum, outside: ProvisionedPollers.maxima)
        guard changed.minimum <= changed.maximum else {
            throw InvalidParameterValueException("MinimumPollers must not be greater than MaximumPollers.")
        }
        return changed
    }

    private static func refuse(_ name: String, _ value: Int, outside range: ClosedRange<Int>) throws {
        guard !range.contains(value) else { return }
        throw InvalidParameterValueException(
            "\(name) must be between \(range.lowerBound) and \(range.upperBound) for SQS event source mappings."
        )
    }
}

extension MappingRules {
    /// Throws InvalidParameterValueException for metrics that queues do not have.
    static func countsEvents(_ metrics: [EventSourceMappingMetric]) throws -> Bool {
        for metric in metrics where metric != .eventCount {
            throw InvalidParameterValueException(
                "\(metric.rawValue) is not supported for SQS event source mappings."
            )
        }
        return !metrics.isEmpty
    }
}
