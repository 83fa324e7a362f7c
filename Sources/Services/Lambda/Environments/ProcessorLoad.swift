// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore
import NIOConcurrencyHelpers

/// How long the host's processors have been idle since it started, and for how long it runs.
struct ProcessorReading: Sendable, Equatable {
    var upMilliseconds: Int
    /// Of all processors together.
    var idleMilliseconds: Int

    /// `/proc/uptime`: seconds with two digits behind the point, twice. Nil for anything else.
    init?(uptime: String) {
        let words = uptime.split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let up = Double(words[0]), let idle = Double(words[1]),
            (0...1e12).contains(up), (0...1e12).contains(idle)
        else { return nil }
        (upMilliseconds, idleMilliseconds) = (Int(up * 1_000), Int(idle * 1_000))
    }

    init(upMilliseconds: Int, idleMilliseconds: Int) {
        (self.upMilliseconds, self.idleMilliseconds) = (upMilliseconds, idleMilliseconds)
    }

    /// The part of the time since `earlier` in which processors had nothing to do, 0…1; nil for no time at all.
    func idleShare(since earlier: ProcessorReading, processors: Int) -> Double? {
        let passed = (upMilliseconds - earlier.upMilliseconds) * max(1, processors)
        guard passed > 0 else { return nil }
        return min(1, max(0, Double(idleMilliseconds - earlier.idleMilliseconds) / Double(passed)))
    }
}

/// Whether the host's processors are busy all the time, so that one more process would only take from the others.
final class ProcessorLoad: Sendable {
    /// Between two readings; the kernel counts in steps of ten.
    static let windowMilliseconds = 200
    static let spareShare = 0.1
    static let idleShare = 0.3

    private struct State: Sendable {
        var last: ProcessorReading?
        var lookedAt: Int64 = 0
        var isSaturated = false
    }

    private let state = NIOLockedValueBox(State())
    let processors: Int
    private let read: @Sendable () -> ProcessorReading?

    init(
        processors: Int = sysconf(Int32(_SC_NPROCESSORS_ONLN)),
        read: @escaping @Sendable () -> ProcessorReading? = { ProcessorLoad.host() }
    ) {
        (self.processors, self.read) = (max(1, processors), read)
    }

    /// `now` in microseconds of the monotonic clock. Looks at the host at most every 200 ms; false where that does not tell.
    func isSaturated(at now: Int64) -> Bool {
        state.withLockedValue { state in
            guard now - state.lookedAt >= Int64(Self.windowMilliseconds) * 1_000 || state.last == nil else {
                return state.isSaturated
            }
            // What happened long ago says nothing of now.
            let isRecent = now - state.lookedAt < 5 * Int64(Self.windowMilliseconds) * 1_000
            let reading = read()
            let share = reading.flatMap { reading in
                state.last.flatMap { isRecent ? reading.idleShare(since: $0, processors: processors) : nil }
            }
            (state.last, state.lookedAt) = (reading, now)
            state.isSaturated = share.map { $0 < Self.spareShare } ?? false
            return state.isSaturated
        }
    }

    /// Whether a good part of the processors' time is nobody's for that long, which it takes. No where the host does not tell.
    func isIdle(for window: Duration, _ clock: any WallClock) async -> Bool {
        let before = read()
        // Whoever is cancelled meanwhile wants no answer.
        guard (try? await clock.sleep(for: window)) != nil, let before, let after = read() else { return false }
        return after.idleShare(since: before, processors: processors).map { $0 >= Self.idleShare } ?? false
    }

    private static func host() -> ProcessorReading? {
        let file = open("/proc/uptime", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = Glibc.read(file, &bytes, bytes.count)
        return count > 0 ? ProcessorReading(uptime: String(decoding: bytes[..<count], as: UTF8.self)) : nil
    }
}
