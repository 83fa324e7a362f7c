// SPDX-License-Identifier: Apache-2.0
import AWSWire

extension SampleEvents {
    static let config = [
        rule("item-change-notification", "A resource of a rule has changed", changedItem),
        rule("oversized-item-change-notification", "A resource has changed, too large to be told whole", oversizedItem),
        rule(
            "periodic-rule",
            "A rule's period has ended",
            #"""
            {
              "awsAccountId": "{{account-id|quoted}}",
              "notificationCreationTime": "2026-01-31T12:00:00.000Z",
              "messageType": "ScheduledNotification",
              "recordVersion": "1.0"
            }
            """#
        ),
    ]

    private static let item = #"""
        "awsAccountId": "{{account-id|quoted}}",
        "configurationItemCaptureTime": "2026-01-31T12:00:00.000Z",
        "configurationItemStatus": "OK",
        "configurationStateId": 1769860800000,
        "resourceId": "i-00000000",
        "resourceType": "AWS::EC2::Instance",
        "ARN": "arn:{{partition|quoted}}:ec2:{{region|quoted}}:{{account-id|quoted}}:instance/i-00000000",
        "awsRegion": "{{region|quoted}}",
        "availabilityZone": "{{region|quoted}}a",
        "resourceCreationTime": "2026-01-30T12:00:00.000Z",
        "configurationStateMd5Hash": "0123456789abcdef0123456789abcdef"
        """#

    private static let changedItem = #"""
        {
          "configurationItem": {
            \#(item),
            "configuration": {"instanceId": "i-00000000"},
            "relatedEvents": [],
            "relationships": [],
            "tags": {"Foo": "Bar"}
          },
          "configurationItemDiff": {"changedProperties": {}, "changeType": "CREATE"},
          "notificationCreationTime": "2026-01-31T12:00:00.000Z",
          "messageType": "ConfigurationItemChangeNotification",
          "recordVersion": "1.3"
        }
        """#

    private static let oversizedItem = #"""
        {
          "configurationItemSummary": {
            "changeType": "UPDATE",
            "configurationItemVersion": "1.3",
            \#(item)
          },
          "s3DeliverySummary": {
            "s3BucketLocation": "config-bucket/AWSLogs/item.json.gz",
            "errorCode": null,
            "errorMessage": null
          },
          "notificationCreationTime": "2026-01-31T12:00:00.000Z",
          "messageType": "OversizedConfigurationItemChangeNotification",
          "recordVersion": "1.0"
        }
        """#

    /// Config tells of what has happened in JSON that is itself in a string.
    private static func rule(_ name: String, _ summary: String, _ happened: String) -> SampleEvent {
        let compact = (try? JSONValue(parsing: happened))?.compactText ?? ""  // the tests make each
        return SampleEvent(
            "config",
            name,
            summary,
            SampleEvent.Option.place,
            #"""
            {
              "invokingEvent": \#(JSONValue.string(compact).compactText),
              "ruleParameters": "{\"myParameterKey\":\"myParameterValue\"}",
              "resultToken": "a-result-token",
              "eventLeftScope": false,
              "executionRoleArn": "arn:{{partition}}:iam::{{account-id}}:role/config-role",
              "configRuleArn": "arn:{{partition}}:config:{{region}}:{{account-id}}:config-rule/config-rule-0123456",
              "configRuleName": "change-triggered-config-rule",
              "configRuleId": "config-rule-0123456",
              "accountId": "{{account-id}}",
              "version": "1.0"
            }
            """#
        )
    }
}
