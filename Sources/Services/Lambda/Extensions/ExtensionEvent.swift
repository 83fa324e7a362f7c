// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import NIOCore

/// What an extension can register for.
enum ExtensionEventType: String, Sendable {
    case invoke = "INVOKE"
    case shutdown = "SHUTDOWN"
}

/// Why an environment ends. AWS: shutdownReason
enum ShutdownReason: String, Sendable {
    /// It was idle for long, or its function or the server went.
    case spindown
    case timeout
    case failure
}

/// What an extension gets from `/event/next`.
enum ExtensionEvent: Sendable, Equatable {
    case invoke(requestID: String, invokedARN: String, deadlineMilliseconds: Int64, traceHeader: String)
    case shutdown(ShutdownReason, deadlineMilliseconds: Int64)

    var type: ExtensionEventType {
        switch self {
        case .invoke: .invoke
        case .shutdown: .shutdown
        }
    }

    /// The answer's body.
    var body: ByteBuffer {
        switch self {
        case .invoke(let requestID, let invokedARN, let deadline, let trace):
            JSONValue.object([
                .init("eventType", .string(type.rawValue)),
                .init("deadlineMs", .integer(Int(deadline))),
                .init("requestId", .string(requestID)),
                .init("invokedFunctionArn", .string(invokedARN)),
                .init(
                    "tracing",
                    .object([.init("type", .string("X-Amzn-Trace-Id")), .init("value", .string(trace))])
                ),
            ]).compactBuffer
        case .shutdown(let reason, let deadline):
            JSONValue.object([
                .init("eventType", .string(type.rawValue)),
                .init("shutdownReason", .string(reason.rawValue)),
                .init("deadlineMs", .integer(Int(deadline))),
            ]).compactBuffer
        }
    }
}
