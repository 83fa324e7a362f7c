// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore

/// Directories of ephemeral servers.
enum TemporaryDirectory {
    private static let prefix = "martlet-ephemeral-"
    /// A directory without a lock that is younger than this may be about to get one.
    private static let graceSeconds = 60

    /// Makes one that only this user can look into, and holds its lock. Removes those that nobody holds any more.
    static func make() throws -> DataDirectory {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        removeAbandoned(in: parent)
        var template = "\(parent)/\(prefix)XXXXXX".utf8CString.map { $0 }
        guard mkdtemp(&template) != nil else { throw RawFile.failure("make a directory in", parent) }
        return try DataDirectory.claim(
            template.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        )
    }

    /// Best effort: what cannot be removed stays for the next one, and is no reason not to start.
    private static func removeAbandoned(in parent: String) {
        for name in (try? Directories.names(in: parent)) ?? [] where name.hasPrefix(prefix) {
            let path = "\(parent)/\(name)"
            guard isOldAndOurs(path), let claim = try? DataDirectory.claim(path) else { continue }
            try? Directories.removeTree(claim.path)
        }
    }

    private static func isOldAndOurs(_ path: String) -> Bool {
        guard let information = Directories.information(path), information.st_mode & S_IFMT == S_IFDIR else {
            return false
        }
        return information.st_uid == getuid() && information.st_mtim.tv_sec < time(nil) - graceSeconds
    }
}
