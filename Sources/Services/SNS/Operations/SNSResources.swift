// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// The ARNs that IAM decides about: topics and applications, and for subscriptions their topic.
enum SNSResources {
    static func named(by input: any Shape, in scope: Scope) -> [ARN] {
        switch input {
        case let input as CreateTopicInput: [scope.arn("sns", input.name)]
        case let input as PublishInput: arns(input.topicArn ?? input.targetArn)
        default: arns(text(in: input))
        }
    }

    private static func text(in input: any Shape) -> String? {
        switch input {
        case let input as AddPermissionInput: input.topicArn
        case let input as RemovePermissionInput: input.topicArn
        case let input as DeleteTopicInput: input.topicArn
        case let input as GetTopicAttributesInput: input.topicArn
        case let input as SetTopicAttributesInput: input.topicArn
        case let input as SubscribeInput: input.topicArn
        case let input as ConfirmSubscriptionInput: input.topicArn
        case let input as ListSubscriptionsByTopicInput: input.topicArn
        case let input as PublishBatchInput: input.topicArn
        case let input as TagResourceInput: input.resourceArn
        case let input as UntagResourceInput: input.resourceArn
        case let input as ListTagsForResourceInput: input.resourceArn
        case let input as PutDataProtectionPolicyInput: input.resourceArn
        case let input as GetDataProtectionPolicyInput: input.resourceArn
        case let input as UnsubscribeInput: topic(of: input.subscriptionArn)
        case let input as GetSubscriptionAttributesInput: topic(of: input.subscriptionArn)
        case let input as SetSubscriptionAttributesInput: topic(of: input.subscriptionArn)
        case let input as DeletePlatformApplicationInput: input.platformApplicationArn
        case let input as GetPlatformApplicationAttributesInput: input.platformApplicationArn
        case let input as SetPlatformApplicationAttributesInput: input.platformApplicationArn
        case let input as CreatePlatformEndpointInput: input.platformApplicationArn
        case let input as ListEndpointsByPlatformApplicationInput: input.platformApplicationArn
        case let input as DeleteEndpointInput: input.endpointArn
        case let input as GetEndpointAttributesInput: input.endpointArn
        case let input as SetEndpointAttributesInput: input.endpointArn
        default: nil
        }
    }

    private static func topic(of subscription: String) -> String? {
        guard var arn = ARN(subscription) else { return nil }
        arn.resource = String(arn.resource.prefix { $0 != ":" })
        return arn.description
    }

    private static func arns(_ text: String?) -> [ARN] { text.flatMap { ARN($0) }.map { [$0] } ?? [] }
}
