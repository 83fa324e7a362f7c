// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Testing

@testable import NineP

@Suite("9P: opening and reading files") struct FileTests {
    private let tree: Tree
    private let server: NinePServer
    private let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

    init() throws {
        tree = try Tree()
        try tree.file("file", content)
        try tree.file("empty")
        try tree.directory("directory")
        server = NinePServer([NinePExport(name: "", path: tree.path)])
    }

    private func run(_ body: (NineClient) throws -> Void) throws {
        try NineClient.run(server, "", body)
        #expect(server.isIdle)
    }

    @Test("a file is read whole, in pieces of any size", arguments: [1_000, 4_096, 65_536, 500_000] as [UInt32])
    func pieces(size: UInt32) throws {
        try run { client in
            let agreed = try client.version(512 << 10).bytes
            _ = try client.attach(0)
            let file = try client.find("file")
            #expect(try client.open(file) == client.attributes(file).qid)
            var read: [UInt8] = []
            while case let more = try client.read(file, at: UInt64(read.count), size), !more.isEmpty {
                #expect(more.count == min(Int(size), content.count - read.count))
                read += more
            }
            #expect(read == content)
            #expect(agreed == 524_288)
        }
    }

    @Test("an answer is no longer than the message that was agreed on", arguments: [4_096, 10_000] as [UInt32])
    func answersFit(bytes: UInt32) throws {
        try run { client in
            _ = try client.version(bytes)
            _ = try client.attach(0)
            let file = try client.find("file")
            _ = try client.open(file)
            for count in [bytes, bytes - 11, 1 << 20, .max] {
                #expect(try client.read(file, at: 5, count) == Array(content[5..<5 + Int(bytes) - 11]))
            }
            #expect(try client.read(file, at: 5, 0).isEmpty)
        }
    }

    @Test("beyond the end there is nothing; offsets that no file has are refused") func offsets() throws {
        try run { client in
            let file = try client.find("file")
            _ = try client.open(file)
            #expect(try client.read(file, at: 299_990) == Array(content.suffix(10)))
            #expect(try client.read(file, at: 300_000).isEmpty)
            #expect(throws: Refused(EINVAL)) { try client.read(file, at: .max) }
            #expect(throws: Refused(EINVAL)) { try client.read(file, at: 1 << 63) }
            #expect(try client.read(file, at: (1 << 62)).isEmpty)
            let empty = try client.find("empty")
            _ = try client.open(empty)
            #expect(try client.read(empty).isEmpty)
        }
    }

    @Test(
        "nothing is opened to be written, made or emptied",
        arguments: [
            O_WRONLY, O_RDWR, O_WRONLY | O_RDWR, O_CREAT, O_TRUNC, O_RDONLY | O_CREAT | O_EXCL, O_WRONLY | O_APPEND,
        ]
    )
    func writing(flags: Int32) throws {
        try run { client in
            for name in ["file", "directory"] {
                let fid = try client.find(name)
                #expect(throws: Refused(EROFS)) { try client.open(fid, flags) }
                _ = try client.open(fid)
            }
            #expect(try tree.status("file").st_size == 300_000)
        }
    }

    @Test("flags that change nothing for a reader are taken") func harmless() throws {
        try run { client in
            for flags in [O_APPEND, O_NONBLOCK, O_NOCTTY, O_CLOEXEC, O_NOFOLLOW, O_SYNC, 0o100000, 0o1000000] {
                let file = try client.find("file")
                _ = try client.open(file, flags)
                #expect(try client.read(file, at: 0, 3) == Array(content.prefix(3)))
            }
            #expect(throws: Refused(ENOTDIR)) { try client.open(client.find("file"), O_DIRECTORY) }
            _ = try client.open(client.find("directory"), O_DIRECTORY)
        }
    }

    @Test("what is not open is not read, and nothing is opened twice") func order() throws {
        try run { client in
            let file = try client.find("file")
            #expect(throws: Refused(EBADF)) { try client.read(file) }
            #expect(throws: Refused(EBADF)) { try client.entries(file, from: 0) }
            _ = try client.open(file)
            #expect(throws: Refused(EINVAL)) { try client.open(file) }
            #expect(throws: Refused(ENOTDIR)) { try client.entries(file, from: 0) }
            let directory = try client.find("directory")
            _ = try client.open(directory)
            #expect(throws: Refused(EISDIR)) { try client.read(directory) }
            #expect(throws: Refused(EBADF)) { try client.read(12_345) }
            #expect(throws: Refused(EBADF)) { try client.open(12_345) }
        }
    }

