// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// Names and texts as one JSON object: how attributes and tags lie in a column.
enum StringMap {
    static func text(_ map: [String: String]) -> String {
        JSONValue.object(map.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) }).compactText
    }

    /// Throws `MartletError` for what was not written by `text`.
    static func parse(_ text: String) throws -> [String: String] {
        guard case .object(let members) = try JSONValue(parsing: text) else {
            throw MartletError("sns.row", "a column of attributes holds no JSON object")
        }
        return Dictionary(members.compactMap { member in member.value.stringValue.map { (member.name, $0) } }) { $1 }
    }
}

extension JSONValue {
    static func text(_ members: [(String, JSONValue)]) -> String {
        JSONValue.object(members.map { Member($0.0, $0.1) }).compactText
    }

    /// The members of an object; nil for anything else.
    var members: [Member]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    /// A number, or a text that is one: both are written in policies.
    var wholeNumber: Int? {
        switch self {
        case .integer(let number): number
        case .number(let number): Int(exactly: number)
        case .string(let text): Int(text)
        default: nil
        }
    }
}
