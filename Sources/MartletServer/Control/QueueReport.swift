// SPDX-License-Identifier: Apache-2.0
package import AWSWire
import HTTPTypes
package import MartletCore
import NIOCore

/// `/_martlet/queue?name=orders&region=eu-central-1&limit=10`: the oldest messages of a queue, which stay as they are.
package struct QueueReport: ControlReport {
    /// What lies at the front of the queue of that name.
    package typealias Peek = @Sendable (_ queue: String, _ scope: Scope, _ limit: Int) async throws -> JSONValue

    package static let mostMessages = 1_000

    let peek: Peek
    package let name = "queue"

    package init(peek: @escaping Peek) { self.peek = peek }

    package func answer(query: [String: String], account: AccountID?) async throws -> WireResponse {
        guard let queue = query["name"], !queue.isEmpty else { throw CommonError.validation("name must name a queue.") }
        guard let region = Region(query["region"] ?? Region.usEast1.name) else {
            throw CommonError.validation("region must be one such as us-east-1.")
        }
        guard let limit = Int(query["limit"] ?? "10"), (1...Self.mostMessages).contains(limit) else {
            throw CommonError.validation("limit must be between 1 and \(Self.mostMessages).")
        }
        let scope = Scope(account: account ?? .local, region: region)
        let body = try await peek(queue, scope, limit)
        return WireResponse(
            status: 200,
            headers: [.contentType: "application/json"],
            body: .buffer(body.compactBuffer)
        )
    }
}
