// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LambdaService {
    /// Stores the archive and gives it the layer's next number. AWS: PublishLayerVersion
    func publishLayerVersion(
        _ input: PublishLayerVersionInput,
        _ context: RequestContext
    ) async throws -> PublishLayerVersionOutput {
        let reference = try LayerReference(input.layerName, in: context.scope)
        guard reference.scope == context.scope, reference.version == nil else { throw CommonError.accessDenied() }
        try Unsupported.checkCode(s3Bucket: input.content.s3Bucket, sourceKMSKeyArn: nil)
        let code = try await intake.admit(input.content.zipFile, context)
        let (created, policyRevisionID) = (clock.now, ids.uuid())
        let about = LayerVersionRecord.About(
            description: input.description ?? "",
            license: input.licenseInfo,
            runtimes: input.compatibleRuntimes?.map(\.rawValue),
            architectures: input.compatibleArchitectures?.map(\.rawValue)
        )
        let version = try await store.write { tx in
            try tx.checkStorage(for: code, in: reference.scope)
            let version = LayerVersionRecord(
                scope: reference.scope,
                name: reference.name,
                version: try tx.nextLayerVersion(of: reference.name, in: reference.scope),
                about: about,
                code: code,
                created: created,
                policyRevisionID: policyRevisionID
            )
            try tx.insert(version)
            return version
        }
        return PublishLayerVersionOutput(try described(version, context))
    }

    /// AWS: GetLayerVersion
    func getLayerVersion(_ input: GetLayerVersionInput, _ context: RequestContext) async throws -> GetLayerVersionOutput
    {
        let reference = try LayerReference(input.layerName, in: context.scope)
        guard input.versionNumber >= 1 else { throw InvalidParameterValueException.layerVersion }
        return try await describe(input.versionNumber, of: reference, context)
    }

    /// AWS: GetLayerVersionByArn
    func getLayerVersionByArn(
        _ input: GetLayerVersionByArnInput,
        _ context: RequestContext
    ) async throws -> GetLayerVersionByArnOutput {
        guard let reference = LayerReference(arn: input.arn), let version = reference.version else {
            throw CommonError.constraint(
                input.arn,
                at: "arn",
                "Member must satisfy regular expression pattern: \(Patterns.layerVersionArn.text)"
            )
        }
        return try await describe(version, of: reference, context)
    }

    /// Of each layer the newest version that fits, by name. AWS: ListLayers
    func listLayers(_ input: ListLayersInput, _ context: RequestContext) async throws -> ListLayersOutput {
        let (limit, after) = (Paging.limit(input.maxItems, most: 50), try Paging.key(input.marker))
        let filter = LayerFilter(
            runtime: input.compatibleRuntime?.rawValue,
            architecture: input.compatibleArchitecture?.rawValue
        )
        let page = try await store.read { tx in
            ListPage(try tx.layers(in: context.scope, filter, after: after, limit: limit + 1), limit: limit) {
                [$0.name]
            }
        }
        let layers = page.items.map {
            LayersListItem(
                layerName: $0.name,
                layerArn: $0.reference.arn.description,
                latestMatchingVersion: LayerVersionsListItem($0)
            )
        }
        return ListLayersOutput(nextMarker: page.next, layers: layers)
    }

    /// Newest first. AWS: ListLayerVersions
    func listLayerVersions(
        _ input: ListLayerVersionsInput,
        _ context: RequestContext
    ) async throws -> ListLayerVersionsOutput {
        let reference = try LayerReference(input.layerName, in: context.scope)
        let (limit, before) = (Paging.limit(input.maxItems, most: 50), try Paging.number(input.marker) ?? .max)
        let filter = LayerFilter(
            runtime: input.compatibleRuntime?.rawValue,
            architecture: input.compatibleArchitecture?.rawValue
        )
        let page = try await store.read { tx in
            let rows = try tx.layerVersions(
                of: reference.name,
                in: reference.scope,
                filter,
                before: before,
                limit: limit + 1
            )
            return ListPage(rows, limit: limit) { [String($0.version)] }
        }
        return ListLayerVersionsOutput(nextMarker: page.next, layerVersions: page.items.map(LayerVersionsListItem.init))
    }

    /// Functions that have it keep it. A version that is not there is no failure. AWS: DeleteLayerVersion
    func deleteLayerVersion(
        _ input: DeleteLayerVersionInput,
        _ context: RequestContext
    ) async throws -> DeleteLayerVersionOutput {
        guard input.versionNumber >= 1 else { throw InvalidParameterValueException.layerVersion }
        let reference = try LayerReference(input.layerName, in: context.scope)
        try await store.write {
            try $0.deleteLayerVersion(input.versionNumber, of: reference.name, in: reference.scope)
        }
        return DeleteLayerVersionOutput()
    }

    private func describe(
        _ version: Int,
        of reference: LayerReference,
        _ context: RequestContext
    ) async throws -> GetLayerVersionResponse {
        let found = try await store.read { try $0.layerVersion(version, of: reference.name, in: reference.scope) }
        guard let found else { throw ResourceNotFoundException.requested }
        return try described(found, context)
    }

    private func described(_ version: LayerVersionRecord, _ context: RequestContext) throws -> GetLayerVersionResponse {
        let item = LayerVersionsListItem(version)
        return GetLayerVersionResponse(
            content: LayerVersionContentOutput(
                location: try codeLocation(of: version.code.address, seenFrom: context.endpoint),
                codeSha256: version.code.sha256Base64,
                codeSize: version.code.size
            ),
            layerArn: version.reference.arn.description,
            layerVersionArn: item.layerVersionArn,
            description: item.description,
            createdDate: item.createdDate,
            version: item.version,
            compatibleArchitectures: item.compatibleArchitectures,
            compatibleRuntimes: item.compatibleRuntimes,
            licenseInfo: item.licenseInfo
        )
    }
}

extension InvalidParameterValueException {
    fileprivate static let layerVersion = InvalidParameterValueException("Layer Version Cannot be less than 1")
}

extension LayerVersionsListItem {
    init(_ version: LayerVersionRecord) {
        self.init(
            layerVersionArn: version.arn.description,
            version: version.version,
            description: version.about.description,
            createdDate: version.created.lambdaText,
            compatibleArchitectures: version.about.architectures?.map { Architecture($0) },
            compatibleRuntimes: version.about.runtimes?.map { Runtime($0) },
            licenseInfo: version.about.license
        )
    }
}

extension PublishLayerVersionOutput {
    fileprivate init(_ answer: GetLayerVersionResponse) {
        self.init(
            content: answer.content,
            layerArn: answer.layerArn,
            layerVersionArn: answer.layerVersionArn,
            description: answer.description,
            createdDate: answer.createdDate,
            version: answer.version,
            compatibleArchitectures: answer.compatibleArchitectures,
            compatibleRuntimes: answer.compatibleRuntimes,
            licenseInfo: answer.licenseInfo
        )
    }
}
