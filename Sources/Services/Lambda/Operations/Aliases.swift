// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LambdaService {
    /// Throws ResourceConflictException when the name is taken, ResourceNotFoundException for a version that does not exist.
    /// AWS: CreateAlias
    func createAlias(_ input: CreateAliasInput, _ context: RequestContext) async throws -> CreateAliasOutput {
        let reference = try FunctionReference(input.functionName, in: context.scope)
        let version = try AliasRules.version(input.functionVersion)
        guard AliasRules.isName(input.name) else {
            throw CommonError.constraint(
                input.name,
                at: "name",
                "Member must satisfy regular expression pattern: \(Patterns.alias.text)"
            )
        }
        var alias = AliasRecord(
            scope: reference.scope,
            functionName: reference.name,
            name: input.name,
            version: version,
            description: input.description ?? "",
            routing: nil,
            revisionID: ids.uuid()
        )
        alias.routing = try AliasRules.routing(input.routingConfig, beside: version)
        return try await changes.of(reference.name, in: reference.scope) { [alias] tx in
            _ = try tx.existingFunction(reference)
            guard try tx.alias(alias.name, of: reference.name, in: reference.scope) == nil else {
                throw ResourceConflictException("Alias already exists: \(alias.arn)")
            }
            try tx.checkTargets(of: alias, reference)
            try tx.save(alias)
            return AliasConfiguration(alias)
        }
    }

    /// AWS: GetAlias
    func getAlias(_ input: GetAliasInput, _ context: RequestContext) async throws -> GetAliasOutput {
        let reference = try FunctionReference(input.functionName, in: context.scope)
        return try await store.read { tx in
            _ = try tx.existingFunction(reference)
            return AliasConfiguration(try tx.existingAlias(input.name, of: reference))
        }
    }

    /// Members that are not named stay; an empty RoutingConfig takes the second version away. AWS: UpdateAlias
    func updateAlias(_ input: UpdateAliasInput, _ context: RequestContext) async throws -> UpdateAliasOutput {
        let reference = try FunctionReference(input.functionName, in: context.scope)
        let version = try input.functionVersion.map(AliasRules.version)
        let revisionID = ids.uuid()
        return try await changes.of(reference.name, in: reference.scope) { tx in
            _ = try tx.existingFunction(reference)
            var alias = try tx.existingAlias(input.name, of: reference)
            try PreconditionFailedException.check(input.revisionId, is: alias.revisionID)
            alias.version = version ?? alias.version
            alias.description = input.description ?? alias.description
            if let config = input.routingConfig {
                alias.routing = try AliasRules.routing(config, beside: alias.version)
            } else if let routing = alias.routing {
                try AliasRules.check(routing.version, beside: alias.version)
            }
            alias.revisionID = revisionID
            try tx.checkTargets(of: alias, reference)
            try tx.save(alias)
            return AliasConfiguration(alias)
        }
    }

    /// By name; with `FunctionVersion` those that point there. AWS: ListAliases
    func listAliases(_ input: ListAliasesInput, _ context: RequestContext) async throws -> ListAliasesOutput {
        let reference = try FunctionReference(input.functionName, in: context.scope)
        let version = try input.functionVersion.map(AliasRules.version)
        let (limit, after) = (Paging.limit(input.maxItems, most: 50), try Paging.key(input.marker))
        let page = try await store.read { tx in
            _ = try tx.existingFunction(reference)
            let rows = try tx.aliases(
                of: reference.name,
                in: reference.scope,
                to: version,
                after: after,
                limit: limit + 1
            )
            return ListPage(rows, limit: limit) { [$0.name] }
        }
        return ListAliasesOutput(nextMarker: page.next, aliases: page.items.map(AliasConfiguration.init))
    }

    /// With its policy, URL and event settings. An alias that is not there is no failure. AWS: DeleteAlias
    func deleteAlias(_ input: DeleteAliasInput, _ context: RequestContext) async throws -> DeleteAliasOutput {
        let reference = try FunctionReference(input.functionName, in: context.scope)
        try await changes.of(reference.name, in: reference.scope) { tx in
            _ = try tx.existingFunction(reference)
            let (name, scope) = (reference.name, reference.scope)
            try tx.delete(alias: input.name, of: name, in: scope)
            try tx.deletePolicies(of: .function(name), qualifier: input.name, in: scope)
            try tx.deleteEventSettings(of: name, qualifier: input.name, in: scope)
            try tx.deleteURL(of: name, qualifier: input.name, in: scope)
            try tx.deleteProvisioned(.init(scope: scope, functionName: name, qualifier: input.name))
        }
        return DeleteAliasOutput()
    }
}

extension LambdaReading {
    fileprivate func checkTargets(of alias: AliasRecord, _ reference: FunctionReference) throws {
        let unqualified = FunctionReference(scope: reference.scope, name: reference.name, qualifier: nil)
        for number in [alias.version, alias.routing?.version].compactMap(\.self) {
            _ = try existingVersion(number, of: unqualified)
        }
    }
}

extension AliasConfiguration {
    init(_ alias: AliasRecord) {
        self.init(
            aliasArn: alias.arn.description,
            name: alias.name,
            functionVersion: alias.version.text,
            description: alias.description,
            routingConfig: alias.routing.map {
                AliasRoutingConfiguration(additionalVersionWeights: [$0.version.text: $0.weight])
            },
            revisionId: alias.revisionID
        )
    }
}

/// What AWS demands of an alias.
enum AliasRules {
    /// Not all digits: that would be a version.
    static func isName(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count) && text.utf8.allSatisfy(\.isNameByte) && !text.utf8.allSatisfy(\.isDigit)
    }

    static func version(_ text: String) throws -> VersionNumber {
        if text == "$LATEST.PUBLISHED" { throw CommonError.notImplemented("aliases of $LATEST.PUBLISHED") }
        guard let version = VersionNumber(text) else {
            throw CommonError.constraint(
                text,
                at: "functionVersion",
                "Member must satisfy regular expression pattern: \(Patterns.version.text)"
            )
        }
        return version
    }

    static func routing(
        _ input: AliasRoutingConfiguration?,
        beside version: VersionNumber
    ) throws -> AliasRecord.Routing? {
        guard let weights = input?.additionalVersionWeights, let (text, weight) = weights.first else { return nil }
        guard weights.count == 1 else {
            throw InvalidParameterValueException("Number of items in AdditionalVersionWeights cannot be greater than 1")
        }
        guard weight >= 0, weight < 1 else {
            throw refusal(
                text,
                weight,
                "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]"
            )
        }
        guard let other = VersionNumber(text), !other.isLatest else {
            throw refusal(
                text,
                weight,
                "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+, Member must not be null]"
            )
        }
        try check(other, beside: version)
        return AliasRecord.Routing(version: other, weight: weight)
    }

    static func check(_ other: VersionNumber, beside version: VersionNumber) throws {
        guard other != version else {
            throw InvalidParameterValueException(
                "Invalid function version \(version.text). Function version \(version.text) is already included in routing configuration."
            )
        }
        guard !version.isLatest else {
            throw InvalidParameterValueException(
                "$LATEST is not supported for an alias pointing to more than 1 version"
            )
        }
    }

    private static func refusal(_ version: String, _ weight: Double, _ constraint: String) -> CommonError {
        .constraint("{\(version)=\(weight)}", at: "routingConfig.additionalVersionWeights", constraint)
    }
}
