// SPDX-License-Identifier: Apache-2.0

/// What sandboxes with a way out may connect to: every IPv4 address, but those that mean this host, no one machine, or a
/// cloud's metadata service, unless they are allowed by name. A value; the addresses are those that are connected to, so no
/// name can change its mind in between.
package struct EgressPolicy: Sendable {
    /// Exceptions from what follows.
    package var allowed: [AddressBlock]

    package init(allowed: [AddressBlock] = []) { self.allowed = allowed }

    /// Never reached.
    private static let closed = [
        // This host, "this network", several machines, and what is reserved.
        AddressBlock(127, 0, 0, 0, bits: 8), AddressBlock(0, 0, 0, 0, bits: 8), AddressBlock(224, 0, 0, 0, bits: 4),
        AddressBlock(240, 0, 0, 0, bits: 4),
        // Link-local: the metadata services of AWS, Azure, Google, Oracle, OpenStack.
        AddressBlock(169, 254, 0, 0, bits: 16),
        // Further ones: Alibaba, Azure's wire server, Oracle's older one.
        AddressBlock(100, 100, 100, 200, bits: 32), AddressBlock(168, 63, 129, 16, bits: 32),
        AddressBlock(192, 0, 0, 192, bits: 32),
    ]

    /// `own` are the addresses of the host itself: behind them are its services, which take a connection from it for one
    /// of its own.
    func permits(_ address: UInt32, port: UInt16, own: Set<UInt32>) -> Bool {
        if allowed.contains(where: { $0.contains(address, port: port) }) { return true }
        return !own.contains(address) && !Self.closed.contains { $0.contains(address, port: port) }
    }
}
