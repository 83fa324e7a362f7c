// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Testing

@testable import NineP

@Suite("9P: agreeing on a version, and attaching") struct NegotiationTests {
    private let tree: Tree
    private let server: NinePServer

    init() throws {
        tree = try Tree()
        try tree.file("file", "text")
        server = NinePServer([
            NinePExport(name: "", path: tree.path), NinePExport(name: "gone", path: tree["nothing"]),
            NinePExport(name: "file", path: tree["file"]),
        ])
    }

    private func connected(_ body: (NineClient) throws -> Void) throws {
        let client = try NineClient(connectedTo: server)
        try body(client)
        client.end()
        #expect(server.isIdle)
    }

    @Test(
        "messages are as long as the client wants, and the server allows",
        arguments: [(4_096, 4_096), (65_536, 65_536), (524_288, 524_288), (524_289, 524_288), (.max, 524_288)]
            as [(UInt32, UInt32)]
    )
    func sizes(wanted: UInt32, agreed: UInt32) throws {
        try connected { client in
            let version = try client.version(wanted)
            #expect(version.bytes == agreed)
            #expect(version.name == Array("9P2000.L".utf8))
        }
    }

    @Test("messages shorter than Linux takes are refused") func tooShort() throws {
        try connected { client in
            #expect(throws: Refused(EMSGSIZE)) { try client.version(4_095) }
            #expect(throws: Refused(EMSGSIZE)) { try client.version(0) }
        }
    }

    @Test("another version is unknown, and nothing is done in it", arguments: ["9P2000", "9P2000.u", "9P2000.L2", ""])
    func unknown(name: String) throws {
        try connected { client in
            let answer = try client.version(8_192, name)
            #expect(answer.name == Array("unknown".utf8))
            #expect(throws: Refused(EINVAL)) { try client.attach(0) }
        }
    }

    @Test("nothing is done before a version is agreed on") func first() throws {
        try connected { client in
            #expect(throws: Refused(EINVAL)) { try client.attach(0) }
            #expect(throws: Refused(EINVAL)) { try client.call(.flush, Fields().with(UInt16(1))) }
            _ = try client.version()
            _ = try client.attach(0)
        }
    }

    @Test("to agree anew ends all that was") func anew() throws {
        try NineClient.run(server) { client in
            let file = try client.find("file")
            _ = try client.open(file)
            _ = try client.version()
            #expect(throws: Refused(EBADF)) { try client.read(file) }
            #expect(throws: Refused(EBADF)) { try client.walk(0, 1, []) }
            _ = try client.attach(0)
        }
        #expect(server.isIdle)
    }

    @Test("exports are found by their names, and by nothing else") func names() throws {
        try connected { client in
            _ = try client.version()
            #expect(try client.attach(1).kind == .directory)
            for name in ["no", "/", tree.path, "gone/", "file\u{0}"] {
                #expect(throws: Refused(ENOENT)) { try client.attach(2, name) }
            }
            #expect(throws: Refused(ENOENT)) { try client.attach(2, "gone") }
            #expect(throws: Refused(ENOTDIR)) { try client.attach(2, "file") }
            try tree.directory("nothing")
            #expect(try client.attach(2, "gone").kind == .directory)
        }
    }

    @Test("a fid is attached once, and never the one that means none") func taken() throws {
        try NineClient.run(server) { client in
            #expect(throws: Refused(EINVAL)) { try client.attach(0) }
            #expect(throws: Refused(EINVAL)) { try client.attach(.max) }
        }
    }

    @Test("nobody is asked to authenticate, and nobody may") func authentication() throws {
        try NineClient.run(server) { client in
            let fields = Fields().with(UInt32(9)).with("root").with("").with(UInt32(0))
            #expect(throws: Refused(ENOENT)) { try client.call(.auth, fields) }
            #expect(throws: Refused(EBADF)) { try client.call(.attach, Fields.attach(3, "", authentication: 9)) }
        }
    }

    @Test(
        "requests that 9P2000.L does not have are not supported",
        arguments: [0, 2, 6, 7, 98, 107, 112, 114, 124, 126, 255]
    )
    func others(type: UInt8) throws {
        try NineClient.run(server) { client in
            try client.send(Fields().with(UInt32(0)).message(type, tag: 5))
            let (answered, tag, body) = try client.receive()
            #expect(answered == 7 && tag == 5 && body == Fields().with(UInt32(EOPNOTSUPP)).bytes)
        }
    }

    @Test("a flush is answered after what it flushes") func flush() throws {
        try NineClient.run(server) { client in
            let walk = Fields.walk(0, 1, ["file"]).message(.walk, tag: 3)
            try client.send(walk + Fields().with(UInt16(3)).message(.flush, tag: 4))
            let first = try client.receive()
            let second = try client.receive()
            #expect(first.0 == MessageType.walk.answer && first.1 == 3)
            #expect(second.0 == MessageType.flush.answer && second.1 == 4 && second.2.isEmpty)
        }
    }

    @Test("clients have fids of their own, and see the same files") func apart() throws {
        try NineClient.run(server) { one in
            let file = try one.find("file")
            try NineClient.run(server) { other in
                #expect(throws: Refused(EBADF)) { try other.attributes(file) }
                let (mine, theirs) = (try other.attributes(other.find("file")), try one.attributes(file))
                #expect(mine.qid == theirs.qid)
            }
            #expect(try one.content("file") == "text")
        }
        #expect(server.isIdle)
    }
}
