// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import SandboxMicroVM

@Suite("Initial file system") struct CPIOArchiveTests {
    @Test("cpio unpacks what was packed") func unpacks() async throws {
        try await withTemporaryDirectory { directory async throws in
            var archive = CPIOArchive()
            archive.directory("modules")
            archive.file("modules/00", Array("a module".utf8))
            archive.file("init", Array("#!/bin/sh\n".utf8), isExecutable: true)
            archive.link("bin", to: "usr/bin")
            archive.file("empty", [])
            try #require(write(archive.finished(), to: "\(directory)/archive"))
            // Of the program that reads them on any Linux; without it, the form is checked below.
            guard access("/usr/bin/cpio", X_OK) == 0 else { return }
            try #require(system("cd '\(directory)' && cpio --quiet -i <archive") == 0)
            #expect(contents(of: "\(directory)/modules/00") == "a module")
            #expect(contents(of: "\(directory)/init") == "#!/bin/sh\n")
            #expect(access("\(directory)/init", X_OK) == 0 && access("\(directory)/modules/00", X_OK) != 0)
            #expect(HostFile.linkTarget(of: "\(directory)/bin") == "usr/bin")
            #expect(contents(of: "\(directory)/empty") == "")
        }
    }

    @Test("an entry is a header of hexadecimal digits, a name and the contents, each padded to four bytes")
    func form() {
        var archive = CPIOArchive()
        archive.file("ab", Array("hello".utf8))
        let text = String(decoding: archive.finished(), as: UTF8.self)
        let header =
            "070701" + "00000001" + "000081A4" + "00000000" + "00000000" + "00000001" + "00000000" + "00000005"
            + "00000000" + "00000000" + "00000000" + "00000000" + "00000003" + "00000000"
        #expect(text.hasPrefix(header + "ab\0\0\0\0" + "hello\0\0\0" + "070701"))
        #expect(text.contains("TRAILER!!!\0"))
        #expect(text.utf8.count.isMultiple(of: 4))
    }

    @Test("a device's numbers are in it") func device() {
        var archive = CPIOArchive()
        archive.characterDevice("console", major: 5, minor: 1)
        let text = String(decoding: archive.finished(), as: UTF8.self)
        #expect(text.dropFirst(6 + 8).hasPrefix("00002180"))
        #expect(text.dropFirst(6 + 8 * 9).hasPrefix("0000000500000001"))
    }

    @Test("a host whose /bin is a link gives its guests the link, others the directory") func rootLinks() async throws {
        try await withTemporaryDirectory { directory async throws in
            for name in ["usr", "lib64"] { mkdir("\(directory)/\(name)", 0o755) }
            symlink("usr/bin", "\(directory)/bin")
            let files = GuestFiles(hostRoot: directory)
            #expect(files.directories == ["lib64", "usr"])
            #expect(files.shares.map(\.tag) == ["lib64", "usr", "etc", "share"])
            let archive = files.initialFileSystem(modules: [[1]], outwardModules: [[3], [4]], firstProgram: [2])
            let text = String(decoding: archive, as: UTF8.self)
            #expect(text.contains("lib64 /lib64\nusr /usr\netc /etc\nshare /share\n"))
            #expect(text.contains("usr/bin") && text.contains("modules/00\0") && !text.contains("modules/01\0"))
            #expect(text.contains("outward/01\0") && !text.contains("outward/02\0"))
        }
    }

    private func write(_ bytes: [UInt8], to path: String) -> Bool {
        (try? HostFile.write(bytes, to: path)) != nil
    }
}
