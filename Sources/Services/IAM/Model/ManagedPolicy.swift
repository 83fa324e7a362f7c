// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// A policy with an ARN of its own: the customer's, or one of AWS.
struct ManagedPolicy: Sendable, Equatable {
    var id: String
    /// Nil for AWS's own.
    var account: AccountID?
    var name: String
    var path: String
    var description: String?
    var defaultVersion: Int
    var createdAt: Instant
    var updatedAt: Instant

    func arn(_ partition: String) -> String {
        "arn:\(partition):iam::\(account?.text ?? "aws"):policy\(path)\(name)"
    }
}

extension ManagedPolicy: RowDecodable {
    static let columns: SQL = "id, account, name, path, description, default_version, created_at, updated_at"

    init(row: inout Row) throws {
        id = try row.text()
        account = AccountID(try row.text())
        name = try row.text()
        path = try row.text()
        description = try row.optionalText()
        defaultVersion = try row.integer()
        createdAt = try row.instant()
        updatedAt = try row.instant()
    }
}

/// One of up to five documents of a managed policy.
struct ManagedPolicyVersion: Sendable, Equatable, RowDecodable {
    var number: Int
    var document: String
    var createdAt: Instant

    var versionID: String { "v\(number)" }

    init(number: Int, document: String, createdAt: Instant) {
        self.number = number
        self.document = document
        self.createdAt = createdAt
    }

    init(row: inout Row) throws {
        number = try row.integer()
        document = try row.text()
        createdAt = try row.instant()
    }

    /// `v12` is 12; nil for anything else.
    static func number(of versionID: String) -> Int? {
        guard versionID.hasPrefix("v"), let number = Int(versionID.dropFirst()), number > 0 else { return nil }
        return number
    }
}

/// The parts of a policy's ARN.
struct PolicyName: Sendable, Equatable {
    /// Nil for AWS's own.
    var account: AccountID?
    var path: String
    var name: String

    init?(arn text: String) {
        guard let arn = ARN(text), arn.service == "iam", arn.region.isEmpty, arn.resource.hasPrefix("policy/") else {
            return nil
        }
        account = AccountID(arn.account)
        guard account != nil || arn.account == "aws" else { return nil }
        let full = arn.resource.dropFirst("policy".count)
        guard let slash = full.lastIndex(of: "/") else { return nil }
        path = String(full[...slash])
        name = String(full[full.index(after: slash)...])
        guard !name.isEmpty else { return nil }
    }
}
