// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Testing

@testable import Lambda

@Suite("Concurrency ledger") struct ConcurrencyLedgerTests {
    private let scope = Scope(account: .local, region: .usEast1)

    private func applicant(
        _ name: String,
        version: String = "$LATEST",
        in scope: Scope? = nil,
        reserved: Int? = nil,
        provisioned: Int = 0,
        claims: ClaimedConcurrency = .init(),
        isSynchronous: Bool = true
    ) -> ConcurrencyLedger.Applicant {
        ConcurrencyLedger.Applicant(
            key: VersionKey(scope: scope ?? self.scope, functionName: name, version: version, generation: "1"),
            reserved: reserved,
            provisioned: provisioned,
            claims: claims,
            isSynchronous: isSynchronous
        )
    }

    @Test("reserved concurrency is a limit and a guarantee")
    func reserved() throws {
        let ledger = ConcurrencyLedger(accountLimit: 2)
        let claims = ClaimedConcurrency(reserved: 1)
        let a = applicant("a", reserved: 1, claims: claims)
        let (b, c) = (applicant("b", claims: claims), applicant("c", claims: claims))
        #expect(try ledger.enter(a, at: 0) == .reserved)
        #expect(throws: ConcurrencyLedger.Refusal.functionLimit) { try ledger.enter(a, at: 0) }
        #expect(try ledger.enter(b, at: 0) == .unreserved)
        #expect(throws: ConcurrencyLedger.Refusal.accountLimit) { try ledger.enter(c, at: 0) }
        ledger.leave(b.key, .unreserved)
        #expect(try ledger.enter(c, at: 0) == .unreserved)
        ledger.leave(a.key, .reserved)
        #expect(try ledger.enter(a, at: 0) == .reserved)
    }

