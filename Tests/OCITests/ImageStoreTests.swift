// SPDX-License-Identifier: Apache-2.0
import Glibc
import Logging
import MartletCore
import NIOConcurrencyHelpers
import Testing

@testable import OCI

/// An image of one layer, served from memory; counts what is asked of it.
private final class MemorySource: ImageSource {
    let layer: [UInt8]
    let configuration: [UInt8]
    let manifest: [UInt8]
    let blobs = NIOLockedValueBox(0)
    let spoilt: Bool

    init(spoilt: Bool = false) {
        var tar = TarWriter()
        tar.add("hello", "world")
        layer = tar.ended
        configuration = Array(
            #"{"architecture": "amd64", "rootfs": {"diff_ids": ["\#(ImageDigest(of: layer))"]}}"#.utf8
        )
        manifest = Array(
            """
            {"schemaVersion": 2, "config": {"digest": "\(ImageDigest(of: configuration))", "size": \(configuration.count)},
             "layers": [{"mediaType": "\(MediaType.layers[0])", "digest": "\(ImageDigest(of: layer))", "size": \(layer.count)}]}
            """.utf8
        )
        self.spoilt = spoilt
    }

    func document(tag: String?) async throws -> [UInt8] { manifest }
    func document(_ digest: ImageDigest) async throws -> [UInt8] { manifest }

    func blob(_ digest: ImageDigest, into writer: BlobWriter) async throws {
        var bytes = digest == ImageDigest(of: layer) ? layer : configuration
        if digest == ImageDigest(of: layer) {
            blobs.withLockedValue { $0 += 1 }
            if spoilt { bytes[600] ^= 1 }
        }
        await Task.yield()
        try bytes.withUnsafeBytes(writer.append)
    }
}

@Suite("The image store") struct ImageStoreTests {
    private func store(_ ground: Ground, _ source: MemorySource) -> ImageStore {
        ImageStore(
            directory: ground.path + "/images",
            ids: SystemIDSource(),
            limits: ImageLimits(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { _ in source }
    }

    @Test("twenty who want an image at once share one download") func sharing() async throws {
        let (ground, source) = (Ground(), MemorySource())
        let store = store(ground, source)
        try await store.prepare()
        let image = try await store.resolve(ImageReference("localhost/a"), architecture: "x86_64")
        let roots = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<20 { group.addTask { try await store.root(of: image) } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(roots == [ground.path + "/images/roots/" + image.digest.hex])
        #expect(source.blobs.withLockedValue { $0 } == 1)
        #expect(FileManagerless.text(ground.path + "/images/roots/\(image.digest.hex)/hello") == "world")
        #expect(ground.list("images/unfinished").isEmpty)
    }

    @Test("a blob with another content than its digest says is refused, and nothing of it stays") func spoilt()
        async throws
    {
        let ground = Ground()
        let store = store(ground, MemorySource(spoilt: true))
        try await store.prepare()
        let image = try await store.resolve(ImageReference("localhost/a"), architecture: "x86_64")
        let fault = await #expect(throws: ImageFault.self) { try await store.root(of: image) }
        #expect(fault?.kind == .invalid)
        #expect(ground.list("images/unfinished").isEmpty && ground.list("images/roots").isEmpty)
        #expect(!ground.list("images/blobs").contains(ImageDigest(of: MemorySource().layer).hex))
    }

    @Test("an image for another architecture is refused") func architecture() async throws {
        let ground = Ground()
        let fault = await #expect(throws: ImageFault.self) {
            try await store(ground, MemorySource()).resolve(ImageReference("localhost/a"), architecture: "arm64")
        }
        #expect(fault?.kind == .unsupported)
    }

    @Test("an image that nobody uses leaves with its blobs, but not within an hour of its last use") func sweep()
        async throws
    {
        let ground = Ground()
        let store = store(ground, MemorySource())
        try await store.prepare()
        let image = try await store.resolve(ImageReference("localhost/a"), architecture: "x86_64")
        let root = try await store.root(of: image)
        #expect(try await store.idleImages(besides: []).isEmpty)
        try await store.remove([image.digest], keeping: [])
        #expect(access(root, F_OK) == 0)
        ground.age("images/roots", "images/blobs")
        #expect(try await store.idleImages(besides: [image.digest]).isEmpty)
        #expect(try await store.idleImages(besides: []) == [image.digest])
        try await store.remove([image.digest], keeping: [image.digest])
        #expect(access(root, F_OK) == 0 && ground.list("images/blobs").count == 3)
        // Asked for again: it stays for another hour.
        _ = try await store.root(of: image)
        try await store.remove([image.digest], keeping: [])
        #expect(access(root, F_OK) == 0)
        ground.age("images/roots", "images/blobs")
        try await store.remove([image.digest], keeping: [])
        #expect(ground.list("images/roots").isEmpty && ground.list("images/blobs").isEmpty)
    }

    @Test("an image that stands for a runtime stays, and is found again by another process") func assigned()
        async throws
    {
        let ground = Ground()
        let store = store(ground, MemorySource())
        try await store.prepare()
        let image = try await store.resolve(ImageReference("localhost/a:1"), architecture: "x86_64")
        #expect(RuntimeImages(store).image(for: "python3.12") == nil)
        try await RuntimeImages(store).assign(image, to: "python3.12")
        ground.age("images/roots", "images/blobs")
        try await store.remove([image.digest], keeping: [])
        let again = RuntimeImages(self.store(ground, MemorySource()))
        #expect(again.image(for: "python3.12")?.reference == image.reference)
        #expect(again.image(for: "python3.12")?.root == "\(ground.path)/images/roots/\(image.digest.hex)")
        for name in ["../x", "", ".", "a/b", "PYTHON", "nodejs20.x"] { #expect(again.image(for: name) == nil) }
        await #expect(throws: ImageFault.self) { try await again.assign(image, to: "../x") }
        for rubbish in ["", "x", "localhost/a@sha256:00", "\u{0}\n", "localhost/a:latest"] {
            ground.write(Array(rubbish.utf8), to: ground.path + "/images/runtimes/ruby3.3")
            #expect(again.image(for: "ruby3.3") == nil)
        }
    }

    @Test("what an earlier process left half done is removed at the start") func leftovers() async throws {
        let ground = Ground()
        let store = store(ground, MemorySource())
        try await store.prepare()
        ground.write([1], to: ground.path + "/images/unfinished/half")
        try await store.prepare()
        #expect(ground.list("images/unfinished").isEmpty)
    }
}
