// SPDX-License-Identifier: Apache-2.0
import NIOConcurrencyHelpers

/// What one extension writes: lines of the environment's log, told apart for subscribers.
final class ExtensionOutput: OutputSink {
    private let log: EnvironmentLog
    private let splitter = NIOLockedValueBox(LineSplitter())

    init(_ log: EnvironmentLog) { self.log = log }

    func write(_ bytes: UnsafeRawBufferPointer) {
        log.writeExtension(splitter.withLockedValue { $0.append(bytes) })
    }
}
