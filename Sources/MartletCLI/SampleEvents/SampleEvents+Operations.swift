// SPDX-License-Identifier: Apache-2.0

extension SampleEvents {
    /// CloudWatch, CloudFormation, Batch, Step Functions.
    static let operations = [
        SampleEvent(
            "cloudwatch",
            "logs",
            "A subscription hands log events on",
            #"{"awslogs": {"data": "\#(logData)"}}"#
        ),
        SampleEvent(
            "cloudwatch",
            "scheduled-event",
            "A rule's time has come",
            [.account, .partition, .region, .init("rule", "ExampleRule")],
            #"""
            {
              "version": "0",
              "id": "cdc73f9d-aea9-11e3-9d5a-835b769c0d9c",
              "detail-type": "Scheduled Event",
              "source": "aws.events",
              "account": "{{account-id}}",
              "time": "2026-01-31T12:00:00Z",
              "region": "{{region}}",
              "resources": ["arn:{{partition}}:events:{{region}}:{{account-id}}:rule/{{rule}}"],
              "detail": {}
            }
            """#
        ),
        SampleEvent(
            "cloudformation",
            "create-request",
            "A stack wants a custom resource made",
            [.account, .partition, .region, .init("stack", "MyStack")],
            #"""
            {
              "RequestType": "Create",
              "ResponseURL": "http://pre-signed-S3-url-for-response",
              "StackId": "arn:{{partition}}:cloudformation:{{region}}:{{account-id}}:stack/{{stack}}/51af3dc0-da77-11e4-872e-1234567db123",
              "RequestId": "0c1d8a2e-5f4b-4c6d-9a7e-3b2f1a0c9d8e",
              "ResourceType": "Custom::TestResource",
              "LogicalResourceId": "MyTestResource",
              "ResourceProperties": {"StackName": "{{stack}}", "List": ["1", "2", "3"]}
            }
            """#
        ),
        SampleEvent(
            "batch",
            "get-job",
            "A question for the state of a job",
            #"{"jobId": "2d0c6f3e-3d3a-4c53-8b7e-6f0a5d8c7b10"}"#
        ),
        SampleEvent(
            "batch",
            "submit-job",
            "A job to be submitted",
            #"{"jobName": "example-job", "jobQueue": "example-queue", "jobDefinition": "example-definition:1"}"#
        ),
        SampleEvent(
            "stepfunctions",
            "error",
            "A state has failed and its error is caught",
            [.init("error", "ErrorName"), .init("cause", "This is the cause of the error.")],
            #"{"Error": "{{error}}", "Cause": "{{cause}}"}"#
        ),
    ]
}
