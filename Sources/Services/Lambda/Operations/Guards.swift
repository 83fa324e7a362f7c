// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Crypto
import Logging
import MartletCore
import Storage

extension LambdaService {
    /// A role must exist and let Lambda assume it. In `open` mode one that nobody created is taken, since local tools send
    /// made-up ones.
    func checkRole(_ text: String, of function: FunctionReference, _ context: RequestContext) async throws {
        guard let role = ARN(text) else { throw InvalidParameterValueException(Self.unassumableRole) }
        try await checkPassing(role, context)
        switch try await control.environment.roles.standing(of: role, for: "lambda.amazonaws.com") {
        case .trusts where role.account != function.scope.account.text:
            throw CommonError.accessDenied("Cross-account pass role is not allowed.")
        case .trusts:
            return
        case .missing where control.configuration.takesUnknownRoles:
            context.logger.warning(
                "the function's role does not exist; it is taken because the server runs in open mode",
                metadata: ["function": "\(function.arn)", "role": "\(role)"]
            )
        case .missing, .exists:
            throw InvalidParameterValueException(Self.unassumableRole)
        }
    }

    /// Without this, whoever may create a function could act as any role. AWS: iam:PassRole
    private func checkPassing(_ role: ARN, _ context: RequestContext) async throws {
        let request = AuthorizationRequest(
            principal: context.principal,
            action: "iam:PassRole",
            resources: [role],
            scope: context.scope,
            sourceAddress: context.sourceAddress,
            userAgent: context.userAgent,
            at: context.receivedAt,
            conditionKeys: ["iam:passedtoservice": ["lambda.amazonaws.com"]]
        )
        do {
            try await control.environment.authorizer.authorize(request)
        } catch let denial as any ServiceError where denial.code == "AccessDenied" {
            // IAM's word for it; Lambda's clients know another.
            throw CommonError("AccessDeniedException", denial.message, status: 403)
        }
    }

    private static let unassumableRole = "The role defined for the function cannot be assumed by Lambda."

    /// Layer versions by their ARNs, checked as AWS does.
    func attach(_ arns: [String], _ context: RequestContext) async throws -> [AttachedLayer] {
        guard arns.count <= SettingsRules.layers else {
            throw InvalidParameterValueException("Cannot reference more than \(SettingsRules.layers) layers.")
        }
        let references = try arns.map { arn in
            guard let reference = LayerReference(arn: arn), reference.version != nil else {
                throw CommonError.invalidLayer(arn)
            }
            return reference
        }
        try Self.refuseTwins(references)
        return try await store.read { tx in
            try zip(references, arns).map { try attached($0, text: $1, tx, context) }
        }
    }

    private static func refuseTwins(_ references: [LayerReference]) throws {
        var seen: [ARN: ARN] = [:]
        for reference in references {
            let arn = reference.arn(version: reference.version ?? 0)
            if let twin = seen[reference.arn] {
                throw InvalidParameterValueException(
                    "Two different versions of the same layer are not allowed to be referenced in the same function. \(twin) and \(arn) are versions of the same layer."
                )
            }
            seen[reference.arn] = arn
        }
    }

    private func attached(
        _ reference: LayerReference,
        text: String,
        _ tx: LambdaRead,
        _ context: RequestContext
    ) throws -> AttachedLayer {
        guard reference.scope.region == context.scope.region else {
            throw InvalidParameterValueException(
                "Layers are not in the same region as the function. Layers are expected to be in region \(context.scope.region)."
            )
        }
        let version = try tx.layerVersion(reference.version ?? 0, of: reference.name, in: reference.scope)
        guard reference.scope.account == context.scope.account else {
            guard let version, try mayUse(version, tx, context) else { throw layerDenied(text, context) }
            return AttachedLayer(arn: version.arn, code: version.code)
        }
        guard let version else { throw InvalidParameterValueException("Layer version \(text) does not exist.") }
        return AttachedLayer(arn: version.arn, code: version.code)
    }

    private func mayUse(_ version: LayerVersionRecord, _ tx: LambdaRead, _ context: RequestContext) throws -> Bool {
        guard control.configuration.enforcesPolicies else { return true }
        let statements = try tx.statements(
            of: .layer(version.name),
            qualifier: String(version.version),
            in: version.scope
        )
        return statements.contains { $0.admits(account: context.scope.account) }
    }

    private func layerDenied(_ text: String, _ context: RequestContext) -> CommonError {
        .accessDenied(
            "User: \(context.principal.arn) is not authorized to perform: lambda:GetLayerVersion on resource: \(text) because no resource-based policy allows the lambda:GetLayerVersion action"
        )
    }
}

extension PolicyStatement {
    /// Of a layer's statements. An organisation is unknown here, so a statement that asks for one admits nobody.
    fileprivate func admits(account: AccountID) -> Bool {
        guard conditions.organizationID == nil else { return false }
        switch principal {
        case .anyone: return true
        case .aws(let arn): return arn.account == account.text
        case .service: return false
        }
    }
}

extension CommonError {
    static func invalidLayer(_ arn: String) -> CommonError {
        .constraint(
            "[\(arn)]",
            at: "layers",
            "Member must satisfy constraint: [Member must have length less than or equal to 2048, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: \(Patterns.layerVersionArn.text), Member must not be null]"
        )
    }
}

extension LambdaReading {
    /// AWS: CodeStorageExceededException
    func checkStorage(for code: CodePackage, in scope: Scope) throws {
        let used = try usage(in: scope).codeBytes
        guard used &+ code.size <= PackageIntake.storageBytes else {
            throw CodeStorageExceededException("Code storage limit exceeded.")
        }
    }
}

extension VersionRecord {
    /// A sum over code and settings: what PublishVersion compares.
    var computedFingerprint: String {
        let logging = settings.logging
        var fields = [
            code.address.hex, settings.runtime, settings.handler, settings.role, settings.description,
            settings.architecture,
            String(settings.sizes.timeoutSeconds), String(settings.sizes.memoryMiB),
            String(settings.sizes.temporaryMiB),
            settings.tracingMode, logging.format, logging.group, logging.applicationLevel ?? "",
            logging.systemLevel ?? "",
            settings.environment == nil ? "-" : "+",
        ]
        fields += settings.layers.map(\.line)
        fields += settings.image?.fingerprintFields ?? []
        fields += settings.fileSystem.map { ["file system", $0.line] } ?? []
        fields += settings.deadLetterTarget.map { ["dead letters", $0] } ?? []
        if settings.appliesSnapStart { fields.append("snap start") }
        fields += (settings.environment ?? [:]).sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
        // Lengths keep neighbours apart: "ab","c" is not "a","bc".
        let text = fields.map { "\($0.utf8.count):\($0)" }.joined()
        return Hex.encode(SHA256.hash(data: Array(text.utf8)))
    }
}
