// SPDX-License-Identifier: Apache-2.0
package import Logging
package import MartletCore
import NIOConcurrencyHelpers
import ServiceLifecycle

/// Carries the functions' log lines to the log sink in batches, off every request's path.
///
/// What waits is bounded: beyond `maximumWaiting` bytes the newest lines are dropped and counted, and the server's log says
/// how many at the next flush.
package final class LogFlusher: LogQueue, Service {
    private struct Key: Hashable {
        var scope: Scope
        var group: String
        var stream: String
    }

    private struct State {
        var waiting: [Key: [LogRecord]] = [:]
        var bytes = 0
        var dropped = 0
    }

    private static let maximumWaiting = 64 << 20
    private let sink: any LogSink
    private let clock: any WallClock
    private let logger: Logger
    private let interval: Duration
    private let state = NIOLockedValueBox(State())
    private let flights = SingleFlight()

    package init(sink: any LogSink, clock: any WallClock, logger: Logger, interval: Duration = .milliseconds(200)) {
        self.sink = sink
        self.clock = clock
        self.logger = logger
        self.interval = interval
    }

    func enqueue(_ records: [LogRecord], group: String, stream: String, scope: Scope) {
        let size = records.reduce(0) { $0 + $1.message.utf8.count + 26 }
        state.withLockedValue { state in
            guard state.bytes + size <= Self.maximumWaiting else {
                state.dropped += records.count
                return
            }
            state.bytes += size
            state.waiting[Key(scope: scope, group: group, stream: stream), default: []].append(contentsOf: records)
        }
    }

    /// Flushes until graceful shutdown, then once more, so that the last lines are kept.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            // Cancellation ends the wait; the loop's condition ends the loop.
            while (try? await self.clock.sleep(for: self.interval)) != nil { await self.flush() }
        }
        await flush()
    }

    /// Hands over everything that waits, and returns when the sink has it all, what an earlier flush has taken included. Also
    /// for tests and for clients that must see what they have just caused.
    package func flush() async {
        await flights.run("flush") { await self.handOver() }
    }

    private func handOver() async {
        let (waiting, dropped) = state.withLockedValue { state in
            defer { state = State() }
            return (state.waiting, state.dropped)
        }
        if dropped > 0 {
            logger.warning("log lines dropped: the log store does not follow", metadata: ["lines": "\(dropped)"])
        }
        for (key, records) in waiting {
            do {
                try await sink.append(records, toGroup: key.group, stream: key.stream, in: key.scope)
            } catch {
                logger.error(
                    "log lines lost",
                    metadata: ["group": "\(key.group)", "lines": "\(records.count)", "error": "\(error)"]
                )
            }
        }
    }
}
