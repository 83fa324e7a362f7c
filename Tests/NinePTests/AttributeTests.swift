// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Testing

@testable import NineP

@Suite("9P: attributes") struct AttributeTests {
    private let tree: Tree
    private let server: NinePServer

    init() throws {
        tree = try Tree()
        try tree.file("file", [UInt8](repeating: 7, count: 10_000))
        try tree.directory("directory")
        try tree.link("link", to: "/where/ever")
        server = NinePServer([
            NinePExport(name: "", path: tree.path),
            NinePExport(name: "roots", path: tree.path, owner: NinePOwner(user: 0, group: 5)),
        ])
    }

    private func run(_ name: String = "", _ body: (NineClient) throws -> Void) throws {
        try NineClient.run(server, name, body)
        #expect(server.isIdle)
    }

    @Test("attributes are those of the host", arguments: ["file", "directory", "link"]) func same(name: String) throws {
        try #require(name == "link" || chmod(tree[name], 0o2751) == 0)
        let status = try tree.status(name)
        try run { client in
            let found = try client.attributes(client.find(name))
            #expect(found.valid & 0x7ff == 0x7ff)
            #expect(found.mode == status.st_mode && found.user == status.st_uid && found.group == status.st_gid)
            let sizes = [
                UInt64(status.st_nlink), 0, UInt64(status.st_size), UInt64(status.st_blksize), UInt64(status.st_blocks),
            ]
            #expect(Array(found.numbers.prefix(5)) == sizes)
            let times = [status.st_atim, status.st_mtim, status.st_ctim].flatMap {
                [UInt64($0.tv_sec), UInt64($0.tv_nsec)]
            }
            #expect(Array(found.numbers[5..<11]) == times)
            #expect(Array(found.numbers.suffix(2)) == [0, 0])
        }
    }

    @Test("an open file's are told of the file that is open") func ofOpen() throws {
        try run { client in
            let file = try client.find("file")
            _ = try client.open(file)
            try #require(rename(tree["file"], tree["moved"]) == 0)
            #expect(try client.attributes(file).numbers[2] == 10_000)
            #expect(throws: Refused(EBADF)) { try client.attributes(4_000) }
        }
    }

    @Test("an export can say whose its files are") func owner() throws {
        try run("roots") { client in
            for name in ["file", "directory", "link", ""] {
                let found = try client.attributes(client.find(name))
                #expect(found.user == 0 && found.group == 5)
            }
        }
    }

    @Test("hard links are one file, copies are two, and all clients have the same numbers") func identity() throws {
        try #require(link(tree["file"], tree["same"]) == 0)
        try tree.file("other", [UInt8](repeating: 7, count: 10_000))
        var seen: Set<[UInt64]> = []
        for export in ["", "roots"] {
            try run(export) { client in
                let paths = try ["file", "same", "other"].map { try client.attributes(client.find($0)).qid.path }
                #expect(paths[0] == paths[1] && paths[0] != paths[2])
                seen.insert(paths)
            }
        }
        #expect(seen.count == 1)
    }

    @Test("a link's text is told as it is") func links() throws {
        let long = String(repeating: "../", count: 1_300)
        try tree.link("long", to: long)
        try run { client in
            #expect(try client.target(client.find("link")) == "/where/ever")
            #expect(try client.target(client.find("long")) == long)
            _ = try client.version(4_096)
            _ = try client.attach(0)
            let again = try client.find("long")
            #expect(try client.target(again) == long)
            for name in ["file", "directory"] {
                #expect(throws: Refused(EINVAL)) { try client.target(client.find(name)) }
            }
            #expect(throws: Refused(EBADF)) { try client.target(4_000) }
        }
    }

