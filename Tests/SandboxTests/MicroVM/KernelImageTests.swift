// SPDX-License-Identifier: Apache-2.0
import Glibc
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
            // Once it is there, it is taken as it is.
            try HostFile.write([1], to: path)
            #expect(try KernelImage.unpacked("\(directory)/vmlinuz-1", release: "1", in: directory) == path)
            #expect(try HostFile.contents(of: path) == [1])
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
}
