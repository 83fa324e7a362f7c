// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import MartletTesting
import NIOConcurrencyHelpers
import Testing

@Suite("Rounds") struct RoundsTests {
    private static var quiet: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }

    /// Runs rounds while `body` moves the clock; returns how many there were.
    private static func count(
        round: @escaping @Sendable (Int) async throws -> Void,
        while body: @Sendable (MemoryClock) async -> Void
    ) async -> Int {
        let (clock, number) = (MemoryClock(), NIOLockedValueBox(0))
        await withDiscardingTaskGroup { group in
            group.addTask {
                await clock.rounds(every: .seconds(60), Self.quiet, failing: "it fails") {
                    try await round(
                        number.withLockedValue { number in
                            number += 1
                            return number
                        }
                    )
                }
            }
            await body(clock)
            group.cancelAll()
        }
        return number.withLockedValue { $0 }
    }

    @Test("one is made at once and one after each pause, also after one that has failed")
    func goOn() async {
        let rounds = await Self.count { number in
            if number == 2 { throw CommonError("InternalFailure", "", status: 500) }
        } while: { clock in
            for _ in 0..<3 {
                await clock.untilSleepers(1)
                await clock.advance(by: .seconds(60))
            }
            await clock.untilSleepers(1)
        }
        #expect(rounds == 4)
    }

    @Test("cancellation ends them inside a round, between two steps")
    func cancelled() async {
        let (begun, begins) = AsyncStream<Void>.makeStream()
        let rounds = await Self.count { _ in
            begins.yield()
            while true { try await Task.passTurn() }
        } while: { _ in
            for await _ in begun { break }
        }
        #expect(rounds == 1)
    }
}
