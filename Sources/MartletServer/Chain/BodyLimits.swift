// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// How large a body each operation takes. The bound is there so that nobody fills the memory; what the operation itself
/// forbids, it says in its own words.
enum BodyLimits {
    /// AWS's own bound of a code upload: 50 MB of zip in base 64 and the rest of the document.
    static let codeUpload = 70_167_211
    /// A synchronous payload may have 6 MiB; a little more is let in, so that Lambda itself names the limit.
    static let invocation = 6 * 1_048_576 + 65_536
    /// One batch of log events has 1 MiB of text, which JSON may escape to six times as much.
    static let logEvents = 8 * 1_048_576
    /// A lookup table has 10 MiB of text, whose quotes and line ends JSON escapes to twice as much.
    static let lookupTable = 24 * 1_048_576
    /// A policy document of 128 KiB, percent-encoded three times over, with room.
    static let identity = 1_048_576
    /// Ten messages of 1 MiB together, percent-encoded three times over, with room.
    static let messages = 4 * 1_048_576
    /// What most AWS services take.
    static let usual = 10 * 1_048_576

    private static let byService: [String: (usual: Int, operations: [String: Int])] = [
        "lambda": (
            invocation,
            ["CreateFunction": codeUpload, "UpdateFunctionCode": codeUpload, "PublishLayerVersion": codeUpload]
        ),
        "logs": (
            identity,
            ["PutLogEvents": logEvents, "CreateLookupTable": lookupTable, "UpdateLookupTable": lookupTable]
        ),
        "iam": (identity, [:]),
        "sts": (identity, [:]),
        "sns": (messages, [:]),
    ]

    /// The figure that a caller is told: for invocations AWS's own, without the little more.
    static func announced(_ limit: Int) -> Int { limit == invocation ? 6_291_456 : limit }

    /// As AWS's message names the operation: by its IAM action.
    static func actionName(_ operation: String?) -> String? { operation == "Invoke" ? "InvokeFunction" : operation }

    static func limit(of service: String, _ operation: String?) -> Int {
        guard let row = byService[service] else { return usual }
        return operation.flatMap { row.operations[$0] } ?? row.usual
    }

    /// The operation's limit where it can be told without the body, else the service's.
    static func limit(of service: Exchange.Service) -> Int { limit(of: service.model.name, service.operation?.name) }
}
