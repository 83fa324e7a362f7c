// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore
import Testing

@testable import EventDelivery

@Suite("The board of deliveries") struct DispatchBoardTests {
    private static let now = Instant(milliseconds: 1_000_000)

    private static func board(running: Int = 8, held: Int = 100, bytes: Int = 1_000_000) -> DispatchBoard {
        var limits = DeliveryLimits()
        (limits.running, limits.held, limits.heldBytes) = (running, held, bytes)
        return DispatchBoard(limits: limits)
    }

    private static func delivery(
        _ lane: String,
        _ sequence: Int = 0,
        bytes: Int = 1,
        queue: String = "q"
    ) -> HeldDelivery {
        HeldDelivery(
            sequence: sequence,
            queue: queue,
            lane: lane,
            session: "s",
            delivery: Delivery(
                id: "\(sequence)",
                scope: Scope(account: .local, region: .usEast1),
                target: lane,
                payload: ByteBuffer(repeating: 0, count: bytes),
                detail: "",
                acceptedAt: now,
                earlierTries: 0
            )
        )
    }

    private static func begun(_ board: inout DispatchBoard, at instant: Instant = now) -> [String] {
        var lanes: [String] = []
        while let next = board.next(at: instant) { lanes.append(next.lane) }
        return lanes
    }

    @Test("lanes take turns, and each keeps its order") func turns() {
        var board = Self.board(running: 100)
        for number in 0..<3 { board.take(Self.delivery("a", number)) }
        for number in 0..<2 { board.take(Self.delivery("b", number)) }
        var order: [String] = []
        while let next = board.next(at: Self.now) { order.append("\(next.lane)\(next.sequence)") }
        #expect(order == ["a0", "b0", "a1", "b1", "a2"])
    }

    @Test("a lane alone gets half of the tries, and another lane then still begins") func shares() {
        var board = Self.board(running: 8)
        for number in 0..<20 { board.take(Self.delivery("slow", number)) }
        let begun2028 = Self.begun(&board)
        #expect(begun2028.count == 4)
        board.take(Self.delivery("fast"))
        let begun2117 = Self.begun(&board)
        #expect(begun2117 == ["fast"])
    }

    @Test("however many lanes are busy, never more than the limit runs") func limit() {
        var board = Self.board(running: 8)
        for lane in 0..<20 { for number in 0..<5 { board.take(Self.delivery("lane\(lane)", number)) } }
        let begun2407 = Self.begun(&board)
        #expect(begun2407.count == 8)
        board.ended("lane0")
        let begun2483 = Self.begun(&board)
        #expect(begun2483.count == 1)
    }

    @Test("a throttled lane pauses, then tries one at a time until one succeeds") func throttling() {
        var board = Self.board(running: 100)
        for number in 0..<10 { board.take(Self.delivery("a", number)) }
        let first = board.next(at: Self.now)
        #expect(first != nil)
        board.throttled("a", until: Self.now + .seconds(2))
        let begun2891 = Self.begun(&board)
        #expect(begun2891.isEmpty)
        #expect(board.nextPauseEnd() == Self.now + .seconds(2))
        let later = Self.now + .seconds(2)
        let begun3042 = Self.begun(&board, at: later)
        #expect(begun3042 == ["a"])
        board.ended("a")
        let begun3123 = Self.begun(&board, at: later)
        #expect(begun3123 == ["a", "a"])
    }

    @Test("while one is throttled the others of the lane go on as far as the target has borne them")
    func throttledBesideOthers() {
        var board = Self.board(running: 100)
        for number in 0..<10 { board.take(Self.delivery("a", number)) }
        for _ in 0..<4 { _ = board.next(at: Self.now) }
        board.throttled("a", until: Self.now + .seconds(60))
        board.ended("a")
        let begun3586 = Self.begun(&board)
        #expect(begun3586.count == 2)
    }

    @Test("a lane holds at most as much as is free beside it, in number and in bytes") func room() {
        var board = Self.board(held: 10, bytes: 100)
        var accepted = 0
        for _ in 0..<10 where board.reserve("a", of: "q", bytes: 1) { accepted += 1 }
        #expect(accepted == 5)
        let reserved1 = board.reserve("b", of: "q", bytes: 60)
        #expect(reserved1)
        let reserved2 = board.reserve("b", of: "q", bytes: 1)
        #expect(!reserved2)
        let reserved3 = board.reserve("c", of: "q", bytes: 1)
        #expect(reserved3)
    }

