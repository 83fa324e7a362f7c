// SPDX-License-Identifier: Apache-2.0
import Storage

/// The tables of CloudWatch Logs.
///
/// Events hold the numbers of their group and stream, not their names, and are found in order by two indexes: of one stream
/// (GetLogEvents) and of a whole group (FilterLogEvents, retention). `sequence` is the order of arrival. Numbers are never
/// used twice, so events of a deleted group or stream are out of sight at once, and `logs_garbage` says what is to be
/// removed for good.
///
/// `features` of a group is what has to be done with its events on their way in (`GroupFeatures`): it is kept up with the
/// policies of the group and of the account, so that a group without any costs nothing. What was made of an event is stored
/// beside it: `transformed` is the document that its transformer has made, `masks` where sensitive data lies.
///
/// `logs_outbox` is empty: earlier versions noted there which events a subscription or the metric filters of a group had still to
/// look at (`EarlierBatches`).
enum LogsSchema {
    static let migrations = [
        Migration("groups, streams and events") { dialect in
            [
                """
                CREATE TABLE logs_group (
                    id \(dialect.sequenceKeyType), account TEXT NOT NULL, region TEXT NOT NULL,
                    name TEXT \(dialect.inByteOrder) NOT NULL, class TEXT NOT NULL, created_at BIGINT NOT NULL,
                    retention_days BIGINT, stored_bytes BIGINT NOT NULL DEFAULT 0, is_protected BIGINT NOT NULL DEFAULT 0)
                """,
                "CREATE UNIQUE INDEX logs_group_name ON logs_group (account, region, name)",
                "CREATE INDEX logs_group_retention ON logs_group (retention_days) WHERE retention_days IS NOT NULL",
                """
                CREATE TABLE logs_tag (
                    group_id BIGINT NOT NULL, tag_key TEXT NOT NULL, tag_value TEXT NOT NULL, PRIMARY KEY (group_id, tag_key))
                """,
                """
                CREATE TABLE logs_stream (
                    id \(dialect.sequenceKeyType), group_id BIGINT NOT NULL, name TEXT \(dialect.inByteOrder) NOT NULL,
                    created_at BIGINT NOT NULL, first_event_at BIGINT, last_event_at BIGINT NOT NULL, last_ingestion_at BIGINT)
                """,
                "CREATE UNIQUE INDEX logs_stream_name ON logs_stream (group_id, name)",
                "CREATE INDEX logs_stream_last_event ON logs_stream (group_id, last_event_at, name)",
                """
                CREATE TABLE logs_event (
                    sequence \(dialect.sequenceKeyType), group_id BIGINT NOT NULL, stream_id BIGINT NOT NULL,
                    occurred_at BIGINT NOT NULL, ingested_at BIGINT NOT NULL, size BIGINT NOT NULL, message TEXT NOT NULL)
                """,
                "CREATE INDEX logs_event_stream ON logs_event (stream_id, occurred_at, sequence)",
                "CREATE INDEX logs_event_group ON logs_event (group_id, occurred_at, sequence, stream_id)",
                """
                CREATE TABLE logs_garbage (
                    id \(dialect.sequenceKeyType), account TEXT NOT NULL, group_id BIGINT NOT NULL, stream_id BIGINT)
                """,
            ]
        },
        Migration("subscriptions, metric filters and destinations") { dialect in
            [
                "ALTER TABLE logs_group ADD COLUMN subscription_count BIGINT NOT NULL DEFAULT 0",
                "ALTER TABLE logs_group ADD COLUMN metric_filter_count BIGINT NOT NULL DEFAULT 0",
                """
                CREATE TABLE logs_subscription (
                    id \(dialect.sequenceKeyType), group_id BIGINT NOT NULL, name TEXT \(dialect.inByteOrder) NOT NULL,
                    pattern TEXT NOT NULL, destination_arn TEXT NOT NULL, role_arn TEXT, distribution TEXT NOT NULL,
                    created_at BIGINT NOT NULL)
                """,
                "CREATE UNIQUE INDEX logs_subscription_name ON logs_subscription (group_id, name)",
                """
                CREATE TABLE logs_metric_filter (
                    id \(dialect.sequenceKeyType), group_id BIGINT NOT NULL, name TEXT \(dialect.inByteOrder) NOT NULL,
                    pattern TEXT NOT NULL, transformation TEXT NOT NULL, created_at BIGINT NOT NULL)
                """,
                "CREATE UNIQUE INDEX logs_metric_filter_name ON logs_metric_filter (group_id, name)",
                """
                CREATE TABLE logs_destination (
                    account TEXT NOT NULL, region TEXT NOT NULL, name TEXT \(dialect.inByteOrder) NOT NULL,
                    target_arn TEXT NOT NULL, role_arn TEXT NOT NULL, access_policy TEXT, created_at BIGINT NOT NULL,
                    PRIMARY KEY (account, region, name))
                """,
                """
                CREATE TABLE logs_outbox (
                    id \(dialect.sequenceKeyType), account TEXT NOT NULL, region TEXT NOT NULL, group_id BIGINT NOT NULL,
                    stream_id BIGINT NOT NULL, first_sequence BIGINT NOT NULL, last_sequence BIGINT NOT NULL,
                    subscription_id BIGINT, accepted_at BIGINT NOT NULL, \(Lease.columns))
                """,
                "CREATE INDEX logs_outbox_due ON logs_outbox (due_at, id)",
            ]
        },
        Migration("query definitions and resource policies") { dialect in
            [
                """
                CREATE TABLE logs_query_definition (
                    account TEXT NOT NULL, region TEXT NOT NULL, id TEXT NOT NULL, name TEXT \(dialect.inByteOrder) NOT NULL,
                    query TEXT NOT NULL, group_names TEXT NOT NULL, modified_at BIGINT NOT NULL,
                    PRIMARY KEY (account, region, id))
                """,
                """
                CREATE TABLE logs_resource_policy (
                    account TEXT NOT NULL, region TEXT NOT NULL, name TEXT \(dialect.inByteOrder) NOT NULL,
                    document TEXT NOT NULL, updated_at BIGINT NOT NULL, PRIMARY KEY (account, region, name))
                """,
            ]
        },
        Migration("policies of groups and accounts, transformed and masked events") { dialect in
            [
                "ALTER TABLE logs_group ADD COLUMN features BIGINT NOT NULL DEFAULT 0",
                "ALTER TABLE logs_event ADD COLUMN transformed TEXT",
                "ALTER TABLE logs_event ADD COLUMN masks TEXT",
                "ALTER TABLE logs_subscription ADD COLUMN is_transformed BIGINT NOT NULL DEFAULT 0",
                "ALTER TABLE logs_metric_filter ADD COLUMN is_transformed BIGINT NOT NULL DEFAULT 0",
                """
                CREATE TABLE logs_group_policy (
                    group_id BIGINT NOT NULL, kind TEXT NOT NULL, document TEXT NOT NULL, created_at BIGINT NOT NULL,
                    updated_at BIGINT NOT NULL, PRIMARY KEY (group_id, kind))
                """,
                """
                CREATE TABLE logs_account_policy (
                    account TEXT NOT NULL, region TEXT NOT NULL, kind TEXT NOT NULL, name TEXT \(dialect.inByteOrder) NOT NULL,
                    document TEXT NOT NULL, criteria TEXT, updated_at BIGINT NOT NULL,
                    PRIMARY KEY (account, region, kind, name))
                """,
            ]
        },
        Migration("lookup tables, and tags of what is not a group") { dialect in
            [
                """
                CREATE TABLE logs_lookup_table (
                    account TEXT NOT NULL, region TEXT NOT NULL, name TEXT \(dialect.inByteOrder) NOT NULL,
                    description TEXT, fields TEXT NOT NULL, record_count BIGINT NOT NULL, size BIGINT NOT NULL,
                    body TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
                    PRIMARY KEY (account, region, name))
                """,
                """
                CREATE TABLE logs_resource_tag (
                    account TEXT NOT NULL, region TEXT NOT NULL, resource TEXT NOT NULL, tag_key TEXT NOT NULL,
                    tag_value TEXT NOT NULL, PRIMARY KEY (account, region, resource, tag_key))
                """,
            ]
        },
        Migration("scheduled queries and their runs") { dialect in
            [
                """
                CREATE TABLE logs_scheduled_query (
                    id TEXT NOT NULL PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL,
                    name TEXT \(dialect.inByteOrder) NOT NULL, is_enabled BIGINT NOT NULL, description TEXT,
                    query TEXT NOT NULL, group_list TEXT NOT NULL, expression TEXT NOT NULL, timezone TEXT,
                    start_offset BIGINT, end_offset BIGINT, start_time BIGINT, end_time BIGINT, role_arn TEXT NOT NULL,
                    destination TEXT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, next_at BIGINT NOT NULL,
                    last_run_at BIGINT, last_status TEXT)
                """,
                "CREATE UNIQUE INDEX logs_scheduled_query_name ON logs_scheduled_query (account, region, name)",
                "CREATE INDEX logs_scheduled_query_next ON logs_scheduled_query (next_at)",
                """
                CREATE TABLE logs_scheduled_run (
                    id \(dialect.sequenceKeyType), account TEXT NOT NULL, region TEXT NOT NULL, schedule_id TEXT NOT NULL,
                    query_id TEXT NOT NULL, triggered_at BIGINT NOT NULL, status TEXT NOT NULL, error TEXT,
                    destination TEXT, destination_error TEXT, \(Lease.columns))
                """,
                "CREATE INDEX logs_scheduled_run_due ON logs_scheduled_run (due_at) WHERE status = 'Running'",
                "CREATE INDEX logs_scheduled_run_history ON logs_scheduled_run (schedule_id, triggered_at, id)",
            ]
        },
    ]
}

extension Dialect {
    /// Names sort as AWS sorts them, byte by byte, which is SQLite's own way.
    fileprivate var inByteOrder: SQL { engine == .postgreSQL ? "COLLATE \"C\"" : "" }
}
