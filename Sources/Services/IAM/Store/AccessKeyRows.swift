// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Storage

extension IAMReading {
    /// `nil` stands for the account's root.
    func accessKeys(ofUser userID: String?) throws -> [StoredAccessKey] {
        let owner: SQL = userID.map { "user_id = \($0)" } ?? "user_id IS NULL"
        return try transaction.rows(
            StoredAccessKey.self,
            """
            SELECT \(StoredAccessKey.columns) FROM iam_access_key WHERE account = \(account) AND \(owner)
            ORDER BY created_at, id
            """
        )
    }

    func accessKey(_ id: String) throws -> StoredAccessKey? {
        try transaction.first(
            StoredAccessKey.self,
            "SELECT \(StoredAccessKey.columns) FROM iam_access_key WHERE id = \(id) AND account = \(account)"
        )
    }

    /// Throws `NoSuchEntityException` when the user has no such key.
    func accessKey(_ id: String, ofUser userID: String?) throws -> StoredAccessKey {
        guard let key = try accessKey(id), key.userID == userID else {
            throw NoSuchEntityException("The Access Key with id \(id) cannot be found.")
        }
        return key
    }

    func accountAlias() throws -> String? {
        try transaction.first(String.self, "SELECT alias FROM iam_account_alias WHERE account = \(account)")
    }
}

extension IAMWriter {
    /// Throws `LimitExceededException` for a third one.
    func insert(_ key: StoredAccessKey) throws {
        let count = try accessKeys(ofUser: key.userID).count
        try Quota.check("AccessKeysPerUser", Quota.accessKeysPerUser, isExceededBy: count + 1)
        try execute(
            """
            INSERT INTO iam_access_key (id, account, user_id, sealed_secret, is_active, created_at)
            VALUES (\(key.id), \(account), \(key.userID), \(key.sealedSecret), \(key.isActive), \(key.createdAt))
            """
        )
    }

    func setActive(_ isActive: Bool, _ key: StoredAccessKey) throws {
        try execute("UPDATE iam_access_key SET is_active = \(isActive) WHERE id = \(key.id)")
    }

    func delete(_ key: StoredAccessKey) throws {
        try execute("DELETE FROM iam_access_key WHERE id = \(key.id)")
    }

    /// An account has one alias; a new one replaces it. Throws `EntityAlreadyExistsException`.
    func setAccountAlias(_ alias: String) throws {
        try execute("DELETE FROM iam_account_alias WHERE account = \(account)")
        do {
            try execute("INSERT INTO iam_account_alias (alias, account) VALUES (\(alias), \(account))")
        } catch StorageError.unique {
            throw EntityAlreadyExistsException("The account alias \(alias) already exists.")
        }
    }

    func deleteAccountAlias(_ alias: String) throws {
        guard try execute("DELETE FROM iam_account_alias WHERE account = \(account) AND alias = \(alias)") > 0 else {
            throw NoSuchEntityException("The account alias \(alias) could not be found.")
        }
    }
}