    @Test("what comes while older ones of its lane wait in the store waits there too") func order() {
        var board = Self.board(held: 4)
        let reserved4 = board.reserve("a", of: "q", bytes: 1)
        #expect(reserved4)
        let reserved5 = board.reserve("a", of: "q", bytes: 1)
        #expect(reserved5)
        let reserved6 = board.reserve("a", of: "q", bytes: 1)
        #expect(!reserved6)
        board.forget("a", bytes: 1)
        let reserved7 = board.reserve("a", of: "q", bytes: 1)
        #expect(!reserved7)
        board.setHasMoreInStore("a", of: "q", false)
        let reserved8 = board.reserve("a", of: "q", bytes: 1)
        #expect(reserved8)
    }

    @Test("a queue keeps to its share in all, in a lane and in what it holds, and leaves the rest to the others")
    func queueShare() {
        var board = Self.board(running: 20, held: 40)
        board.setShare(DeliveryShare(running: 6, runningPerLane: 2, held: 10), of: "web")
        var held = 0
        for number in 0..<30 where board.reserve("w\(number % 5)", of: "web", bytes: 1) {
            board.add(Self.delivery("w\(number % 5)", number, queue: "web"))
            held += 1
        }
        #expect(held <= 10)
        #expect(board.hasRoom(inQueue: "web") == (held < 10))
        let web = Self.begun(&board)
        #expect(web.count == 5, "one is left for a lane that has none under way")
        #expect(Dictionary(grouping: web, by: { $0 }).allSatisfy { $0.value.count <= 2 })
        for number in 0..<20 where board.reserve("a", of: "q", bytes: 1) { board.add(Self.delivery("a", number)) }
        let others = Self.begun(&board)
        #expect(others.count == 8, "half of what is left beside the five")
        board.ended(web[0])
        #expect(board.next(at: Self.now)?.queue == "web")
    }

    @Test("queues take turns") func queueTurns() {
        var board = Self.board(running: 100)
        for number in 0..<9 { board.take(Self.delivery("a\(number)", number)) }
        for number in 0..<2 { board.take(Self.delivery("b", number, queue: "other")) }
        var order: [String] = []
        for _ in 0..<4 { order.append(board.next(at: Self.now)?.queue ?? "") }
        #expect(order.count { $0 == "other" } == 2)
    }

    @Test("lanes without work are forgotten") func forgetting() {
        var board = Self.board()
        board.take(Self.delivery("a"))
        _ = board.next(at: Self.now)
        board.throttled("a", until: Self.now + .seconds(1))
        board.forget("a", bytes: 1)
        #expect(board.lanes.count == 1)
        board.forgetEndedPauses(at: Self.now + .seconds(1))
        #expect(board.lanes.isEmpty)
        #expect((board.held, board.heldBytes, board.running) == (0, 0, 0))
    }

    @Test("random work keeps its counts, and all of it begins") func random() {
        var random = SystemRandomNumberGenerator()
        var board = Self.board(running: 5, held: 20, bytes: 10_000)
        var running: [HeldDelivery] = []
        var (stored, done, now) = (0, 0, Self.now)
        while done < 2_000 {
            let lane = "lane\(Int.random(in: 0..<7, using: &random))"
            if stored < 2_000, board.reserve(lane, of: "q", bytes: 1) {
                board.add(Self.delivery(lane, stored))
                stored += 1
            }
            for lane in board.lanes.keys where board.held == 0 { board.setHasMoreInStore(lane, of: "q", false) }
            while let next = board.next(at: now) { running.append(next) }
            #expect(board.running == running.count && running.count <= 5 && board.held <= 20)
            guard let index = running.indices.randomElement(using: &random) else {
                now = max(board.nextPauseEnd() ?? now, now)
                for lane in board.lanes.keys { board.setHasMoreInStore(lane, of: "q", false) }
                continue
            }
            let ended = running.remove(at: index)
            if Int.random(in: 0..<4, using: &random) == 0 {
                board.throttled(ended.lane, until: now + .seconds(1))
            } else {
                board.ended(ended.lane)
            }
            board.forget(ended.lane, bytes: ended.bytes)
            done += 1
        }
        #expect(board.held == 0)
    }
}

@Suite("Backoff") struct BackoffTests {
    private let backoff = Backoff(first: .seconds(1), longest: .seconds(300), jitter: 0.25)

    @Test("pauses double up to the longest, whatever the number of tries") func doubling() {
        let pauses = [0, 1, 2, 8, 9, 1_000_000, -1].map { backoff.pause(afterTries: $0, draw: 0) }
        #expect(pauses == [1, 2, 4, 256, 300, 300, 1].map { .seconds($0) })
    }

    @Test("chance takes off up to its part") func jitter() {
        #expect(backoff.pause(afterTries: 0, draw: 1) == .milliseconds(750))
        #expect(
            Backoff(first: .seconds(60), longest: .seconds(60), jitter: 0).pause(afterTries: 5, draw: 0.9)
                == .seconds(60)
        )
    }
}
