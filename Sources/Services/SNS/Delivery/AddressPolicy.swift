// SPDX-License-Identifier: Apache-2.0
import EventPatterns

/// Which machines a subscriber may have this server post to.
///
/// Link-local addresses are never reached: clouds hand out credentials there. Nor are addresses that name no one machine.
/// The loopback is for servers in `open` mode, which only whoever sits at the host can call; elsewhere a subscriber could
/// otherwise talk to what listens on this host for this host alone. Private networks are reached: that is where the
/// subscribers of a private platform are.
package enum AddressPolicy: Sendable {
    case withLoopback
    case withoutLoopback

    /// `address` is 4 or 16 bytes.
    func allows(_ address: [UInt8]) -> Bool {
        guard let address = Self.unwrapped(address) else { return false }
        if Self.never.contains(where: { $0.contains(address) }) { return false }
        if case .withLoopback = self { return true }
        return !Self.loopback.contains { $0.contains(address) }
    }

    /// An IPv4 address that is written as IPv6 is judged as what it is.
    private static func unwrapped(_ address: [UInt8]) -> [UInt8]? {
        switch address.count {
        case 4: address
        case 16: wrappings.contains { $0.contains(address) } ? Array(address.suffix(4)) : address
        default: nil
        }
    }

    /// IPv4-mapped, and NAT64.
    private static let wrappings = ["::ffff:0:0/96", "64:ff9b::/96"].compactMap { try? AddressRange($0) }
    private static let never = [
        "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::/128", "fe80::/10", "ff00::/8",
        "fd00:ec2::254/128",
    ].compactMap { try? AddressRange($0) }
    private static let loopback = ["127.0.0.0/8", "::1/128"].compactMap { try? AddressRange($0) }
}
