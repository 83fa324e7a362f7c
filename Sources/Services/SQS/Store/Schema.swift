// SPDX-License-Identifier: Apache-2.0
import Storage

/// The tables of SQS.
///
/// A queue's messages lie in a *pile*. Purging or deleting a queue takes its pile away and is done at once, however many
/// messages lie there; the rows go later. `visible_at` says when a message may be received next, and the index that begins
/// with it gives the next messages whatever the queue's length. Groups of FIFO queues have a row each that says when the
/// group's first message may be received, so that a blocked group costs nothing. `revision` is new with every change of a
/// queue and never the same again: what is known of a revision stays true.
enum SQSSchema {
    static let migrations = [
        Migration("queues and messages") { dialect in
            [
                """
                CREATE TABLE sqs_pile (id \(dialect.sequenceKeyType), account TEXT NOT NULL, is_garbage BIGINT NOT NULL)
                """,
                "CREATE INDEX sqs_pile_garbage ON sqs_pile (id) WHERE is_garbage = 1",
                """
                CREATE TABLE sqs_queue (
                    id \(dialect.sequenceKeyType), account TEXT NOT NULL, region TEXT NOT NULL,
                    name TEXT \(dialect.namesInByteOrder) NOT NULL, pile_id BIGINT NOT NULL, revision BIGINT NOT NULL,
                    attributes TEXT NOT NULL, dead_letter_arn TEXT, created_at BIGINT NOT NULL, modified_at BIGINT NOT NULL,
                    purged_at BIGINT)
                """,
                "CREATE UNIQUE INDEX sqs_queue_name ON sqs_queue (account, region, name)",
                """
                CREATE INDEX sqs_queue_dead_letter ON sqs_queue (dead_letter_arn, name) WHERE dead_letter_arn IS NOT NULL
                """,
                """
                CREATE TABLE sqs_deleted_queue (
                    account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, deleted_at BIGINT NOT NULL,
                    PRIMARY KEY (account, region, name))
                """,
                "CREATE INDEX sqs_deleted_queue_time ON sqs_deleted_queue (deleted_at)",
                """
                CREATE TABLE sqs_tag (
                    queue_id BIGINT NOT NULL, tag_key TEXT NOT NULL, tag_value TEXT NOT NULL, PRIMARY KEY (queue_id, tag_key))
                """,
                """
                CREATE TABLE sqs_message (
                    sequence \(dialect.sequenceKeyType), pile_id BIGINT NOT NULL, visible_at BIGINT NOT NULL,
                    receives BIGINT NOT NULL, earlier_receives BIGINT NOT NULL, sent_at BIGINT NOT NULL,
                    first_received_at BIGINT, lane TEXT, message_id TEXT NOT NULL, sender TEXT NOT NULL, group_id TEXT,
                    deduplication_id TEXT, trace_header TEXT, dead_letter_source TEXT,
                    attributes \(dialect.bytesType), body TEXT NOT NULL)
                """,
                "CREATE INDEX sqs_message_next ON sqs_message (pile_id, visible_at, sequence, receives)",
                "CREATE INDEX sqs_message_lane ON sqs_message (pile_id, lane, sequence) WHERE lane IS NOT NULL",
                "CREATE INDEX sqs_message_sent ON sqs_message (pile_id, sent_at)",
                """
                CREATE TABLE sqs_group (
                    pile_id BIGINT NOT NULL, lane TEXT NOT NULL, available_at BIGINT NOT NULL, head BIGINT NOT NULL,
                    PRIMARY KEY (pile_id, lane))
                """,
                "CREATE INDEX sqs_group_next ON sqs_group (pile_id, available_at, head, lane)",
                """
                CREATE TABLE sqs_deduplication (
                    queue_id BIGINT NOT NULL, scope TEXT NOT NULL, deduplication_id TEXT NOT NULL,
                    message_id TEXT NOT NULL, sequence BIGINT NOT NULL, expires_at BIGINT NOT NULL,
                    PRIMARY KEY (queue_id, scope, deduplication_id))
                """,
                "CREATE INDEX sqs_deduplication_expiry ON sqs_deduplication (expires_at)",
                """
                CREATE TABLE sqs_attempt (
                    queue_id BIGINT NOT NULL, attempt_id TEXT NOT NULL, messages TEXT NOT NULL, expires_at BIGINT NOT NULL,
                    PRIMARY KEY (queue_id, attempt_id))
                """,
                "CREATE INDEX sqs_attempt_expiry ON sqs_attempt (expires_at)",
                """
                CREATE TABLE sqs_move_task (
                    id \(dialect.sequenceKeyType), handle TEXT NOT NULL, account TEXT NOT NULL, source_arn TEXT NOT NULL,
                    destination_arn TEXT, rate BIGINT, status TEXT NOT NULL, to_move BIGINT NOT NULL, moved BIGINT NOT NULL,
                    until_sequence BIGINT NOT NULL, failure TEXT, started_at BIGINT NOT NULL, due_at BIGINT NOT NULL)
                """,
                "CREATE UNIQUE INDEX sqs_move_task_handle ON sqs_move_task (handle)",
                "CREATE INDEX sqs_move_task_source ON sqs_move_task (source_arn, id)",
                "CREATE INDEX sqs_move_task_due ON sqs_move_task (due_at) WHERE status = 'RUNNING'",
            ]
        }
    ]
}

extension Dialect {
    /// Names sort as AWS sorts them, byte by byte, which is SQLite's own way.
    fileprivate var namesInByteOrder: SQL { engine == .postgreSQL ? "COLLATE \"C\"" : "" }
}
