// SPDX-License-Identifier: Apache-2.0
import Glibc

/// How much memory the host has left, and how much its processes wait for it.
struct MemoryReading: Sendable, Equatable {
    var totalBytes: Int
    /// What can be had without swapping.
    var availableBytes: Int
    /// The part of the last ten seconds in which some process waited for memory, 0…100; nil where the kernel does not tell.
    var stalledPercent: Double?

    /// `/proc/meminfo` and, where it is there, `/proc/pressure/memory`. Nil when the first is none.
    init?(meminfo: String, pressure: String?) {
        guard let total = Self.kilobytes("MemTotal:", meminfo),
            let available = Self.kilobytes("MemAvailable:", meminfo),
            total > 0
        else { return nil }
        (totalBytes, availableBytes) = (total << 10, min(available, total) << 10)
        stalledPercent = pressure.flatMap(Self.stalled)
    }

    init(totalBytes: Int, availableBytes: Int, stalledPercent: Double? = nil) {
        (self.totalBytes, self.availableBytes) = (totalBytes, availableBytes)
        self.stalledPercent = stalledPercent
    }

    private static func kilobytes(_ name: String, _ text: String) -> Int? {
        for line in text.split(whereSeparator: \.isNewline) where line.hasPrefix(name) {
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            guard words.count >= 2, let number = Int(words[1]), (0...(Int.max >> 10)).contains(number) else {
                return nil
            }
            return number
        }
        return nil
    }

    /// `some avg10=1.23 avg60=…`
    private static func stalled(_ text: String) -> Double? {
        guard let line = text.split(whereSeparator: \.isNewline).first(where: { $0.hasPrefix("some ") }),
            let field = line.split(separator: " ").first(where: { $0.hasPrefix("avg10=") }),
            let percent = Double(field.dropFirst("avg10=".count)), (0...100).contains(percent)
        else { return nil }
        return percent
    }
}

/// Where `MemoryWatch` gets its readings from.
protocol MemorySource: Sendable {
    /// Nil: the host does not tell, and nothing is done.
    func read() -> MemoryReading?
}

/// The kernel of this host.
struct HostMemory: MemorySource {
    func read() -> MemoryReading? {
        guard let meminfo = Self.text("/proc/meminfo") else { return nil }
        return MemoryReading(meminfo: meminfo, pressure: Self.text("/proc/pressure/memory"))
    }

    /// At most 16 KiB.
    private static func text(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 16 << 10)
        let count = Glibc.read(file, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
