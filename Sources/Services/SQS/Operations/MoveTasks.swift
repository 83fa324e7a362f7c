// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension SQSService {
    /// AWS: StartMessageMoveTask
    func startMessageMoveTask(
        _ input: StartMessageMoveTaskInput,
        _ context: RequestContext
    ) async throws -> StartMessageMoveTaskOutput {
        let source = try Self.queue(required(input.sourceArn, "SourceArn"), "SourceArn", context)
        let destination = try input.destinationArn.map { try Self.queue($0, "DestinationArn", context) }
        let rate = input.maxNumberOfMessagesPerSecond
        if let rate, !(1...SQSLimits.moveRate).contains(rate) {
            throw InvalidParameterValueException(
                "Value for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: You must enter a number that is "
                    + "between 1 and \(SQSLimits.moveRate)."
            )
        }
        let handle = MoveTaskHandle(id: ids.uuid(), source: source)
        let now = clock.now
        try await store.write { queues in
            let queue = try Self.checkedSource(source, queues.rows)
            if let destination {
                let target = try queues.rows.queue(destination)
                guard let target else { throw Self.missing("DestinationArn") }
                guard target.isFIFO == queue.isFIFO else {
                    throw InvalidParameterValueException("The destination queue must be of the source queue's type.")
                }
            }
            try queues.insertMoveTask(handle, from: queue, to: destination, rate: rate, at: now)
        }
        waiters.signal(MessageMover.bell)
        return StartMessageMoveTaskOutput(taskHandle: handle.text)
    }

    private static func checkedSource(_ source: QueueAddress, _ rows: QueueRows) throws -> Queue {
        guard let queue = try rows.queue(source) else { throw missing("SourceArn") }
        guard try !rows.sourceQueueNames(of: source, behind: "", limit: 1).isEmpty else {
            throw InvalidParameterValueException("Source queue must be configured as a Dead Letter Queue.")
        }
        guard try rows.moveTasks(of: source, limit: 1).first?.status != .running else {
            throw InvalidParameterValueException(
                "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
            )
        }
        return queue
    }

    private static func missing(_ parameter: String) -> ResourceNotFoundException {
        ResourceNotFoundException("The resource that you specified for the \(parameter) parameter doesn't exist.")
    }

    /// A queue of the caller's account and region. Throws AWS's errors.
    private static func queue(_ arn: String, _ parameter: String, _ context: RequestContext) throws -> QueueAddress {
        guard let address = ARN(arn).flatMap({ QueueAddress($0) }) else {
            throw InvalidParameterValueException(
                "You must use this format to specify the \(parameter): arn:<partition>:<service>:<region>:<account-id>:"
                    + "<resource-id>"
            )
        }
        guard address.scope.region == context.scope.region else { throw missing(parameter) }
        return address
    }

    /// The newest first. AWS: ListMessageMoveTasks
    func listMessageMoveTasks(
        _ input: ListMessageMoveTasksInput,
        _ context: RequestContext
    ) async throws -> ListMessageMoveTasksOutput {
        let source = try Self.queue(required(input.sourceArn, "SourceArn"), "SourceArn", context)
        let limit = input.maxResults ?? 1
        guard (1...SQSLimits.moveTasksListed).contains(limit) else {
            throw InvalidParameterValueException(
                "Value for parameter MaxResults is invalid. Reason: You must enter a number that is between 1 and 10."
            )
        }
        let tasks = try await store.read { queues in
            guard try queues.queue(source) != nil else { throw Self.missing("SourceArn") }
            return try queues.moveTasks(of: source, limit: limit)
        }
        return ListMessageMoveTasksOutput(results: tasks.map(\.shown))
    }

    /// What has been moved stays moved. AWS: CancelMessageMoveTask
    func cancelMessageMoveTask(
        _ input: CancelMessageMoveTaskInput,
        _ context: RequestContext
    ) async throws -> CancelMessageMoveTaskOutput {
        let text = try required(input.taskHandle, "TaskHandle")
        guard let handle = MoveTaskHandle(parsing: text) else {
            throw InvalidParameterValueException("Value for parameter TaskHandle is invalid.")
        }
        let moved = try await store.write { queues in
            guard try queues.rows.queue(handle.source) != nil else {
                throw ResourceNotFoundException(
                    "The resource that you specified for the SourceArn parameter doesn't exist."
                )
            }
            guard let task = try queues.rows.moveTask(text) else {
                throw ResourceNotFoundException("Task does not exist.")
            }
            guard task.status == .running else {
                throw InvalidParameterValueException("Only active tasks can be cancelled.")
            }
            try queues.end(task, .cancelled)
            return task.moved
        }
        return CancelMessageMoveTaskOutput(approximateNumberOfMessagesMoved: moved)
    }
}
