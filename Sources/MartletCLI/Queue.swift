// SPDX-License-Identifier: Apache-2.0
import AWSWire
package import ArgumentParser
import MartletCore

/// `martlet queue`: looks into queues, and sends dead letters back.
package struct QueueCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Look into an SQS queue, or send its dead letters back.",
        discussion: """
            EXAMPLES
              martlet queue peek orders
              martlet queue redrive orders-dead
            """,
        subcommands: [QueuePeek.self, QueueRedrive.self]
    )

    package init() {}
}

extension ServerClient {
    /// One operation of SQS in its JSON protocol. Throws what a person can do something with.
    func sqs(_ operation: String, _ members: [JSONValue.Member]) async throws -> JSONValue {
        let response = try await sendJSON(service: "sqs", target: "AmazonSQS.\(operation)", .object(members))
        guard response.status == 200 else { throw queueFailure(response) }
        return try JSONValue(parsing: response.body)
    }

    func queueFailure(_ response: Response) -> CommandFailure {
        let error = response.error
        let isMissing = error.code.hasSuffix("QueueDoesNotExist") || error.code.hasSuffix("NonExistentQueue")
        if isMissing {
            return CommandFailure(
                "There is no such queue in \(region.name).",
                next: "aws sqs list-queues --endpoint-url \(endpoint) --region \(region.name)"
            )
        }
        if response.status == 403 {
            return CommandFailure(
                "\(error.code): \(error.message)",
                next: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a key that may"
            )
        }
        return CommandFailure("\(error.code): \(error.message)")
    }
}
