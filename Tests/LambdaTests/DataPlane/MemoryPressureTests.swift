// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletTesting
import NIOConcurrencyHelpers
import Testing

@testable import Lambda

private struct TestMemory: MemorySource {
    let reading = NIOLockedValueBox<MemoryReading?>(nil)
    func read() -> MemoryReading? { reading.withLockedValue { $0 } }
}

@Suite("Shortage of memory") struct MemoryPressureTests {
    private func reading(_ percent: Int, stalled: Double? = nil) -> MemoryReading {
        MemoryReading(totalBytes: 1_000_000, availableBytes: percent * 10_000, stalledPercent: stalled)
    }

    @Test("cells go first, idle environments after, and all may come back when there is plenty again")
    func order() {
        var pressure = MemoryPressure()
        #expect(pressure.observe(reading(50)) == .none)
        #expect(pressure.observe(reading(9)) == .dropCells)
        #expect(pressure.observe(reading(9)) == .reap(MemoryPressure.reapedAtOnce))
        #expect(pressure.observe(reading(4)) == .reap(MemoryPressure.reapedAtOnceWhenSevere))
        // Better, not well: nothing more goes, and nothing comes.
        #expect(pressure.observe(reading(12)) == .none)
        #expect(pressure.observe(reading(15)) == .recover)
        #expect(pressure.observe(reading(12)) == .none)
        #expect(pressure.state == .ample)
    }

    @Test("processes that wait for memory are shortage, however much is said to be there")
    func stalls() {
        var pressure = MemoryPressure()
        #expect(pressure.observe(reading(50, stalled: 9)) == .none)
        #expect(pressure.observe(reading(50, stalled: 11)) == .dropCells)
        #expect(pressure.observe(reading(50, stalled: 40)) == .reap(MemoryPressure.reapedAtOnce))
        #expect(pressure.observe(reading(50, stalled: 5)) == .none)
        #expect(pressure.observe(reading(50, stalled: 1)) == .recover)
    }

    @Test("the kernel's files are read, and what is none of them tells nothing")
    func files() {
        let meminfo = "MemTotal:       24000000 kB\nMemFree:         100 kB\nMemAvailable:   12000000 kB\n"
        let pressure =
            "some avg10=1.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.10 avg60=0.00 avg300=0.00 total=1\n"
        #expect(
            MemoryReading(meminfo: meminfo, pressure: pressure)
                == MemoryReading(totalBytes: 24_000_000 << 10, availableBytes: 12_000_000 << 10, stalledPercent: 1.5)
        )
        for broken in ["", "some", "some avg10=", "some avg10=nan", "some avg10=1e9", "full avg10=1.0"] {
            #expect(MemoryReading(meminfo: meminfo, pressure: broken)?.stalledPercent == nil, "\(broken)")
        }
        for broken in [
            "", "MemTotal: 1 kB", "MemTotal: x kB\nMemAvailable: 1 kB", "MemTotal:\nMemAvailable:",
            "MemTotal: 99999999999999999999 kB\nMemAvailable: 1 kB", "MemTotal: 0 kB\nMemAvailable: 0 kB",
            "MemTotal: -5 kB\nMemAvailable: 1 kB",
        ] {
            #expect(MemoryReading(meminfo: broken, pressure: nil) == nil, "\(broken)")
        }
    }

    @Test("this host tells")
    func thisHost() throws {
        let reading = try #require(HostMemory().read())
        #expect(reading.totalBytes > reading.availableBytes && reading.availableBytes > 0)
    }

    @Test("a host that does not tell is left alone, and one that is short is said to be")
    func watch() async {
        let clock = MemoryClock()
        let memory = TestMemory()
        let pool = EnvironmentPool(configuration: .init(), clock: clock)
        let watch = MemoryWatch(pool: pool, cells: nil, source: memory, clock: clock, logger: Logger(label: "test"))
        await watch.look()
        #expect(!watch.figures.isShort)
        memory.reading.withLockedValue { $0 = reading(3) }
        await watch.look()
        await watch.look()
        #expect(watch.figures.isShort && watch.figures.environmentsReaped == 0)
        memory.reading.withLockedValue { $0 = reading(80) }
        await watch.look()
        #expect(!watch.figures.isShort)
    }
}
