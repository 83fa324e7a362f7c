// SPDX-License-Identifier: Apache-2.0
import AWSWire
package import MartletCore

/// Finds the credentials of sessions (`ASIA…`) in their tokens, for verifying signatures. Nothing is looked up in the store
/// but whether the role or user is still there, and that is cached briefly.
package struct SessionCredentialDirectory: CredentialDirectory {
    private let mint: SessionMint
    private let table: SessionTable
    private let roles: any RoleAuthority

    package init(mint: SessionMint, table: SessionTable, roles: any RoleAuthority) {
        self.mint = mint
        self.table = table
        self.roles = roles
    }

    /// Nil for tokens that this server has not sealed. Throws `SignatureFailure.unknownKey` for one that it has sealed and
    /// whose role or user is gone: in `open` mode, where unknown keys are the account's root, it must not become that.
    package func credential(accessKeyID: String, sessionToken: String?) async throws -> SigningCredential? {
        guard accessKeyID.hasPrefix("ASIA"), let sessionToken, let session = session(accessKeyID, sessionToken) else {
            return nil
        }
        let facts = session.facts
        guard try await roles.isCurrent(facts.identity, id: facts.identityID, in: facts.account) else {
            throw SignatureFailure.unknownKey
        }
        return SigningCredential(
            secretAccessKey: session.secretAccessKey,
            sessionToken: sessionToken,
            expiresAt: session.expiresAt,
            principal: session.principal
        )
    }

    private func session(_ accessKeyID: String, _ token: String) -> Session? {
        if let known = table.known(accessKeyID), known.token == token { return known.session }
        guard let session = mint.session(accessKeyID: accessKeyID, token: token) else { return nil }
        table.insert(SessionTable.Known(token: token, session: session))
        return session
    }
}

/// Mints the credentials that functions run with. No store write, no trust check: the role was checked when the function got it.
package struct RoleCredentialVendor: CredentialVendor {
    private let mint: SessionMint
    private let roles: any RoleAuthority

    package init(mint: SessionMint, roles: any RoleAuthority) {
        self.mint = mint
        self.roles = roles
    }

    /// Throws `CommonError` `AccessDenied` when the role is gone.
    package func credentials(
        forRole role: ARN,
        sessionName: String,
        lifetime: Duration
    ) async throws -> SessionCredentials {
        guard let found = try await roles.role(role) else {
            throw CommonError("AccessDenied", "The role \(role) cannot be assumed.", status: 403)
        }
        return try mint.credentials(of: mint.session(of: found, named: sessionName, lifetime: lifetime))
    }
}