    @Test("the file system has a size and no room") func fileSystem() throws {
        var status = statvfs()
        try #require(statvfs(tree.path, &status) == 0)
        try run { client in
            var answer = try client.call(.statfs, Fields().with(UInt32(0)))
            #expect(answer.next(UInt32.self) == 0x0102_1997)
            #expect(answer.next(UInt32.self) == UInt32(status.f_frsize))
            #expect(answer.next(UInt64.self) == UInt64(status.f_blocks))
            #expect(answer.next(UInt64.self) == 0 && answer.next(UInt64.self) == 0)
            #expect(answer.next(UInt64.self) == UInt64(status.f_files))
            #expect(answer.next(UInt64.self) == 0)
            _ = answer.next(UInt64.self)
            #expect(answer.next(UInt32.self) == 255 && answer.rest.isEmpty)
            #expect(throws: Refused(EBADF)) { try client.call(.statfs, Fields().with(UInt32(9))) }
        }
    }

    @Test("extended attributes of users are shown, and named") func extended() throws {
        try tree.attribute("file", "user.one", Array("1".utf8))
        try tree.attribute("file", "user.none", [])
        if geteuid() == 0 { try tree.attribute("file", "trusted.secret", Array("2".utf8)) }
        try run { client in
            for isOpen in [false, true] {
                let file = try client.find("file")
                if isOpen { _ = try client.open(file) }
                #expect(try client.attribute("user.one", of: file) == Array("1".utf8))
                #expect(try client.attribute("user.none", of: file).isEmpty)
                let names = try client.attribute("", of: file).split(separator: 0).map {
                    String(decoding: $0, as: UTF8.self)
                }
                #expect(Set(names) == ["user.one", "user.none"])
                for name in [
                    "user.two", "trusted.secret", "security.selinux", "security.capability", "system.posix_acl_access",
                ] {
                    #expect(throws: Refused(ENODATA)) { try client.attribute(name, of: file) }
                }
            }
        }
    }

    @Test("a file's capabilities are shown", .enabled(if: geteuid() == 0, "root gives files capabilities"))
    func capability() throws {
        let value = Fields().with(UInt32(0x0200_0001)).with(UInt32(1 << 13)).with(UInt32(0)).with(UInt64(0)).bytes
        try tree.attribute("file", "security.capability", value)
        try run { client in
            let found = try client.attribute("security.capability", of: client.find("file"))
            #expect(found == value)
        }
    }

    @Test("what is not opened has no extended attributes", arguments: ["link", "pipe"]) func none(name: String) throws {
        try tree.pipe("pipe")
        try run { client in
            let fid = try client.find(name)
            #expect(throws: Refused(ENODATA)) { try client.attribute("user.one", of: fid) }
            #expect(try client.attribute("", of: fid).isEmpty)
        }
    }

    @Test("an attribute's fid is read, in pieces, and is good for nothing else") func attributeFid() throws {
        try tree.attribute("file", "user.word", Array("capability".utf8))
        try run { client in
            let file = try client.find("file")
            var answer = try client.call(.xattrwalk, Fields().with(file).with(UInt32(50)).with("user.word"))
            #expect(answer.next(UInt64.self) == 10)
            #expect(try client.read(50, at: 3, 4) == Array("abil".utf8))
            #expect(try client.read(50, at: 10).isEmpty && client.read(50, at: 1 << 62).isEmpty)
            #expect(throws: Refused(EINVAL)) { try client.read(50, at: .max) }
            #expect(throws: Refused(EINVAL)) { try client.open(50) }
            #expect(throws: Refused(EINVAL)) { try client.walk(50, 51, []) }
            #expect(throws: Refused(EBADF)) { try client.attributes(50) }
            #expect(throws: Refused(ENOTDIR)) { try client.entries(50, from: 0) }
            let twice = Fields().with(UInt32(50)).with(UInt32(51)).with("user.word")
            #expect(throws: Refused(EINVAL)) { try client.call(.xattrwalk, twice) }
            let taken = Fields().with(file).with(UInt32(50)).with("user.word")
            #expect(throws: Refused(EINVAL)) { try client.call(.xattrwalk, taken) }
            let long = Fields().with(file).with(UInt32(51)).with("user." + String(repeating: "x", count: 300))
            #expect(throws: Refused(ERANGE)) { try client.call(.xattrwalk, long) }
            try client.clunk(50)
        }
    }
}
