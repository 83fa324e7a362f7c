// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletCore
import Storage
import StorageSQLite

/// The store, files and key of one server: in its data directory, or in memory and a private temporary directory.
struct PlatformStorage: Sendable {
    let database: SQLiteDatabase
    let files: DirectoryFileStore
    let cipher: KeyFileCipher
    /// For what can be made again: unpacked code, bootstraps.
    let directory: String
    private let claim: DataDirectory?

    init(_ settings: PlatformSettings, _ logger: Logger) throws {
        var options = SQLiteDatabase.Options()
        options.logger = logger
        guard let path = settings.dataDirectory else {
            database = try .ephemeral(options: options)
            files = try .temporary()
            cipher = .ephemeral()
            // Beside the files, in the private directory that closing removes.
            directory = String(files.root.dropLast("/files".count))
            claim = nil
            return
        }
        let claim = try DataDirectory.claim(path)
        database = try .open(path: claim.databasePath, durability: settings.durability, options: options)
        files = try .open(path: claim.filesPath, durability: settings.durability)
        cipher = try KeyFileCipher(path: claim.keyPath)
        directory = path
        self.claim = claim
    }

    func close() async {
        await database.close()
        await files.close()
    }
}
