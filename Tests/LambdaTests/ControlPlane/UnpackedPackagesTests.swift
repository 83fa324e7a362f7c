// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore
import Storage
import Testing

@testable import Lambda

@Suite("Unpacked packages") struct UnpackedPackagesTests {
    private typealias Entry = TestZip.Entry

    private func run(
        limits: PackageLimits = PackageLimits(),
        _ body: (UnpackedPackages, DirectoryFileStore, HostPath) async throws -> Void
    ) async throws {
        let files = try DirectoryFileStore.temporary()
        let root = "\(files.root)-unpacked"
        let packages = UnpackedPackages(root: root, files: files, ids: SystemIDSource(), limits: limits)
        try await packages.prepare()
        try await body(packages, files, HostPath(root))
        await files.close()
    }

    /// Nil when the directory cannot be read.
    private func names(_ path: HostPath) -> [String]? {
        (try? path.names())?.map { String(decoding: $0, as: UTF8.self) }.sorted()
    }

    private func mode(_ path: String) -> mode_t {
        var information = stat()
        return lstat(path, &information) == 0 ? information.st_mode : 0
    }

    private func text(_ path: String) -> String? {
        HostPath(path).contents(limit: 1_000).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("an admitted package lies whole under its address, with fixed modes")
    func admits() async throws {
        try await run { packages, _, root in
            let zip = TestZip(
                Entry("a.py", "print(1)").with { $0.mode = 0o100600 },
                .executable("bin/run", "#!/bin/sh").with { $0.mode = 0o104777 },
                .link("current", to: "bin/run")
            )
            let admitted = try await packages.admit(zip.bytes)
            let path = try await packages.path(of: admitted.address)
            #expect(path == "\(root)/unpacked/\(admitted.address)")
            #expect(text("\(path)/a.py") == "print(1)")
            #expect(mode("\(path)/a.py") == S_IFREG | 0o644)
            #expect(mode("\(path)/bin/run") == S_IFREG | 0o755)
            #expect(mode("\(path)/bin") == S_IFDIR | 0o755)
            #expect(mode("\(path)/current") & S_IFMT == S_IFLNK)
            #expect(text("\(path)/current") == "#!/bin/sh")
            #expect(admitted.size == zip.bytes.count && admitted.unpackedSize == 24)
        }
    }

    @Test("a package that turns out broken half-way leaves nothing")
    func nothingLeft() async throws {
        try await run { packages, _, root in
            let zip = TestZip(Entry("a", "fine"), Entry("b", "broken").with { $0.claimedChecksum = 1 })
            await #expect(throws: PackageFault.self) { try await packages.admit(zip.bytes) }
            #expect(names(root.appending("unpacked")) == [])
            #expect(names(root.appending("unfinished")) == [])
        }
    }

    @Test("the same package unpacked by many at once is there once")
    func parallel() async throws {
        try await run { packages, _, root in
            let bytes = TestZip((0..<50).map { Entry("file\($0)", "text \($0)") }).bytes
            let addresses = try await withThrowingTaskGroup(of: ContentAddress.self) { group in
                for _ in 0..<16 { group.addTask { try await packages.admit(bytes).address } }
                return try await group.reduce(into: Set<ContentAddress>()) { $0.insert($1) }
            }
            #expect(addresses.count == 1)
            #expect(names(root.appending("unpacked")) == addresses.map(\.hex))
            #expect(names(root.appending("unfinished")) == [])
        }
    }

    @Test("what is missing is unpacked again from the file store")
    func again() async throws {
        try await run { packages, files, root in
            let address = try await files.put(TestZip(Entry("a", "text")).bytes)
            #expect(text(try await packages.path(of: address) + "/a") == "text")
            try await packages.remove(address)
            #expect(names(root.appending("unpacked")) == [])
            #expect(text(try await packages.path(of: address) + "/a") == "text")
        }
    }

    @Test("a start after a restart of the kernel unpacks anew, another start does not")
    func boots() async throws {
        try await run { packages, _, root in
            let address = try await packages.admit(TestZip(Entry("a", "text")).bytes).address
            try root.appending("unfinished").appending("rest").makeDirectory()
            try await packages.prepare()
            #expect(names(root.appending("unpacked")) == [address.hex])
            #expect(names(root.appending("unfinished")) == [])
            try root.appending("boot").remove()
            try await packages.prepare()
            #expect(names(root.appending("unpacked")) == [])
        }
    }

    @Test("layers lie over each other in their order")
    func layers() async throws {
        try await run { packages, _, _ in
            let lower = try await packages.admit(
                TestZip(
                    Entry("python/a", "lower"),
                    Entry("python/only", "low"),
                    Entry("x", "file"),
                    .link("l", to: "x")
                ).bytes
            )
            let upper = try await packages.admit(
                TestZip(Entry("python/a", "upper"), Entry("x/y", "directory"), Entry("l", "no link")).bytes
            )
            let path = try #require(try await packages.path(ofLayers: [lower.address, upper.address]))
            #expect(text("\(path)/python/a") == "upper")
            #expect(text("\(path)/python/only") == "low")
            #expect(text("\(path)/x/y") == "directory")
            #expect(text("\(path)/l") == "no link")
            let other = try #require(try await packages.path(ofLayers: [upper.address, lower.address]))
            #expect(text("\(other)/python/a") == "lower")
            #expect(text("\(other)/x") == "file")
            #expect(text(try await packages.path(of: lower.address) + "/python/a") == "lower")
            #expect(try await packages.path(ofLayers: [upper.address]) == packages.path(of: upper.address))
            #expect(try await packages.path(ofLayers: []) == nil)
        }
    }
}
