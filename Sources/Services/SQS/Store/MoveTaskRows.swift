// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// What one step of a task has done.
struct MoveStep: Sendable {
    /// Queues that got messages.
    var destinations: Set<Int> = []
    /// FIFO queues need to be told of what was freed, too.
    var source: Int?
    var moved = 0
}

extension QueueRows {
    func moveTasks(of source: QueueAddress, limit: Int) throws -> [MoveTask] {
        try tx.rows(
            MoveTask.self,
            "SELECT \(MoveTask.columns) FROM sqs_move_task WHERE source_arn = \(source.arn) ORDER BY id DESC LIMIT \(limit)"
        )
    }

    func moveTask(_ handle: String) throws -> MoveTask? {
        try tx.first(MoveTask.self, "SELECT \(MoveTask.columns) FROM sqs_move_task WHERE handle = \(handle)")
    }

    /// When the next step of any task is due.
    func nextMoveDue() throws -> Instant? {
        try tx.first(
            Int.self,
            "SELECT due_at FROM sqs_move_task WHERE status = 'RUNNING' ORDER BY due_at LIMIT 1"
        ).map { Instant(milliseconds: Int64($0)) }
    }
}

extension QueueChanges {
    func insertMoveTask(
        _ handle: MoveTaskHandle,
        from source: Queue,
        to destination: QueueAddress?,
        rate: Int?,
        at now: Instant
    ) throws {
        let toMove = try tx.count(
            "SELECT COUNT(*) FROM sqs_message WHERE pile_id = \(source.pileID) AND visible_at <= \(now)"
        )
        let last = try tx.count("SELECT COALESCE(MAX(sequence), 0) FROM sqs_message")
        try tx.execute(
            """
            DELETE FROM sqs_move_task WHERE source_arn = \(handle.source.arn) AND id NOT IN
                (SELECT id FROM sqs_move_task WHERE source_arn = \(handle.source.arn)
                 ORDER BY id DESC LIMIT \(SQSLimits.moveTasksListed - 1))
            """
        )
        try tx.execute(
            """
            INSERT INTO sqs_move_task (handle, account, source_arn, destination_arn, rate, status, to_move, moved,
                until_sequence, started_at, due_at)
            VALUES (\(handle.text), \(handle.source.scope.account), \(handle.source.arn), \(destination?.arn), \(rate),
                'RUNNING', \(toMove), 0, \(last), \(now), \(now))
            """
        )
    }

    func end(_ task: MoveTask, _ status: MoveTask.Status, failure: String? = nil) throws {
        try tx.execute(
            "UPDATE sqs_move_task SET status = \(status.rawValue), failure = \(failure) WHERE id = \(task.id)"
        )
    }

    /// Messages that one step moves at most; each may have a megabyte.
    static let messagesPerStep = 50

    /// Does one step of one task that is due: atomic, so a crash repeats nothing and loses nothing. Nil when none is due.
    func stepOfMove(newID: () -> String, at now: Instant) throws -> MoveStep? {
        let task = try tx.first(
            MoveTask.self,
            """
            SELECT \(MoveTask.columns) FROM sqs_move_task WHERE status = 'RUNNING' AND due_at <= \(now)
            ORDER BY due_at LIMIT 1 \(tx.dialect.skipLockedRows)
            """
        )
        guard let task else { return nil }
        var step = MoveStep()
        guard let source = try ARN(task.sourceARN).flatMap({ QueueAddress($0) }).flatMap({ try rows.queue($0) }) else {
            try end(task, .failed, failure: QueueDoesNotExist.queryCode)
            return step
        }
        step.source = source.isFIFO ? source.id : nil
        let limit = min(task.rate ?? Self.messagesPerStep, Self.messagesPerStep)
        let messages = try movable(limit, of: source, task, at: now)
        for message in messages {
            guard let target = try target(of: message, task) else {
                try end(task, .failed, failure: "CouldNotDetermineMessageSource")
                return step
            }
            guard let queue = try rows.queue(target) else {
                try end(task, .failed, failure: QueueDoesNotExist.queryCode)
                return step
            }
            try redrive(message, from: source, to: queue, newID: newID(), at: now)
            step.destinations.insert(queue.id)
            step.moved += 1
        }
        try note(task, moved: messages.count, isLast: messages.count < limit, at: now)
        return step
    }

    private func movable(_ limit: Int, of source: Queue, _ task: MoveTask, at now: Instant) throws -> [StoredMessage] {
        try tx.rows(
            StoredMessage.self,
            """
            SELECT \(StoredMessage.columns) FROM sqs_message
            WHERE pile_id = \(source.pileID) AND visible_at <= \(now) AND sequence <= \(task.untilSequence)
            ORDER BY visible_at, sequence LIMIT \(limit)
            """
        )
    }

    private func target(of message: StoredMessage, _ task: MoveTask) throws -> QueueAddress? {
        (task.destinationARN ?? message.deadLetterSource).flatMap { ARN($0) }.flatMap { QueueAddress($0) }
    }

    private func note(_ task: MoveTask, moved: Int, isLast: Bool, at now: Instant) throws {
        let pause = task.rate.map { Duration.milliseconds(Int64(moved) * 1_000 / Int64(max($0, 1))) } ?? .zero
        let status = isLast ? MoveTask.Status.completed : .running
        try tx.execute(
            """
            UPDATE sqs_move_task SET moved = moved + \(moved), status = \(status.rawValue), due_at = \(now + pause)
            WHERE id = \(task.id)
            """
        )
    }

    /// A redriven message is a new one, with an id, an age and a count of its own.
    private func redrive(
        _ message: StoredMessage,
        from source: Queue,
        to target: Queue,
        newID: String,
        at now: Instant
    ) throws {
        let new = NewMessage(
            id: newID,
            body: message.body,
            attributes: try MessageAttributes(stored: message.attributes),
            groupID: message.groupID,
            deduplicationID: message.deduplicationID,
            traceHeader: message.traceHeader,
            sender: message.sender
        )
        try put(new, into: target, at: now)
        try delete(message.sequence, lane: message.lane, of: source)
    }
}
