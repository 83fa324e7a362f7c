// SPDX-License-Identifier: Apache-2.0

extension SampleEvents {
    static let mail = [
        SampleEvent(
            "ses",
            "email-receiving",
            "SES has received a letter",
            SampleEvent.Option.place + [.init("dns-suffix", "us-east-1.amazonaws.com")],
            #"""
            {
              "Records": [
                {
                  "eventSource": "aws:ses",
                  "eventVersion": "1.0",
                  "ses": {
                    "mail": {
                      "commonHeaders": {
                        "date": "Sat, 31 Jan 2026 12:00:00 +0000",
                        "from": ["Ada <ada@example.com>"],
                        "messageId": "<0123456789example.com>",
                        "returnPath": "ada@example.com",
                        "subject": "Test Subject",
                        "to": ["charles@example.com"]
                      },
                      "destination": ["charles@example.com"],
                      "headers": [\#(headers)],
                      "headersTruncated": false,
                      "messageId": "o3vrnil0e2ic28trm7dfhrc2v0cnbeccl4nbp0g1",
                      "source": "ada@example.com",
                      "timestamp": "2026-01-31T12:00:00.000Z"
                    },
                    "receipt": {
                      "action": {
                        "functionArn": "arn:{{partition}}:lambda:{{region}}:{{account-id}}:function:Example",
                        "invocationType": "Event",
                        "type": "Lambda"
                      },
                      "dkimVerdict": {"status": "PASS"},
                      "processingTimeMillis": 574,
                      "recipients": ["charles@example.com"],
                      "spamVerdict": {"status": "PASS"},
                      "spfVerdict": {"status": "PASS"},
                      "timestamp": "2026-01-31T12:00:00.000Z",
                      "virusVerdict": {"status": "PASS"}
                    }
                  }
                }
              ]
            }
            """#
        ),
        SampleEvent(
            "workmail",
            "email",
            "WorkMail has a letter that comes or goes",
            [
                .init("flow-direction", "INBOUND"), .init("mail-from", "from@example.com"),
                .init("sender", "sender@example.com"),
            ],
            #"""
            {
              "summaryVersion": "2019-07-28",
              "envelope": {
                "mailFrom": {"address": "{{mail-from}}"},
                "recipients": [{"address": "one@example.com"}, {"address": "two@example.com"}]
              },
              "sender": {"address": "{{sender}}"},
              "subject": "Hello from WorkMail",
              "messageId": "00000000-0000-0000-0000-000000000000",
              "invocationId": "00000000000000000000000000000000",
              "flowDirection": "{{flow-direction}}",
              "truncated": false
            }
            """#
        ),
    ]

    private static let headers = [
        ("Return-Path", "<ada@example.com>"),
        ("Received", "from mail.example.com by inbound-smtp.{{dns-suffix}} with SMTP id an-id for charles@example.com"),
        ("DKIM-Signature", "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=example"), ("MIME-Version", "1.0"),
        ("From", "Ada <ada@example.com>"), ("Date", "Sat, 31 Jan 2026 12:00:00 +0000"),
        ("Message-ID", "<0123456789example.com>"), ("Subject", "Test Subject"), ("To", "charles@example.com"),
        ("Content-Type", "text/plain; charset=UTF-8"),
    ].map { #"{"name": "\#($0)", "value": "\#($1)"}"# }.joined(separator: ", ")
}
