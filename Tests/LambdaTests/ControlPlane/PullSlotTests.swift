// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Testing

@testable import Lambda

@Suite("Slots for pulling images") struct PullSlotTests {
    private func versions(_ count: Int, of account: Int) throws -> [UnsettledVersion] {
        let digits = String(account)
        let id = try #require(AccountID(String(repeating: "0", count: 12 - digits.count) + digits))
        let scope = Scope(account: id, region: try #require(Region("us-east-1")))
        return (0..<count).map { UnsettledVersion(scope: scope, functionName: "f\($0)", number: .latest) }
    }

    @Test("an account whose registry is slow leaves slots to the others") func fairness() throws {
        var slots = PullSlots()
        let (greedy, modest) = (try versions(100, of: 1), try versions(1, of: 2))
        #expect(slots.begin(greedy + modest) == Array(greedy.prefix(PullSlots.perAccount)) + modest)
        #expect(slots.begin(greedy + modest).isEmpty)
        slots.end(greedy[0])
        #expect(slots.begin(Array(greedy.dropFirst())) == [greedy[PullSlots.perAccount]])
    }

    @Test("there are only so many in all") func limit() throws {
        var slots = PullSlots()
        let all = try (1...20).flatMap { try versions(PullSlots.perAccount, of: $0) }
        #expect(slots.begin(all) == Array(all.prefix(PullSlots.total)))
        for version in all { slots.end(version) }
        #expect(slots.begin(all).count == PullSlots.total)
    }
}
