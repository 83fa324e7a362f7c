// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore

/// The directory that one server keeps everything in, held by a lock for as long as this lives.
package final class DataDirectory: Sendable {
    package let path: String
    private let lock: RawFile

    /// Makes the directory when it is missing. Throws `storage.claimed`, naming the holder, when another process (or
    /// another part of this one) has it.
    package static func claim(_ path: String) throws -> DataDirectory {
        let isNew = Directories.information(path) == nil
        try Directories.make(path)
        if isNew { try Directories.sync(Directories.parent(of: path)) }
        return try DataDirectory(path)
    }

    private init(_ path: String) throws {
        let lock = try RawFile("\(path)/lock", O_RDWR | O_CREAT)
        guard lock.lock() else { throw Self.refusal(path, holder: try lock.readAll()) }
        // For the message above only; the lock itself needs no content.
        try lock.truncate()
        try lock.write(Array("\(getpid()) \(Self.commandLine)\n".utf8))
        self.path = path
        self.lock = lock
    }

    deinit { lock.unlock() }

    package var databasePath: String { "\(path)/martlet.db" }
    package var filesPath: String { "\(path)/files" }
    package var keyPath: String { "\(path)/secret.key" }

    private static var commandLine: String { CommandLine.arguments.prefix(2).joined(separator: " ") }

    private static func refusal(_ path: String, holder: [UInt8]) -> MartletError {
        let words = String(decoding: holder.prefix(256), as: UTF8.self).split(whereSeparator: \.isWhitespace)
        let name = words.isEmpty ? "another process" : "process \(words[0])"
        let command = words.count > 1 ? " (\(words.dropFirst().joined(separator: " ")))" : ""
        return MartletError(
            .storageClaimed,
            "the data directory \(path) is in use by \(name)\(command); stop it, or choose another with --data-dir"
        )
    }
}
