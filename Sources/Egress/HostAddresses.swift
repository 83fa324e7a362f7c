// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import MartletCore
internal import NIOConcurrencyHelpers
internal import NIOCore

/// What the way out needs to know of the host: its own addresses, and whom it asks for names. Both may change while the
/// server runs, so they are looked up again after some seconds.
final class HostAddresses: Sendable {
    private struct Known {
        var own: Set<UInt32> = []
        var resolvers: [SocketAddress] = []
        var readAt: Int64?
    }

    private static let lifetimeMicroseconds: Int64 = 5_000_000
    private static let defaultPath = "/etc/resolv.conf"

    private let clock: any WallClock
    private let path: String
    private let known = NIOLockedValueBox(Known())

    init(clock: any WallClock, path: String? = nil) {
        self.clock = clock
        self.path = path ?? Self.defaultPath
    }

    /// IPv4, in host order.
    var own: Set<UInt32> { current.own }
    var resolvers: [SocketAddress] { current.resolvers }

    private var current: Known {
        let now = clock.monotonicMicroseconds
        return known.withLockedValue { known in
            if let readAt = known.readAt, now - readAt < Self.lifetimeMicroseconds { return known }
            known = Known(own: Self.ownAddresses(), resolvers: Self.resolvers(in: Self.text(path)), readAt: now)
            return known
        }
    }

    private static func ownAddresses() -> Set<UInt32> {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var found: Set<UInt32> = []
        var next = first
        while let entry = next {
            next = entry.pointee.ifa_next
            guard let address = entry.pointee.ifa_addr, address.pointee.sa_family == sa_family_t(AF_INET) else {
                continue
            }
            // `sockaddr_in`: the address is its third member.
            let number = UnsafeRawPointer(address).loadUnaligned(fromByteOffset: 4, as: UInt32.self)
            found.insert(UInt32(bigEndian: number))
        }
        return found
    }

    /// As a C library does: the first three, and this machine where none is named.
    static func resolvers(in text: String) -> [SocketAddress] {
        var found: [SocketAddress] = []
        for line in text.split(whereSeparator: \.isNewline) where found.count < 3 {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            guard words.count >= 2, words[0] == "nameserver" else { continue }
            if let address = try? SocketAddress(ipAddress: String(words[1]), port: 53) { found.append(address) }
        }
        if found.isEmpty, let local = try? SocketAddress(ipAddress: "127.0.0.1", port: 53) { found.append(local) }
        return found
    }

    /// At most 64 KiB; nothing where it cannot be read.
    private static func text(_ path: String) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = read(file, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : ""
    }
}
