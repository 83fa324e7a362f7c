// SPDX-License-Identifier: Apache-2.0

extension SampleEvents {
    private typealias Option = SampleEvent.Option

    static let streams = kinesis + analytics + firehose

    private static let number = "49645115243490985018280067714973144582180062593244200961"
    private static let text = "Hello, this is a sample."
    /// `text` as it arrives.
    private static let encodedText = "SGVsbG8sIHRoaXMgaXMgYSBzYW1wbGUu"

    private static let kinesis = [
        SampleEvent(
            "kinesis",
            "get-records",
            "A record came over a data stream",
            [
                .region, .partition, .init("sequence", number), .init("data", text),
                .init("partition-key", "partitionKey-03"),
            ],
            #"""
            {
              "Records": [
                {
                  "kinesis": {
                    "partitionKey": "{{partition-key}}",
                    "kinesisSchemaVersion": "1.0",
                    "data": "{{data|base64}}",
                    "sequenceNumber": "{{sequence}}",
                    "approximateArrivalTimestamp": 1769860800.0
                  },
                  "eventSource": "aws:kinesis",
                  "eventID": "shardId-000000000000:{{sequence}}",
                  "invokeIdentityArn": "arn:{{partition}}:iam::123456789012:role/stream-reader",
                  "eventVersion": "1.0",
                  "eventName": "aws:kinesis:record",
                  "eventSourceARN": "arn:{{partition}}:kinesis:{{region}}:123456789012:stream/example-stream",
                  "awsRegion": "{{region}}"
                }
              ]
            }
            """#
        )
    ]

    // MARK: Data Analytics

    private static let analyticsOptions: [Option] = [
        .partition, .region, .account, .init("application", "example-application"), .init("stream", "example-stream"),
    ]

    private static let analytics = [
        analysis(
            "analytics",
            "A record to prepare for an SQL application",
            analyticsOptions + [.init("data", text)],
            [#""data": "{{data|base64}}""#]
        ),
        analysis(
            "analytics-compressed",
            "A compressed record",
            analyticsOptions + [.init("data", "H4sIAAAAAAACA6tWykvMTVWyUnJMSVTSUUrOL80rUbIyrgUAOFohCBgAAAA=")],
            [#""data": "{{data}}""#]
        ),
        analysis(
            "analytics-dynamodb",
            "A record to look up in a table",
            analyticsOptions + [.init("data", #"{"VEHICLEID": "vehicle-7", "SPEED": 42.5, "LANE": 1}"#)],
            [#""data": "{{data|base64}}""#]
        ),
        analysis(
            "analytics-kpl",
            "Records that the Kinesis Producer Library has aggregated",
            analyticsOptions,
            [
                aggregated(1, "84mawgoBYRoQCAAaDGZpcnN0IG9mIHR3bxoRCAAaDXNlY29uZCBvZiB0d2+2YHxx3ewkgA3U7Aj1RPD5"),
                aggregated(2, "84mawgoBYQoBYhoHCAAaA29uZRoHCAEaA3R3b3iWYm5LVHUOB/z+tFjoo34="),
            ]
        ),
    ]

    private static func aggregated(_ count: Int, _ data: String) -> String {
        #"""
        "kinesisStreamRecordMetadata": {
          "shardId": "shardId-000000000000",
          "partitionKey": "a",
          "approximateArrivalTimestamp": 1769860800000,
          "sequenceNumber": "4964511524349098501828006771497314458218006259324420096\#(count)"
        },
        "data": "\#(data)"
        """#
    }

    private static func analysis(
        _ name: String,
        _ summary: String,
        _ options: [Option],
        _ records: [String]
    ) -> SampleEvent {
        SampleEvent(
            "kinesis",
            name,
            summary,
            options,
            #"""
            {
              "invocationId": "8d1b2e0c-6f2c-4d0b-8f62-0b1f5a6c7d11",
              "applicationArn": "arn:{{partition}}:kinesisanalytics:{{region}}:{{account-id}}:application/{{application}}",
              "streamArn": "arn:{{partition}}:firehose:{{region}}:{{account-id}}:deliverystream/{{stream}}",
              "records": [\#(numbered(records))]
            }
            """#
        )
    }

    private static func numbered(_ records: [String]) -> String {
        records.enumerated().map { #"{"recordId": "record-\#($0 + 1)", \#($1)}"# }.joined(separator: ", ")
    }

    // MARK: Firehose

    private static let firehose = [
        transformation(
            "kinesis-firehose",
            "Firehose asks for a record to be changed",
            [.partition, .region, .init("data", encodedText)],
            [arrived(#""data": "{{data}}""#)]
        ),
        transformation(
            "apachelog",
            "A line of a web server's log",
            // 198.51.100.7 - - [31/Jan/2026:12:00:00 +0000] "GET /index.html HTTP/1.1" 200 512
            [.region, .init("data", apacheLine)],
            [arrived(#""data": "{{data}}""#)],
            stream: nil
        ),
        transformation(
            "syslog",
            "Lines of a system's log",
            [.region, .init("data", encodedText)],
            // <34>Jan 31 12:00:00 host su: failed for root
            [
                arrived(#""data": "{{data}}""#),
                arrived(#""data": "PDM0PkphbiAzMSAxMjowMDowMCBob3N0IHN1OiBmYWlsZWQgZm9yIHJvb3Q=""#),
            ],
            stream: nil
        ),
        transformation(
            "cloudwatch-logs-processor",
            "Log events that a subscription sends through Firehose",
            [.region, .partition, .account],
            [arrived(#""data": "\#(logControl)""#), arrived(#""data": "\#(logData)""#)],
            stream: "arn:{{partition}}:firehose:{{region}}:{{account-id}}:deliverystream/example-stream"
        ),
        transformation(
            "streams-as-source",
            "Firehose asks for a record of a data stream to be changed",
            [
                .partition, .region, .init("partition-key", "partitionKey-03"), .init("data", encodedText),
                .init("sequence", number),
            ],
            [
                arrived(
                    #"""
                    "kinesisRecordMetadata": {
                      "sequenceNumber": "{{sequence}}",
                      "subsequenceNumber": "0",
                      "partitionKey": "{{partition-key}}",
                      "shardId": "shardId-000000000000",
                      "approximateArrivalTimestamp": 1769860800000
                    },
                    "data": "{{data}}"
                    """#
                )
            ],
            source: "arn:{{partition}}:kinesis:{{region}}:123456789012:stream/example-stream"
        ),
    ]

    private static let apacheLine =
        "MTk4LjUxLjEwMC43IC0gLSBbMzEvSmFuLzIwMjY6MTI6MDA6MDAgKzAwMDBdICJHRVQgL2luZGV4Lmh0bWwgSFRUUC8xLjEiIDIwMCA1MTI="

    private static func arrived(_ data: String) -> String {
        #""approximateArrivalTimestamp": 1769860800000, \#(data)"#
    }

    private static func transformation(
        _ name: String,
        _ summary: String,
        _ options: [Option],
        _ records: [String],
        stream: String? = "arn:{{partition}}:firehose:{{region}}:123456789012:deliverystream/example-stream",
        source: String? = nil
    ) -> SampleEvent {
        let streamText = stream.map { #""deliveryStreamArn": "\#($0)", "# } ?? ""
        let sourceText = source.map { #""sourceKinesisStreamArn": "\#($0)", "# } ?? ""
        return SampleEvent(
            "kinesis",
            name,
            summary,
            options,
            #"""
            {
              "invocationId": "8d1b2e0c-6f2c-4d0b-8f62-0b1f5a6c7d11",
              \#(streamText)\#(sourceText)
              "region": "{{region}}",
              "records": [\#(numbered(records))]
            }
            """#
        )
    }

    // MARK: Logs

    /// What CloudWatch Logs sends: JSON, compressed, base64.
    static let logData =
        "H4sIAAAAAAACA6WQzWrDMBCEX8WIHg2y5Mb5uRmi5NJSsH0zpsjWJhHYkpGUhhLy7t2kSQ+FXBIdFu3MMp+0RzKA93IL1fcIZEGWeZV/vouyzNeCxMQe"
        + "DDiUGU9fJ9l0Nk8YR7m327Wz+xEdKg+e9nJolaTWKXD+1y+DAzngAE94RhNGU0brl7e8EmXVJH95su0UbP73GOH3re+cHoO2ZqX7cA5e1AScs3hrLgzx"
        + "BSac5SPRClEpvu+BwxAXNO4hyAG/xKbZfIbl4sW3/WB8LYrio2iisINoo50PUa8NkFP8HJ7fx0/u4T101qgrvzn9ALdg8VnGAQAA"

    private static let logControl =
        "H4sIAAAAAAACAzWOXwuCMBTFv8rYs0S99Me3EPXFElLoISSW3rbR3GSbSYjfvS3tPhw4nMO5vxG3YAyhUH46wCGO8nN5ybP7KS6KYxrjAKtBgvaJUH0z"
        + "EFuzTFHjAqFoqlXfuWx2hdVA2tma/mFqzTvLlUy4sKANDm/Vrxe/QVpvR8ybuW65w7CkdWOb3fawd7L2F/zxPMA1QwseWvBCFDGoX1xSxIAIy5B6osYt"
        + "cUn8Z5RwDUwZWOGpmr7yEtFE7AAAAA=="
}
