// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Testing

@testable import NineP

@Suite("9P: reading directories") struct DirectoryTests {
    private let tree: Tree
    private let server: NinePServer

    init() throws {
        tree = try Tree()
        try tree.directory("shown")
        server = NinePServer([NinePExport(name: "", path: tree["shown"])])
    }

    private func run(_ body: (NineClient) throws -> Void) throws {
        try NineClient.run(server, "", body)
        #expect(server.isIdle)
    }

    @Test("entries have kinds, and the numbers of the files they are") func kinds() throws {
        try tree.file("shown/file", "text")
        try tree.directory("shown/directory")
        try tree.link("shown/link", to: "nowhere")
        try tree.pipe("shown/pipe")
        try run { client in
            let root = try client.find("")
            _ = try client.open(root)
            let entries = try client.list(root)
            #expect(Set(entries.map(\.name)) == [".", "..", "file", "directory", "link", "pipe"])
            for entry in entries where !entry.name.hasPrefix(".") {
                let qid = try client.attributes(client.find(entry.name)).qid
                #expect(entry.qid.path == qid.path && entry.qid.kind == qid.kind && entry.qid.version == 0)
            }
            let types = Dictionary(uniqueKeysWithValues: entries.map { ($0.name, Int($0.type)) })
            #expect(types["file"] == Int(DT_REG) && types["directory"] == Int(DT_DIR))
            #expect(types["link"] == Int(DT_LNK) && types["pipe"] == Int(DT_FIFO))
        }
    }

    @Test("the root's parent is the root itself; nothing is told of what lies above") func above() throws {
        try tree.directory("shown/directory")
        try run { client in
            let root = try client.find("")
            let qid = try client.open(root)
            for entry in try client.list(root) where entry.name.hasPrefix(".") { #expect(entry.qid.path == qid.path) }
            let directory = try client.find("directory")
            _ = try client.open(directory)
            #expect(try client.list(directory).first { $0.name == ".." }?.qid.path == qid.path)
        }
    }

    @Test("a large directory is read whole, each entry once, however much is asked for") func large() throws {
        let names = Set((0..<3_000).map { String(repeating: "n", count: $0 % 11) + "\($0)" })
        try tree.names(names, in: "shown")
        try run { client in
            _ = try client.version(128 << 10)
            _ = try client.attach(0)
            let root = try client.find("")
            _ = try client.open(root)
            for count in [300, 301, 311, 1_000, 4_096, 65_000, 65_536, .max] as [UInt32] {
                let found = try client.list(root, count).map(\.name)
                #expect(found.count == names.count + 2, "\(count)")
                #expect(Set(found) == names.union([".", ".."]), "\(count)")
            }
        }
    }

    @Test("names of every length fit, in answers that hold but one") func lengths() throws {
        let names = Set((1...255).map { String(repeating: "x", count: $0) })
        try tree.names(names, in: "shown")
        try run { client in
            let root = try client.find("")
            _ = try client.open(root)
            for count in [279, 280, 300, 1_000] as [UInt32] {
                let found = try client.list(root, count).map(\.name)
                #expect(found.count == names.count + 2, "\(count)")
                #expect(Set(found) == names.union([".", ".."]), "\(count)")
            }
        }
    }

    @Test("an answer that has no room for the next entry says so, and is no end") func tooSmall() throws {
        try tree.file("shown/" + String(repeating: "x", count: 200))
        try run { client in
            let root = try client.find("")
            _ = try client.open(root)
            #expect(throws: Refused(EINVAL)) { try client.entries(root, from: 0, 0) }
            #expect(throws: Refused(EINVAL)) { try client.entries(root, from: 0, 24) }
            #expect(throws: Refused(EINVAL)) { try client.list(root, 100) }
            #expect(try client.list(root, 400).count == 3)
        }
    }

    @Test("it can be read again from any place that was told") func places() throws {
        try tree.names((0..<500).map(String.init), in: "shown")
        try run { client in
            let root = try client.find("")
            _ = try client.open(root)
            let all = try client.list(root, 2_000)
            for place in stride(from: all.count - 2, to: 0, by: -97) {
                let rest = try client.entries(root, from: all[place].next, 2_000).map(\.name)
                #expect(rest == all.dropFirst(place + 1).prefix(rest.count).map(\.name) && !rest.isEmpty)
            }
            #expect(try client.entries(root, from: 0, 2_000).first?.name == all.first?.name)
            #expect(try client.list(root).count == all.count)
        }
    }

    @Test("a place that never was is an end, an error, or another one, and the directory can still be read")
    func hostilePlaces() throws {
        try tree.names((0..<50).map(String.init), in: "shown")
        try run { client in
            let root = try client.find("")
            _ = try client.open(root)
            var random = SystemRandomNumberGenerator()
            for place in [.max, 1 << 63, 1 << 62, 1, 2, 0xffff_ffff]
                + (0..<2_000).map({ _ in UInt64.random(in: .min ... .max, using: &random) })
            {
                do { _ = try client.entries(root, from: place) } catch { #expect(error is Refused) }
            }
            #expect(try client.list(root).count == 52)
        }
    }

    @Test("two readers of one directory do not disturb each other") func twice() throws {
        try tree.names((0..<200).map(String.init), in: "shown")
        try run { client in
            let (one, other) = (try client.find(""), try client.find(""))
            _ = try client.open(one)
            _ = try client.open(other)
            let first = try client.entries(one, from: 0, 600)
            #expect(try client.list(other).count == 202)
            let second = try client.entries(one, from: first.last?.next ?? 0, 600)
            #expect(Set(first.map(\.name)).isDisjoint(with: second.map(\.name)) && !second.isEmpty)
        }
    }

    @Test("a directory that was removed is empty") func removed() throws {
        try tree.directory("shown/directory")
        try run { client in
            let directory = try client.find("directory")
            _ = try client.open(directory)
            try #require(rmdir(tree["shown/directory"]) == 0)
            let entries = try? client.list(directory)
            #expect(entries?.isEmpty ?? true)
        }
    }

    @Test("entries of the kernel that are cut off are not read beyond their end") func cutOff() {
        let whole: [UInt8] =
            Fields().with(UInt64(7)).with(UInt64(9)).with(UInt16(24)).with(UInt8(8)).bytes + [0x61, 0x62, 0, 0, 0]
        for count in 0..<24 {
            whole.prefix(count).withUnsafeBytes { bytes in
                var rest = bytes
                #expect(KernelEntry(&rest) == nil)
            }
        }
        whole.withUnsafeBytes { bytes in
            var rest = bytes
            let entry = KernelEntry(&rest)
            #expect(entry?.inode == 7 && entry?.next == 9 && entry.map { Array($0.name) } == [0x61, 0x62])
            #expect(rest.isEmpty)
        }
    }
}
