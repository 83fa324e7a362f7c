// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// The ARNs that IAM decides about: the queue that a request names, in whichever way.
enum SQSResources {
    static func named(by input: any Shape, in scope: Scope) -> [ARN] {
        switch input {
        case let input as CreateQueueInput: [scope.arn("sqs", input.queueName ?? "")]
        case let input as GetQueueUrlInput:
            [
                Scope(
                    account: input.queueOwnerAWSAccountId.flatMap { AccountID($0) } ?? scope.account,
                    region: scope.region
                )
                .arn("sqs", input.queueName ?? "")
            ]
        case is ListQueuesInput: [scope.arn("sqs", "*")]
        case let input as StartMessageMoveTaskInput: queue(arn: input.sourceArn)
        case let input as ListMessageMoveTasksInput: queue(arn: input.sourceArn)
        case let input as CancelMessageMoveTaskInput:
            queue(arn: input.taskHandle.flatMap { MoveTaskHandle(parsing: $0)?.source.arn.description })
        case let input as any QueueNaming:
            input.queueUrl.flatMap { QueueAddress(url: $0, in: scope.region) }.map { [$0.arn] } ?? []
        default: []
        }
    }

    private static func queue(arn text: String?) -> [ARN] {
        text.flatMap { ARN($0) }.flatMap { QueueAddress($0)?.arn }.map { [$0] } ?? []
    }
}

/// An input that names its queue by URL.
private protocol QueueNaming {
    var queueUrl: String? { get }
}

extension AddPermissionInput: QueueNaming {}
extension ChangeMessageVisibilityInput: QueueNaming {}
extension ChangeMessageVisibilityBatchInput: QueueNaming {}
extension DeleteMessageInput: QueueNaming {}
extension DeleteMessageBatchInput: QueueNaming {}
extension DeleteQueueInput: QueueNaming {}
extension GetQueueAttributesInput: QueueNaming {}
extension ListDeadLetterSourceQueuesInput: QueueNaming {}
extension ListQueueTagsInput: QueueNaming {}
extension PurgeQueueInput: QueueNaming {}
extension ReceiveMessageInput: QueueNaming {}
extension RemovePermissionInput: QueueNaming {}
extension SendMessageInput: QueueNaming {}
extension SendMessageBatchInput: QueueNaming {}
extension SetQueueAttributesInput: QueueNaming {}
extension TagQueueInput: QueueNaming {}
extension UntagQueueInput: QueueNaming {}
