// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Sandbox
import Testing

@testable import SandboxMicroVM

@Suite("A kernel's image") struct KernelImageTests {
    /// As a kernel's build writes it: two sectors of setup code, then the program that unpacks, and in it the kernel.
    private func image(_ packed: [UInt8], offset: Int = 0x40, length: Int? = nil) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 3 * 512 + 0x40)
        bytes[0x1f1] = 2
        bytes.replaceSubrange(0x202..<0x206, with: Array("HdrS".utf8))
        func put(_ number: Int, _ at: Int) {
            for byte in 0..<4 { bytes[at + byte] = UInt8(truncatingIfNeeded: number >> (8 * byte)) }
        }
        put(offset, 0x248)
        put(length ?? packed.count, 0x24c)
        return bytes + packed
    }

    @Test(
        "holds the kernel and how it is packed, less the size that the build appends",
        arguments: KernelImage.Packing.allCases
    )
    func payload(packing: KernelImage.Packing) throws {
        let packed = packing.magic + [UInt8](repeating: 7, count: 100)
        let found = try #require(KernelImage.payload(of: image(packed)))
        #expect(found.packing == packing)
        #expect(Array(found.packed) == Array(packed.dropLast(packing == .gzip ? 0 : 4)))
    }

    @Test("that lies about itself, or is none, holds nothing")
    func rubbish() {
        let packed = KernelImage.Packing.xz.magic + [UInt8](repeating: 7, count: 100)
        #expect(KernelImage.payload(of: image(packed)) != nil)
        #expect(KernelImage.payload(of: image(packed, length: packed.count + 1)) == nil)
        #expect(KernelImage.payload(of: image(packed, length: 0xffff_ffff)) == nil)
        #expect(KernelImage.payload(of: image(packed, offset: 0xffff_ffff)) == nil)
        #expect(KernelImage.payload(of: image([UInt8](repeating: 9, count: 100))) == nil)
        #expect(KernelImage.payload(of: []) == nil)
        let whole = image(packed)
        for count in 0..<whole.count { #expect(KernelImage.payload(of: Array(whole[..<count])) == nil) }
    }

    @Test("is unpacked once, by the host's command", .enabled(if: access("/usr/bin/gzip", X_OK) == 0))
    func unpacking() async throws {
        try await withTemporaryDirectory { directory async throws in
            let elf = KernelImage.elfMagic + (0..<5_000).map { UInt8(truncatingIfNeeded: $0) }
            try HostFile.write(elf, to: "\(directory)/plain")
            #expect(try KernelImage.unpacked("\(directory)/plain", release: "1", in: directory) == "\(directory)/plain")
            try #require(system("gzip -k '\(directory)/plain'") == 0)
            let packed = image(try HostFile.contents(of: "\(directory)/plain.gz"))
            try HostFile.write(packed, to: "\(directory)/vmlinuz-1")
            let path = try KernelImage.unpacked("\(directory)/vmlinuz-1", release: "1", in: directory)
            #expect(path == "\(directory)/vmlinux-1")
            #expect(try HostFile.contents(of: path) == elf)
            // Once it is there, it is taken as it is, unless it is no kernel.
            let other = KernelImage.elfMagic + [1]
            try HostFile.write(other, to: path)
            #expect(try KernelImage.unpacked("\(directory)/vmlinuz-1", release: "1", in: directory) == path)
            #expect(try HostFile.contents(of: path) == other)
            try HostFile.write([1], to: path)
            #expect(try KernelImage.unpacked("\(directory)/vmlinuz-1", release: "1", in: directory) == path)
            #expect(try HostFile.contents(of: path) == elf)
        }
    }

    @Test("leaves drafts of who was killed while he wrote, until the next one comes; nobody else's are touched")
    func drafts() async throws {
        try await withTemporaryDirectory { directory async throws in
            let ended = try ChildProcess.start(["/bin/true"], environment: [])
            _ = ended.wait()
            let left = ["vmlinux-6.1.draft-\(ended.processID)-1", "vmlinux-6.1.packed.draft-\(ended.processID)-22"]
            let kept = [
                "vmlinux-6.1.\(ended.processID)-57", "vmlinux-6.1.draft-\(getpid())-1", "draft-\(ended.processID)-1-",
                "draft-x-1",
                "x.draft-99999999999999999999-1", "x.draft--1-1", "x.draft-0-1",
            ]
            for name in left + kept { try HostFile.write([1], to: "\(directory)/\(name)") }
            HostFile.clearDrafts(in: directory)
            #expect(Set(HostFile.names(in: directory)).subtracting([".", ".."]) == Set(kept))
            HostFile.clearDrafts(in: "\(directory)/none")
        }
    }

    @Test("that cannot be unpacked leaves nothing behind and says why")
    func failing() async throws {
        try await withTemporaryDirectory { directory async throws in
            try HostFile.write(image([0x1f, 0x8b] + [UInt8](repeating: 0, count: 100)), to: "\(directory)/vmlinuz-2")
            let error = #expect(throws: SandboxError.self) {
                try KernelImage.unpacked("\(directory)/vmlinuz-2", release: "2", in: directory)
            }
            #expect(error?.code == .hostLacks && error?.message.contains("gzip") == true)
            var found = glob_t()
            defer { globfree(&found) }
            #expect(glob("\(directory)/vmlinux*", 0, nil, &found) == GLOB_NOMATCH)
        }
    }

    /// As the kernel's linker lays them out: length of the name, of what follows, kind; each padded to four bytes.
    private func note(_ name: String, _ kind: UInt8, _ description: [UInt8]) -> [UInt8] {
        let text = Array(name.utf8) + [0]
        func padded(_ bytes: [UInt8]) -> [UInt8] { bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4) }
        let lengths = [UInt8(text.count), 0, 0, 0, UInt8(description.count), 0, 0, 0, kind, 0, 0, 0]
        return lengths + padded(text) + padded(description)
    }

    @Test("tells by a note whether it can be entered unpacked")
    func notes() {
        let entry = note("Xen", 18, [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(KernelImage.hasEntry(entry))
        #expect(KernelImage.hasEntry(note("Linux", 1, [1]) + note("Xen", 6, Array("linux".utf8)) + entry))
        #expect(!KernelImage.hasEntry(note("Linux", 18, [1]) + note("Xen", 17, [1])))
        for count in 0..<12 { #expect(!KernelImage.hasEntry(Array(entry[..<count]))) }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<5_000 {
            var broken = note("Linux", 1, [1, 2, 3]) + note("Xen", 6, [9]) + entry
            for _ in 0..<3 { broken[Int.random(in: 0..<broken.count, using: &random)] = UInt8.random(in: 0...255) }
            _ = KernelImage.hasEntry(broken)
        }
    }

    @Test("of a distribution starts unpacked; a file that is none does not", .enabled(if: TestMachines.areThere))
    func distribution() async throws {
        try await withTemporaryDirectory { directory async throws in
            let kernel = try GuestKernel.find(at: TestMachines.kernel)
            let path = try KernelImage.unpacked(kernel.image, release: kernel.release, in: directory)
            #expect(KernelImage.startsUnpacked(path))
            #expect(!KernelImage.startsUnpacked(kernel.image) && !KernelImage.startsUnpacked(directory))
            try HostFile.write(
                KernelImage.elfMagic + [2, 1] + [UInt8](repeating: 0xff, count: 58),
                to: "\(directory)/x"
            )
            #expect(!KernelImage.startsUnpacked("\(directory)/x"))
        }
    }
}
