// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Synchronization
import Testing

@testable import NineP

@Suite("9P: limits") struct LimitTests {
    private let tree: Tree

    init() throws {
        tree = try Tree()
        try tree.file("file", "text")
        try tree.directory("directory")
    }

    private func server(_ limits: NinePLimits = NinePLimits()) -> NinePServer {
        NinePServer([NinePExport(name: "", path: tree.path)], limits: limits)
    }

    @Test("so many fids there may be and no more, and each that ends makes room") func fids() throws {
        let server = server(NinePLimits(fids: 1_000))
        try NineClient.run(server) { client in
            for fid in 1..<1_000 as Range<UInt32> { _ = try client.walk(0, fid, ["file"]) }
            #expect(throws: Refused(ENFILE)) { try client.walk(0, 1_000, ["file"]) }
            let other = try NineClient(connectedTo: server)
            _ = try other.version()
            #expect(throws: Refused(ENFILE)) { try other.attach(0) }
            other.end()
            try client.clunk(500)
            _ = try client.walk(0, 5_000, ["file"])
            #expect(throws: Refused(ENFILE)) { try client.walk(0, 5_001, ["file"]) }
            _ = try client.walk(999, 999, [])
        }
        #expect(server.isIdle)
    }

    @Test("a hundred thousand fids are served, and let go of") func many() throws {
        let server = server()
        try NineClient.run(server) { client in
            try client.walkMany(100_000, "file")
            #expect(try client.attributes(100_000).numbers[2] == 4)
            _ = try client.open(77_777)
            #expect(try client.read(77_777) == Array("text".utf8))
        }
        #expect(server.isIdle)
    }

    @Test("the paths of fids have a limit of their own") func paths() throws {
        let server = server(NinePLimits(heldBytes: 2_000))
        try NineClient.run(server) { client in
            var fid: UInt32 = 1
            var refused = false
            while fid < 100, !refused {
                do {
                    _ = try client.walk(0, fid, ["directory"])
                } catch let error as Refused {
                    refused = error == Refused(ENOMEM)
                }
                fid += 1
            }
            #expect(refused && fid > 20 && fid < 40)
            try client.clunk(2)
            _ = try client.walk(1, 1, [".."])
            _ = try client.walk(0, 2, ["directory"])
        }
        #expect(server.isIdle)
    }

    @Test("attributes that are being read count with them") func attributes() throws {
        try tree.attribute("file", "user.large", [UInt8](repeating: 1, count: 900))
        let server = server(NinePLimits(heldBytes: 3_000))
        try NineClient.run(server) { client in
            let walk = { (fid: UInt32) in Fields().with(UInt32(1)).with(fid).with("user.large") }
            _ = try client.walk(0, 1, ["file"])
            _ = try client.call(.xattrwalk, walk(2))
            _ = try client.call(.xattrwalk, walk(3))
            #expect(throws: Refused(ENOMEM)) { try client.call(.xattrwalk, walk(4)) }
            try client.clunk(2)
            _ = try client.call(.xattrwalk, walk(4))
        }
        #expect(server.isIdle)
    }

    @Test("so many files may be open, on all connections together") func openFiles() throws {
        let server = server(NinePLimits(openFiles: 8))
        try NineClient.run(server) { one in
            for fid in 1...8 as ClosedRange<UInt32> {
                _ = try one.walk(0, fid, [fid % 2 == 0 ? "file" : "directory"])
                _ = try one.open(fid)
            }
            try NineClient.run(server) { other in
                let file = try other.find("file")
                #expect(throws: Refused(ENFILE)) { try other.open(file) }
                #expect(throws: Refused(EBADF)) { try other.read(file) }
                try one.clunk(4)
                _ = try other.open(file)
                #expect(throws: Refused(ENFILE)) { try other.open(other.find("file")) }
            }
            _ = try one.open(one.find("file"))
        }
        #expect(server.isIdle)
    }

