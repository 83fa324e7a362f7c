// SPDX-License-Identifier: Apache-2.0
import MartletCore
import MartletTesting
import Testing

@Suite("Memory clock") struct MemoryClockTests {
    actor Record {
        var lines: [String] = []
        func add(_ line: String) { lines.append(line) }
    }

    @Test("sleepers wake in order, each at its own time, and may sleep again")
    func order() async throws {
        let clock = MemoryClock()
        let record = Record()
        let start = clock.now
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for seconds in [30, 10, 20] {
                tasks.addTask {
                    try await clock.sleep(for: .seconds(seconds))
                    await record.add("\(seconds) at \((clock.now - start).wholeMilliseconds)")
                }
            }
            await clock.untilSleepers(3)
            await clock.advance(by: .seconds(25))
            #expect(await record.lines == ["10 at 10000", "20 at 20000"])
            #expect(clock.sleeperCount == 1)
            await clock.advance(by: .seconds(5))
            try await tasks.waitForAll()
        }
        #expect(await record.lines.last == "30 at 30000")
        #expect(clock.monotonicMicroseconds == 30_000_000)
    }

    @Test("a cancelled sleeper throws at once")
    func cancels() async {
        let clock = MemoryClock()
        let task = Task { try await clock.sleep(for: .seconds(1)) }
        await clock.untilSleepers(1)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(clock.sleeperCount == 0)
    }

    @Test("a time that has passed is no sleep")
    func past() async throws {
        let clock = MemoryClock()
        try await clock.sleep(until: clock.now)
    }
}
