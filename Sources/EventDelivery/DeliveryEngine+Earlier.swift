// SPDX-License-Identifier: Apache-2.0
package import Storage

extension DeliveryEngine {
    /// Takes over what an earlier version of a service had stored in a table of its own, before there was one engine for all.
    ///
    /// `batch` removes some of it and returns it in its order, which it keeps; it is stored here in the same transaction. It is
    /// asked until it returns nil, as nothing is left. To be called before `run`, at each start: it may have been interrupted.
    package func takeOver(
        _ batch: @escaping @Sendable (any WriteTransaction) throws -> [NewDelivery]?
    ) async throws {
        while try await accept(choosing: { tx in
            guard let deliveries = try batch(tx) else { return (false, []) }
            return (true, deliveries)
        }) {}
    }
}
