// SPDX-License-Identifier: Apache-2.0
import Storage

/// The tables of SNS.
///
/// A message lies once in `sns_message`, whoever gets it; `deliveries` counts those that `EventDelivery` still has to make,
/// and the message goes with the last of them, or when its time in the archive is over. `sns_delivery` held them once, and is
/// emptied at the start (`EarlierDeliveries`).
enum SNSSchema {
    static let migrations = [
        Migration("topics, subscriptions, messages and deliveries") { dialect in
            topics(dialect) + messages(dialect)
        },
        Migration("mobile push and SMS") { dialect in mobile(dialect) },
        Migration("messages count their deliveries") { _ in
            [
                "ALTER TABLE sns_message ADD COLUMN deliveries BIGINT NOT NULL DEFAULT 0",
                """
                UPDATE sns_message SET deliveries =
                    (SELECT COUNT(*) FROM sns_delivery WHERE sns_delivery.message_id = sns_message.id)
                """,
            ]
        },
    ]

    private static func topics(_ dialect: Dialect) -> [SQL] {
        [
            """
            CREATE TABLE sns_topic (
                id \(dialect.sequenceKeyType), account TEXT NOT NULL, region TEXT NOT NULL,
                name TEXT \(dialect.inByteOrder) NOT NULL, attributes TEXT NOT NULL, tags TEXT NOT NULL,
                data_protection_policy TEXT, created_at BIGINT NOT NULL, archive_began_at BIGINT,
                next_sequence BIGINT NOT NULL DEFAULT 0, deleted_subscriptions BIGINT NOT NULL DEFAULT 0)
            """,
            "CREATE UNIQUE INDEX sns_topic_name ON sns_topic (account, region, name)",
            """
            CREATE TABLE sns_subscription (
                id TEXT \(dialect.inByteOrder) PRIMARY KEY, topic_id BIGINT NOT NULL, account TEXT NOT NULL,
                region TEXT NOT NULL, topic_name TEXT NOT NULL, owner TEXT NOT NULL, protocol TEXT NOT NULL,
                endpoint TEXT NOT NULL, principal TEXT NOT NULL, attributes TEXT NOT NULL, is_pending BIGINT NOT NULL,
                was_authenticated BIGINT NOT NULL, unsubscribes_signed BIGINT NOT NULL, token_hash TEXT,
                token_expires_at BIGINT, server TEXT NOT NULL, created_at BIGINT NOT NULL, replay_status TEXT)
            """,
            "CREATE UNIQUE INDEX sns_subscription_endpoint ON sns_subscription (topic_id, protocol, endpoint)",
            "CREATE INDEX sns_subscription_owner ON sns_subscription (owner, region, id)",
            "CREATE INDEX sns_subscription_topic ON sns_subscription (topic_id, id)",
            """
            CREATE INDEX sns_subscription_pending ON sns_subscription (token_expires_at) WHERE is_pending = 1
            """,
            """
            CREATE TABLE sns_ended_subscription (
                token_hash TEXT PRIMARY KEY, id TEXT NOT NULL, topic_id BIGINT NOT NULL, account TEXT NOT NULL,
                owner TEXT NOT NULL, protocol TEXT NOT NULL, endpoint TEXT NOT NULL, principal TEXT NOT NULL,
                attributes TEXT NOT NULL, server TEXT NOT NULL, expires_at BIGINT NOT NULL)
            """,
            "CREATE INDEX sns_ended_subscription_expiry ON sns_ended_subscription (expires_at)",
            """
            CREATE TABLE sns_signing_key (
                id BIGINT PRIMARY KEY, sealed_key \(dialect.bytesType) NOT NULL, certificate \(dialect.bytesType) NOT NULL)
            """,
        ]
    }

