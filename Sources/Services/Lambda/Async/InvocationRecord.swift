// SPDX-License-Identifier: Apache-2.0
import AWSWire
import EventDelivery
import MartletCore
import NIOCore

/// What a destination and a dead-letter queue are told of an asynchronous event's end.
struct InvocationRecord: Sendable {
    var event: AsyncEvent
    var condition: AsyncDecision.Condition
    /// Of the last run; nil when the last try did not run.
    var response: AsyncResponse?
    /// Why it never ran, or not again.
    var refusal: AsyncRefusal?
    var endedAt: Instant

    /// AWS's invocation record, version 1.0. The payloads are put in as they are, not parsed.
    var json: ByteBuffer { json(withPayloads: true) }

    /// What the destination gets. AWS drops the payloads of a record that is larger than its destination takes (documented for
    /// topics, and done for every destination here): who is told at all knows the event by its id.
    func told(from source: EventSource) -> EventDelivery {
        var told = EventDelivery(json, from: source)
        told.remainder = .payload(json(withPayloads: false))
        told.traceHeader = event.traceHeader
        return told
    }

    private func json(withPayloads: Bool) -> ByteBuffer {
        let context = JSONValue.object([
            .init("requestId", .string(event.id)), .init("functionArn", .string(event.functionARN.description)),
            .init("condition", .string(condition.rawValue)),
            .init("approximateInvokeCount", .integer(event.history.invokes)),
        ])
        var buffer = ByteBuffer()
        buffer.writeString(#"{"version":"1.0","timestamp":"\#(endedAt.iso8601Milliseconds)","requestContext":"#)
        context.write(to: &buffer)
        if withPayloads {
            buffer.writeString(#","requestPayload":"#)
            Self.write(event.payload, to: &buffer)
        }
        if let response {
            buffer.writeString(#","responseContext":"#)
            responseContext(response).write(to: &buffer)
        }
        if let response, withPayloads {
            buffer.writeString(#","responsePayload":"#)
            Self.write(response.payload, to: &buffer)
        }
        buffer.writeString("}")
        return buffer
    }

    private func responseContext(_ response: AsyncResponse) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("statusCode", .integer(200)), .init("executedVersion", .string(response.executedVersion)),
        ]
        if let error = response.functionError { members.append(.init("functionError", .string(error))) }
        return .object(members)
    }

    /// A custom runtime may answer what is no JSON: then as a string.
    private static func write(_ payload: ByteBuffer, to buffer: inout ByteBuffer) {
        if payload.readableBytes == 0 {
            buffer.writeStaticString("null")
        } else if JSONScan.isWellFormed(payload) {
            buffer.writeImmutableBuffer(payload)
        } else {
            JSONValue.string(String(buffer: payload)).write(to: &buffer)
        }
    }

    /// The event itself with three attributes, as a dead-letter queue gets it; without them where they are what makes it too
    /// large.
    func deadLetter(from source: EventSource) -> EventDelivery {
        var letter = EventDelivery(event.payload, from: source)
        letter.traceHeader = event.traceHeader
        letter.attributes = [
            "RequestID": .string(event.id),
            "ErrorCode": .number("\(refusal?.status ?? (response == nil ? 429 : 200))"),
            "ErrorMessage": .string(errorMessage),
        ]
        letter.remainder = .withoutAttributes
        return letter
    }

    /// The function's own words, or of who refused it, at most 1 KB of them.
    private var errorMessage: String {
        if let refusal { return refusal.message.prefixOfBytes(1_024) }
        guard let response else { return "Rate Exceeded." }
        let message = (try? JSONValue(parsing: response.payload))?["errorMessage"]?.stringValue
        return (message ?? "Unhandled").prefixOfBytes(1_024)
    }
}

extension String {
    /// As many whole characters as fit.
    func prefixOfBytes(_ limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var (bytes, end) = (0, startIndex)
        while end < endIndex {
            let next = index(after: end)
            bytes += self[end..<next].utf8.count
            if bytes > limit { break }
            end = next
        }
        return String(self[..<end])
    }
}
