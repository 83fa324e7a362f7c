// SPDX-License-Identifier: Apache-2.0

extension SampleEvents {
    static let developer = [
        SampleEvent(
            "codecommit",
            "repository",
            "Somebody has pushed to a repository",
            [
                .account, .partition, .region, .init("repository", "my-repo"), .init("trigger", "my-trigger"),
                .init("custom-data", "this is custom data"),
            ],
            #"""
            {
              "Records": [
                {
                  "awsRegion": "{{region}}",
                  "codecommit": {
                    "references": [{"commit": "5c4ef1049f1d27deadbeeff313e0730018be182b", "ref": "refs/heads/main"}]
                  },
                  "customData": "{{custom-data}}",
                  "eventId": "5a824061-17ca-46a9-bbf9-114edeadbeef",
                  "eventName": "TriggerEventTest",
                  "eventPartNumber": 1,
                  "eventSource": "aws:codecommit",
                  "eventSourceARN": "arn:{{partition}}:codecommit:{{region}}:{{account-id}}:{{repository}}",
                  "eventTime": "2026-01-31T12:00:00.000+0000",
                  "eventTotalParts": 1,
                  "eventTriggerConfigId": "5a824061-17ca-46a9-bbf9-114edeadbeef",
                  "eventTriggerName": "{{trigger}}",
                  "eventVersion": "1.0",
                  "userIdentityARN": "arn:{{partition}}:iam::{{account-id}}:root"
                }
              ]
            }
            """#
        ),
        SampleEvent(
            "codepipeline",
            "job",
            "A pipeline has work for a function",
            [
                .account, .init("input-bucket", "example-bucket"), .init("input-key", "test/key"),
                .init("output-bucket", "example-bucket2"), .init("output-key", "test/key2"),
            ],
            #"""
            {
              "CodePipeline.job": {
                "id": "11111111-abcd-1111-abcd-111111abcdef",
                "accountId": "{{account-id}}",
                "data": {
                  "actionConfiguration": {
                    "configuration": {"FunctionName": "my-function", "UserParameters": "some-input-such-as-a-URL"}
                  },
                  "inputArtifacts": [
                    {
                      "name": "ArtifactName",
                      "revision": "0123456789abcdef",
                      "location": {
                        "type": "S3",
                        "s3Location": {"bucketName": "{{input-bucket}}", "objectKey": "{{input-key}}"}
                      }
                    }
                  ],
                  "outputArtifacts": [
                    {
                      "name": "ArtifactName2",
                      "revision": null,
                      "location": {
                        "type": "S3",
                        "s3Location": {"bucketName": "{{output-bucket}}", "objectKey": "{{output-key}}"}
                      }
                    }
                  ],
                  "artifactCredentials": {
                    "accessKeyId": "an-access-key-id",
                    "secretAccessKey": "a-secret",
                    "sessionToken": "a-session-token"
                  },
                  "continuationToken": "a-continuation-token"
                }
              }
            }
            """#
        ),
        SampleEvent(
            "sagemaker",
            "ground-truth-pre-human",
            "An object is about to be shown to a labeller",
            SampleEvent.Option.place + [
                .init("source-ref", "s3://example-bucket/object-to-annotate.jpg"),
                .init("labeling-job-name", "example-job"),
            ],
            #"""
            {
              "version": "2018-10-16",
              "labelingJobArn": "\#(labelingJob)",
              "dataObject": {"source-ref": "{{source-ref}}"}
            }
            """#
        ),
        SampleEvent(
            "sagemaker",
            "ground-truth-annotation-consolidation",
            "Labellers' annotations are to be made one",
            SampleEvent.Option.place + [
                .init("labeling-job-name", "example-job"), .init("label-attribute-name", "example-attribute"),
                .init("s3-output-path", "s3://example-bucket/output"), .init("execution-role", "sagemaker-role"),
                .init("iteration-object-timestamp", "iteration-1/0/2026-01-31_12:00:00"),
            ],
            #"""
            {
              "version": "2018-10-16",
              "labelingJobArn": "\#(labelingJob)",
              "labelAttributeName": "{{label-attribute-name}}",
              "roleArn": "arn:{{partition}}:iam::{{account-id}}:role/{{execution-role}}",
              "payload": {
                "s3Uri": "{{s3-output-path}}/{{labeling-job-name}}/annotations/consolidated-annotation/consolidation-request/{{iteration-object-timestamp}}.json"
              }
            }
            """#
        ),
    ]

    private static let labelingJob =
        "arn:{{partition}}:sagemaker:{{region}}:{{account-id}}:labeling-job/{{labeling-job-name}}"
}
