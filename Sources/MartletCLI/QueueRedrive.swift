// SPDX-License-Identifier: Apache-2.0
import AWSWire
import ArgumentParser
import MartletCore

/// `martlet queue redrive NAME`: sends dead letters back to where they came from, and says how far it is.
/// AWS: StartMessageMoveTask, ListMessageMoveTasks
struct QueueRedrive: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redrive",
        abstract: "Send the messages of a dead-letter queue back to where they came from.",
        discussion: """
            NAME is the dead-letter queue, or a queue that has one. The server does the work: it goes on when this command is
            interrupted, and when the server is started anew.

            EXAMPLES
              martlet queue redrive orders-dead
              martlet queue redrive orders --rate 50
              martlet queue redrive orders-dead --to orders-again
            """
    )

    @Argument(help: "The dead-letter queue, or a queue that has one.")
    var name: String

    @Option(help: "Send the messages to this queue instead of where they came from.")
    var to: String?

    @Option(help: "At most so many messages in a second, up to 500. As fast as it goes unless given.")
    var rate: Int?

    @Flag(inversion: .prefixedNo, help: "Stay until all is moved.")
    var wait = true

    @Flag(help: "Print the task's state as JSON, a line each time that it is looked at.")
    var json = false

    @OptionGroup var server: EndpointOptions

    func validate() throws {
        if let rate, !(1...500).contains(rate) { throw ValidationError("--rate is a number from 1 to 500.") }
    }

    func run() async throws {
        let client = try server.client()
        let source = try await deadLetterQueue(client)
        var members: [JSONValue.Member] = [.init("SourceArn", .string(source))]
        if let to { members.append(.init("DestinationArn", .string(try await attributes(client, of: to).arn))) }
        if let rate { members.append(.init("MaxNumberOfMessagesPerSecond", .integer(rate))) }
        do {
            _ = try await client.sqs("StartMessageMoveTask", members)
        } catch let failure as CommandFailure where failure.description.contains("Dead Letter Queue") {
            throw CommandFailure(
                "\(name) is no dead-letter queue, and has none.",
                next: "martlet queue redrive QUEUE   (one whose RedrivePolicy names a dead-letter queue)"
            )
        }
        guard wait else { return say("Messages of \(source) are on their way.\n") }
        try await follow(client, source)
    }

    private func deadLetterQueue(_ client: ServerClient) async throws -> String {
        let queue = try await attributes(client, of: name)
        guard let policy = queue.redrivePolicy, let target = policy["deadLetterTargetArn"]?.stringValue else {
            return queue.arn
        }
        return target
    }

    private func attributes(
        _ client: ServerClient,
        of queue: String
    ) async throws -> (arn: String, redrivePolicy: JSONValue?) {
        let url = try await client.sqs("GetQueueUrl", [.init("QueueName", .string(queue))])["QueueUrl"]?.stringValue
        let answer = try await client.sqs(
            "GetQueueAttributes",
            [.init("QueueUrl", .string(url ?? "")), .init("AttributeNames", .array([.string("All")]))]
        )
        guard let attributes = answer["Attributes"], let arn = attributes["QueueArn"]?.stringValue else {
            throw CommandFailure("The server did not say what \(queue) is.")
        }
        // The server has checked the policy when it was set.
        let policy = attributes["RedrivePolicy"]?.stringValue.flatMap { try? JSONValue(parsing: $0) }
        return (arn, policy)
    }

    private func follow(_ client: ServerClient, _ source: String) async throws {
        var last = ""
        while true {
            let answer = try await client.sqs("ListMessageMoveTasks", [.init("SourceArn", .string(source))])
            guard let task = answer["Results"]?.arrayValue?.first else { throw CommandFailure("The task is gone.") }
            let progress = Progress(task)
            let line = json ? task.compactText : progress.line
            if line != last { say(line + "\n") }
            last = line
            switch progress.status {
            case "RUNNING", "CANCELLING": try await Task.sleep(for: .milliseconds(500))
            case "COMPLETED": return
            default: throw progress.failure(of: source)
            }
        }
    }

    private func say(_ text: String) { FileHandles.standardOutput(text) }

    /// How far a task is.
    struct Progress {
        var status: String
        var moved: Int
        var toMove: Int
        var reason: String?

        init(_ task: JSONValue) {
            status = task["Status"]?.stringValue ?? "UNKNOWN"
            reason = task["FailureReason"]?.stringValue
            if case .integer(let count)? = task["ApproximateNumberOfMessagesMoved"] { moved = count } else { moved = 0 }
            if case .integer(let count)? = task["ApproximateNumberOfMessagesToMove"] {
                toMove = count
            } else {
                toMove = moved
            }
        }

        var line: String { "\(moved) of \(max(toMove, moved)) moved, \(status.lowercased())" }

        func failure(of source: String) -> CommandFailure {
            let queue = source.split(separator: ":").last.map(String.init) ?? source
            switch reason {
            case "CouldNotDetermineMessageSource"?:
                return CommandFailure(
                    "A message does not say where it came from: it was sent to the queue directly.",
                    next: "martlet queue redrive \(queue) --to QUEUE"
                )
            case let reason?:
                return CommandFailure("The task has failed: \(reason)", next: "martlet queue peek \(queue)")
            case nil: return CommandFailure("The task ended as \(status).", next: "martlet queue redrive \(queue)")
            }
        }
    }
}
