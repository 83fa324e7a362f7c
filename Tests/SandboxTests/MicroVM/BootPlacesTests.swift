// SPDX-License-Identifier: Apache-2.0
import Synchronization
import Testing

@testable import SandboxMicroVM

/// What tasks share; a bare `Mutex` cannot be captured by them.
private final class Shared<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }

    func withLock<Result: Sendable>(_ body: (inout Value) -> Result) -> Result { value.withLock { body(&$0) } }
}

@Suite("Places for machines that boot") struct BootPlacesTests {
    @Test("no more boot at once than there are places, and all do") func limit() async throws {
        let places = BootPlaces(3)
        let booting = Shared((now: 0, most: 0, all: 0))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    try await places.occupy {
                        booting.withLock {
                            $0.now += 1
                            $0.most = max($0.most, $0.now)
                        }
                        await Task.yield()
                        booting.withLock {
                            $0.now -= 1
                            $0.all += 1
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let end = booting.withLock { $0 }
        #expect(end.now == 0 && end.most <= 3 && end.all == 50)
    }

    @Test("a boot that fails, or was given up while it waited, leaves its place to the next") func failures()
        async throws
    {
        struct Broken: Error {}
        let places = BootPlaces(1)
        await #expect(throws: Broken.self) { try await places.occupy { throw Broken() } }
        let cancelled = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await places.occupy { () -> Void in Issue.record("it has begun") }
        }
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        #expect(try await places.occupy { 7 } == 7)
    }

    @Test("a processor boots one emulated machine at a time") func emulated() async throws {
        let places = BootPlaces(processors: 1, .tcg)
        let order = Shared<[Int]>([])
        let second = try await places.occupy {
            let second = Task { try await places.occupy { order.withLock { $0.append(2) } } }
            for _ in 0..<100 { await Task.yield() }
            order.withLock { $0.append(1) }
            return second
        }
        try await second.value
        #expect(order.withLock { $0 } == [1, 2])
    }
}
