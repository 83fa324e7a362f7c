// SPDX-License-Identifier: Apache-2.0
package import MartletCore
import NIOConcurrencyHelpers

/// The sessions whose tokens this node has opened, so that a token is opened once, and so that the authoriser learns what
/// limits a session. Bounded in two halves: when one is full, the older half goes; a session in use comes back by itself.
package final class SessionTable: SessionDirectory {
    struct Known: Sendable {
        var token: String
        var session: Session
    }

    private struct Halves {
        var young: [String: Known] = [:]
        var old: [String: Known] = [:]
    }

    private let halves = NIOLockedValueBox(Halves())
    private let halfLimit: Int

    package init(limit: Int = 16_384) { halfLimit = max(limit / 2, 1) }

    package func facts(ofAccessKey accessKeyID: String) -> SessionFacts? { known(accessKeyID)?.session.facts }

    func known(_ accessKeyID: String) -> Known? {
        halves.withLockedValue { halves in
            if let known = halves.young[accessKeyID] { return known }
            guard let known = halves.old[accessKeyID] else { return nil }
            // In use, so it outlives the next change of halves.
            Self.insert(known, into: &halves, limit: halfLimit)
            return known
        }
    }

    func insert(_ known: Known) {
        halves.withLockedValue { Self.insert(known, into: &$0, limit: halfLimit) }
    }

    private static func insert(_ known: Known, into halves: inout Halves, limit: Int) {
        if halves.young.count >= limit { halves = Halves(old: halves.young) }
        halves.young[known.session.accessKeyID] = known
    }
}
