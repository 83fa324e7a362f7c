// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Testing

@testable import NineP

@Suite("9P: walking") struct WalkTests {
    private let outside: Tree
    private let server: NinePServer

    /// The export is `shown`, beside `secret`.
    init() throws {
        outside = try Tree()
        try outside.file("secret", "not for you")
        for name in ["shown", "shown/a", "shown/a/b", "shown/shown"] { try outside.directory(name) }
        try outside.file("shown/a/b/file", "text")
        try outside.link("shown/up", to: "..")
        try outside.link("shown/root", to: "/")
        try outside.link("shown/a/there", to: "../../secret")
        try outside.link("shown/a/inside", to: "b/file")
        server = NinePServer([NinePExport(name: "", path: outside["shown"])])
    }

    private func run(_ body: (NineClient) throws -> Void) throws {
        try NineClient.run(server, "", body)
        #expect(server.isIdle)
    }

    @Test("each step is told, and the fid stands for the last") func steps() throws {
        try run { client in
            let qids = try client.walk(0, 1, ["a", "b", "file"])
            #expect(qids.map(\.kind) == [.directory, .directory, .file])
            #expect(Set(qids.map(\.path)).count == 3)
            #expect(try client.attributes(1).qid == qids[2])
            #expect(try client.walk(0, 2, []).isEmpty)
            #expect(try client.attributes(2).qid == client.attributes(0).qid)
        }
    }

    @Test("a way that ends too early is told as far as it leads, and makes no fid") func partly() throws {
        try run { client in
            #expect(try client.walk(0, 1, ["a", "b", "no", "file"]).count == 2)
            #expect(throws: Refused(EBADF)) { try client.attributes(1) }
            #expect(throws: Refused(ENOENT)) { try client.walk(0, 1, ["no", "a"]) }
            #expect(throws: Refused(EBADF)) { try client.attributes(1) }
            #expect(try client.walk(0, 1, ["a", "b", "file", "x"]).count == 3)
            let file = try client.find("a/b/file")
            #expect(throws: Refused(ENOTDIR)) { try client.walk(file, 9, ["x"]) }
            #expect(throws: Refused(ENOTDIR)) { try client.walk(file, 9, [".."]) }
        }
    }

    @Test("the parent of the root is the root, however often it is asked for") func parents() throws {
        try run { client in
            let root = try client.attributes(0).qid
            let qids = try client.walk(0, 1, [String](repeating: "..", count: 16))
            #expect(qids.allSatisfy { $0 == root } && qids.count == 16)
            #expect(throws: Refused(ENOENT)) { try client.walk(1, 2, ["secret"]) }
            let way = ["a", "..", "..", "a", "b", "..", "..", "..", ".."]
            #expect(try client.walk(0, 2, way).last == root)
            #expect(try client.walk(0, 3, ["..", "shown"]).last != root)
            #expect(try client.walk(0, 4, ["a", "b", ".."]).last == client.walk(0, 5, ["a"]).last)
        }
    }

    @Test(
        "what is no name leads nowhere",
        arguments: ["", ".", "/", "a/b", "/etc", "../secret", "a/../../secret", "a\u{0}", "\u{0}", "..\u{0}", "../"]
    )
    func names(name: String) throws {
        try run { client in
            #expect(throws: Refused(EINVAL)) { try client.walk(0, 1, [name]) }
            #expect(throws: Refused(EBADF)) { try client.attributes(1) }
            let steps = try client.walk(0, 1, ["a", name])
            #expect(steps.count == 1)
            #expect(throws: Refused(EBADF)) { try client.attributes(1) }
        }
    }

    @Test("a name may be 255 bytes long, and any bytes") func long() throws {
        let longest = String(repeating: "n", count: 255)
        try outside.file("shown/file", "long")
        try #require(rename(outside["shown/file"], outside["shown/\(longest)"]) == 0)
        try run { client in
            let content = try client.content(longest)
            #expect(content == "long")
            #expect(throws: Refused(ENAMETOOLONG)) { try client.walk(0, 1, [String(repeating: "n", count: 256)]) }
            #expect(throws: Refused(ENAMETOOLONG)) { try client.walk(0, 1, [String(repeating: "n", count: 60_000)]) }
            let bytes = Fields().with(UInt32(0)).with(UInt32(1)).with(UInt16(1)).with(text: [0xff, 0xfe, 0x80])
            #expect(throws: Refused(ENOENT)) { try client.call(.walk, bytes) }
        }
    }

