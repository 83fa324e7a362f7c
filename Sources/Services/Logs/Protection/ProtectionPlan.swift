// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// The policies that protect a group together: its own and the account's.
struct ProtectionPlan: Sendable {
    let policies: [ProtectionPolicy]

    /// What one identifier has found in an event.
    struct Finding: Sendable {
        var name: String
        var ranges: [Range<Int>]
    }

    /// What each policy finds in a text, without identifiers that find nothing.
    func findings(in text: String) -> [[Finding]] {
        policies.map { policy in
            policy.identifiers.compactMap { identifier in
                let ranges = identifier.findings(in: text)
                return ranges.isEmpty ? nil : Finding(name: identifier.name, ranges: ranges)
            }
        }
    }

    func masks(_ findings: [[Finding]]) -> [Range<Int>] {
        EventMasks.joined(zip(policies, findings).flatMap { $0.isMasking ? $1.flatMap(\.ranges) : [] })
    }
}

/// What an audit says of one event, in the form that AWS documents.
struct AuditReport: Sendable {
    var resource: ARN
    var at: Instant
    var findings: [ProtectionPlan.Finding]

    var text: String {
        let identifiers = findings.map { finding in
            JSONValue.object([
                .init("name", .string(finding.name)), .init("count", .integer(finding.ranges.count)),
                .init("detections", .array(finding.ranges.map(Self.detection))),
            ])
        }
        return JSONValue.object([
            .init("auditTimestamp", .string(at.iso8601)), .init("resourceArn", .string(resource.description)),
            .init("dataIdentifiers", .array(identifiers)),
        ]).compactText
    }

    private static func detection(_ range: Range<Int>) -> JSONValue {
        .object([.init("start", .integer(range.lowerBound)), .init("end", .integer(range.upperBound))])
    }
}
