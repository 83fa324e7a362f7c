// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// A topic by its ARN: `arn:aws:sns:{region}:{account}:{name}`.
struct TopicReference: Hashable, Sendable {
    let scope: Scope
    let name: String

    var arn: ARN { scope.arn("sns", name) }
    var isFIFO: Bool { name.hasSuffix(TopicName.fifoSuffix) }

    init(scope: Scope, name: String) {
        self.scope = scope
        self.name = name
    }

    init?(_ arn: ARN) {
        guard arn.service == "sns", let scope = arn.scope, TopicName.isWellFormed(arn.resource) else { return nil }
        self.init(scope: scope, name: arn.resource)
    }

    /// Throws `InvalidParameterException` in AWS's words. A signed caller reaches the topics of one region only.
    init(_ text: String, member: String = "TopicArn", for context: RequestContext) throws {
        let arn = try Self.arn(text, member: member)
        guard let topic = TopicReference(arn), context.reaches(topic.scope.region) else {
            throw InvalidParameterException.of(member)
        }
        self = topic
    }

    /// Throws `InvalidParameterException` for what is no ARN at all.
    static func arn(_ text: String, member: String) throws -> ARN {
        let count = text.split(separator: ":", omittingEmptySubsequences: false).count
        guard count >= 6 else {
            throw InvalidParameterException.of("\(member) Reason: An ARN must have at least 6 elements, not \(count)")
        }
        guard let arn = ARN(text) else { throw InvalidParameterException.of(member) }
        return arn
    }
}

extension RequestContext {
    /// Links in messages are followed without a signature, and so without a region.
    func reaches(_ region: Region) -> Bool { principal.kind == .anonymous || scope.region == region }
}

enum TopicName {
    static let fifoSuffix = ".fifo"

    /// 1–256 letters, digits, `_` and `-`; a FIFO topic's name ends with `.fifo`.
    static func isWellFormed(_ name: String) -> Bool {
        let stem = name.hasSuffix(fifoSuffix) ? name.dropLast(fifoSuffix.count) : Substring(name)
        return !stem.isEmpty && name.utf8.count <= 256 && stem.utf8.allSatisfy(\.isNameByte)
    }
}

extension UInt8 {
    /// `a–z`, `A–Z`, `0–9`, `_`, `-`
    var isNameByte: Bool {
        switch self {
        case 0x61...0x7a, 0x41...0x5a, 0x30...0x39, 0x5f, 0x2d: true
        default: false
        }
    }
}

/// A subscription by its ARN: `{topic}:{id}`.
struct SubscriptionReference: Hashable, Sendable {
    let topic: TopicReference
    let id: String

    var arn: String { "\(topic.arn):\(id)" }

    /// Throws `InvalidParameterException`.
    init(_ text: String, for context: RequestContext) throws {
        let arn = try TopicReference.arn(text, member: "SubscriptionArn")
        let parts = arn.resource.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let scope = arn.scope, context.reaches(scope.region),
            TopicName.isWellFormed(String(parts[0])), !parts[1].isEmpty, parts[1].utf8.count <= 64
        else { throw InvalidParameterException.of("SubscriptionArn") }
        topic = TopicReference(scope: scope, name: String(parts[0]))
        id = String(parts[1])
    }
}
