// SPDX-License-Identifier: Apache-2.0
import MartletCore
import MartletTesting
import Testing

@testable import IAM

@Suite("IAM caches and ledgers") struct CacheTests {
    private actor Counter {
        var count = 0
        func next() -> Int {
            count += 1
            return count
        }
    }

    @Test("a value is kept until the store changes, or its time is over")
    func freshness() async throws {
        try await IdentityBench.run { bench in
            let cache = ShortLivedCache<String, Int>(
                bench.parts.store,
                clock: bench.server.clock,
                lifetime: .seconds(2)
            )
            let loads = Counter()
            func value() async throws -> Int { try await cache.value(for: "k") { await loads.next() } }
            #expect(try await value() == 1)
            #expect(try await value() == 1)
            try await bench.makeRole()
            #expect(try await value() == 2)
            await bench.server.clock.advance(by: .seconds(2))
            #expect(try await value() == 3)
        }
    }

    @Test("a value that was loaded while the store changed is not kept")
    func changedWhileLoading() async throws {
        try await IdentityBench.run { bench in
            let cache = ShortLivedCache<String, Int>(bench.parts.store, clock: bench.server.clock)
            let first = try await cache.value(for: "k") {
                try await bench.makeRole()
                return 1
            }
            let second = try await cache.value(for: "k") { 2 }
            #expect(first == 1 && second == 2)
        }
    }

    @Test("at its limit a cache begins anew")
    func cacheLimit() async throws {
        try await IdentityBench.run { bench in
            let cache = ShortLivedCache<Int, Int>(bench.parts.store, clock: bench.server.clock, limit: 2)
            for key in 0..<3 { _ = try await cache.value(for: key) { 1 } }
            #expect(try await cache.value(for: 2) { 2 } == 1)
            #expect(try await cache.value(for: 0) { 2 } == 2)
        }
    }

    @Test("uses of more keys than the ledger holds are dropped until it is written")
    func ledgerLimit() async throws {
        try await IdentityBench.run { bench in
            let ledger = UsageLedger(
                store: bench.parts.store,
                clock: bench.server.clock,
                logger: bench.server.ground.logger,
                limit: 2
            )
            var keys: [String] = []
            for name in ["a", "b", "c"] {
                let key = try await bench.makeUser(name).accessKeyID
                keys.append(key)
                ledger.note(.accessKey(key), at: bench.server.clock.now, service: "s3", region: "eu-west-1")
            }
            let account = try #require(AccountID(IdentityBench.account))
            let made = keys
            func services() async throws -> [String?] {
                try await bench.parts.store.read(account) { iam in
                    try made.map { try iam.accessKey($0)?.lastUsedService }
                }
            }
            await ledger.flush()
            #expect(try await services() == ["s3", "s3", nil])
            ledger.note(.accessKey(keys[2]), at: bench.server.clock.now, service: "sqs", region: nil)
            await ledger.flush()
            #expect(try await services() == ["s3", "s3", "sqs"])
        }
    }
}
