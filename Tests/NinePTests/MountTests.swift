// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Testing

@testable import NineP

@Suite("9P: what is mounted below an export", .enabled(if: geteuid() == 0, "root mounts"))
struct MountTests {
    private let tree: Tree

    init() throws {
        tree = try Tree()
        for name in ["one", "two", "shown", "shown/first", "shown/second", "source"] { try tree.directory(name) }
        try tree.file("source/file", "text")
        try tree.directory("source/inner")
        try tree.file("source/inner/deep", "deep")
    }

    private func bind(_ from: String, _ to: String) throws {
        try #require(mount(tree[from], tree[to], nil, UInt(0x1000), nil) == 0)  // MS_BIND
    }

    private func memory(_ name: String) throws {
        try #require(mount("tmpfs", tree[name], "tmpfs", 0, nil) == 0)
    }

    private func paths(_ client: NineClient, _ names: [String]) throws -> [UInt64] {
        try names.map { try client.attributes(client.find($0)).qid.path }
    }

    @Test("it is shown, also what was mounted when the client was there already") func crossed() throws {
        try OwnThread.withMounts {
            let server = NinePServer([NinePExport(name: "", path: tree["shown"])])
            try bind("source", "shown/first")
            try NineClient.run(server) { client in
                #expect(try client.content("first/file") == "text")
                let second = try client.find("second")
                #expect(throws: Refused(ENOENT)) { try client.content("second/file") }
                try bind("source", "shown/second")
                #expect(try client.content("second/file") == "text")
                #expect(try client.walk(second, 900, ["inner", "deep"]).count == 2)
                #expect(try client.walk(900, 901, []).isEmpty)
                #expect(throws: Refused(ENOTDIR)) { try client.walk(900, 902, [".."]) }
                let inner = try client.find("second/inner")
                let up = try client.walk(inner, 903, ["..", "..", "..", ".."])
                #expect(up.last == (try client.attributes(0).qid))
            }
            #expect(server.isIdle)
        }
    }

    @Test("a directory that is mounted at two places is two, and each file in it") func twice() throws {
        try OwnThread.withMounts {
            try bind("source", "shown/first")
            try bind("source", "shown/second")
            let server = NinePServer([NinePExport(name: "", path: tree["shown"])])
            try NineClient.run(server) { client in
                let names = ["first", "second", "first/inner", "second/inner", "first/file", "second/file"]
                let (once, again) = (try paths(client, names), try paths(client, names))
                #expect(Set(once).count == 6 && once == again)
            }
        }
    }

    @Test("files of two file systems have different numbers, though their inodes have the same") func twoFileSystems()
        throws
    {
        try OwnThread.withMounts {
            try memory("shown/first")
            try memory("shown/second")
            for name in ["first", "second"] { try tree.file("shown/\(name)/file", name) }
            #expect(try tree.status("shown/first/file").st_ino == tree.status("shown/second/file").st_ino)
            let server = NinePServer([NinePExport(name: "", path: tree["shown"])])
            try NineClient.run(server) { client in
                let found = try paths(client, ["first", "second", "first/file", "second/file", ""])
                #expect(Set(found).count == 5)
                for name in ["first", "second"] {
                    let directory = try client.find(name)
                    _ = try client.open(directory)
                    let entry = try client.list(directory).first { $0.name == "file" }
                    let file = try paths(client, ["\(name)/file"])
                    #expect(entry?.qid.path == file.first)
                }
                try NineClient.run(server) { other in
                    let same = try paths(other, ["first", "second", "first/file", "second/file", ""])
                    #expect(same == found)
                }
            }
        }
    }

    @Test("more mounts than there are numbers for are refused, the others go on") func tooMany() throws {
        try OwnThread.withMounts {
            try memory("shown/first")
            try memory("shown/second")
            let server = NinePServer([NinePExport(name: "", path: tree["shown"])], limits: NinePLimits(areas: 2))
            try NineClient.run(server) { client in
                _ = try paths(client, ["first"])
                #expect(throws: Refused(ENFILE)) { try client.walk(0, 500, ["second"]) }
                _ = try paths(client, ["first", ""])
            }
            #expect(server.isIdle)
        }
    }
}
