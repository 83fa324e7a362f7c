// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// AWS: DeadLetterConfig
enum DeadLetterRules {
    /// Nil when the caller wants none: AWS takes an empty ARN as that.
    static func target(_ config: DeadLetterConfig?) throws -> String? {
        guard let text = config?.targetArn, !text.isEmpty else { return nil }
        guard let arn = ARN(text), ["sqs", "sns"].contains(arn.service), arn.scope != nil, !arn.isFIFO else {
            throw InvalidParameterValueException(
                "The target ARN \(text) of DeadLetterConfig is invalid. It must be the ARN of a standard SQS queue or a standard SNS topic."
            )
        }
        return text
    }
}

extension LambdaService {
    /// In `enforced` mode the role must be able to write there.
    func checkDeadLetters(_ settings: FunctionSettings) async throws {
        guard let target = settings.deadLetterTarget.flatMap({ ARN($0) }) else { return }
        try await refuseDenial(
            "The provided execution role does not have permissions to call \(target.writingCall)"
        ) {
            try await control.outcomePermissions.check(ARN(settings.role), writes: target)
        }
    }

    /// What a function's results may go to, and whether its role may write there.
    /// Throws InvalidParameterValueException, and 501 for what AWS has and Martlet has not yet.
    func check(_ config: DestinationConfig?, of function: FunctionReference) async throws {
        let texts = [config?.onSuccess?.named, config?.onFailure?.named]
        guard texts.contains(where: { $0 != nil }) else { return }
        let role = try await store.read { tx in
            try tx.outcomeSettings(of: tx.target(of: function).version, of: function)?.role
        }
        for text in texts.compactMap({ $0 }) {
            let target = try await target(text, of: function, config)
            try await refuseDenial(
                "The function's execution role does not have permissions to call \(target.writingCall) (\(target))"
            ) {
                try await control.outcomePermissions.check(role, writes: target)
            }
        }
    }

    private func target(
        _ text: String,
        of function: FunctionReference,
        _ config: DestinationConfig?
    ) async throws -> ARN {
        guard let arn = ARN(text), OutcomePermissions.actions[arn.service] != nil, !arn.isFIFO else {
            throw InvalidParameterValueException(
                "The provided destination config DestinationConfig(onSuccess=\(Self.shown("OnSuccess", config?.onSuccess?.named)), onFailure=\(Self.shown("OnFailure", config?.onFailure?.named))) is invalid."
            )
        }
        switch arn.service {
        case "events": throw CommonError.notImplemented("EventBridge as a destination")
        case "s3": throw CommonError.notImplemented("S3 as a destination")
        case "lambda": try await checkFunction(arn, of: function)
        default: break
        }
        return arn
    }

    private func checkFunction(_ arn: ARN, of function: FunctionReference) async throws {
        guard let scope = arn.scope, let target = try? FunctionReference(arn.description, in: scope),  // named below
            try await store.read({ try $0.function(target.name, in: target.scope) }) != nil
        else { throw InvalidParameterValueException("The destination ARN \(arn) is invalid.") }
        guard target.scope != function.scope || target.name != function.name else {
            throw InvalidParameterValueException("You can't specify the function as a destination for itself.")
        }
    }

    private static func shown(_ name: String, _ destination: String?) -> String {
        destination.map { "\(name)(destination=\($0))" } ?? "null"
    }

    /// IAM's denial of a role's action is Lambda's refusal of the configuration.
    func refuseDenial(_ message: String, _ check: () async throws -> Void) async throws {
        do {
            try await check()
        } catch let denial as any ServiceError where denial.code.hasPrefix("AccessDenied") {
            throw InvalidParameterValueException(message)
        }
    }
}

extension ARN {
    /// A queue or a topic that wants a message group, which records have not: AWS names standard ones alone.
    fileprivate var isFIFO: Bool { ["sqs", "sns"].contains(service) && resource.hasSuffix(".fifo") }

    /// As AWS's messages name it.
    fileprivate var writingCall: String {
        switch service {
        case "sqs": "SendMessage on SQS"
        case "sns": "Publish on SNS"
        default: "InvokeFunction on Lambda"
        }
    }
}

extension OnSuccess {
    /// Nil for an empty one.
    var named: String? { destination.flatMap { $0.isEmpty ? nil : $0 } }
}

extension OnFailure {
    var named: String? { destination.flatMap { $0.isEmpty ? nil : $0 } }
}
