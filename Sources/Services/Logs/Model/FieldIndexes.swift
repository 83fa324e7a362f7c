// SPDX-License-Identifier: Apache-2.0
import AWSWire

/// A field index policy: which fields are indexed, and which of them are facets.
struct FieldIndexes: Sendable, Equatable {
    static let maximumFields = 20
    static let maximumNameLength = 100
    /// What AWS indexes of every group of the Standard class.
    static let defaults = ["@logStream", "@aws.region", "@aws.account", "@source.log", "traceId"]

    private(set) var fields: [(name: String, isFacet: Bool)] = []

    static func == (left: FieldIndexes, right: FieldIndexes) -> Bool {
        left.fields.elementsEqual(right.fields) { $0 == $1 }
    }

    /// Throws `InvalidParameterException`.
    init(_ document: String) throws {
        // Whatever is wrong with it, it is no policy.
        guard let json = try? JSONValue(parsing: document), case .object(let members) = json,
            members.allSatisfy({ $0.name == "Fields" || $0.name == "FieldsV2" })
        else { throw Self.fault("must be a JSON object with Fields or FieldsV2") }
        for field in json["Fields"]?.arrayValue ?? [] {
            guard let name = field.stringValue else { throw Self.fault("must have names in its Fields") }
            fields.append((name, false))
        }
        if case .object(let typed)? = json["FieldsV2"] {
            for member in typed {
                guard let type = member.value["type"]?.stringValue, ["FIELD_INDEX", "FACET"].contains(type) else {
                    throw Self.fault("must give each of its FieldsV2 the type FIELD_INDEX or FACET")
                }
                fields.append((member.name, type == "FACET"))
            }
        }
        try check()
    }

    private func check() throws {
        guard (1...Self.maximumFields).contains(fields.count) else {
            throw Self.fault("must have from 1 to \(Self.maximumFields) fields")
        }
        guard Set(fields.map(\.name)).count == fields.count else { throw Self.fault("names a field twice") }
        guard fields.allSatisfy({ (1...Self.maximumNameLength).contains($0.name.unicodeScalars.count) }) else {
            throw Self.fault("has a field name that is longer than \(Self.maximumNameLength) characters")
        }
    }

    private static func fault(_ text: String) -> InvalidParameterException {
        InvalidParameterException("The field index policy \(text).")
    }
}
