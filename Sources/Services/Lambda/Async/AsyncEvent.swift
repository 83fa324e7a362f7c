// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import MartletCore
import NIOCore

/// An event that was accepted with 202 and is stored until its function has run, or nobody tries any more.
struct AsyncEvent: Sendable {
    static let queue = "lambda"

    var id: String
    var scope: Scope
    var functionName: String
    var qualifier: String?
    var tenantID: String? = nil
    var payload: ByteBuffer
    var clientContext: String?
    var traceHeader: String
    var acceptedAt: Instant
    var history = History()

    /// What has become of it so far.
    struct History: Sendable, Equatable {
        /// How often the function was run. AWS: approximateInvokeCount
        var invokes = 0
        /// Refusals without a run: throttles and failures of the platform.
        var refusals = 0
    }

    var function: FunctionReference { FunctionReference(scope: scope, name: functionName, qualifier: qualifier) }
    /// With `$LATEST` where the caller named no version, as destinations' records show it.
    var functionARN: ARN { function.arn(qualifier: qualifier ?? VersionNumber.latestName) }

    /// All versions of a function share its concurrency, so they are one lane.
    var delivery: NewDelivery {
        NewDelivery(
            queue: Self.queue,
            target: function.arn.description,
            id: id,
            scope: scope,
            payload: payload,
            detail: detail,
            acceptedAt: acceptedAt
        )
    }

    var detail: String {
        var members: [JSONValue.Member] = [
            .init("function", .string(functionName)), .init("trace", .string(traceHeader)),
            .init("invokes", .integer(history.invokes)), .init("refusals", .integer(history.refusals)),
        ]
        if let qualifier { members.append(.init("qualifier", .string(qualifier))) }
        if let tenantID { members.append(.init("tenant", .string(tenantID))) }
        if let clientContext { members.append(.init("context", .string(clientContext))) }
        return JSONValue.object(members).compactText
    }
}

extension AsyncEvent {
    /// Throws for what is damaged in the store.
    init(_ delivery: Delivery) throws {
        let json = try JSONValue(parsing: delivery.detail)
        guard let name = json["function"]?.stringValue, let trace = json["trace"]?.stringValue,
            case .integer(let invokes)? = json["invokes"], case .integer(let refusals)? = json["refusals"]
        else { throw MartletError("lambda.row", "an asynchronous event in the store is damaged") }
        self.init(
            id: delivery.id,
            scope: delivery.scope,
            functionName: name,
            qualifier: json["qualifier"]?.stringValue,
            tenantID: json["tenant"]?.stringValue,
            payload: delivery.payload,
            clientContext: json["context"]?.stringValue,
            traceHeader: trace,
            acceptedAt: delivery.acceptedAt,
            history: History(invokes: invokes, refusals: refusals)
        )
    }
}
