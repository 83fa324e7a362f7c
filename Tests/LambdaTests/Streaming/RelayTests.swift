// SPDX-License-Identifier: Apache-2.0
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import Lambda

@Suite("Flow of a streamed answer") struct RelayFlowTests {
    private func piece(_ bytes: Int) -> ByteBuffer { ByteBuffer(repeating: 0x78, count: bytes) }

    private func flowing() -> RelayFlow {
        var flow = RelayFlow()
        flow.begin(contentType: nil)
        return flow
    }

    @Test("pieces come out in order, then the end")
    func order() {
        var flow = flowing()
        #expect(flow.take() == .wait)
        _ = flow.offer(piece(1))
        _ = flow.offer(piece(2))
        flow.end()
        #expect(flow.take() == .piece(piece(1), readsOn: false))
        #expect(flow.take() == .piece(piece(2), readsOn: false))
        #expect(flow.take() == .end)
        #expect(flow.take() == .end)
    }

    @Test("at its limit it wants no more, and reads on once most of it is taken")
    func limit() {
        var flow = flowing()
        var offered = 0
        while flow.offer(piece(65_536)) { offered += 1 }
        #expect(flow.waitingBytes == RelayFlow.highBytes)
        #expect(offered == RelayFlow.highBytes / 65_536 - 1)
        var taken = 0
        while case .piece(_, let readsOn) = flow.take() {
            taken += 1
            if readsOn { break }
        }
        #expect(flow.waitingBytes == RelayFlow.lowBytes)
        #expect(taken == (RelayFlow.highBytes - RelayFlow.lowBytes) / 65_536)
    }

    @Test("when the caller has gone, the rest is dropped as it comes")
    func abandoned() {
        var flow = flowing()
        while flow.offer(piece(65_536)) {}
        #expect(flow.abandon() == true)
        #expect(flow.waitingBytes == 0)
        for _ in 0..<100 { #expect(flow.offer(piece(65_536)) == true) }
        #expect(flow.waitingBytes == 0)
        flow.end()
        #expect(flow.take() == .abandoned)
        #expect(flow.abandon() == false)
    }

    @Test("what comes before the head or after the end is dropped")
    func outOfTurn() {
        var flow = RelayFlow()
        #expect(flow.offer(piece(1)) == true)
        #expect(flow.take() == .wait)
        flow.end()
        flow.begin(contentType: "x")
        #expect(flow.state == .ended)
        #expect(flow.offer(piece(1)) == true)
        #expect(flow.take() == .end)
    }
}

@Suite("Pace of a streamed answer") struct StreamPaceTests {
    /// How long each piece waits, by its bytes and the second at which it comes.
    private func waits(_ pieces: [(bytes: Int, at: Int64)]) -> [Duration] {
        var pace = StreamPace()
        return pieces.map { pace.wait(for: $0.bytes, at: $0.at * 1_000_000) }
    }

    @Test("the first 6 MB wait for nothing, what follows for 2 MB a second")
    func rate() {
        let burst = [(bytes: Int, at: Int64)](repeating: (1_048_576, 0), count: 6)
        // The first piece beyond goes at once; it is the next one that pays for it.
        let waits = waits(burst + [(2_097_152, 0), (1_048_576, 0), (1_048_576, 1)])
        #expect(waits == [Duration](repeating: .zero, count: 7) + [.seconds(1), .milliseconds(500)])
    }

    @Test("time that was not used is not saved up")
    func noSaving() {
        #expect(waits([(6_291_456, 0), (2_097_152, 60), (2_097_152, 60)]) == [.zero, .zero, .seconds(1)])
    }

    @Test("a piece that crosses the line pays for what lies beyond")
    func crossing() {
        #expect(waits([(6_291_456 + 2_097_152, 0), (1, 0)]) == [.zero, .seconds(1)])
    }
}

@Suite("Relay of a streamed answer") struct ResponseRelayTests {
    private let outcome = FunctionRunner.Outcome(
        result: InvocationResult(outcome: .success(ByteBuffer()), duration: .zero),
        logTail: []
    )

