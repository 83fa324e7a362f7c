// SPDX-License-Identifier: Apache-2.0
import AWSWire
import CZlib
import MartletCore
import NIOConcurrencyHelpers
import NIOCore

@testable import Logs

/// A function that takes what subscriptions bring, and can be told to fail first.
final class FakeFunction: ProbedTarget {
    struct Taken: Sendable {
        var event: EventDelivery
        var arn: ARN

        /// The document inside `awslogs.data`.
        func document() throws -> JSONValue {
            let data = try JSONValue(parsing: event.payload)["awslogs"]?["data"]?.stringValue ?? ""
            return try JSONValue(parsing: Gunzip.unpack(Base64.decode(data) ?? []))
        }
    }

    let service: String
    private let failures: NIOLockedValueBox<[any Error]>
    private let missing: Bool
    private let taken: AsyncStream<Taken>
    private let taker: AsyncStream<Taken>.Continuation
    private let tries = NIOLockedValueBox(0)

    init(service: String = "lambda", failingWith failures: [any Error] = [], isMissing: Bool = false) {
        self.service = service
        self.failures = NIOLockedValueBox(failures)
        missing = isMissing
        (taken, taker) = AsyncStream.makeStream()
    }

    var attempts: Int { tries.withLockedValue { $0 } }

    func deliver(_ event: EventDelivery, to arn: ARN) async throws {
        tries.withLockedValue { $0 += 1 }
        if let failure = failures.withLockedValue({ $0.isEmpty ? nil : $0.removeFirst() }) { throw failure }
        taker.yield(Taken(event: event, arn: arn))
    }

    func probe(_ arn: ARN, from source: MartletCore.EventSource) async throws {
        if missing { throw CommonError("ResourceNotFoundException", "no such function", status: 404) }
    }

    /// The next delivery; waits for it.
    func next() async -> Taken? {
        for await delivery in taken { return delivery }
        return nil
    }
}

/// CloudWatch, as metric filters see it.
final class FakeMetrics: MetricSink {
    private let stream: AsyncStream<Measurement>
    private let feed: AsyncStream<Measurement>.Continuation

    init() { (stream, feed) = AsyncStream.makeStream() }

    func record(_ measurement: Measurement) { feed.yield(measurement) }

    func next() async -> Measurement? {
        for await measurement in stream { return measurement }
        return nil
    }
}

/// Denies whatever the service principal asks.
struct DenyingAuthorizer: Authorizer {
    func authorize(_ request: AuthorizationRequest) async throws {
        guard case .service("logs.amazonaws.com") = request.principal.kind else { return }
        throw CommonError("AccessDeniedException", "no", status: 403)
    }
}

enum Gunzip {
    static func unpack(_ input: [UInt8]) throws -> [UInt8] {
        var stream = z_stream()
        guard inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return [] }
        defer { inflateEnd(&stream) }
        var output = [UInt8](repeating: 0, count: 8 << 20)
        let count = input.withUnsafeBufferPointer { bytes in
            output.withUnsafeMutableBufferPointer { buffer in
                stream.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress)
                stream.avail_in = UInt32(bytes.count)
                stream.next_out = buffer.baseAddress
                stream.avail_out = UInt32(buffer.count)
                _ = inflate(&stream, Z_FINISH)
                return buffer.count - Int(stream.avail_out)
            }
        }
        return Array(output[..<count])
    }
}
