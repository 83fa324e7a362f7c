// SPDX-License-Identifier: Apache-2.0

/// Who is calling, as SigV4 and IAM have established it.
package struct Principal: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// The account itself: may do everything that no resource of another account forbids.
        case root
        case user(name: String)
        /// A role's session: `assumed-role/{role}/{session}`.
        case assumedRole(roleName: String, sessionName: String)
        /// `GetFederationToken`
        case federatedUser(name: String)
        /// An AWS service acting by itself, such as `lambda.amazonaws.com`.
        case service(String)
        /// No signature; only what public policies allow.
        case anonymous
    }

    package var account: AccountID
    package var kind: Kind
    /// What GetCallerIdentity answers.
    package var arn: ARN
    /// `AIDA…` for users, `AROA…:session` for role sessions, the account's number for the root.
    package var userID: String
    /// The access key that signed, when one did.
    package var accessKeyID: String?

    package init(account: AccountID, kind: Kind, arn: ARN, userID: String, accessKeyID: String? = nil) {
        self.account = account
        self.kind = kind
        self.arn = arn
        self.userID = userID
        self.accessKeyID = accessKeyID
    }

    package static func root(of account: AccountID, partition: String = "aws", accessKeyID: String? = nil) -> Principal
    {
        Principal(
            account: account,
            kind: .root,
            arn: ARN(partition: partition, service: "iam", region: "", account: account.text, resource: "root"),
            userID: account.text,
            accessKeyID: accessKeyID
        )
    }
}
