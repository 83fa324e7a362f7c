// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// The pollers that a mapping keeps for itself, and how many it may have. AWS: ProvisionedPollerConfig
struct ProvisionedPollers: Sendable, Equatable {
    static let minima = 2...200
    static let maxima = 2...10_000
    /// Invocations that one of them has under way at once, at most.
    static let invocationsEach = 10

    /// AWS: MinimumPollers
    var minimum = 2
    /// AWS: MaximumPollers
    var maximum = 200

    var json: JSONValue {
        .object([.init("minimum", .integer(minimum)), .init("maximum", .integer(maximum))])
    }

    init() {}

    /// Nil for what is damaged in the store.
    init?(_ json: JSONValue) {
        guard case .integer(let minimum)? = json["minimum"], case .integer(let maximum)? = json["maximum"],
            Self.minima.contains(minimum), Self.maxima.contains(maximum), minimum <= maximum
        else { return nil }
        (self.minimum, self.maximum) = (minimum, maximum)
    }
}
