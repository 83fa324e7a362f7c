// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore
import NIOConcurrencyHelpers
import NIOCore

/// The HTTP answer made of a streamed one: its prelude gives status, headers and cookies, the rest is the body as it comes.
/// AWS: InvokeMode RESPONSE_STREAM
final class StreamedIntegration: Sendable {
    private let answer: StreamedAnswer
    /// What came together with the prelude.
    private let rest = NIOLockedValueBox<ByteBuffer?>(nil)

    init(_ answer: StreamedAnswer) { self.answer = answer }

    /// Returns as soon as the head is known. A function that fails after that breaks the connection.
    func response() async throws -> WireResponse {
        if let whole = answer.whole { return Self.response(whole) }
        guard answer.contentType?.lowercased() == PreludeReader.contentType else {
            let type = answer.contentType ?? "application/octet-stream"
            return WireResponse(status: 200, headers: [.contentType: type], body: body)
        }
        let head = try await prelude()
        var headers = head.headers
        if headers[.contentType] == nil { headers[.contentType] = "application/octet-stream" }
        let hasBody = IntegrationAnswer.hasBody(head.status)
        return WireResponse(status: head.status, headers: headers, body: hasBody ? body : .buffer(ByteBuffer()))
    }

    /// A function that does not stream: its answer is the body as it stands.
    private static func response(_ outcome: FunctionRunner.Outcome) -> WireResponse {
        guard case .success(let payload) = outcome.result.outcome else { return FunctionURLFront.badGateway }
        return WireResponse(status: 200, headers: [.contentType: "application/json"], body: .buffer(payload))
    }

    private func prelude() async throws -> IntegrationAnswer {
        var reader = PreludeReader()
        while let piece = try await answer.next(), !reader.isHopeless {
            guard let (prelude, rest) = try reader.add(piece) else { continue }
            if rest.readableBytes > 0 { self.rest.withLockedValue { $0 = rest } }
            return try IntegrationAnswer(head: prelude)
        }
        throw IntegrationAnswer.Malformed()
    }

    private var body: ByteStream { .sequence(AsyncThrowingStream { try await self.next() }, length: nil) }

    private func next() async throws -> ByteBuffer? {
        if let rest = rest.withLockedValue({ $0.take() }) { return rest }
        if let piece = try await answer.next() { return piece }
        // The client must not take half an answer for a whole one.
        guard case .success? = answer.outcome?.result.outcome else {
            throw MartletError("lambda.url", "the function failed while it answered")
        }
        return nil
    }
}
