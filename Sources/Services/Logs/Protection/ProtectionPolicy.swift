// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// A data protection policy, compiled: what is looked for, what is masked, and who is told.
struct ProtectionPolicy: Sendable {
    static let maximumLength = 30_720
    static let maximumCustomIdentifiers = 10
    static let version = "2021-06-01"

    let name: String
    let identifiers: [DataIdentifier]
    /// Whether what is found is masked; else it is only counted.
    let isMasking: Bool
    /// Groups of the same account and region.
    let auditGroups: [String]

    /// Throws `InvalidParameterException` for a document that AWS refuses, 501 for identifiers and destinations that are
    /// not there yet.
    init(_ document: String) throws {
        guard document.utf8.count <= Self.maximumLength else {
            throw Self.fault("must not exceed \(Self.maximumLength) characters")
        }
        // Whatever is wrong with it, it is no policy.
        guard let json = try? JSONValue(parsing: document), case .object = json else {
            throw Self.fault("is not a valid JSON document")
        }
        guard let name = json["Name"]?.stringValue, !name.isEmpty else { throw Self.fault("must have a Name") }
        guard json["Version"]?.stringValue == Self.version else {
            throw Self.fault("must have the Version \(Self.version)")
        }
        guard let statements = json["Statement"]?.arrayValue else { throw Self.fault("must have a Statement") }
        let custom = try Self.customIdentifiers(json["Configuration"])
        let audits = statements.filter { $0["Operation"]?["Audit"] != nil }
        let masks = statements.filter { $0["Operation"]?["Deidentify"] != nil }
        guard audits.count == 1, masks.count <= 1, audits.count + masks.count == statements.count else {
            throw Self.fault("must have exactly one Audit statement and at most one Deidentify statement")
        }
        let names = try Self.names(audits[0])
        if let mask = masks.first {
            guard case .object(let settings)? = mask["Operation"]?["Deidentify"]?["MaskConfig"], settings.isEmpty else {
                throw Self.fault("must have an empty MaskConfig in its Deidentify operation")
            }
            guard try Self.names(mask) == names else {
                throw Self.fault("must have the same DataIdentifier list in both statements")
            }
        }
        self.name = name
        identifiers = try names.map { try DataIdentifier(named: $0, custom: custom) }
        isMasking = !masks.isEmpty
        auditGroups = try Self.auditGroups(audits[0])
    }

    private static func fault(_ text: String) -> InvalidParameterException {
        InvalidParameterException("The data protection policy \(text).")
    }

    private static func names(_ statement: JSONValue) throws -> [String] {
        guard let names = statement["DataIdentifier"]?.arrayValue?.map(\.stringValue), !names.isEmpty,
            !names.contains(nil)
        else { throw fault("must name at least one DataIdentifier in each statement") }
        let found = names.compactMap(\.self)
        guard Set(found).count == found.count else { throw fault("names a DataIdentifier twice") }
        return found
    }

    private static func customIdentifiers(_ configuration: JSONValue?) throws -> [String: String] {
        guard let list = configuration?["CustomDataIdentifier"] else { return [:] }
        guard let entries = list.arrayValue, entries.count <= maximumCustomIdentifiers else {
            throw fault("can have at most \(maximumCustomIdentifiers) custom data identifiers")
        }
        var found: [String: String] = [:]
        for entry in entries {
            guard let name = entry["Name"]?.stringValue, let pattern = entry["Regex"]?.stringValue else {
                throw fault("has a custom data identifier without Name or Regex")
            }
            guard found.updateValue(pattern, forKey: name) == nil else {
                throw fault("has two custom data identifiers \(name)")
            }
        }
        return found
    }

    private static func auditGroups(_ statement: JSONValue) throws -> [String] {
        guard case .object(let destinations)? = statement["Operation"]?["Audit"]?["FindingsDestination"] else {
            throw fault("must have a FindingsDestination in its Audit operation")
        }
        return try destinations.map { destination in
            guard destination.name == "CloudWatchLogs" else {
                guard ["S3", "Firehose"].contains(destination.name) else {
                    throw fault("has an unknown FindingsDestination: \(destination.name)")
                }
                throw CommonError.notImplemented("data protection findings in \(destination.name)")
            }
            guard let group = destination.value["LogGroup"]?.stringValue else {
                throw fault("must name the LogGroup of its FindingsDestination")
            }
            return group
        }
    }
}
