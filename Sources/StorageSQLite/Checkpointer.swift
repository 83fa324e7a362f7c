// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import Storage

/// Keeps the write-ahead log bounded. Is asked between groups, when the callers have their answers.
///
/// Moving the log into the database takes two syncs and many writes, so a thread of its own does it beside the writer.
/// Only when the log has grown to the hard limit all the same, because somebody always writes or a reader holds it
/// back, does the writer pause and begin the log anew.
struct Checkpointer {
    private let writer: Connection
    private let background: WorkerPool<Connection>
    private let logger: Logger
    /// In pages.
    private let softLimit: Int
    private let hardLimit: Int
    private var nextAt: Int
    private var lastSeen = 0

    /// How long a reader may keep the writer waiting, in milliseconds.
    private static let patience: Int32 = 250

    init(_ writer: Connection, background: WorkerPool<Connection>, softLimit: Int, hardLimit: Int, logger: Logger) {
        self.writer = writer
        self.background = background
        self.softLimit = softLimit
        self.hardLimit = hardLimit
        self.logger = logger
        nextAt = softLimit
    }

    mutating func afterCommit() {
        let pages = writer.logPages
        // The log began anew: everything in it had been moved.
        if pages < lastSeen { nextAt = softLimit }
        lastSeen = pages
        guard pages >= nextAt else { return }
        nextAt = pages + softLimit
        if pages < hardLimit {
            checkpointBeside()
        } else {
            report { try writer.checkpoint(.restarting(milliseconds: Self.patience)) }
        }
    }

    /// Before closing: leaves one file that holds all.
    func finish() {
        background.close()
        background.join()
        report { try writer.checkpoint(.truncating(milliseconds: Self.patience)) }
    }

    private func checkpointBeside() {
        do {
            try background.runLater { [self] connection in report { try connection.get().checkpoint(.passive) } }
        } catch let error as MartletError where error.code == .storageBusy {
            // One is under way; the next commits ask again.
        } catch {
            report { throw error }
        }
    }

    private func report(_ body: () throws -> Void) {
        do {
            try body()
        } catch {
            // No data is at risk: the log still holds it. It only grows.
            logger.warning("the write-ahead log could not be moved into the database", metadata: ["error": "\(error)"])
        }
    }
}
