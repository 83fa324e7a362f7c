// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// A long-lived key of a user or of the account's root. The secret is sealed.
struct StoredAccessKey: Sendable, Equatable, RowDecodable {
    var id: String
    var account: AccountID
    /// Nil for the root's.
    var userID: String?
    var sealedSecret: [UInt8]
    var isActive: Bool
    var createdAt: Instant
    var lastUsedAt: Instant?
    var lastUsedService: String?
    var lastUsedRegion: String?

    static let columns: SQL = """
        id, account, user_id, sealed_secret, is_active, created_at, last_used_at, last_used_service, last_used_region
        """

    init(id: String, account: AccountID, userID: String?, sealedSecret: [UInt8], createdAt: Instant) {
        self.id = id
        self.account = account
        self.userID = userID
        self.sealedSecret = sealedSecret
        self.createdAt = Instant(milliseconds: createdAt.milliseconds / 1_000 * 1_000)
        isActive = true
    }

    init(row: inout Row) throws {
        id = try row.text()
        let account = try row.text()
        guard let account = AccountID(account) else {
            throw MartletError("iam.row", "access key \(id) belongs to account \(account)")
        }
        self.account = account
        userID = try row.optionalText()
        sealedSecret = try row.bytes()
        isActive = try row.bool()
        createdAt = try row.instant()
        lastUsedAt = try row.optionalInstant()
        lastUsedService = try row.optionalText()
        lastUsedRegion = try row.optionalText()
    }

    /// What the cipher binds the secret to.
    var sealingContext: String { Self.sealingContext(id) }
    static func sealingContext(_ id: String) -> String { "iam/access-key/\(id)" }
}
