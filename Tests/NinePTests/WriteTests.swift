// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Testing

@testable import NineP

@Suite("9P: nothing is written") struct WriteTests {
    private let tree: Tree
    private let server: NinePServer

    init() throws {
        tree = try Tree()
        try tree.file("file", "text")
        try tree.directory("directory")
        server = NinePServer([NinePExport(name: "", path: tree.path)])
    }

    private func run(_ body: (NineClient) throws -> Void) throws {
        try NineClient.run(server, "", body)
        #expect(server.isIdle)
    }

    private static let writing: [(MessageType, Fields)] = [
        (.lcreate, Fields().with(UInt32(1)).with("new").with(UInt32(2)).with(UInt32(0o644)).with(UInt32(0))),
        (.symlink, Fields().with(UInt32(1)).with("new").with("file").with(UInt32(0))),
        (.mknod, Fields().with(UInt32(1)).with("new").with(UInt32(0o10644)).with(UInt64(0)).with(UInt32(0))),
        (.rename, Fields().with(UInt32(2)).with(UInt32(1)).with("new")),
        (.setattr, Fields().with(UInt32(2)).with(UInt32(1)).with(UInt32(0o600)).with(UInt64(0)).with(UInt64(0))),
        (.xattrcreate, Fields().with(UInt32(2)).with("user.new").with(UInt64(1)).with(UInt32(0))),
        (.link, Fields().with(UInt32(1)).with(UInt32(2)).with("new")),
        (.mkdir, Fields().with(UInt32(1)).with("new").with(UInt32(0o755)).with(UInt32(0))),
        (.renameat, Fields().with(UInt32(1)).with("file").with(UInt32(1)).with("new")),
        (.unlinkat, Fields().with(UInt32(1)).with("file").with(UInt32(0))),
        (.write, Fields().with(UInt32(2)).with(UInt64(0)).with("new")),
    ]

    @Test("every request that would change something is refused, and changes nothing", arguments: writing.indices)
    func refused(number: Int) throws {
        let (type, fields) = Self.writing[number]
        let before = try tree.status("file")
        try run { client in
            _ = try client.walk(0, 1, [])
            _ = try client.walk(0, 2, ["file"])
            _ = try client.open(2)
            #expect(throws: Refused(EROFS)) { try client.call(type, fields) }
            #expect(throws: Refused(EROFS)) { try client.call(type, Fields()) }
            #expect(try client.read(2) == Array("text".utf8))
            let after = try tree.status("file")
            #expect(after.st_ctim.tv_nsec == before.st_ctim.tv_nsec && after.st_ctim.tv_sec == before.st_ctim.tv_sec)
            #expect(try client.list(opened("", client)).count == 4)
        }
    }

    private func opened(_ path: String, _ client: NineClient) throws -> UInt32 {
        let fid = try client.find(path)
        _ = try client.open(fid)
        return fid
    }

    @Test("a file that is not removed has lost its fid all the same") func remove() throws {
        try run { client in
            let file = try opened("file", client)
            #expect(throws: Refused(EROFS)) { try client.call(.remove, Fields().with(file)) }
            #expect(throws: Refused(EBADF)) { try client.read(file) }
            #expect(throws: Refused(EBADF)) { try client.call(.remove, Fields().with(file)) }
            #expect(try client.content("file") == "text")
        }
    }

    @Test("there is nothing to write to a disk") func sync() throws {
        try run { client in
            let file = try opened("file", client)
            #expect(try client.call(.fsync, Fields().with(file)).rest.isEmpty)
            #expect(try client.call(.fsync, Fields().with(file).with(UInt32(1))).rest.isEmpty)
            #expect(throws: Refused(EBADF)) { try client.call(.fsync, Fields().with(UInt32(99))) }
            #expect(throws: Refused(EINVAL)) { try client.call(.fsync, Fields().with(file).with(UInt64(1))) }
        }
    }

    private func range(_ client: String = "machine") -> Fields {
        Fields().with(UInt64(5)).with(UInt64(6)).with(UInt32(7)).with(client)
    }

    private func lock(_ fid: UInt32, _ type: UInt8, _ flags: UInt32 = 0) -> Fields {
        var fields = Fields().with(fid).with(type).with(flags)
        fields = fields.with(UInt64(5)).with(UInt64(6)).with(UInt32(7)).with("machine")
        return fields
    }

    @Test("locks are the client's own affair; the server never has another", arguments: [0, 1, 2] as [UInt8])
    func locks(type: UInt8) throws {
        try run { client in
            let (one, other) = (try opened("file", client), try opened("directory", client))
            for fid in [one, other, one] {
                #expect(Array(try client.call(.lock, lock(fid, type, 1)).rest) == [0])
            }
            let question = Fields().with(one).with(type).with(UInt64(5)).with(UInt64(6)).with(UInt32(7)).with("machine")
            var answer = try client.call(.getlock, question)
            #expect(answer.next(UInt8.self) == UInt8(F_UNLCK))
            #expect(answer.next(UInt64.self) == 5 && answer.next(UInt64.self) == 6 && answer.next(UInt32.self) == 7)
            #expect(answer.text() == Array("machine".utf8) && answer.rest.isEmpty)
        }
    }

    @Test("locks that make no sense are refused") func badLocks() throws {
        try run { client in
            let file = try opened("file", client)
            #expect(throws: Refused(EINVAL)) { try client.call(.lock, lock(file, 3)) }
            #expect(throws: Refused(EINVAL)) { try client.call(.lock, lock(file, 0, 4)) }
            #expect(throws: Refused(EBADF)) { try client.call(.lock, lock(99, 0)) }
            #expect(throws: Refused(EBADF)) { try client.call(.lock, lock(client.find("file"), 0)) }
            let question = Fields().with(file).with(UInt8(9)).with(UInt64(5)).with(UInt64(6)).with(UInt32(7)).with("m")
            #expect(throws: Refused(EINVAL)) { try client.call(.getlock, question) }
        }
    }

    @Test("a lock's answer is no longer than a message, whatever the client calls itself") func longName() throws {
        try run { client in
            _ = try client.version(65_536)
            _ = try client.attach(0)
            let file = try opened("file", client)
            let name = String(repeating: "m", count: 65_000)
            let question = Fields().with(file).with(UInt8(0)).with(UInt64(5)).with(UInt64(6)).with(UInt32(7)).with(name)
            #expect(try client.call(.getlock, question).rest.count > 65_000)
        }
    }
}
