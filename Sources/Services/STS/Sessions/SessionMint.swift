// SPDX-License-Identifier: Apache-2.0
import AWSWire
package import MartletCore

/// Makes temporary credentials and reads their tokens. The token is the session, sealed: nothing is stored.
package struct SessionMint: Sendable {
    private let cipher: any Cipher
    let clock: any WallClock
    private let ids: any IDSource

    /// Longer texts are not tokens; opening costs time in proportion.
    private static let tokenLimit = 32_768
    private static let secretLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    package init(cipher: any Cipher, clock: any WallClock, ids: any IDSource) {
        self.cipher = cipher
        self.clock = clock
        self.ids = ids
    }

    /// Whole seconds, as the wire shows the end.
    func session(
        _ face: Session.Face,
        arn: ARN,
        userID: String,
        facts: SessionFacts,
        lifetime: Duration
    ) -> Session {
        let end = clock.now + lifetime
        return Session(
            accessKeyID: AccessKeyID.make("ASIA", account: facts.account, ids: ids),
            secretAccessKey: ids.token(40, from: Self.secretLetters),
            expiresAt: Instant(milliseconds: end.milliseconds / 1_000 * 1_000),
            face: face,
            arn: arn,
            userID: userID,
            facts: facts
        )
    }

    func credentials(of session: Session) throws -> SessionCredentials {
        let plaintext = Array(session.json.compactText.utf8)
        let sealed = try cipher.seal(plaintext, context: Self.context(session.accessKeyID))
        return SessionCredentials(
            accessKeyID: session.accessKeyID,
            secretAccessKey: session.secretAccessKey,
            sessionToken: Base64.encode(sealed),
            expiresAt: session.expiresAt
        )
    }

    /// Nil for anything that this server, or another with its key, has not sealed for this access key.
    func session(accessKeyID: String, token: String) -> Session? {
        guard token.utf8.count <= Self.tokenLimit, let sealed = Base64.decode(token) else { return nil }
        // A seal that does not open is a forged token, and so is what does not parse: neither is a failure of ours.
        guard let plaintext = try? cipher.open(sealed, context: Self.context(accessKeyID)),
            let json = try? JSONValue(parsing: plaintext)
        else { return nil }
        return Session(json, accessKeyID: accessKeyID)
    }

    private static func context(_ accessKeyID: String) -> String { "sts/session/\(accessKeyID)" }
}

extension SessionMint {
    /// A session of a role. `policies` nil: not narrowed.
    func session(
        of role: AssumableRole,
        named name: String,
        lifetime: Duration,
        policies: [String]? = nil,
        policyARNs: [String] = [],
        tags: [String: String] = [:],
        transitiveTagKeys: [String] = [],
        sourceIdentity: String? = nil
    ) -> Session {
        session(
            .assumedRole(roleName: role.name, sessionName: name),
            arn: ARN(
                partition: role.arn.partition,
                service: "sts",
                region: "",
                account: role.account.text,
                resource: "assumed-role/\(role.name)/\(name)"
            ),
            userID: "\(role.id):\(name)",
            facts: SessionFacts(
                account: role.account,
                identity: .role(name: role.name),
                identityID: role.id,
                policies: policies,
                policyARNs: policyARNs,
                tags: tags,
                transitiveTagKeys: transitiveTagKeys,
                sourceIdentity: sourceIdentity,
                issuedAt: clock.now
            ),
            lifetime: lifetime
        )
    }
}
