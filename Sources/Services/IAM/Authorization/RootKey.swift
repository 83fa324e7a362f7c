// SPDX-License-Identifier: Apache-2.0
package import MartletCore

/// The access key of an account's root, made when a server that checks signatures starts for the first time.
package enum RootKey {
    /// Makes the key, when the account has none, and returns it: the only time that its secret can be seen. Nil at every
    /// later start.
    package static func ensure(
        account: AccountID,
        store: IAMStore,
        cipher: any Cipher,
        ids: any IDSource,
        clock: any WallClock
    ) async throws -> NewAccessKey? {
        let new = NewAccessKey(account: account, ids: ids)
        let stored = StoredAccessKey(
            id: new.accessKeyID,
            account: account,
            userID: nil,
            sealedSecret: try new.sealed(by: cipher),
            createdAt: clock.now
        )
        return try await store.write(account) { iam in
            guard try iam.accessKeys(ofUser: nil).isEmpty else { return nil }
            try iam.insert(stored)
            return new
        }
    }
}
