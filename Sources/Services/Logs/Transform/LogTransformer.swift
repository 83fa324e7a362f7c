// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// One processor of a transformer, compiled.
protocol TransformStep: Sendable {
    /// False where the event is not of the form that a parser wants.
    func apply(to event: inout EventDocument) -> Bool
}

/// A transformer: processors that make a JSON document of a log event, one after the other.
struct LogTransformer: Sendable {
    static let maximumParsers = 5
    /// Of a document that comes out. AWS gives up there too.
    static let maximumBytes = 1_048_576

    private let steps: [any TransformStep]

    /// Throws `InvalidParameterException` for what AWS refuses.
    init(_ processors: [Processor]) throws {
        let kinds = try processors.map { try $0.kind }
        try Self.check(kinds)
        steps = try zip(processors, kinds).map { try $0.0.step($0.1) }
    }

    private static func check(_ kinds: [Processor.Kind]) throws {
        guard let first = kinds.first, first.isParser else {
            throw InvalidParameterException("The first processor in a transformer must be a parser.")
        }
        guard kinds.count(where: \.isParser) <= maximumParsers else {
            throw InvalidParameterException("A transformer can include at most \(maximumParsers) parsers.")
        }
        guard !kinds.dropFirst().contains(where: \.isVended) else {
            throw InvalidParameterException(
                "A parser of vended logs must be the first processor in a transformer, and the only one of its kind."
            )
        }
        for single in [Processor.Kind.grok, .addKeys, .copyValue] where kinds.count(where: { $0 == single }) > 1 {
            throw InvalidParameterException("A transformer can include only one \(single.rawValue) processor.")
        }
    }

    /// The transformed event; nil where its message is not of the form that the first parser wants, or too much comes out.
    /// What a later processor does not find it leaves alone.
    func transform(_ message: String, from origin: EventOrigin) -> String? {
        var event = EventDocument(message: message, origin: origin)
        for (index, step) in steps.enumerated() {
            let succeeded = step.apply(to: &event)
            guard succeeded || index > 0 else { return nil }
        }
        let text = event.root.compactText
        return text.utf8.count <= Self.maximumBytes ? text : nil
    }
}

extension Processor {
    enum Kind: String, Sendable {
        case addKeys, copyValue, csv, dateTimeConverter, deleteKeys, grok, listToMap, lowerCaseString, moveKeys
        case parseCloudfront, parseJSON, parseKeyValue, parseRoute53, parseToOCSF, parsePostgres, parseVPC, parseWAF
        case renameKeys, splitString, substituteString, trimString, typeConverter, upperCaseString

        var isVended: Bool {
            switch self {
            case .parseCloudfront, .parseRoute53, .parseToOCSF, .parsePostgres, .parseVPC, .parseWAF: true
            default: false
            }
        }

        var isParser: Bool {
            switch self {
            case .csv, .grok, .parseJSON, .parseKeyValue: true
            default: isVended
            }
        }
    }

    /// Throws `InvalidParameterException` unless exactly one is set.
    var kind: Kind {
        get throws {
            let set: [Kind?] = [
                addKeys.map { _ in .addKeys }, copyValue.map { _ in .copyValue }, csv.map { _ in .csv },
                dateTimeConverter.map { _ in .dateTimeConverter }, deleteKeys.map { _ in .deleteKeys },
                grok.map { _ in .grok }, listToMap.map { _ in .listToMap },
                lowerCaseString.map { _ in .lowerCaseString }, moveKeys.map { _ in .moveKeys },
                parseCloudfront.map { _ in .parseCloudfront }, parseJSON.map { _ in .parseJSON },
                parseKeyValue.map { _ in .parseKeyValue }, parseRoute53.map { _ in .parseRoute53 },
                parseToOCSF.map { _ in .parseToOCSF }, parsePostgres.map { _ in .parsePostgres },
                parseVPC.map { _ in .parseVPC }, parseWAF.map { _ in .parseWAF },
                renameKeys.map { _ in .renameKeys }, splitString.map { _ in .splitString },
                substituteString.map { _ in .substituteString }, trimString.map { _ in .trimString },
                typeConverter.map { _ in .typeConverter }, upperCaseString.map { _ in .upperCaseString },
            ]
            let found = set.compactMap(\.self)
            guard found.count == 1, let kind = found.first else {
                throw InvalidParameterException("Each entry of a transformer must have exactly one processor.")
            }
            return kind
        }
    }

    /// Throws `InvalidParameterException` for settings that cannot be used, 501 for parsers that are not there yet.
    fileprivate func step(_ kind: Kind) throws -> any TransformStep {
        if let step = try parserStep() ?? stringStep() ?? treeStep() { return step }
        throw CommonError.notImplemented("the log transformer's processor \(kind.rawValue)")
    }

    private func parserStep() throws -> (any TransformStep)? {
        if let parseJSON { return try JSONStep(parseJSON) }
        if let csv { return try CSVStep(csv) }
        if let parseKeyValue { return try KeyValueStep(parseKeyValue) }
        if let grok { return try GrokStep(grok) }
        if let parseVPC { return try VendedLineStep.vpc(parseVPC) }
        if let parseRoute53 { return try VendedLineStep.route53(parseRoute53) }
        if let parseCloudfront { return try VendedLineStep.cloudfront(parseCloudfront) }
        if let parsePostgres { return try PostgresStep(parsePostgres) }
        if let parseWAF { return try FirewallStep(parseWAF) }
        return nil
    }

    private func stringStep() throws -> (any TransformStep)? {
        if let lowerCaseString { return try TextStep(lowerCaseString.withKeys) { $0.lowercased() } }
        if let upperCaseString { return try TextStep(upperCaseString.withKeys) { $0.uppercased() } }
        if let trimString { return try TextStep(trimString.withKeys, TextStep.trimmed) }
        if let splitString { return try SplitStep(splitString) }
        if let substituteString { return try SubstituteStep(substituteString) }
        if let typeConverter { return try TypeStep(typeConverter) }
        if let dateTimeConverter { return try DateTimeStep(dateTimeConverter) }
        return nil
    }

    private func treeStep() throws -> (any TransformStep)? {
        if let addKeys { return try AddKeysStep(addKeys) }
        if let deleteKeys { return DeleteKeysStep(keys: try deleteKeys.withKeys.map { try FieldKey($0) }) }
        if let moveKeys { return try MoveKeysStep(moveKeys) }
        if let renameKeys { return try RenameKeysStep(renameKeys) }
        if let copyValue { return try CopyValueStep(copyValue) }
        if let listToMap { return try ListToMapStep(listToMap) }
        return nil
    }
}
