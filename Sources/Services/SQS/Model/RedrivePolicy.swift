// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// Where messages go that were received too often.
struct RedrivePolicy: Sendable, Equatable {
    let target: QueueAddress
    let maxReceiveCount: Int

    /// Throws `InvalidParameterValue` in AWS's words.
    init(parsing text: String) throws {
        func fault(_ reason: String) -> InvalidParameterValueException {
            .value(text, of: "RedrivePolicy", reason)
        }
        guard case .object? = try? JSONValue(parsing: text), let json = try? JSONValue(parsing: text) else {
            throw fault("Redrive policy is not a valid JSON map.")
        }
        guard let target = json["deadLetterTargetArn"]?.stringValue else {
            throw fault("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
        }
        guard let count = json["maxReceiveCount"] else {
            throw fault("Redrive policy does not contain mandatory attribute: maxReceiveCount.")
        }
        guard let number = Int(count.stringValue ?? count.compactText), (1...1_000).contains(number) else {
            let shown = count.stringValue ?? count.compactText
            throw fault("Invalid value for maxReceiveCount: \(shown), valid values are from 1 to 1000 both inclusive.")
        }
        guard let address = ARN(target).flatMap({ QueueAddress($0) }) else {
            throw fault("Invalid value for deadLetterTargetArn.")
        }
        self.target = address
        maxReceiveCount = number
    }
}

/// Which queues may name this one as their dead-letter queue.
struct RedriveAllowPolicy: Sendable, Equatable {
    enum Permission: Sendable, Equatable {
        case allowAll, denyAll
        case byQueue([String])
    }

    let permission: Permission

    /// Throws `InvalidParameterValue`.
    init(parsing text: String) throws {
        func fault(_ reason: String) -> InvalidParameterValueException {
            .value(text, of: "RedriveAllowPolicy", reason)
        }
        guard case .object? = try? JSONValue(parsing: text), let json = try? JSONValue(parsing: text) else {
            throw fault("Redrive allow policy is not a valid JSON map.")
        }
        let sources = json["sourceQueueArns"]?.arrayValue?.map { $0.stringValue ?? "" }
        switch json["redrivePermission"]?.stringValue {
        case "allowAll" where sources == nil: permission = .allowAll
        case "denyAll" where sources == nil: permission = .denyAll
        case "byQueue":
            guard let sources, (1...SQSLimits.allowedSourceQueues).contains(sources.count),
                sources.allSatisfy({ ARN($0).flatMap { QueueAddress($0) } != nil })
            else { throw fault("sourceQueueArns must name 1 to 10 queues.") }
            permission = .byQueue(sources)
        default: throw fault("redrivePermission must be allowAll, denyAll or byQueue.")
        }
    }

    func allows(_ source: QueueAddress) -> Bool {
        switch permission {
        case .allowAll: true
        case .denyAll: false
        case .byQueue(let arns): arns.contains(source.arn.description)
        }
    }
}
