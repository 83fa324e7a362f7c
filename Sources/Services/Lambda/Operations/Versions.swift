// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension LambdaService {
    /// Makes an immutable version of `$LATEST`, or answers the last one when nothing has changed since.
    /// Throws PreconditionFailedException, InvalidParameterValueException for another CodeSha256. AWS: PublishVersion
    func publishVersion(_ input: PublishVersionInput, _ context: RequestContext) async throws -> PublishVersionOutput {
        if input.publishTo != nil { throw CommonError.notImplemented("PublishTo") }
        let reference = try FunctionReference(input.functionName, in: context.scope)
        let publication = publication()
        let version = try await changes.of(reference.name, in: reference.scope) { tx in
            let function = try tx.existingFunction(reference)
            let latest = try tx.existingLatest(reference)
            try PreconditionFailedException.check(input.revisionId, is: latest.marks.revisionID)
            try latest.checkSum(input.codeSha256)
            try latest.refuseUnsettled()
            return try tx.publish(latest, of: function, description: input.description, publication)
        }
        control.transitions.begin()
        return FunctionConfiguration(version, qualifier: version.number.text)
    }

    /// `$LATEST` first. AWS: ListVersionsByFunction
    func listVersionsByFunction(
        _ input: ListVersionsByFunctionInput,
        _ context: RequestContext
    ) async throws -> ListVersionsByFunctionOutput {
        let reference = try FunctionReference(input.functionName, in: context.scope)
        let (limit, after) = (Paging.limit(input.maxItems, most: 50), try Paging.number(input.marker))
        let page = try await store.read { tx in
            _ = try tx.existingFunction(reference)
            let rows = try tx.versions(of: reference.name, in: reference.scope, after: after, limit: limit + 1)
            return ListPage(rows, limit: limit) { [String($0.number.number)] }
        }
        let versions = page.items.map { FunctionConfiguration($0, qualifier: $0.number.text).listed }
        return ListVersionsByFunctionOutput(nextMarker: page.next, versions: versions)
    }

    func publication() -> Publication {
        Publication(marks: marks(), latestRevisionID: ids.uuid())
    }
}

/// The ids of a version that is about to be made, drawn before the transaction.
struct Publication: Sendable {
    var marks: VersionRecord.Marks
    /// `$LATEST` gets a new revision too.
    var latestRevisionID: String
}

extension LambdaWrite {
    func publish(
        _ latest: VersionRecord,
        of function: FunctionRecord,
        description: String?,
        _ publication: Publication
    ) throws -> VersionRecord {
        if let newest = try newestVersion(of: function.name, in: function.scope),
            newest.marks.fingerprint == latest.marks.fingerprint
        {
            return newest
        }
        try checkStorage(for: latest.code, in: function.scope)
        var function = function
        function.lastVersion += 1
        try update(function)
        var version = latest
        version.number = VersionNumber(number: function.lastVersion)
        version.settings.description = description ?? latest.settings.description
        version.status = .pending
        version.marks = publication.marks
        version.marks.fingerprint = latest.marks.fingerprint
        try save(version)
        try renewRevision(of: .latest, of: function.name, in: function.scope, to: publication.latestRevisionID)
        return version
    }
}

extension VersionRecord {
    fileprivate func checkSum(_ sum: String?) throws {
        guard let sum, sum != codeSum else { return }
        throw InvalidParameterValueException(
            "CodeSHA256 (\(sum)) is different from current CodeSHA256 in $LATEST (\(codeSum)). Please try again with the CodeSHA256 in $LATEST."
        )
    }

    /// One change at a time.
    func refuseUnsettled() throws {
        if status.state == "Pending" { throw ResourceConflictException.inState(status.state) }
        if status.update == "InProgress" { throw ResourceConflictException.updating(unqualifiedARN) }
    }
}
