// SPDX-License-Identifier: Apache-2.0
import AWSWire
import NIOCore

/// Leaves out lines below the function's application log level, where no bootstrap of Martlet's does it already: in runtimes
/// of the function's own, and in images. AWS: LoggingConfig.ApplicationLogLevel
struct ApplicationLogFilter: Sendable {
    private static let levels = [
        "trace": 0, "debug": 1, "info": 2, "warn": 3, "warning": 3, "error": 4, "fatal": 5, "critical": 5,
    ]
    private static let info = 2

    private let least: Int

    /// Nil when nothing is to be left out.
    init?(_ version: ExecutableVersion) {
        let isOwnRuntime = version.image != nil || RuntimeFamily(version.runtime) == .provided
        guard isOwnRuntime, version.logging.format == "JSON" else { return nil }
        self.init(least: version.logging.applicationLevel ?? "INFO")
    }

    init?(least: String) {
        guard let least = Self.levels[least.lowercased()], least > 0 else { return nil }
        self.least = least
    }

    /// A line that is no JSON object, or names no level, counts as INFO.
    func admits(_ line: String) -> Bool { (Self.level(of: line) ?? Self.info) >= least }

    private static func level(of line: String) -> Int? {
        guard line.utf8.first(where: { $0 > 0x20 }) == 0x7b,
            let value = try? JSONValue(parsing: ByteBuffer(string: line))
        else { return nil }
        return value["level"]?.stringValue.flatMap { levels[$0.lowercased()] }
    }
}
