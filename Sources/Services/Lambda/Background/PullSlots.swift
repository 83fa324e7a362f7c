// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// Which versions' images are being pulled. A registry may be slow for an hour, so no account can take every slot.
struct PullSlots: Sendable {
    static let total = 32
    static let perAccount = 4

    private var running: Set<UnsettledVersion> = []

    /// Takes slots for those of `waiting` that can begin now, in their order.
    mutating func begin(_ waiting: [UnsettledVersion]) -> [UnsettledVersion] {
        waiting.filter { version in
            guard running.count < Self.total, !running.contains(version),
                running.count(where: { $0.scope.account == version.scope.account }) < Self.perAccount
            else { return false }
            running.insert(version)
            return true
        }
    }

    mutating func end(_ version: UnsettledVersion) { running.remove(version) }
}
