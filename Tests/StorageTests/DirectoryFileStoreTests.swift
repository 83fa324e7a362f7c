// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore
import Storage
import Testing

@Suite("DirectoryFileStore", .timeLimit(.minutes(20))) struct DirectoryFileStoreTests {
    private let hello = Array("hello".utf8)
    private let helloHex = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

    private final class SettableClock: WallClock {
        private let instant: Instant
        init(_ instant: Instant) { self.instant = instant }
        var now: Instant { instant }
        var monotonicMicroseconds: Int64 { 0 }
        func sleep(until instant: Instant) async throws {}
    }

    private func store(
        _ scratch: Scratch,
        _ durability: Durability = .full,
        at seconds: Double = 1_000_000
    ) throws -> DirectoryFileStore {
        try .open(
            path: "\(scratch.path)/files",
            durability: durability,
            clock: SettableClock(Instant(seconds: seconds))
        )
    }

    @Test("what is put is found under the digest of its bytes", arguments: Durability.allCases)
    func roundTrip(durability: Durability) async throws {
        let scratch = try Scratch()
        let store = try store(scratch, durability)
        let address = try await store.put(hello)
        #expect(address.hex == helloHex)
        #expect(try await store.bytes(of: address) == hello)
        #expect(try await store.path(of: address) == "\(scratch.path)/files/2c/f2/\(helloHex)")
        #expect(try await store.put([]) != address)
    }

    @Test("the same bytes are stored once, also by many at once")
    func once() async throws {
        let scratch = try Scratch()
        let store = try store(scratch)
        let addresses = try await withThrowingTaskGroup(of: ContentAddress.self) { group in
            for _ in 0..<20 { group.addTask { try await store.put(hello) } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(addresses.count == 1)
        #expect(Scratch.names(in: "\(scratch.path)/files/2c/f2") == [helloHex])
        #expect(Scratch.names(in: "\(scratch.path)/files/tmp").isEmpty)
    }

    @Test("what is not there is missing, and removing it succeeds")
    func missing() async throws {
        let scratch = try Scratch()
        let store = try store(scratch)
        let address = try #require(ContentAddress(hex: helloHex))
        #expect(await code { _ = try await store.bytes(of: address) } == "storage.missing")
        #expect(await code { _ = try await store.path(of: address) } == "storage.missing")
        try await store.remove(address)
        try await store.remove(store.put(hello))
        #expect(await code { _ = try await store.bytes(of: address) } == "storage.missing")
    }

    @Test("a file that changed on disk is corrupt, and storing it again mends a shortened one")
    func corrupt() async throws {
        let scratch = try Scratch()
        let store = try store(scratch)
        let address = try await store.put(hello)
        for damage in ["hellO", "hell"] {
            try Scratch.write(Array(damage.utf8), to: try await store.path(of: address))
            #expect(await code { _ = try await store.bytes(of: address) } == "storage.corrupt")
        }
        _ = try await store.put(hello)
        #expect(try await store.bytes(of: address) == hello)
    }

    @Test("opening removes what a predecessor left half written")
    func leftovers() async throws {
        let scratch = try Scratch()
        _ = try store(scratch)
        try Scratch.write(hello, to: "\(scratch.path)/files/tmp/half")
        _ = try store(scratch)
        #expect(Scratch.names(in: "\(scratch.path)/files/tmp").isEmpty)
    }

    @Test("a sweep removes old files that nothing names, and only those")
    func sweep() async throws {
        let scratch = try Scratch()
        let early = try store(scratch, at: 1_000_000)
        let wanted = try await early.put(hello)
        let orphan = try await early.put([1])
        let again = try await early.put([2])
        let late = try store(scratch, at: 1_003_000)
        let young = try await late.put([3])
        // Stored once more: its row may be on the way.
        _ = try await late.put([2])
        try Scratch.write([0], to: "\(scratch.path)/files/2c/f2/README")

        #expect(try await store(scratch, at: 1_003_601).sweep(keeping: [wanted]) == 1)

        #expect(await code { _ = try await late.path(of: orphan) } == "storage.missing")
        for address in [wanted, again, young] { _ = try await late.path(of: address) }
        #expect(Scratch.names(in: "\(scratch.path)/files/2c/f2").contains("README"))
    }

    @Test("a temporary store is private and gone after close")
    func temporary() async throws {
        let store = try DirectoryFileStore.temporary()
        let path = try await store.path(of: store.put(hello))
        var information = stat()
        try #require(stat(store.root, &information) == 0)
        #expect(information.st_mode & 0o077 == 0)
        await store.close()
        #expect(access(path, F_OK) != 0 && access(store.root, F_OK) != 0)
        #expect(await code { _ = try await store.put(hello) } == "storage.closed")
    }

    @Test("a directory that cannot be made says which and why")
    func unusable() throws {
        let scratch = try Scratch()
        try Scratch.write([], to: "\(scratch.path)/files")
        let error = #expect(throws: MartletError.self) { _ = try store(scratch) }
        #expect(error?.message.contains("\(scratch.path)/files") == true)
    }
}
