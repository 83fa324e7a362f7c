// SPDX-License-Identifier: Apache-2.0

/// A target that can say beforehand whether it would take an event, without getting one.
package protocol ProbedTarget: EventTarget {
    /// Throws the `ServiceError` that `deliver` would throw: there is no such target, or `source` may not deliver to it.
    func probe(_ arn: ARN, from source: EventSource) async throws
}