    @Test("a refused opening does not count") func refusedOpen() throws {
        let server = server(NinePLimits(openFiles: 1))
        try NineClient.run(server) { client in
            let file = try client.find("file")
            for _ in 0..<10 { #expect(throws: Refused(ENOTDIR)) { try client.open(file, O_DIRECTORY) } }
            _ = try client.open(file)
        }
        #expect(server.isIdle)
    }

    @Test("one connection too many is closed, and the others go on") func connections() throws {
        let server = server(NinePLimits(connections: 2))
        try NineClient.run(server) { one in
            try NineClient.run(server) { other in
                let third = try NineClient(connectedTo: server)
                #expect(throws: Ended.self) { try third.version() }
                third.end()
                #expect(try one.content("file") == "text" && other.content("file") == "text")
            }
            try NineClient.run(server) { client in
                let text = try client.content("file")
                #expect(text == "text")
            }
        }
        #expect(server.isIdle)
    }

    @Test("limits of messages are kept within what the protocol can bear")
    func messages() {
        #expect(NinePLimits(messageBytes: 0).messageBytes == 4_096)
        #expect(NinePLimits(messageBytes: .max).messageBytes == 524_288)
    }

    @Test(
        "what is no message ends the connection",
        arguments: [0, 1, 6, 8_193, 1 << 20, 0x8000_0000, .max] as [UInt32]
    )
    func framing(size: UInt32) throws {
        let server = server()
        let client = try NineClient(connectedTo: server)
        _ = try client.version(8_192)
        _ = try client.attach(0)
        try client.send(Fields().with(size).with(UInt8(116)).with(UInt16(1)).bytes)
        #expect(client.hasEnded)
        client.end()
        #expect(server.isIdle)
    }

    @Test("a message may be as long as was agreed, and come in any pieces") func pieces() throws {
        try NineClient.run(server()) { client in
            _ = try client.version(8_192)
            _ = try client.attach(0)
            let longest = Fields().with(text: [UInt8](repeating: 1, count: 8_192 - 7 - 2)).message(.write, tag: 9)
            #expect(longest.count == 8_192)
            for size in [1, 3, 4, 5, 7, 4_000, 8_191] {
                for start in stride(from: 0, to: longest.count, by: size) {
                    try client.send(Array(longest[start..<min(start + size, longest.count)]))
                }
                let (type, tag, body) = try client.receive()
                #expect(type == 7 && tag == 9 && body == Fields().with(UInt32(EROFS)).bytes)
            }
            let many = (1...2_000).flatMap { Fields().with(UInt32(0)).with(UInt64(0)).message(.getattr, tag: $0) }
            try client.send(many + longest)
            for number in 1...2_000 as ClosedRange<UInt16> { try #require(try client.receive().1 == number) }
            #expect(try client.receive().1 == 9)
        }
    }

    @Test("half a message at the end is nothing") func cutOff() throws {
        let server = server()
        let client = try NineClient(connectedTo: server)
        _ = try client.version()
        try client.send([100, 0, 0, 0, 110])
        client.finishSending()
        #expect(client.hasEnded)
        client.end()
        #expect(server.isIdle)
    }

    @Test("frames are judged by their first four bytes") func frames() {
        func frame(_ bytes: [UInt8]) -> Frame { bytes.withUnsafeBytes { Frame($0, limit: 100) } }
        #expect(frame([]) == .partial && frame([7, 0, 0]) == .partial && frame([7, 0, 0, 0]) == .partial)
        #expect(frame([6, 0, 0, 0]) == .broken && frame([101, 0, 0, 0]) == .broken && frame([7, 0, 0, 1]) == .broken)
        #expect(frame([7, 0, 0, 0, 1, 2, 3]) == .whole(7) && frame([7, 0, 0, 0, 1, 2, 3, 9, 9]) == .whole(7))
        #expect(frame([100, 0, 0, 0] + [UInt8](repeating: 0, count: 96)) == .whole(100))
    }

    @Test("a budget gives what it has, and no more, to many at once") func budget() async {
        let budget = Budget(1_000)
        let taken = await withTaskGroup(of: Int.self) { tasks in
            for _ in 0..<8 { tasks.addTask { (0..<500).reduce(0) { sum, _ in sum + (budget.take() ? 1 : 0) } } }
            return await tasks.reduce(0, +)
        }
        #expect(taken == 1_000 && !budget.take())
        budget.giveBack(10)
        #expect(!budget.take(11) && budget.take(10) && budget.taken == 1_000)
        #expect(!Budget(5).take(.max))
    }

    @Test("numbers of files are exact: no two of them meet") func registry() {
        let registry = QidRegistry(limit: 100)
        var seen: Set<UInt64> = []
        let inodes: [UInt64] = [0, 1, 1 << 47, 1 << 48, 1 << 48 + 1, 1 << 63, .max]
        for mount in [0, 1, .max] as [UInt64] {
            for device in [0, 1, .max] as [UInt64] {
                for inode in inodes { seen.insert(registry.path(mount: mount, device: device, inode: inode) ?? 0) }
            }
        }
        #expect(seen.count == 9 * inodes.count)
        #expect(registry.path(mount: 0, device: 0, inode: 1) == 1)
        let small = QidRegistry(limit: 2)
        #expect(
            small.path(mount: 1, device: 1, inode: 5) == 5 && small.path(mount: 1, device: 2, inode: 5) == 1 << 48 | 5
        )
        #expect(small.path(mount: 1, device: 3, inode: 5) == nil && small.path(mount: 1, device: 1, inode: 6) == 6)
    }
}
