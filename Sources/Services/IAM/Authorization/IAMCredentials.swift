// SPDX-License-Identifier: Apache-2.0
package import MartletCore

/// Finds the long-lived keys (`AKIA…`) of users and of the accounts' roots, for verifying signatures.
package struct IAMCredentials: CredentialDirectory {
    private let store: IAMStore
    private let cipher: any Cipher
    private let clock: any WallClock
    private let usage: UsageLedger?
    private let cache: ShortLivedCache<String, SigningCredential?>

    package init(store: IAMStore, cipher: any Cipher, clock: any WallClock, usage: UsageLedger? = nil) {
        self.store = store
        self.cipher = cipher
        self.clock = clock
        self.usage = usage
        cache = ShortLivedCache(store, clock: clock)
    }

    package func credential(accessKeyID: String, sessionToken: String?) async throws -> SigningCredential? {
        guard accessKeyID.hasPrefix("AKIA"), let account = AccessKeyID.account(of: accessKeyID) else { return nil }
        let found = try await cache.value(for: accessKeyID) { try await load(accessKeyID, in: account) }
        if found != nil { usage?.note(.accessKey(accessKeyID), at: clock.now, service: nil, region: nil) }
        return found
    }

    private func load(_ id: String, in account: AccountID) async throws -> SigningCredential? {
        let found = try await store.read(account) { iam -> (StoredAccessKey, Identity?)? in
            guard let key = try iam.accessKey(id), key.isActive else { return nil }
            guard let userID = key.userID else { return (key, nil) }
            guard let user = try iam.identity(id: userID) else { return nil }
            return (key, user)
        }
        guard let (key, user) = found else { return nil }
        let secret = try cipher.open(key.sealedSecret, context: key.sealingContext)
        guard let secret = String(validating: secret, as: UTF8.self) else {
            throw MartletError("iam.secret", "the secret of access key \(id) is not text")
        }
        return SigningCredential(secretAccessKey: secret, principal: principal(user, account, id))
    }

    private func principal(_ user: Identity?, _ account: AccountID, _ id: String) -> Principal {
        guard let user else { return .root(of: account, accessKeyID: id) }
        return Principal(
            account: account,
            kind: .user(name: user.name),
            arn: user.arn("aws"),
            userID: user.id,
            accessKeyID: id
        )
    }
}
