// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Testing

@Suite struct EventFeedTests {
    private func passage(
        _ number: Int,
        from source: String = "sns:orders",
        _ result: EventPassage.Result = .delivered,
        account: AccountID = .local
    ) -> EventPassage {
        EventPassage(
            at: Instant(milliseconds: Int64(number)),
            scope: Scope(account: account, region: .usEast1),
            from: source,
            to: "lambda:worker",
            result
        )
    }

    @Test func nobodyWatchesNothingIsMade() {
        let feed = EventFeed()
        func never() -> EventPassage {
            Issue.record("made for nobody")
            return passage(0)
        }
        feed.show(never())
        #expect(feed.watchers == 0)
    }

    @Test func aWatcherSeesWhatItAskedFor() async throws {
        let feed = EventFeed()
        var filter = EventFeed.Filter()
        filter.source = "orders"
        filter.results = [.failed]
        filter.account = .local
        let items = try #require(feed.watch(filter))
        let other = try #require(AccountID("111122223333"))
        feed.show(passage(1))
        feed.show(passage(2, .failed))
        feed.show(passage(3, from: "sns:others", .failed))
        feed.show(passage(4, .failed, account: other))
        feed.show(passage(5, .failed))
        feed.close()
        var seen: [EventFeed.Item] = []
        for await item in items { seen.append(item) }
        #expect(seen == [.passage(passage(2, .failed)), .passage(passage(5, .failed))])
    }

    @Test func aSlowWatcherIsToldHowMuchItMissed() async throws {
        let feed = EventFeed()
        let items = try #require(feed.watch(EventFeed.Filter()))
        for number in 0..<EventFeed.passagesPerWatcher + 7 { feed.show(passage(number)) }
        var iterator = items.makeAsyncIterator()
        for _ in 0..<3 { _ = await iterator.next() }
        feed.show(passage(9_999))
        feed.close()
        var rest: [EventFeed.Item] = []
        while let item = await iterator.next() { rest.append(item) }
        #expect(rest.suffix(2) == [.missed(7), .passage(passage(9_999))])
        #expect(rest.count == EventFeed.passagesPerWatcher - 3 + 2)
    }

    @Test func asManyWatchAsMayAndAPlaceIsFreeAgainAfterOneHasLeft() async {
        let feed = EventFeed()
        var streams: [AsyncStream<EventFeed.Item>] = []
        for _ in 0..<EventFeed.watchersAtOnce {
            if let stream = feed.watch(EventFeed.Filter()) { streams.append(stream) }
        }
        #expect(streams.count == EventFeed.watchersAtOnce)
        #expect(feed.watch(EventFeed.Filter()) == nil)
        streams.removeLast()
        #expect(feed.watchers == EventFeed.watchersAtOnce - 1)
        #expect(feed.watch(EventFeed.Filter()) != nil)
    }

    @Test func whoComesAtTheEndSeesTheEndAndNotThatThereIsNoRoom() async throws {
        let feed = EventFeed()
        feed.close()
        let items = try #require(feed.watch(EventFeed.Filter()))
        feed.show(passage(1))
        for await item in items { Issue.record("\(item) after the end") }
        #expect(feed.watchers == 0)
    }
}
