// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore
import MartletServer
import NIOCore
import SQS
import ServiceLifecycle

/// `/_martlet/events?source=orders&target=worker&results=retried,failed`: events as they pass, a JSON object a line, until
/// the reader goes away. An empty line comes now and then, so that a reader that has gone away is found out.
struct EventReport: ControlReport {
    let feed: EventFeed
    let name = "events"

    func answer(query: [String: String], account: AccountID?) async throws -> WireResponse {
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
struct EndOfWatching: Service {
    private static let pulse: Duration = .seconds(5)

    let feed: EventFeed
    let clock: any WallClock

    func run() async throws {
        await cancelWhenGracefulShutdown {
            // Cancelled: the server ends.
            while (try? await clock.sleep(for: Self.pulse)) != nil { feed.pulse() }
        }
        feed.close()
    }
}

/// `/_martlet/queue?name=orders&region=eu-central-1&limit=10`: the oldest messages of a queue, which stay as they are.
struct QueueReport: ControlReport {
    static let mostMessages = 1_000

    let queues: SQSService
    let name = "queue"

    func answer(query: [String: String], account: AccountID?) async throws -> WireResponse {
        guard let queue = query["name"], !queue.isEmpty else { throw CommonError.validation("name must name a queue.") }
        guard let region = Region(query["region"] ?? Region.usEast1.name) else {
            throw CommonError.validation("region must be one such as us-east-1.")
        }
        guard let limit = Int(query["limit"] ?? "10"), (1...Self.mostMessages).contains(limit) else {
            throw CommonError.validation("limit must be between 1 and \(Self.mostMessages).")
        }
        let scope = Scope(account: account ?? .local, region: region)
        let body = try await queues.peek(at: queue, in: scope, limit: limit)
        return WireResponse(
            status: 200,
            headers: [.contentType: "application/json"],
            body: .buffer(body.compactBuffer)
        )
    }
}
