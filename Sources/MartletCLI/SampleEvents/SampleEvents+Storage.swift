// SPDX-License-Identifier: Apache-2.0

extension SampleEvents {
    private typealias Option = SampleEvent.Option

    static let storage = [
        object("s3", "put", "An object was put into a bucket", name: "ObjectCreated:Put", details: stored),
        object("s3", "delete", "An object was deleted", name: "ObjectRemoved:Delete", details: ""),
        object(
            "rekognition",
            "s3-request",
            "A picture was put into a bucket, to be looked at",
            name: "ObjectCreated:Put",
            details: stored
        ),
        SampleEvent(
            "s3",
            "batch-invocation",
            "S3 Batch Operations hands a task on",
            [.init("bucket-arn", "arn:aws:s3:::example-bucket"), .init("key", "test/key")],
            #"""
            {
              "invocationSchemaVersion": "1.0",
              "invocationId": "an-invocation-id",
              "job": {"id": "f3cc4f60-61f6-4a2b-8a21-d07600c373ce"},
              "tasks": [
                {
                  "taskId": "a-task-id",
                  "s3Key": "{{key|url}}",
                  "s3VersionId": "1",
                  "s3BucketArn": "{{bucket-arn}}"
                }
              ]
            }
            """#
        ),
        tableChanges,
    ]

    private static let stored = #""size": 1024, "eTag": "0123456789abcdef0123456789abcdef", "#

    private static func object(
        _ service: String,
        _ event: String,
        _ summary: String,
        name: String,
        details: String
    ) -> SampleEvent {
        SampleEvent(
            service,
            event,
            summary,
            [.region, .partition, .init("bucket", "example-bucket"), .init("key", "test/key")],
            #"""
            {
              "Records": [
                {
                  "eventVersion": "2.1",
                  "eventSource": "aws:s3",
                  "awsRegion": "{{region}}",
                  "eventTime": "2026-01-31T12:00:00.000Z",
                  "eventName": "\#(name)",
                  "userIdentity": {"principalId": "AWS:AIDAEXAMPLE"},
                  "requestParameters": {"sourceIPAddress": "198.51.100.7"},
                  "responseElements": {"x-amz-request-id": "EXAMPLE123456789", "x-amz-id-2": "an-extended-request-id="},
                  "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": "a-configuration",
                    "bucket": {
                      "name": "{{bucket}}",
                      "ownerIdentity": {"principalId": "A1EXAMPLE"},
                      "arn": "arn:{{partition}}:s3:::{{bucket}}"
                    },
                    "object": {"key": "{{key|url}}", \#(details)"sequencer": "0A1B2C3D4E5F678901"}
                  }
                }
              ]
            }
            """#
        )
    }

    private static let oldImage = #"{"Message": {"S": "New item!"}, "Id": {"N": "101"}}"#
    private static let newImage = #"{"Message": {"S": "This item has changed"}, "Id": {"N": "101"}}"#

    private static let tableChanges = SampleEvent(
        "dynamodb",
        "update",
        "An item of a table came, changed and went",
        [.account, .partition, .region, .init("table", "ExampleTableWithStream")],
        #"""
        {
          "Records": [
            \#(change("INSERT", number: 1, bytes: 26, #""NewImage": \#(oldImage)"#)),
            \#(change("MODIFY", number: 2, bytes: 59, #""NewImage": \#(newImage), "OldImage": \#(oldImage)"#)),
            \#(change("REMOVE", number: 3, bytes: 38, #""OldImage": \#(newImage)"#))
          ]
        }
        """#
    )

    private static func change(_ name: String, number: Int, bytes: Int, _ images: String) -> String {
        #"""
        {
          "eventID": "0123456789abcdef0123456789abcde\#(number)",
          "eventName": "\#(name)",
          "eventVersion": "1.1",
          "eventSource": "aws:dynamodb",
          "awsRegion": "{{region}}",
          "dynamodb": {
            "ApproximateCreationDateTime": 1769860800,
            "Keys": {"Id": {"N": "101"}},
            \#(images),
            "SequenceNumber": "442158000000000000000000\#(number)",
            "SizeBytes": \#(bytes),
            "StreamViewType": "NEW_AND_OLD_IMAGES"
          },
          "eventSourceARN": "arn:{{partition}}:dynamodb:{{region}}:{{account-id}}:table/{{table}}/stream/2026-01-31T12:00:00.000"
        }
        """#
    }
}
