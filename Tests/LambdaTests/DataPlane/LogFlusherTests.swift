// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import Testing

@testable import Lambda

/// Holds its first delivery until it is let go.
private final class SlowSink: LogSink {
    let taken = NIOLockedValueBox<[String]>([])
    let (arrivals, arrived) = AsyncStream<Void>.makeStream()
    let (gate, open) = AsyncStream<Void>.makeStream()

    func append(_ records: [LogRecord], toGroup group: String, stream: String, in scope: Scope) async throws {
        arrived.yield()
        if group == "held" { for await _ in gate {} }
        taken.withLockedValue { $0 += records.map(\.message) }
    }
}

@Suite("Log lines on their way") struct LogFlusherTests {
    @Test("a flush returns when the sink has the lines of an earlier flush too")
    func waitsForEarlier() async throws {
        let (sink, clock) = (SlowSink(), MemoryClock())
        let flusher = LogFlusher(sink: sink, clock: clock, logger: Logger(label: "test"))
        let scope = Scope(account: .local, region: .usEast1)
        func enqueue(_ text: String, in group: String) {
            flusher.enqueue([LogRecord(timestamp: clock.now, message: text)], group: group, stream: "s", scope: scope)
        }
        enqueue("first", in: "held")
        async let earlier: Void = flusher.flush()
        for await _ in sink.arrivals { break }
        enqueue("second", in: "free")
        async let later: [String] = {
            await flusher.flush()
            return sink.taken.withLockedValue { $0 }
        }()
        // Time for the later one to come back too early.
        for _ in 0..<1_000 { await Task.yield() }
        sink.open.finish()
        #expect(await later == ["first", "second"])
        await earlier
    }
}
