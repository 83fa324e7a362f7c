// SPDX-License-Identifier: Apache-2.0
import Storage

/// The tables of CloudWatch Logs.
///
/// Events hold the numbers of their group and stream, not their names, and are found in order by two indexes: of one stream
/// (GetLogEvents) and of a whole group (FilterLogEvents, retention). `sequence` is the order of arrival. Numbers are never
/// used twice, so events of a deleted group or stream are out of sight at once, and `logs_garbage` says what is to be
/// removed for good.
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
        }
    ]
}

extension Dialect {
    /// Names sort as AWS sorts them, byte by byte, which is SQLite's own way.
    fileprivate var inByteOrder: SQL { engine == .postgreSQL ? "COLLATE \"C\"" : "" }
}
