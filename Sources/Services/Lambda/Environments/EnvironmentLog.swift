// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers
import NIOCore

/// Where log lines of environments go: batched, off every request's path, with a limit on what may wait.
protocol LogQueue: Sendable {
    /// Never blocks. Beyond the limit new lines are dropped and counted.
    func enqueue(_ records: [LogRecord], group: String, stream: String, scope: Scope)
}

/// The log of one environment: what the function writes, with the platform's lines in between.
final class EnvironmentLog: OutputSink {
    private struct State {
        var splitter = LineSplitter()
        /// Since the last START, for `LogType=Tail`; bounded.
        var tail: [UInt8] = []
    }

    let group: String
    let stream: String
    /// What extensions hear of the same.
    let telemetry: TelemetryHub
    private let scope: Scope
    private let queue: any LogQueue
    private let clock: any WallClock
    private let state = NIOLockedValueBox(State())

    private let filter: ApplicationLogFilter?

    init(
        group: String,
        stream: String,
        scope: Scope,
        queue: any LogQueue,
        clock: any WallClock,
        filter: ApplicationLogFilter? = nil
    ) {
        self.filter = filter
        self.group = group
        self.stream = stream
        self.scope = scope
        self.queue = queue
        self.clock = clock
        telemetry = TelemetryHub(clock: clock)
    }

    /// Bytes that the function's processes wrote.
    func write(_ bytes: UnsafeRawBufferPointer) {
        let lines = state.withLockedValue { state in
            var lines = state.splitter.append(bytes)
            if let filter { lines.removeAll { !filter.admits($0) } }
            for line in lines { Self.append(line, to: &state.tail) }
            return lines
        }
        telemetry.post(lines: lines) { .functionLine($0) }
        enqueue(lines)
    }

    /// Lines of an extension.
    func writeExtension(_ lines: [String]) {
        telemetry.post(lines: lines) { .extensionLine($0) }
        state.withLockedValue { state in
            for line in lines { Self.append(line, to: &state.tail) }
        }
        enqueue(lines)
    }

    /// A line of the platform. `startsTail`: a new invocation begins.
    func platform(_ line: String, startsTail: Bool = false) { platform([line], startsTail: startsTail) }

    /// Lines of the platform, after everything that the function has written so far; nothing of an empty one.
    func platform(_ lines: [String], startsTail: Bool = false) {
        let lines = lines.filter { !$0.isEmpty }
        let rest = state.withLockedValue { state in
            var rest = state.splitter.flush()
            if let filter { rest.removeAll { !filter.admits($0) } }
            for line in rest { Self.append(line, to: &state.tail) }
            if startsTail { state.tail.removeAll(keepingCapacity: true) }
            for line in lines { Self.append(line, to: &state.tail) }
            return rest
        }
        telemetry.post(lines: rest) { .functionLine($0) }
        enqueue(rest.isEmpty ? lines : rest + lines)
    }

    /// The last 4 KiB of the current invocation.
    func tail() -> [UInt8] { state.withLockedValue { Array($0.tail.suffix(LambdaLimits.tailBytes)) } }

    private func enqueue(_ lines: [String]) {
        guard !lines.isEmpty else { return }
        let now = clock.now
        queue.enqueue(
            lines.map { LogRecord(timestamp: now, message: $0) },
            group: group,
            stream: stream,
            scope: scope
        )
    }

    private static func append(_ line: String, to tail: inout [UInt8]) {
        tail.append(contentsOf: line.utf8)
        if line.utf8.last != 0x0a { tail.append(0x0a) }
        if tail.count > 4 * LambdaLimits.tailBytes { tail.removeFirst(tail.count - LambdaLimits.tailBytes) }
    }
}

/// Cuts a byte stream into log events: at newlines, and at the size of an event where a line never ends. A line keeps its
/// newline, as on AWS. Records that a runtime frames (`0xA55A0003`-style header: type, length, time) stay whole, newlines included.
struct LineSplitter: Sendable {
    private var pending: [UInt8] = []

    mutating func append(_ bytes: UnsafeRawBufferPointer) -> [String] {
        pending.append(contentsOf: bytes)
        var lines: [String] = []
        var start = 0
        while start < pending.count {
            if let frame = LogFrame(pending[start...]) {
                guard let end = frame.end else { break }
                lines.append(String(decoding: pending[frame.bodyStart..<end], as: UTF8.self))
                start = end
            } else if let newline = pending[start...].firstIndex(of: 0x0a) {
                lines.append(String(decoding: pending[start...newline], as: UTF8.self))
                start = newline + 1
            } else if pending.count - start >= LambdaLimits.logEventBytes {
                lines.append(String(decoding: pending[start..<start + LambdaLimits.logEventBytes], as: UTF8.self))
                start += LambdaLimits.logEventBytes
            } else {
                break
            }
        }
        pending.removeFirst(start)
        return lines
    }

    /// What is left without a newline.
    mutating func flush() -> [String] {
        guard !pending.isEmpty else { return [] }
        defer { pending.removeAll() }
        return [String(decoding: pending, as: UTF8.self)]
    }
}

/// The 16-byte header in front of a record: type (4 bytes, `A5 5A 00 xx`), length (4), time in µs (8), all big-endian.
private struct LogFrame {
    let bodyStart: Int
    /// Nil while the record has not arrived whole.
    let end: Int?

    /// Nil when no frame begins here. A length beyond a log event's limit is no frame: its bytes are cut as lines.
    init?(_ bytes: ArraySlice<UInt8>) {
        guard bytes.count >= 3, bytes[bytes.startIndex] == 0xa5, bytes[bytes.startIndex + 1] == 0x5a,
            bytes[bytes.startIndex + 2] == 0
        else { return nil }
        bodyStart = bytes.startIndex + 16
        guard bytes.count >= 16 else {
            end = nil
            return
        }
        let length = bytes[(bytes.startIndex + 4)..<(bytes.startIndex + 8)].reduce(0) { $0 << 8 | Int($1) }
        guard length <= LambdaLimits.logEventBytes else { return nil }
        end = bytes.count >= 16 + length ? bodyStart + length : nil
    }
}
