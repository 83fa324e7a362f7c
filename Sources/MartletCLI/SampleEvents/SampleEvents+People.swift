// SPDX-License-Identifier: Apache-2.0

extension SampleEvents {
    /// Cognito, Connect.
    static let people = [
        SampleEvent(
            "cognito",
            "sync-trigger",
            "A person's data set is synchronised",
            [.region],
            #"""
            {
              "version": 2,
              "eventType": "SyncTrigger",
              "region": "{{region}}",
              "identityPoolId": "{{region}}:6a1f8a9e-0d2b-4a7c-8f3e-5b9c1d0e2f3a",
              "identityId": "{{region}}:1c2d3e4f-5a6b-4c7d-8e9f-0a1b2c3d4e5f",
              "datasetName": "a-data-set",
              "datasetRecords": {
                "SampleKey1": {"oldValue": "oldValue1", "newValue": "newValue1", "op": "replace"},
                "SampleKey2": {"oldValue": "oldValue2", "newValue": "newValue2", "op": "replace"}
              }
            }
            """#
        ),
        SampleEvent(
            "connect",
            "contact-flow-event",
            "A flow reaches its function block",
            SampleEvent.Option.place + [
                .init("contact-id", "4a573372-1f28-4e26-b97b-3f0a3b6c1d2e"), .init("phone-number", "+15555550100"),
            ],
            #"""
            {
              "Name": "ContactFlowEvent",
              "Details": {
                "ContactData": {
                  "Attributes": {},
                  "Channel": "VOICE",
                  "ContactId": "{{contact-id}}",
                  "CustomerEndpoint": {"Address": "{{phone-number}}", "Type": "TELEPHONE_NUMBER"},
                  "InitialContactId": "{{contact-id}}",
                  "InitiationMethod": "INBOUND",
                  "InstanceARN": "arn:{{partition}}:connect:{{region}}:{{account-id}}:instance/9308c2a1-9bc6-4cea-8290-6c0b4a6d38fa",
                  "MediaStreams": {
                    "Customer": {
                      "Audio": {
                        "StartFragmentNumber": "91343852333181432392682062622220590765191907586",
                        "StartTimestamp": "1769860800000",
                        "StreamARN": "arn:{{partition}}:kinesisvideo:{{region}}:{{account-id}}:stream/connect-contact/1769860800000"
                      }
                    }
                  },
                  "PreviousContactId": "{{contact-id}}",
                  "Queue": null,
                  "SystemEndpoint": {"Address": "{{phone-number}}", "Type": "TELEPHONE_NUMBER"}
                },
                "Parameters": {}
              }
            }
            """#
        ),
    ]
}
