// SPDX-License-Identifier: Apache-2.0
import Crypto
import Glibc
package import MartletCore
import NIOConcurrencyHelpers

/// Files in a directory of this machine: `ab/cd/abcd…`, so that no directory grows beyond what a file system likes.
///
/// A file whose row was never written, because the server ended in between, is an orphan; `sweep` removes it.
package final class DirectoryFileStore: FileStore {
    package let root: String
    private let durability: Durability
    private let clock: any WallClock
    private let workers: WorkerPool<Void>
    /// Of a temporary directory only: its lock, so that no other server removes it.
    private let claim: DataDirectory?
    /// Between "is there already" and "is kept for now", a sweep must not come.
    private let sweeping = NIOLock()

    /// How many calls may wait for a thread. One more throws `storage.busy`.
    package static let queueLimit = 1_024
    private static let threadLimit = 4

    /// Opens or makes the store; removes what a predecessor left half written. One store per directory at a time: see
    /// `DataDirectory.claim`.
    package static func open(
        path: String,
        durability: Durability,
        clock: any WallClock = SystemClock()
    ) throws -> DirectoryFileStore {
        try DirectoryFileStore(path, durability, clock, claim: nil)
    }

    /// A store in a private directory that `close()` removes. Also removes those whose server was killed.
    package static func temporary(clock: any WallClock = SystemClock()) throws -> DirectoryFileStore {
        let claim = try TemporaryDirectory.make()
        return try DirectoryFileStore("\(claim.path)/files", .process, clock, claim: claim)
    }

    private init(_ root: String, _ durability: Durability, _ clock: any WallClock, claim: DataDirectory?) throws {
        self.root = root
        self.durability = durability
        self.clock = clock
        self.claim = claim
        workers = WorkerPool("file store", threads: Self.threadLimit, queueLimit: Self.queueLimit) {}
        try Directories.make(temporaries)
        for name in try Directories.names(in: temporaries) { unlink("\(temporaries)/\(name)") }
    }

    private var temporaries: String { "\(root)/tmp" }

    package func put(_ bytes: [UInt8]) async throws -> ContentAddress {
        try await workers.run { [self] _ in
            let address = ContentAddress(SHA256.hash(data: bytes))
            if try !touch(address, size: bytes.count) { try write(bytes, to: address) }
            try syncPath(to: address)
            return address
        }
    }

    /// Throws `storage.corrupt` when the file no longer is what was stored.
    package func bytes(of address: ContentAddress) async throws -> [UInt8] {
        try await workers.run { [self] _ in
            let bytes = try RawFile(location(address), O_RDONLY).readAll()
            guard ContentAddress(SHA256.hash(data: bytes)) == address else {
                throw MartletError(.storageCorrupt, "the file \(location(address)) has changed on disk")
            }
            return bytes
        }
    }

    package func path(of address: ContentAddress) async throws -> String {
        try await workers.run { [self] _ in
            guard Directories.information(location(address)) != nil else {
                throw MartletError(.storageMissing, "there is no file \(address)")
            }
            return location(address)
        }
    }

    package func remove(_ address: ContentAddress) async throws {
        try await workers.run { [self] _ in
            guard unlink(location(address)) == 0 || errno == ENOENT else {
                throw RawFile.failure("remove", location(address))
            }
        }
    }

    /// Removes the files that `wanted` does not name and that were stored longer than `grace` ago: a younger one may
    /// have a row soon. Returns how many.
    @discardableResult
    package func sweep(keeping wanted: Set<ContentAddress>, grace: Duration = .seconds(3_600)) async throws -> Int {
        try await workers.run { [self] _ in
            let limit = clock.now - grace
            return try addresses().count { try !wanted.contains($0) && removeIfOlder($0, than: limit) }
        }
    }

    /// Waits for the calls that run; later ones throw `storage.closed`. A temporary store is gone afterwards.
    package func close() async {
        // What cannot be removed now, the next ephemeral server removes.
        try? await workers.close { [claim] in
            if let claim { try? Directories.removeTree(claim.path) }
        }
    }
}

extension DirectoryFileStore {
    private func location(_ address: ContentAddress) -> String {
        "\(directories(of: address)[0])/\(address.hex)"
    }

    /// From the inner one to the root.
    private func directories(of address: ContentAddress) -> [String] {
        let outer = "\(root)/\(address.hex.prefix(2))"
        return ["\(outer)/\(address.hex.dropFirst(2).prefix(2))", outer, root]
    }

    /// Whether the file is there and whole; its time starts anew, so that no sweep takes it away before its row is
    /// written.
    private func touch(_ address: ContentAddress, size: Int) throws -> Bool {
        try sweeping.withLock {
            guard let information = Directories.information(location(address)), Int(information.st_size) == size else {
                return false
            }
            try RawFile(location(address), O_RDONLY).setModified(clock.now)
            return true
        }
    }

    private func write(_ bytes: [UInt8], to address: ContentAddress) throws {
        let temporary = "\(temporaries)/\(SystemIDSource().hex(32))"
        do {
            let file = try RawFile(temporary, O_WRONLY | O_CREAT | O_EXCL)
            try file.write(bytes)
            try file.setModified(clock.now)
            if durability == .full { try file.sync() }
            try Directories.make(directories(of: address)[0])
            guard rename(temporary, location(address)) == 0 else { throw RawFile.failure("rename", temporary) }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    /// Also for a file that was there: whoever stored it may not have come to this yet. Clean directories cost nothing.
    private func syncPath(to address: ContentAddress) throws {
        guard durability == .full else { return }
        for directory in directories(of: address) { try Directories.sync(directory) }
    }

    private func removeIfOlder(_ address: ContentAddress, than limit: Instant) throws -> Bool {
        try sweeping.withLock {
            guard let information = Directories.information(location(address)),
                information.st_mtim.tv_sec < Int(limit.milliseconds / 1_000)
            else { return false }
            guard unlink(location(address)) == 0 else { throw RawFile.failure("remove", location(address)) }
            return true
        }
    }

    /// Passes over whatever is not one of our files.
    private func addresses() throws -> [ContentAddress] {
        var addresses: [ContentAddress] = []
        for outer in try Directories.names(in: root) where outer.utf8.count == 2 {
            for inner in try Directories.names(in: "\(root)/\(outer)") {
                let names = try Directories.names(in: "\(root)/\(outer)/\(inner)")
                addresses += names.compactMap { ContentAddress(hex: $0) }
            }
        }
        return addresses
    }
}

extension ContentAddress {
    init(_ digest: SHA256.Digest) { self.init(validated: Hex.encode(digest)) }
}
