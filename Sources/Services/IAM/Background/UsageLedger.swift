// SPDX-License-Identifier: Apache-2.0
package import Logging
package import MartletCore
import NIOConcurrencyHelpers
import ServiceLifecycle
import Storage

/// Remembers when keys and roles were last used, and writes it down once a minute: a request costs no store write for it.
///
/// Bounded: beyond the limit, uses of further keys are dropped until the next writing. A crash loses a minute of it.
package final class UsageLedger: Service {
    enum Subject: Hashable {
        case accessKey(String)
        /// A role, by its unique id.
        case identity(String)
    }

    private struct Use {
        var at: Instant
        var service: String?
        var region: String?
    }

    private let uses = NIOLockedValueBox<[Subject: Use]>([:])
    private let store: IAMStore
    private let clock: any WallClock
    private let logger: Logger
    private let interval: Duration
    private let limit: Int

    package init(
        store: IAMStore,
        clock: any WallClock,
        logger: Logger,
        interval: Duration = .seconds(60),
        limit: Int = 4_096
    ) {
        self.store = store
        self.clock = clock
        self.logger = logger
        self.interval = interval
        self.limit = limit
    }

    func note(_ subject: Subject, at instant: Instant, service: String?, region: String?) {
        uses.withLockedValue { uses in
            guard uses.count < limit || uses[subject] != nil else { return }
            let before = uses[subject]
            uses[subject] = Use(at: instant, service: service ?? before?.service, region: region ?? before?.region)
        }
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                // Ends by cancellation only; then what is left is written below.
                try? await self.clock.sleep(for: self.interval)
                await self.flush()
            }
        }
    }

    /// Writes down what was noted. What cannot be written is lost, and logged: it is not worth keeping memory for.
    package func flush() async {
        let noted = uses.withLockedValue { uses in
            defer { uses.removeAll(keepingCapacity: true) }
            return uses
        }
        guard !noted.isEmpty else { return }
        do {
            // Not by way of the store's own write: nothing that is cached depends on it.
            try await store.database.write { tx in
                for (subject, use) in noted { try tx.execute(Self.update(subject, use)) }
            }
        } catch {
            logger.warning(
                "the last use of \(noted.count) keys and roles is not recorded",
                metadata: ["error": "\(error)"]
            )
        }
    }

    private static func update(_ subject: Subject, _ use: Use) -> SQL {
        switch subject {
        case .accessKey(let id):
            """
            UPDATE iam_access_key SET last_used_at = \(use.at), last_used_service = COALESCE(\(use.service), last_used_service),
                last_used_region = COALESCE(\(use.region), last_used_region) WHERE id = \(id)
            """
        case .identity(let id):
            """
            UPDATE iam_identity SET last_used_at = \(use.at), last_used_region = COALESCE(\(use.region), last_used_region)
            WHERE id = \(id)
            """
        }
    }
}
