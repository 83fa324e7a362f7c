// SPDX-License-Identifier: Apache-2.0
package import MartletCore

/// What a test client signs with.
package struct TestCredentials: Sendable, Equatable {
    package var accessKeyID: String
    package var secretAccessKey: String
    package var sessionToken: String?

    package init(_ accessKeyID: String, _ secretAccessKey: String, sessionToken: String? = nil) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
    }

    package init(_ credentials: SessionCredentials) {
        self.init(credentials.accessKeyID, credentials.secretAccessKey, sessionToken: credentials.sessionToken)
    }

    /// In `open` mode a key of twelve digits names its account.
    package static func account(_ account: String) -> TestCredentials { TestCredentials(account, "test") }

    /// The account 000000000000.
    package static let local = TestCredentials("test", "test")
}

/// Keys in memory, for servers in `signed` and `enforced` mode without IAM.
package struct MemoryCredentials: CredentialDirectory {
    private let keys: [String: SigningCredential]

    package init(_ keys: [String: SigningCredential]) { self.keys = keys }

    /// One long-lived key of an account's root.
    package init(rootOf account: AccountID, _ credentials: TestCredentials) {
        self.init([
            credentials.accessKeyID: SigningCredential(
                secretAccessKey: credentials.secretAccessKey,
                sessionToken: credentials.sessionToken,
                principal: .root(of: account, accessKeyID: credentials.accessKeyID)
            )
        ])
    }

    package func credential(accessKeyID: String, sessionToken: String?) async throws -> SigningCredential? {
        keys[accessKeyID]
    }
}