    @Test("a reservation of zero throttles everything")
    func zero() {
        let ledger = ConcurrencyLedger()
        #expect(throws: ConcurrencyLedger.Refusal.functionLimit) {
            try ledger.enter(applicant("a", reserved: 0), at: 0)
        }
    }

    @Test("accounts do not share a pool")
    func accounts() throws {
        let ledger = ConcurrencyLedger(accountLimit: 1)
        let other = Scope(account: try #require(AccountID("111111111111")), region: .usEast1)
        #expect(try ledger.enter(applicant("a"), at: 0) == .unreserved)
        #expect(try ledger.enter(applicant("a", in: other), at: 0) == .unreserved)
        #expect(throws: ConcurrencyLedger.Refusal.accountLimit) { try ledger.enter(applicant("a", in: other), at: 0) }
    }

    // MARK: Provisioned concurrency

    @Test("what a provisioned environment serves competes with nobody, and nobody takes its place")
    func provisioned() throws {
        let ledger = ConcurrencyLedger(accountLimit: 3)
        let claims = ClaimedConcurrency(provisioned: 1)
        let (ready, others) = (applicant("a", version: "1", claims: claims), applicant("b", claims: claims))
        ledger.provide(ready.key)
        for _ in 0..<2 { #expect(try ledger.enter(others, at: 0) == .unreserved) }
        #expect(throws: ConcurrencyLedger.Refusal.accountLimit) { try ledger.enter(others, at: 0) }
        #expect(try ledger.enter(ready, at: 0) == .provisioned)
        #expect(ledger.load(of: "a", in: scope) == .init(function: 1, account: 3, unreserved: 2))
        // The second at a time is started on demand, or not at all.
        #expect(throws: ConcurrencyLedger.Refusal.accountLimit) { try ledger.enter(ready, at: 0) }
        ledger.leave(ready.key, .provisioned)
        #expect(try ledger.enter(ready, at: 0) == .provisioned)
        #expect(throws: ConcurrencyLedger.Refusal.accountLimit) {
            try ledger.enter(applicant("a", version: "2", claims: claims), at: 0)
        }
    }

    @Test("where all of a reservation is provisioned, the function's other versions do not run")
    func provisionedWithinReservation() throws {
        let ledger = ConcurrencyLedger()
        let ready = applicant("a", version: "1", reserved: 1, provisioned: 1)
        ledger.provide(ready.key)
        #expect(throws: ConcurrencyLedger.Refusal.functionLimit) {
            try ledger.enter(applicant("a", reserved: 1, provisioned: 1), at: 0)
        }
        #expect(try ledger.enter(ready, at: 0) == .provisioned)
        #expect(throws: ConcurrencyLedger.Refusal.functionLimit) { try ledger.enter(ready, at: 0) }
    }

    @Test("an environment that is provisioned no longer gives no place, and nothing of it stays")
    func withdrawn() throws {
        let ledger = ConcurrencyLedger()
        let ready = applicant("a", version: "1")
        ledger.provide(ready.key)
        #expect(try ledger.enter(ready, at: 0) == .provisioned)
        ledger.withdraw(ready.key)
        #expect(try ledger.enter(ready, at: 0) == .unreserved)
        ledger.leave(ready.key, .provisioned)
        ledger.leave(ready.key, .unreserved)
        #expect(ledger.remembered.provisions == 0 && ledger.remembered.accounts == 0)
    }

    // MARK: Rates

    @Test(
        "ten requests a second for each unit of concurrency, then the second must pass; of events as many as come",
        arguments: [nil, 2]
    )
    func requestRate(reserved: Int?) throws {
        let ledger = ConcurrencyLedger(accountLimit: 2)
        let caller = applicant("a", reserved: reserved)
        for _ in 0..<20 { ledger.leave(caller.key, try ledger.enter(caller, at: 0)) }
        #expect(throws: reserved == nil ? ConcurrencyLedger.Refusal.accountRate : .functionRate) {
            try ledger.enter(caller, at: 999_999)
        }
        let event = applicant("a", reserved: reserved, isSynchronous: false)
        ledger.leave(event.key, try ledger.enter(event, at: 999_999))
        ledger.leave(caller.key, try ledger.enter(applicant("b", reserved: reserved), at: 999_999))
        #expect(throws: Never.self) { try ledger.enter(caller, at: 1_000_000) }
    }

    @Test("a version spills over beyond ten requests a second for each of its provisioned environments")
    func provisionedRate() throws {
        let ledger = ConcurrencyLedger()
        let ready = applicant("a", version: "1")
        ledger.provide(ready.key)
        for _ in 0..<10 {
            let place = try ledger.enter(ready, at: 0)
            #expect(place == .provisioned)
            ledger.leave(ready.key, place)
        }
        #expect(try ledger.enter(ready, at: 0) == .unreserved)
        #expect(try ledger.enter(ready, at: 1_000_000) == .provisioned)
    }

    @Test("a thousand environments may start in ten seconds, then the window must pass")
    func startRate() {
        let ledger = ConcurrencyLedger()
        for _ in 0..<1_000 { #expect(ledger.mayStart("a", in: scope, at: 0)) }
        #expect(!ledger.mayStart("a", in: scope, at: 9_999_999))
        #expect(ledger.mayStart("b", in: scope, at: 0))
        #expect(ledger.mayStart("a", in: scope, at: 10_000_000))
    }

    @Test("however many functions start and run, little is remembered of them")
    func bounded() throws {
        let ledger = ConcurrencyLedger()
        for number in 0..<10_000 { _ = ledger.mayStart("f\(number)", in: scope, at: Int64(number) * 10_000) }
        #expect(ledger.remembered.starts <= ConcurrencyLedger.rememberedStarts)
        // All at once, so that no window is over.
        for number in 0..<10_000 { _ = ledger.mayStart("g\(number)", in: scope, at: 200_000_000) }
        #expect(ledger.remembered.starts <= ConcurrencyLedger.rememberedStarts)
        for number in 0..<100 {
            let account = try #require(AccountID(String(100_000_000_000 + number)))
            let other = Scope(account: account, region: .usEast1)
            let caller = applicant("a", in: other)
            ledger.leave(caller.key, try ledger.enter(caller, at: 0))
        }
        #expect(ledger.remembered.accounts == 0)
        for number in 0..<10_000 {
            let caller = applicant("h\(number)")
            ledger.leave(caller.key, try ledger.enter(caller, at: 0))
        }
        #expect(ledger.remembered.rates <= ConcurrencyLedger.rememberedStarts)
    }

    @Test("a window that is not over outlives the forgetting of those that are")
    func windowsLast() {
        let ledger = ConcurrencyLedger()
        for number in 0..<(ConcurrencyLedger.rememberedStarts - 1) {
            _ = ledger.mayStart("f\(number)", in: scope, at: 0)
        }
        for _ in 0..<1_000 { #expect(ledger.mayStart("a", in: scope, at: 10_000_000)) }
        #expect(ledger.mayStart("b", in: scope, at: 10_000_001))
        #expect(ledger.remembered.starts == 2)
        #expect(!ledger.mayStart("a", in: scope, at: 10_000_002))
    }
}
