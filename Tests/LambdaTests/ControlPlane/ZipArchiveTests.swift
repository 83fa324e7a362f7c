// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Lambda

@Suite("Zip archives") struct ZipArchiveTests {
    private typealias Entry = TestZip.Entry

    private func kinds(_ archive: ZipArchive) -> [String: String] {
        var kinds: [String: String] = [:]
        for (path, node) in archive.tree.nodes {
            let name = String(decoding: path, as: UTF8.self)
            switch node {
            case .directory: kinds[name] = "directory"
            case .file(_, let isExecutable): kinds[name] = isExecutable ? "executable" : "file"
            case .link(let target): kinds[name] = "link to " + String(decoding: target, as: UTF8.self)
            }
        }
        return kinds
    }

    private func fault(_ zip: TestZip, limits: PackageLimits = PackageLimits()) -> PackageFault.Kind? {
        do {
            try ZipArchive(zip.bytes, limits: limits).checkContents()
            return nil
        } catch {
            return (error as? PackageFault)?.kind
        }
    }

    @Test("files, executables, directories and links inside the package are taken")
    func honest() throws {
        let archive = try ZipArchive(
            TestZip(
                Entry("a.py", "x"),
                .executable("bin/run", "y").with { $0.isDeflated = true },
                .directory("empty/"),
                .link("lib/current", to: "../bin/run"),
                Entry("./deep//er/file", "z")
            ).bytes
        )
        #expect(
            kinds(archive) == [
                "a.py": "file", "bin": "directory", "bin/run": "executable", "empty": "directory", "lib": "directory",
                "lib/current": "link to ../bin/run", "deep": "directory", "deep/er": "directory",
                "deep/er/file": "file",
            ]
        )
        #expect(archive.unpackedBytes == 13)
    }

    @Test("an archive without Unix modes makes plain files and directories")
    func withoutModes() throws {
        let archive = try ZipArchive(
            TestZip(Entry("d/").with { $0.mode = 0 }, Entry("d/f", "x").with { $0.mode = 0 }).bytes
        )
        #expect(kinds(archive) == ["d": "directory", "d/f": "file"])
    }

    @Test("an archive behind a self-extracting stub is read")
    func stub() throws {
        var zip = TestZip(Entry("a", "text"))
        zip.stub = Array("#!/bin/sh\nexit 0\n".utf8)
        let archive = try ZipArchive(zip.bytes)
        try archive.checkContents()
        #expect(kinds(archive) == ["a": "file"])
    }

    @Test("sizes in the zip64 field count")
    func zip64() throws {
        let archive = try ZipArchive(TestZip(Entry("a", "four").with { $0.isZip64 = true }).bytes)
        try archive.checkContents()
        #expect(archive.unpackedBytes == 4)
    }

    @Test(
        "names that lead out of the package, or that Linux packages do not have, are refused",
        arguments: [
            "../a", "a/../../b", "/etc/passwd", "a\\b", "..", "a\u{0}b", "", String(repeating: "x", count: 300),
        ]
    )
    func names(name: String) { #expect(fault(TestZip(Entry(name, "x"))) == .broken) }

    @Test("too deep a name is refused")
    func depth() { #expect(fault(TestZip(Entry(String(repeating: "d/", count: 101) + "f", "x"))) == .broken) }

    @Test(
        "links out of the package are refused, whichever way they take",
        arguments: [
            [("a", "../x")], [("a", "/etc/passwd")], [("d/a", "../../x")], [("a", "")],
            // Through another link to the root, whose parent is outside.
            [("y", "."), ("x", "y/..")], [("d/y", ".."), ("x", "d/y/../z")], [("a", "b"), ("b", "a")],
        ]
    )
    func links(links: [(String, String)]) {
        #expect(fault(TestZip(links.map { .link($0.0, to: $0.1) })) == .broken)
    }

    @Test("a link may go up as long as it stays inside, and may dangle")
    func innocentLinks() {
        #expect(fault(TestZip(.link("a/b/c", to: "../../d"), .link("e", to: "a/b/missing"))) == nil)
    }

    @Test("nothing is put below a link")
    func belowLink() { #expect(fault(TestZip(.link("d", to: "e"), Entry("d/f", "x"))) == .broken) }

    @Test("one name for two things is refused; a directory may be listed twice")
    func twins() {
        #expect(fault(TestZip(Entry("a", "1"), Entry("a", "2"))) == .broken)
        #expect(fault(TestZip(Entry("a", "1"), Entry("./a", "2"))) == .broken)
        #expect(fault(TestZip(Entry("a", "1"), Entry("a/b", "2"))) == .broken)
        #expect(fault(TestZip(Entry("a/b", "1"), Entry("a", "2"))) == .broken)
        #expect(fault(TestZip(.directory("a/"), .directory("a/"), Entry("a/b", "1"))) == nil)
    }

    @Test("devices, sockets and pipes are refused", arguments: [0o020666, 0o060666, 0o010666, 0o140666] as [UInt32])
    func special(mode: UInt32) { #expect(fault(TestZip(Entry("a").with { $0.mode = mode })) == .broken) }

    @Test("entries that share their bytes are refused")
    func overlap() {
        #expect(fault(TestZip(Entry("a", "same"), Entry("b", "same").with { $0.sharesHeaderOf = 0 })) == .broken)
    }

    @Test("encryption and unknown methods are refused")
    func methods() {
        #expect(fault(TestZip(Entry("a", "x").with { $0.flags = 1 })) == .broken)
        #expect(fault(TestZip(Entry("a", "x").with { $0.method = 12 })) == .broken)
    }

    @Test("data that is not what the directory says is refused")
    func contents() {
        #expect(fault(TestZip(Entry("a", "x").with { $0.claimedChecksum = 7 })) == .broken)
        for isDeflated in [false, true] {
            #expect(
                fault(TestZip(Entry("a", "xyz").with { ($0.claimedSize, $0.isDeflated) = (2, isDeflated) })) == .broken
            )
            #expect(
                fault(TestZip(Entry("a", "xyz").with { ($0.claimedSize, $0.isDeflated) = (4, isDeflated) })) == .broken
            )
        }
        #expect(fault(TestZip(Entry("a", "xyz").with { $0.method = 8 })) == .broken)
    }

    @Test("the limits on bytes, entries and files hold")
    func limits() {
        let zip = TestZip(Entry("a", "12345"), Entry("b", "12345"))
        #expect(fault(zip, limits: PackageLimits(unpackedBytes: 11)) == nil)
        #expect(fault(zip, limits: PackageLimits(unpackedBytes: 10)) == .tooLarge)
        #expect(fault(TestZip(Entry("a", "x").with { $0.claimedSize = 262_144_000 })) == .tooLarge)
        #expect(fault(zip, limits: PackageLimits(entries: 1)) == .broken)
        #expect(fault(TestZip(Entry("a/b/c", "x")), limits: PackageLimits(nodes: 2)) == .broken)
    }

    @Test("no entries are their own complaint, and none at all is no archive")
    func empty() {
        #expect(fault(TestZip()) == .empty)
        #expect(throws: PackageFault.self) { try ZipArchive([]) }
        #expect(throws: PackageFault.self) { try ZipArchive(Array("not an archive, whatever it says".utf8)) }
    }

    @Test("a directory that announces more or fewer entries than it has is refused")
    func counts() {
        for claim in [1, 3] {
            var zip = TestZip(Entry("a", "x"), Entry("b", "y"))
            zip.claimedEntries = claim
            #expect(fault(zip) == .broken)
        }
    }

    @Test("no cut and no changed byte of an archive does more than being refused or taken")
    func damage() throws {
        let whole = TestZip(
            Entry("a.py", "print(1)"),
            .executable("b/c", "text").with { $0.isDeflated = true },
            .link("l", to: "b/c"),
            Entry("z", "64").with { $0.isZip64 = true }
        ).bytes
        var refused = 0
        for end in whole.indices where (try? ZipArchive(Array(whole[..<end]))) == nil { refused += 1 }
        #expect(refused == whole.count)
        for index in whole.indices {
            for value in [0, 0xff, whole[index] ^ 0x40] as [UInt8] {
                var bytes = whole
                bytes[index] = value
                do { try ZipArchive(bytes).checkContents() } catch { #expect(error is PackageFault) }
            }
        }
    }
}
