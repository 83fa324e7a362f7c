// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// Which queue is meant: its owner, region and name.
struct QueueAddress: Hashable, Sendable {
    let scope: Scope
    let name: String

    init(scope: Scope, name: String) {
        self.scope = scope
        self.name = name
    }

    /// Nil for an ARN of anything but a queue.
    init?(_ arn: ARN) {
        guard arn.service == "sqs", let scope = arn.scope, !arn.resource.contains(":") else { return nil }
        self.init(scope: scope, name: arn.resource)
    }

    /// From a queue's URL, of any host and with any path in front, or from the bare path `/123456789012/name`. The region is
    /// the request's. Nil for other text.
    init?(url: String, in region: Region) {
        let parts = url.parts(at: "/", omittingEmpty: true)
        guard parts.count >= 2, parts.count <= 16, let account = AccountID(parts[parts.count - 2]),
            let name = parts.last, !name.utf8.contains(0x3f)
        else { return nil }
        self.init(scope: Scope(account: account, region: region), name: String(name))
    }

    var arn: ARN { scope.arn("sqs", name) }
    var isFIFO: Bool { Self.isFIFO(name) }

    func url(at endpoint: Endpoint) -> String { "\(endpoint)/\(scope.account)/\(name)" }

    static func isFIFO(_ name: String) -> Bool { name.hasSuffix(".fifo") }

    /// Throws `InvalidParameterValue` in AWS's words.
    static func check(name: String, isFIFO: Bool) throws {
        let stem = isFIFO && Self.isFIFO(name) ? String(name.dropLast(5)) : name
        let isWellFormed =
            (1...SQSLimits.queueNameLength).contains(name.utf8.count) && !stem.isEmpty
            && stem.utf8.allSatisfy(\.isWordOrHyphen)
        if isWellFormed, isFIFO == Self.isFIFO(name) { return }
        throw InvalidParameterValueException(
            isFIFO
                ? "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end "
                    + "with .fifo suffix and be 1 to 80 in length"
                : "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )
    }
}

extension UInt8 {
    var isAlphanumeric: Bool {
        (self >= 0x30 && self <= 0x39) || (self >= 0x41 && self <= 0x5a) || (self >= 0x61 && self <= 0x7a)
    }
    var isWordOrHyphen: Bool { isAlphanumeric || self == 0x2d || self == 0x5f }
    /// What group and deduplication ids are made of.
    var isAlphanumericOrPunctuation: Bool { self > 0x20 && self < 0x7f }
}