    @Test("pipes and sockets are shown, and not opened") func special() throws {
        try tree.pipe("pipe")
        let socket = try listeningSocket("socket")
        defer { close(socket) }
        try run { client in
            for (name, format) in [("pipe", S_IFIFO), ("socket", S_IFSOCK)] {
                let fid = try client.find(name)
                #expect(try mode_t(client.attributes(fid).mode) & S_IFMT == format)
                #expect(throws: Refused(EACCES)) { try client.open(fid) }
                #expect(throws: Refused(EACCES)) { try client.open(fid, O_NONBLOCK) }
            }
        }
    }

    private func listeningSocket(_ name: String) throws -> Int32 {
        let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: tree[name].utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0 && listen(number, 1) == 0)
        return number
    }

    @Test("devices are shown with their numbers, and not opened") func devices() throws {
        let server = NinePServer([NinePExport(name: "", path: "/dev")])
        try NineClient.run(server) { client in
            let fid = try client.find("null")
            let attributes = try client.attributes(fid)
            #expect(mode_t(attributes.mode) & S_IFMT == S_IFCHR)
            #expect(attributes.numbers[1] == 0x103)
            #expect(throws: Refused(EACCES)) { try client.open(fid) }
        }
    }

    @Test("a file that has become a link before it is opened is not opened") func becameLink() throws {
        try run { client in
            let file = try client.find("file")
            try #require(unlink(tree["file"]) == 0)
            try tree.link("file", to: "/etc/passwd")
            #expect(throws: Refused(ELOOP)) { try client.open(file) }
            #expect(throws: Refused(EBADF)) { try client.read(file) }
            try #require(unlink(tree["file"]) == 0)
            try tree.link("file", to: "empty")
            #expect(throws: Refused(ELOOP)) { try client.open(file) }
        }
    }

    @Test("a file that has become a pipe before it is opened is not opened") func becamePipe() throws {
        try run { client in
            let file = try client.find("file")
            try #require(unlink(tree["file"]) == 0)
            try tree.pipe("file")
            #expect(throws: Refused(EACCES)) { try client.open(file) }
        }
    }

    @Test("another file in its place is opened only when it has been walked to") func replaced() throws {
        try run { client in
            let file = try client.find("file")
            let old = try client.find("file")
            _ = try client.open(old)
            try tree.file("file", "another")
            #expect(throws: Refused(ESTALE)) { try client.open(file) }
            #expect(try client.content("file") == "another")
            #expect(try client.read(old, at: 0, 3) == Array(content.prefix(3)))
            try #require(unlink(tree["file"]) == 0)
            #expect(throws: Refused(ENOENT)) { try client.open(file) }
            #expect(try client.attributes(old).numbers[0] == 0)
        }
    }

    @Test("a file that changes has another version, and the same number") func changed() throws {
        try run { client in
            let file = try client.find("empty")
            let before = try client.attributes(file).qid
            #expect(try client.attributes(file).qid == before)
            let number = open(tree["empty"], O_WRONLY)
            try #require(write(number, "text", 4) == 4)
            close(number)
            let after = try client.attributes(file).qid
            #expect(after.path == before.path && after.version != before.version)
            _ = try client.open(file)
        }
    }

    @Test("what this process may not read is refused", .enabled(if: geteuid() == 0, "root takes another user's rights"))
    func permissions() throws {
        try tree.file("private", "not for you")
        try #require(chmod(tree["private"], 0o600) == 0)
        try #require(chmod(tree.path, 0o755) == 0)
        try OwnThread.run(dropping: 65_534) {
            let server = NinePServer([NinePExport(name: "", path: tree.path)])
            try NineClient.run(server) { client in
                let fid = try client.find("private")
                #expect(throws: Refused(EACCES)) { try client.open(fid) }
                #expect(try client.content("empty") == "")
            }
        }
    }
}
