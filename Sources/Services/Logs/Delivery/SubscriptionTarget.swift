// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// Where a subscription leads, read from what PutSubscriptionFilter was given.
struct SubscriptionTarget: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case function
        /// Kinesis or Firehose, by the ARN's service part.
        case stream(String)
        /// A destination of this service, which leads to a stream.
        case destination(String)
    }

    let arn: ARN
    let kind: Kind

    /// Throws `InvalidParameterException` for what no subscription can lead to, and where a role is missing or too much.
    init(_ text: String, role: String?) throws {
        guard let arn = ARN(text), arn.scope != nil else {
            throw InvalidParameterException("Invalid ARN in destinationArn: \(text)")
        }
        self.arn = arn
        switch arn.service {
        case "lambda" where arn.resource.hasPrefix("function:"):
            guard role == nil else {
                throw InvalidParameterException("destinationArn for vendor lambda cannot be used with roleArn")
            }
            kind = .function
        case "kinesis", "firehose":
            guard let role else {
                throw InvalidParameterException(
                    "destinationArn for vendor \(arn.service) cannot be used without roleArn"
                )
            }
            guard let parsed = ARN(role), parsed.service == "iam", parsed.resource.hasPrefix("role/") else {
                throw InvalidParameterException("Invalid ARN in roleArn: \(role)")
            }
            kind = .stream(arn.service)
        case "logs" where arn.resource.hasPrefix("destination:"):
            kind = .destination(String(arn.resource.dropFirst("destination:".count)))
        default:
            throw InvalidParameterException(
                "PutSubscriptionFilter operation cannot work with destinationArn for vendor \(arn.service)"
            )
        }
    }

    /// The group that a function writes its own lines to unless it is told otherwise.
    var ownLogGroup: String? {
        guard kind == .function else { return nil }
        let parts = arn.resource.split(separator: ":")
        return parts.count >= 2 ? "/aws/lambda/\(parts[1])" : nil
    }

    /// AWS's words for a target that does not take what it is given.
    var refusal: InvalidParameterException {
        switch kind {
        case .stream("firehose"):
            InvalidParameterException(
                """
                Could not deliver test message to specified Firehose stream. \
                Check if the given Firehose stream is in ACTIVE state.
                """
            )
        case .stream, .destination:
            InvalidParameterException(
                """
                Could not deliver test message to specified Kinesis stream. \
                Check if the given kinesis stream is in ACTIVE state.
                """
            )
        case .function:
            InvalidParameterException(
                """
                Could not execute the lambda function. \
                Make sure you have given CloudWatch Logs permission to execute your function.
                """
            )
        }
    }
}