    @Test("a path may be 4,095 bytes long") func deep() throws {
        let name = String(repeating: "d", count: 200)
        var directory = open(outside["shown"], O_RDONLY | O_DIRECTORY)
        for _ in 0..<22 {
            try #require(mkdirat(directory, name, 0o755) == 0)
            let next = openat(directory, name, O_RDONLY | O_DIRECTORY)
            close(directory)
            directory = next
        }
        close(directory)
        try run { client in
            let first = try client.walk(0, 1, [String](repeating: name, count: 16))
            let tooFar = try client.walk(1, 2, [String](repeating: name, count: 6))
            let last = try client.walk(1, 2, [String](repeating: name, count: 4))
            #expect(first.count == 16 && tooFar.count == 4 && last.count == 4)
            #expect(throws: Refused(ENAMETOOLONG)) { try client.walk(2, 3, [name]) }
        }
    }

    @Test("sixteen steps at once are the most") func most() throws {
        try run { client in
            let sixteen = try client.walk(0, 1, [String](repeating: "..", count: 16))
            #expect(sixteen.count == 16)
            #expect(throws: Refused(EINVAL)) { try client.walk(0, 2, [String](repeating: "..", count: 17)) }
            let lying = Fields().with(UInt32(0)).with(UInt32(2)).with(UInt16.max).with("..")
            #expect(throws: Refused(EINVAL)) { try client.call(.walk, lying) }
            let short = Fields().with(UInt32(0)).with(UInt32(2)).with(UInt16(2)).with("..")
            #expect(throws: Refused(EINVAL)) { try client.call(.walk, short) }
        }
    }

    @Test("links are shown as links, and lead nowhere", arguments: ["up", "root", "a/there", "a/inside"])
    func links(path: String) throws {
        try run { client in
            let link = try client.find(path)
            #expect(try client.attributes(link).qid.kind == .link)
            #expect(throws: Refused(ENOTDIR)) { try client.walk(link, 99, ["secret"]) }
            #expect(throws: Refused(ENOTDIR)) { try client.walk(link, 99, ["etc"]) }
            #expect(throws: Refused(ELOOP)) { try client.open(link) }
            #expect(throws: Refused(EBADF)) { try client.read(link) }
        }
    }

    @Test("a directory that has become a link on the way leads nowhere") func swappedOnTheWay() throws {
        try run { client in
            let directory = try client.find("a/b")
            let file = try client.find("a/b/file")
            try #require(rename(outside["shown/a"], outside["shown/c"]) == 0)
            try #require(mkdir(outside["b"], 0o755) == 0)
            try outside.file("b/file", "not for you")
            try outside.link("shown/a", to: "..")
            #expect(throws: Refused(ELOOP)) { try client.walk(directory, 99, ["file"]) }
            #expect(throws: Refused(ELOOP)) { try client.attributes(directory) }
            #expect(throws: Refused(ELOOP)) { try client.open(directory) }
            #expect(throws: Refused(ELOOP)) { try client.open(file) }
            #expect(try client.content("c/b/file") == "text")
        }
    }

    @Test("a directory that has been moved out of the export is not found there") func movedOut() throws {
        try run { client in
            let directory = try client.find("a/b")
            try #require(rename(outside["shown/a/b"], outside["b"]) == 0)
            #expect(try client.walk(directory, 99, [".."]).last == client.walk(0, 98, ["a"]).last)
            #expect(throws: Refused(ENOENT)) { try client.attributes(directory) }
        }
    }

    @Test("a fid can walk itself, but not while it is open") func inPlace() throws {
        try run { client in
            let fid = try client.find("a")
            #expect(try client.walk(fid, fid, ["b", "no"]).count == 1)
            #expect(try client.walk(fid, fid, ["b", "file"]).count == 2)
            _ = try client.open(fid)
            #expect(throws: Refused(EINVAL)) { try client.walk(fid, fid, []) }
            #expect(try client.walk(fid, 99, []).isEmpty)
            #expect(throws: Refused(EBADF)) { try client.read(99) }
            _ = try client.open(99)
            #expect(try client.read(99) == Array("text".utf8))
        }
    }

    @Test("a number that is in use, or means none, is not given away") func taken() throws {
        try run { client in
            let fid = try client.find("a")
            #expect(throws: Refused(EINVAL)) { try client.walk(0, fid, ["a"]) }
            #expect(throws: Refused(EINVAL)) { try client.walk(0, .max, ["a"]) }
            #expect(throws: Refused(EBADF)) { try client.walk(1_000, 1_001, []) }
            try client.clunk(fid)
            #expect(throws: Refused(EBADF)) { try client.clunk(fid) }
            #expect(try client.walk(0, fid, ["a"]).count == 1)
        }
    }
}
