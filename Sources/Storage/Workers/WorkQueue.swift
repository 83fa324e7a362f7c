// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore

/// A bounded queue between callers, who never wait, and threads, which do. First in, first out.
package final class WorkQueue<Job: Sendable>: @unchecked Sendable {
    // Unchecked: every stored variable is touched only between `lock` and `unlock`.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let name: String
    private let limit: Int
    private var incoming: [Job] = []
    /// Taken from the end: the oldest job is last.
    private var outgoing: [Job] = []
    private var waiters = 0
    private var isClosed = false

    package init(_ name: String, limit: Int) {
        self.name = name
        self.limit = limit
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Throws `storage.busy` when `limit` jobs wait already, `storage.closed` after `close()`.
    package func submit(_ job: Job) throws {
        try locked {
            guard !isClosed else { throw MartletError(.storageClosed, "the \(name) is closed") }
            guard pendingCount < limit else {
                throw MartletError(.storageBusy, "\(limit) requests wait for the \(name) already")
            }
            incoming.append(job)
            if waiters > 0 { pthread_cond_signal(changed) }
        }
    }

    /// Waits for work. Returns up to `count` of the oldest jobs; none once the queue is closed and empty.
    package func take(upTo count: Int) -> [Job] {
        locked {
            while pendingCount == 0 && !isClosed {
                waiters += 1
                pthread_cond_wait(changed, mutex)
                waiters -= 1
            }
            return takePending(upTo: count)
        }
    }

    /// Refuses new jobs. Those that wait are still handed out.
    package func close() {
        locked {
            isClosed = true
            pthread_cond_broadcast(changed)
        }
    }

    /// How many jobs wait to be taken.
    package var count: Int { locked { pendingCount } }

    /// Whether more jobs wait than threads are ready to take one.
    package var hasTooFewTakers: Bool { locked { pendingCount >= waiters } }

    private var pendingCount: Int { incoming.count + outgoing.count }

    private func takePending(upTo count: Int) -> [Job] {
        var taken: [Job] = []
        while taken.count < count {
            if outgoing.isEmpty {
                swap(&incoming, &outgoing)
                outgoing.reverse()
            }
            guard let job = outgoing.popLast() else { break }
            taken.append(job)
        }
        return taken
    }

    private func locked<T>(_ body: () throws -> T) rethrows -> T {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }
}
