// SPDX-License-Identifier: Apache-2.0

/// AWS's figures of the data plane. Those of the control plane stand with the model they limit.
enum LambdaLimits {
    /// Of a RequestResponse payload, in.
    static let requestBytes = 6_291_456
    /// And out: with the 100 bytes that AWS leaves for its wrapping.
    static let responseBytes = 6_291_556
    /// Of a streamed answer, and how much of it goes out as fast as it can.
    static let streamBytes = 209_715_200
    static let streamBurstBytes = 6_291_456
    /// Of an asynchronous event.
    static let eventBytes = 1_048_576
    /// Of an error that a runtime reports.
    static let errorBytes = 262_144
    /// Of `X-Amz-Client-Context`, encoded.
    static let clientContextBytes = 3_583
    /// What `LogType=Tail` returns.
    static let tailBytes = 4_096
    /// One log event. Longer lines are cut into several.
    static let logEventBytes = 262_118
    /// Of an environment that nobody waits for.
    static let provisionedInitSeconds = 900
    static let initSeconds = 10
    /// Of an environment that is to be snapshot; its function's time-out where that is longer.
    static let snapshotInitSeconds = 130
    /// From the start of a restore to the runtime's readiness.
    static let restoreSeconds = 10
    static let accountConcurrency = 1_000
    /// Synchronous requests for each unit of concurrency.
    static let requestsPerSecondOfOne = 10
    /// New environments per function: 1,000 in 10 seconds.
    static let startsPerWindow = 1_000
    static let startWindowSeconds = 10
}