    @Test("it counts what the runtime writes and when that begins, also when the caller has gone")
    func received() async throws {
        let clock = MemoryClock()
        let relay = ResponseRelay(clock: clock)
        relay.begin(contentType: nil) {}
        #expect(relay.received == .init())
        await clock.advance(by: .milliseconds(3))
        let began = clock.monotonicMicroseconds
        _ = relay.offer(ByteBuffer())
        #expect(relay.received.firstAt == nil)
        _ = relay.offer(ByteBuffer(string: "abc"))
        await clock.advance(by: .seconds(1))
        relay.abandon()
        _ = relay.offer(ByteBuffer(string: "de"))
        #expect(relay.received == .init(bytes: 5, firstAt: began))
    }

    @Test("who waits for the beginning hears of an answer that came as a whole")
    func whole() async throws {
        let relay = ResponseRelay(clock: MemoryClock())
        async let start = relay.start()
        relay.finish(.success(outcome))
        guard case .whole = try await start else {
            Issue.record("an answer without pieces is whole")
            return
        }
        #expect(try await relay.next() == nil)
        #expect(relay.outcome != nil)
    }

    @Test("a stream that ended before anybody looked still has its head and its pieces")
    func late() async throws {
        let relay = ResponseRelay(clock: MemoryClock())
        relay.begin(contentType: "text/x") {}
        _ = relay.offer(ByteBuffer(string: "piece"))
        relay.finish(.success(outcome))
        guard case .streaming("text/x") = try await relay.start() else {
            Issue.record("its head must be kept")
            return
        }
        #expect(try await relay.next() == ByteBuffer(string: "piece"))
        #expect(try await relay.next() == nil)
    }

    @Test("a stream that failed before its first byte is an answer as a whole")
    func failedAtOnce() async throws {
        let relay = ResponseRelay(clock: MemoryClock())
        relay.begin(contentType: nil) {}
        var failed = outcome
        failed.result.outcome = .failure(.truncated(requestID: "a"))
        relay.finish(.success(failed))
        guard case .whole = try await relay.start() else {
            Issue.record("nobody has seen a byte of it")
            return
        }
    }

    @Test("what kept the function from running is thrown to who waits for the beginning")
    func refused() async throws {
        let relay = ResponseRelay(clock: MemoryClock())
        relay.finish(.failure(FunctionRunner.Throttled(reason: "x")))
        await #expect(throws: FunctionRunner.Throttled.self) { _ = try await relay.start() }
    }

    @Test("beyond the burst pieces wait for the clock")
    func paced() async throws {
        let clock = MemoryClock()
        let relay = ResponseRelay(clock: clock)
        relay.begin(contentType: nil) {}
        let taken = NIOLockedValueBox(0)
        async let all: Void = {
            while let piece = try await relay.next() { taken.withLockedValue { $0 += piece.readableBytes } }
        }()
        // Each is taken before the next is offered, so that the limit on waiting bytes stays out of it.
        for _ in 0..<8 { _ = relay.offer(ByteBuffer(repeating: 0, count: 1_048_576)) }
        relay.finish(.success(outcome))
        await clock.untilSleepers(1)
        #expect(taken.withLockedValue { $0 } == 7 * 1_048_576)
        await clock.advance(by: .seconds(1))
        try await all
        #expect(taken.withLockedValue { $0 } == 8 * 1_048_576)
    }

    @Test("a caller whose task is cancelled has gone, and a paused runtime writes on into the void")
    func cancelled() async throws {
        let relay = ResponseRelay(clock: MemoryClock())
        let (reads, readOn) = AsyncStream<Void>.makeStream()
        relay.begin(contentType: nil) { readOn.yield() }
        while relay.offer(ByteBuffer(repeating: 0, count: 65_536)) {}
        relay.abandon()
        var iterator = reads.makeAsyncIterator()
        #expect(await iterator.next() != nil)
        #expect(relay.offer(ByteBuffer(repeating: 0, count: 65_536)))
        await #expect(throws: CancellationError.self) { _ = try await relay.next() }

        let waiting = ResponseRelay(clock: MemoryClock())
        let task = Task { try await waiting.start() }
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
    }
}
