// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCLI
import MartletCore

/// A line on standard error for each message: time, level, what it is about, message.
///
/// What a message is about is put into words when it is written and not before: every request has an id, and few have a line.
struct LogLines: LogHandler {
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var about = metadata
        if let provided = metadataProvider?.get() { about.merge(provided) { _, new in new } }
        if let more = event.metadata { about.merge(more) { _, new in new } }
        FileHandles.standardError(Self.line(event.level, "\(event.message)", about, at: SystemClock().now))
    }

    static func line(_ level: Logger.Level, _ message: String, _ about: Logger.Metadata, at now: Instant) -> String {
        let words = about.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value) " }
        // What callers send may stand in it: a line stays a line.
        let text = "\(now.iso8601Milliseconds) \(level) \(words.joined())\(message)"
        return String(decoding: text.utf8.map { $0 < 0x20 || $0 == 0x7f ? 0x20 : $0 }, as: UTF8.self) + "\n"
    }
}
