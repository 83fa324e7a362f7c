// SPDX-License-Identifier: Apache-2.0
package import AWSWire
import HTTPTypes
package import MartletCore
import NIOCore
import ServiceLifecycle

/// `/_martlet/events?source=orders&target=worker&results=retried,failed`: events as they pass, a JSON object a line, until
/// the reader goes away. An empty line comes now and then, so that a reader that has gone away is found out.
package struct EventReport: ControlReport {
    let feed: EventFeed
    package let name = "events"

    package init(feed: EventFeed) { self.feed = feed }

    package func answer(query: [String: String], account: AccountID?) async throws -> WireResponse {
        var filter = EventFeed.Filter()
        (filter.account, filter.source, filter.target) = (account, query["source"], query["target"])
        if let names = query["results"] {
            filter.results = try Set(
                names.split(separator: ",").map { name in
                    guard let result = EventPassage.Result(rawValue: String(name)) else {
                        throw CommonError.validation("results are delivered, retried and failed.")
                    }
                    return result
                }
            )
        }
        guard let items = feed.watch(filter) else {
            throw CommonError(
                "TooManyRequestsException",
                "\(EventFeed.watchersAtOnce) watch events already.",
                status: 429
            )
        }
        return WireResponse(
            status: 200,
            headers: [.contentType: "application/x-ndjson"],
            body: .sequence(Self.lines(items), length: nil)
        )
    }

    private static func lines(_ items: AsyncStream<EventFeed.Item>) -> AsyncThrowingStream<ByteBuffer, any Error> {
        // Nothing waits here: what the reader is too slow for waits in the feed, which counts what it drops.
        AsyncThrowingStream { () async throws -> ByteBuffer? in
            var next = items.makeAsyncIterator()
            return await next.next().map(line)
        }
    }

    private static func line(_ item: EventFeed.Item) -> ByteBuffer {
        var buffer: ByteBuffer
        switch item {
        case .pulse: buffer = ByteBuffer()
        case .missed(let count): buffer = JSONValue.object([.init("missed", .integer(count))]).compactBuffer
        case .passage(let passage): buffer = passage.json.compactBuffer
        }
        buffer.writeString("\n")
        return buffer
    }
}

extension EventPassage {
    fileprivate var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("time", .string(at.iso8601Milliseconds)), .init("account", .string(scope.account.text)),
            .init("region", .string(scope.region.name)), .init("source", .string(source)),
            .init("target", .string(target)), .init("result", .string(result.rawValue)),
            .init("count", .integer(count)),
        ]
        if !id.isEmpty { members.append(.init("id", .string(id))) }
        if let reason { members.append(.init("reason", .string(reason))) }
        return .object(members)
    }
}

/// Lets watchers hear now and then that the server is there, and ends their streams before the front door waits for them.
package struct EndOfWatching: Service {
    private static let pulse: Duration = .seconds(5)

    let feed: EventFeed
    let clock: any WallClock

    package init(feed: EventFeed, clock: any WallClock) { (self.feed, self.clock) = (feed, clock) }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            // Cancelled: the server ends.
            while (try? await clock.sleep(for: Self.pulse)) != nil { feed.pulse() }
        }
        feed.close()
    }
}
