// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// One message of a queue as functions get it.
struct QueueRecord: Sendable {
    var message: QueueMessage
    var queue: ARN

    /// AWS's record, its members in AWS's order.
    var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("messageId", .string(message.id)), .init("receiptHandle", .string(message.receiptHandle)),
            .init("body", .string(message.body)), .init("attributes", attributes),
            .init("messageAttributes", messageAttributes),
        ]
        if let sum = message.messageAttributesMD5 { members.append(.init("md5OfMessageAttributes", .string(sum))) }
        members += [
            .init("md5OfBody", .string(message.bodyMD5)), .init("eventSource", .string("aws:sqs")),
            .init("eventSourceARN", .string(queue.description)), .init("awsRegion", .string(queue.region)),
        ]
        return .object(members)
    }

    /// What filters see: a body that is an object or an array is looked into.
    var filterable: JSONValue {
        guard case .object(var members) = json, let index = members.firstIndex(where: { $0.name == "body" }),
            let body = try? JSONValue(parsing: message.body)  // text: filters see it as it is
        else { return json }
        switch body {
        case .object, .array: members[index].value = body
        default: break
        }
        return .object(members)
    }

    private var attributes: JSONValue {
        .object(message.attributes.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) })
    }

    private var messageAttributes: JSONValue {
        .object(message.messageAttributes.sorted { $0.key < $1.key }.map { .init($0.key, $0.value.record) })
    }
}

extension EventAttribute {
    /// The lists are always there and always empty: SQS has had plans for them.
    fileprivate var record: JSONValue {
        let value: JSONValue.Member =
            switch self.value {
            case .text(let text): .init("stringValue", .string(text))
            case .binary(let bytes): .init("binaryValue", .string(Base64.encode(bytes)))
            }
        return .object([
            value, .init("stringListValues", .array([])), .init("binaryListValues", .array([])),
            .init("dataType", .string(dataType)),
        ])
    }
}
