// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// A write that waits for its turn.
struct WriteJob: Sendable {
    /// Says to the caller what came of it. To be called once the fate of the write is sealed.
    typealias Answer = @Sendable () -> Void

    /// Runs the body. May be called again when the group's transaction was lost.
    let run: @Sendable (any WriteTransaction) throws -> Answer
    let fail: @Sendable (any Error) -> Void
}

/// Commits all writers that wait at one moment in one transaction, and so with one sync.
///
/// Each body runs inside a savepoint: one that throws leaves nothing and does not spoil the others. Nobody is answered
/// before the commit, not even with an error: a body may have failed over what another one of its group did.
struct GroupCommit {
    private let connection: Connection

    init(_ connection: Connection) { self.connection = connection }

    func commit(_ jobs: [WriteJob]) {
        do {
            for answer in try attempt(jobs) { answer() }
        } catch let lost as LostGroup where jobs.count > 1 && lost.isWorthRetrying {
            // One of them is to blame; alone it harms nobody else.
            for job in jobs { commit([job]) }
        } catch let lost as LostGroup {
            for job in jobs { job.fail(lost.cause) }
        } catch {
            for job in jobs { job.fail(error) }
        }
    }

    /// Nothing of the group was stored.
    private struct LostGroup: Error {
        let cause: any Error
        /// After a failed sync nobody knows what is on disk, and a file that is broken will not be whole a moment
        /// later.
        var isWorthRetrying: Bool {
            guard let code = (cause as? MartletError)?.code else { return true }
            return ![.storageIO, .storageCorrupt, .storageLocked].contains(code)
        }
    }

    private func attempt(_ jobs: [WriteJob]) throws -> [WriteJob.Answer] {
        if connection.isInTransaction { try connection.run("ROLLBACK") }
        try connection.run("BEGIN IMMEDIATE")
        do {
            let answers = try jobs.count == 1 ? jobs.map(runAlone) : jobs.map(runInSavepoint)
            try connection.run("COMMIT")
            return answers
        } catch {
            // If even this fails, the next group tries again before it begins.
            if connection.isInTransaction { try? connection.run("ROLLBACK") }
            throw LostGroup(cause: error)
        }
    }

    private func runAlone(_ job: WriteJob) throws -> WriteJob.Answer {
        let transaction = SQLiteTransaction(connection, mayWrite: true)
        defer { transaction.end() }
        let answer = try job.run(transaction)
        try expectTransaction()
        return answer
    }

    private func runInSavepoint(_ job: WriteJob) throws -> WriteJob.Answer {
        try connection.run("SAVEPOINT writer")
        do {
            let answer = try runAlone(job)
            try connection.run("RELEASE writer")
            return answer
        } catch  where connection.isInTransaction {
            try connection.run("ROLLBACK TO writer")
            try connection.run("RELEASE writer")
            return { job.fail(error) }
        }
    }

    /// SQLite undoes a whole transaction by itself when, say, the disk is full. A body that goes on regardless must not
    /// count.
    private func expectTransaction() throws {
        guard connection.isInTransaction else {
            throw MartletError(.storageTransaction, "the transaction has been undone after an earlier error")
        }
    }
}
