// SPDX-License-Identifier: Apache-2.0

extension SampleEvents {
    static let messaging = [
        SampleEvent(
            "sqs",
            "receive-message",
            "A message waited in a queue",
            [.partition, .region, .account, .init("queue-name", "MyQueue"), .init("body", "Hello from SQS!")],
            #"""
            {
              "Records": [
                {
                  "messageId": "19dd0b57-b21e-4ac1-bd88-01bbb068cb78",
                  "receiptHandle": "MessageReceiptHandle",
                  "body": "{{body}}",
                  "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1769860800000",
                    "SenderId": "{{account-id}}",
                    "ApproximateFirstReceiveTimestamp": "1769860800001"
                  },
                  "messageAttributes": {},
                  "md5OfBody": "{{body|md5}}",
                  "eventSource": "aws:sqs",
                  "eventSourceARN": "arn:{{partition}}:sqs:{{region}}:{{account-id}}:{{queue-name}}",
                  "awsRegion": "{{region}}"
                }
              ]
            }
            """#
        ),
        SampleEvent(
            "sns",
            "notification",
            "A message was published to a topic",
            [
                .account, .partition, .region, .init("topic", "ExampleTopic"), .init("subject", "example subject"),
                .init("message", "example message"),
            ],
            #"""
            {
              "Records": [
                {
                  "EventSource": "aws:sns",
                  "EventVersion": "1.0",
                  "EventSubscriptionArn": "\#(topicARN):2bcfbf39-05c3-41de-beaa-fcfcc21c8f55",
                  "Sns": {
                    "Type": "Notification",
                    "MessageId": "95df01b4-ee98-5cb9-9903-4c221d41eb5e",
                    "TopicArn": "\#(topicARN)",
                    "Subject": "{{subject}}",
                    "Message": "{{message}}",
                    "Timestamp": "2026-01-31T12:00:00.000Z",
                    "SignatureVersion": "1",
                    "Signature": "EXAMPLE",
                    "SigningCertUrl": "https://sns.{{region}}.amazonaws.com/SimpleNotificationService-example.pem",
                    "UnsubscribeUrl": "https://sns.{{region}}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=\#(topicARN):2bcfbf39-05c3-41de-beaa-fcfcc21c8f55",
                    "MessageAttributes": {
                      "Test": {"Type": "String", "Value": "TestString"},
                      "TestBinary": {"Type": "Binary", "Value": "VGVzdEJpbmFyeQ=="}
                    }
                  }
                }
              ]
            }
            """#
        ),
    ]

    private static let topicARN = "arn:{{partition}}:sns:{{region}}:{{account-id}}:{{topic}}"
}
