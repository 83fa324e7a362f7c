// SPDX-License-Identifier: Apache-2.0
import Storage

/// IAM's tables. `name_key` is the name in lower case: names differ by more than case.
enum IAMSchema {
    static let migrations = [
        Migration("identities") { _ in
            [
                """
                CREATE TABLE iam_identity (
                    id TEXT PRIMARY KEY, kind TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL, name_key TEXT NOT NULL,
                    path TEXT NOT NULL, created_at BIGINT NOT NULL, boundary TEXT, trust TEXT, description TEXT,
                    max_session_seconds BIGINT NOT NULL, last_used_at BIGINT, last_used_region TEXT)
                """,
                "CREATE UNIQUE INDEX iam_identity_name ON iam_identity (account, kind, name_key)",
                """
                CREATE TABLE iam_inline_policy (
                    identity_id TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY (identity_id, name))
                """,
                """
                CREATE TABLE iam_attachment (
                    identity_id TEXT NOT NULL, policy_arn TEXT NOT NULL, account TEXT NOT NULL,
                    PRIMARY KEY (identity_id, policy_arn))
                """,
                "CREATE INDEX iam_attachment_policy ON iam_attachment (account, policy_arn)",
                """
                CREATE TABLE iam_tag (
                    owner_id TEXT NOT NULL, key_key TEXT NOT NULL, tag_key TEXT NOT NULL, tag_value TEXT NOT NULL,
                    PRIMARY KEY (owner_id, key_key))
                """,
                """
                CREATE TABLE iam_membership (
                    container_id TEXT NOT NULL, member_id TEXT NOT NULL, PRIMARY KEY (container_id, member_id))
                """,
                "CREATE INDEX iam_membership_member ON iam_membership (member_id)",
            ]
        },
        Migration("managed policies") { _ in
            [
                """
                CREATE TABLE iam_policy (
                    id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, name_key TEXT NOT NULL, path TEXT NOT NULL,
                    description TEXT, default_version BIGINT NOT NULL, last_version BIGINT NOT NULL, created_at BIGINT NOT NULL,
                    updated_at BIGINT NOT NULL)
                """,
                "CREATE UNIQUE INDEX iam_policy_name ON iam_policy (account, name_key)",
                """
                CREATE TABLE iam_policy_version (
                    policy_id TEXT NOT NULL, number BIGINT NOT NULL, document TEXT NOT NULL, created_at BIGINT NOT NULL,
                    PRIMARY KEY (policy_id, number))
                """,
            ]
        },
        Migration("access keys and aliases") { dialect in
            [
                """
                CREATE TABLE iam_access_key (
                    id TEXT PRIMARY KEY, account TEXT NOT NULL, user_id TEXT, sealed_secret \(dialect.bytesType) NOT NULL,
                    is_active BIGINT NOT NULL, created_at BIGINT NOT NULL, last_used_at BIGINT, last_used_service TEXT,
                    last_used_region TEXT)
                """,
                "CREATE INDEX iam_access_key_owner ON iam_access_key (account, user_id)",
                "CREATE TABLE iam_account_alias (alias TEXT PRIMARY KEY, account TEXT NOT NULL)",
                "CREATE UNIQUE INDEX iam_account_alias_account ON iam_account_alias (account)",
            ]
        },
    ]
}
