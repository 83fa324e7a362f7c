// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// Where a field is in a log event that is being transformed: `store.book`, or one of the names that begin with `@`.
struct FieldKey: Sendable, Equatable {
    /// AWS's limit of nesting.
    static let maximumDepth = 3
    static let message = FieldKey(pieces: ["@message"])

    let pieces: [String]
    var text: String { pieces.joined(separator: ".") }
    var last: String { pieces[pieces.count - 1] }

    private init(pieces: [String]) { self.pieces = pieces }

    /// Throws `InvalidParameterException` for a name with empty or too many parts.
    init(_ text: String) throws {
        if text.hasPrefix("@") {
            pieces = [text]
            return
        }
        let pieces = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard pieces.allSatisfy({ !$0.isEmpty }) else {
            throw InvalidParameterException("Invalid key in transformer: \(text)")
        }
        guard pieces.count <= Self.maximumDepth else {
            throw InvalidParameterException(
                "Nested key depth in transformer must not exceed \(Self.maximumDepth): \(text)"
            )
        }
        self.pieces = pieces
    }

    /// A field inside this one.
    func appending(_ name: String) -> FieldKey { FieldKey(pieces: pieces + [name]) }
}

/// Where a log event comes from: what `copyValue` can copy into it.
struct EventOrigin: Sendable {
    var account = ""
    var region = ""
    var group = ""
    var stream = ""

    func value(named name: String) -> String? {
        switch name {
        case "@accountId": account
        case "@regionName": region
        case "@logGroupName": group
        case "@logGroupStream": stream
        default: nil
        }
    }
}
