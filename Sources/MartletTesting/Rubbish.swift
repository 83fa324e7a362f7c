// SPDX-License-Identifier: Apache-2.0
import Dispatch
package import MartletCore

/// Requests that are broken in ever new ways; the seed makes a run repeatable.
package struct Rubbish {
    private var state: UInt64
    private let whole: [UInt8]

    /// `request` is what they are before they are broken.
    package init(seed: UInt64, like request: String) {
        state = seed
        whole = Array(request.utf8)
    }

    /// Evenly from 0 up to `bound`.
    package mutating func next(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(truncatingIfNeeded: state >> 33) % bound
    }

    /// The next of them.
    package mutating func request() -> [UInt8] {
        var bytes = whole
        for _ in 0..<(1 + next(12)) {
            let place = next(bytes.count)
            switch next(3) {
            case 0: bytes[place] = UInt8(next(256))
            case 1: bytes.remove(at: place)
            default: bytes.insert(UInt8(next(256)), at: place)
            }
        }
        return bytes
    }

    /// Sends `count` of them, each on a connection of its own, and waits for each connection's end.
    package func send(_ count: Int, to endpoint: Endpoint) async throws {
        var copy = self
        let caller = DispatchQueue(label: "rubbish")
        for _ in 0..<count {
            let connection = try await RawConnection(to: endpoint, on: caller)
            do {
                try await connection.send(copy.request())
                connection.finishSending()
                _ = try await connection.receiveAll()
            } catch let error as MartletError where error.code == "test.reset" {
                continue
            }
        }
    }

    /// `total` of them over eight callers. Throws what a connection that is neither answered nor closed throws.
    package static func send(_ total: Int, like request: String, to endpoint: Endpoint) async throws {
        var random = SystemRandomNumberGenerator()
        let seeds = (0..<8).map { _ in UInt64.random(in: .min ... .max, using: &random) }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for seed in seeds {
                tasks.addTask { try await Rubbish(seed: seed, like: request).send(total / seeds.count, to: endpoint) }
            }
            try await tasks.waitForAll()
        }
    }
}
