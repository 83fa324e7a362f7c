// SPDX-License-Identifier: Apache-2.0
import NIOConcurrencyHelpers
import Testing

@testable import Lambda

@Suite("The load of the processors") struct ProcessorLoadTests {
    @Test("the kernel's two numbers are read, and nothing else is") func reading() {
        #expect(
            ProcessorReading(uptime: "26133.82 41032.07\n")
                == ProcessorReading(upMilliseconds: 26_133_820, idleMilliseconds: 41_032_070)
        )
        for rubbish in ["", "1", "1 x", "nan 1", "1 inf", "-1 2", "1 2 3", "1e300 1"] {
            #expect(ProcessorReading(uptime: rubbish) == nil, "\(rubbish)")
        }
    }

    @Test("the processors are saturated when hardly any time was idle in the last window") func saturation() {
        let host = NIOLockedValueBox<ProcessorReading?>(.init(upMilliseconds: 1_000, idleMilliseconds: 500))
        let load = ProcessorLoad(processors: 2) { host.withLockedValue { $0 } }
        #expect(!load.isSaturated(at: 1_000_000))

        host.withLockedValue { $0 = .init(upMilliseconds: 1_300, idleMilliseconds: 510) }
        #expect(!load.isSaturated(at: 1_100_000), "it looked only 100 ms ago")
        #expect(load.isSaturated(at: 1_300_000))
        #expect(load.isSaturated(at: 1_400_000))

        host.withLockedValue { $0 = .init(upMilliseconds: 1_600, idleMilliseconds: 900) }
        #expect(!load.isSaturated(at: 1_600_000))
    }

    @Test("a host that does not tell, and a reading of long ago, are no load") func silence() {
        let host = NIOLockedValueBox<ProcessorReading?>(.init(upMilliseconds: 0, idleMilliseconds: 0))
        let load = ProcessorLoad(processors: 1) { host.withLockedValue { $0 } }
        _ = load.isSaturated(at: 1)
        host.withLockedValue { $0 = .init(upMilliseconds: 60_000, idleMilliseconds: 0) }
        #expect(!load.isSaturated(at: 60_000_000), "the time between was not watched")
        host.withLockedValue { $0 = nil }
        #expect(!load.isSaturated(at: 60_300_000))
    }
}
