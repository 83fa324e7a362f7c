// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers
import NIOCore

@testable import SNS

/// Queues or functions that take what comes, or fail as a test says.
final class FakeTarget: EventTarget {
    struct Delivery: Sendable {
        let event: EventDelivery
        let arn: ARN
        var text: String { String(buffer: event.payload) }
    }

    let service: String
    let tried = Recorder<Delivery>()
    let taken = Recorder<Delivery>()
    private let judge = NIOLockedValueBox<@Sendable (Int, Delivery) throws -> Void>({ _, _ in })

    init(_ service: String) { self.service = service }

    /// `body` is told the number of the try, from 1 on, and throws what the target answers.
    func judge(_ body: @escaping @Sendable (Int, Delivery) throws -> Void) { judge.withLockedValue { $0 = body } }

    func deliver(_ event: EventDelivery, to arn: ARN) async throws {
        let delivery = Delivery(event: event, arn: arn)
        try judge.withLockedValue { $0 }(tried.add(delivery), delivery)
        taken.add(delivery)
    }
}

/// Web servers that answer as a test says.
final class FakeWeb: WebSender {
    let posts = Recorder<WebPost>()
    private let judge = NIOLockedValueBox<@Sendable (Int, WebPost) async throws -> Int>({ _, _ in 200 })

    func judge(_ body: @escaping @Sendable (Int, WebPost) async throws -> Int) {
        judge.withLockedValue { $0 = body }
    }

    func post(_ request: WebPost) async throws -> Int {
        let number = posts.add(request)
        return try await judge.withLockedValue { $0 }(number, request)
    }
}

final class FakeOutbox: Outbox {
    let letters = Recorder<OutboxLetter>()
    func put(_ letter: OutboxLetter) async throws { letters.add(letter) }
}

/// What a queue answers that is not there, and one that cannot just now.
let gone = CommonError("QueueDoesNotExist", "The specified queue does not exist.")
let busy = CommonError("ServiceUnavailable", "Try again.", status: 503)