    private static func messages(_ dialect: Dialect) -> [SQL] {
        [
            """
            CREATE TABLE sns_message (
                id TEXT PRIMARY KEY, topic_id BIGINT, account TEXT NOT NULL, region TEXT NOT NULL,
                topic_name TEXT NOT NULL, content \(dialect.bytesType) NOT NULL, is_sealed BIGINT NOT NULL,
                sequence BIGINT NOT NULL, published_at BIGINT NOT NULL, archived_until BIGINT)
            """,
            "CREATE INDEX sns_message_archive ON sns_message (topic_id, sequence) WHERE archived_until IS NOT NULL",
            "CREATE INDEX sns_message_expiry ON sns_message (archived_until) WHERE archived_until IS NOT NULL",
            """
            CREATE TABLE sns_delivery (
                id \(dialect.sequenceKeyType), message_id TEXT NOT NULL, account TEXT NOT NULL, lane TEXT NOT NULL,
                stage TEXT NOT NULL, subscription_id TEXT, target TEXT, order_key TEXT, replay TEXT,
                failures BIGINT NOT NULL DEFAULT 0, \(Lease.columns))
            """,
            "CREATE INDEX sns_delivery_due ON sns_delivery (lane, due_at)",
            "CREATE INDEX sns_delivery_message ON sns_delivery (message_id)",
            "CREATE INDEX sns_delivery_order ON sns_delivery (order_key, id) WHERE order_key IS NOT NULL",
            """
            CREATE TABLE sns_deduplication (
                topic_id BIGINT NOT NULL, scope TEXT NOT NULL, deduplication_id TEXT NOT NULL, message_id TEXT NOT NULL,
                sequence BIGINT NOT NULL, expires_at BIGINT NOT NULL,
                PRIMARY KEY (topic_id, scope, deduplication_id))
            """,
            "CREATE INDEX sns_deduplication_expiry ON sns_deduplication (expires_at)",
            """
            CREATE TABLE sns_replay (
                id TEXT PRIMARY KEY, subscription_id TEXT NOT NULL, topic_id BIGINT NOT NULL, account TEXT NOT NULL,
                next_sequence BIGINT NOT NULL, start_at BIGINT NOT NULL, end_at BIGINT)
            """,
            "CREATE UNIQUE INDEX sns_replay_subscription ON sns_replay (subscription_id)",
        ]
    }

    private static func mobile(_ dialect: Dialect) -> [SQL] {
        [
            """
            CREATE TABLE sns_application (
                account TEXT NOT NULL, region TEXT NOT NULL, platform TEXT NOT NULL,
                name TEXT \(dialect.inByteOrder) NOT NULL, attributes TEXT NOT NULL, secrets \(dialect.bytesType),
                PRIMARY KEY (account, region, platform, name))
            """,
            """
            CREATE TABLE sns_endpoint (
                account TEXT NOT NULL, region TEXT NOT NULL, platform TEXT NOT NULL, application TEXT NOT NULL,
                id TEXT \(dialect.inByteOrder) NOT NULL, token TEXT NOT NULL, attributes TEXT NOT NULL,
                PRIMARY KEY (account, region, platform, application, id))
            """,
            """
            CREATE UNIQUE INDEX sns_endpoint_token
                ON sns_endpoint (account, region, platform, application, token)
            """,
            """
            CREATE TABLE sns_sms_account (
                account TEXT NOT NULL, region TEXT NOT NULL, attributes TEXT NOT NULL, PRIMARY KEY (account, region))
            """,
            """
            CREATE TABLE sns_opted_out (
                account TEXT NOT NULL, region TEXT NOT NULL, number TEXT \(dialect.inByteOrder) NOT NULL,
                PRIMARY KEY (account, region, number))
            """,
            """
            CREATE TABLE sns_sandbox_number (
                account TEXT NOT NULL, region TEXT NOT NULL, number TEXT \(dialect.inByteOrder) NOT NULL,
                is_verified BIGINT NOT NULL, code_hash TEXT, code_expires_at BIGINT, tries BIGINT NOT NULL,
                PRIMARY KEY (account, region, number))
            """,
        ]
    }
}

extension Dialect {
    /// Names sort byte by byte, which is SQLite's own way.
    fileprivate var inByteOrder: SQL { engine == .postgreSQL ? "COLLATE \"C\"" : "" }
}
