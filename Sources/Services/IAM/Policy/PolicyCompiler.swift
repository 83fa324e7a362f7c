// SPDX-License-Identifier: Apache-2.0

/// Checks what a document says, in the order in which IAM does, and makes it ready to be asked.
struct PolicyCompiler {
    let purpose: PolicyDocument.Purpose

    func compile(_ raw: RawPolicy) throws -> PolicyDocument {
        let version = try version(raw.version)
        try raw.statements.forEach(checkLegacyForm)
        try checkSids(raw.statements)
        for statement in raw.statements {
            switch purpose {
            case .identity: try checkIdentity(statement)
            case .trust: try checkTrust(statement)
            case .resource: try checkResource(statement)
            }
        }
        try raw.statements.flatMap { ($0.resources ?? []) + ($0.notResources ?? []) }.forEach(ResourceForm.check)
        try raw.statements.flatMap { ($0.actions ?? []) + ($0.notActions ?? []) }.forEach(checkVendor)
        return PolicyDocument(version: version, statements: try raw.statements.map { try compile($0, version) })
    }

    private func version(_ text: String?) throws -> PolicyDocument.Version {
        guard let text else {
            if purpose == .identity { throw PolicyFault.version }
            return .v2008
        }
        guard let version = PolicyDocument.Version(rawValue: text) else { throw PolicyFault.syntax }
        // Trust and resource policies of the old version are still taken.
        guard purpose != .identity || version == .v2012 else { throw PolicyFault.version }
        return version
    }

    private func checkLegacyForm(_ statement: RawStatement) throws {
        guard PolicyStatement.Effect(rawValue: statement.effect) != nil else { throw PolicyFault.legacyParsing }
        for resource in (statement.resources ?? []) + (statement.notResources ?? [])
        where ResourceForm.isTruncated(resource) {
            throw PolicyFault.legacyParsing
        }
    }

    private func checkSids(_ statements: [RawStatement]) throws {
        let sids = statements.compactMap(\.sid).filter { !$0.isEmpty }
        guard Set(sids).count == sids.count else { throw PolicyFault.duplicateSid }
        // Resource policies (Lambda's, SQS's) let their own characters in.
        guard purpose != .resource else { return }
        for sid in sids where !sid.utf8.allSatisfy(\.isAlphanumeric) { throw PolicyFault.sid }
    }

    private func checkIdentity(_ statement: RawStatement) throws {
        guard statement.principals == nil, statement.notPrincipals == nil else {
            throw PolicyFault.principalInIdentityPolicy
        }
        try checkActionsAndResources(statement)
    }

    private func checkResource(_ statement: RawStatement) throws {
        guard statement.principals != nil || statement.notPrincipals != nil else {
            throw PolicyFault.missing("Principal")
        }
        try checkActionsAndResources(statement)
    }

    private func checkActionsAndResources(_ statement: RawStatement) throws {
        guard let actions = statement.actions ?? statement.notActions, !actions.isEmpty else {
            throw PolicyFault.noActions
        }
        guard let resources = statement.resources ?? statement.notResources, !resources.isEmpty else {
            try actions.forEach(checkVendor)
            throw PolicyFault.noResources
        }
    }

    private func checkTrust(_ statement: RawStatement) throws {
        if statement.resources != nil { throw PolicyFault.prohibited("Resource") }
        if statement.notResources != nil { throw PolicyFault.prohibited("NotResource") }
        if statement.notPrincipals != nil, statement.effect == "Allow" { throw PolicyFault.prohibited("NotPrincipal") }
        guard statement.principals?.isEmpty == false || statement.notPrincipals?.isEmpty == false else {
            throw PolicyFault.missing("Principal")
        }
        guard let actions = statement.actions, !actions.isEmpty else { throw PolicyFault.missing("Action") }
        for action in actions where !TrustAction.isKnown(action) { throw PolicyFault.trustActions }
    }

    private func checkVendor(_ action: String) throws {
        if action == "*" { return }
        let parts = action.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 1 { throw PolicyFault.vendor }
        if parts.count > 2 { throw PolicyFault.twoColons }
        let isWellFormed = parts[0].utf8.allSatisfy { $0.isAlphanumeric || $0 == 0x2d || $0 == 0x2e }
        guard isWellFormed || parts[0] == "*" else { throw PolicyFault.vendor(parts[0]) }
    }

    private func compile(_ raw: RawStatement, _ version: PolicyDocument.Version) throws -> PolicyStatement {
        guard let effect = PolicyStatement.Effect(rawValue: raw.effect) else { throw PolicyFault.legacyParsing }
        let hasVariables = version == .v2012
        return PolicyStatement(
            sid: raw.sid,
            effect: effect,
            principals: try principals(raw),
            actions: (raw.actions ?? raw.notActions ?? []).map { Wildcard($0.lowercased()) },
            exceptsActions: raw.notActions != nil,
            resources: (raw.resources ?? raw.notResources)?.map {
                ARNPattern($0, variables: hasVariables, fillingUp: true)
            },
            exceptsResources: raw.notResources != nil,
            conditions: try raw.conditions.map { raw in
                guard
                    let condition = PolicyCondition(
                        raw.comparison,
                        key: raw.key,
                        values: raw.values,
                        variables: hasVariables
                    )
                else { throw PolicyFault.legacyParsing }
                return condition
            }
        )
    }

    private func principals(_ raw: RawStatement) throws -> PolicyPrincipals? {
        guard let named = raw.principals ?? raw.notPrincipals else { return nil }
        return PolicyPrincipals(
            entries: try named.map { try PolicyPrincipals.Entry(kind: $0.kind, name: $0.name) },
            isNegated: raw.notPrincipals != nil
        )
    }
}

/// The actions that a trust policy may name.
enum TrustAction {
    private static let known = [
        "sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity", "sts:tagsession",
        "sts:setsourceidentity", "sts:setcontext",
    ]

    /// `sts:AssumeRole*` is taken, `*` is not.
    static func isKnown(_ action: String) -> Bool {
        let pattern = action.lowercased()
        return pattern.hasPrefix("sts:") && known.contains { Wildcard(pattern).matches($0) }
    }
}

extension UInt8 {
    var isAlphanumeric: Bool {
        (0x30...0x39).contains(self) || (0x41...0x5a).contains(self) || (0x61...0x7a).contains(self)
    }
}
