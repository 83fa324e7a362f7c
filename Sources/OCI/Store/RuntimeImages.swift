// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import MartletCore
import NIOConcurrencyHelpers

/// Which image stands for which runtime identifier on this machine: one small file each beside the images, so that a pull is
/// seen by a server that runs already.
package final class RuntimeImages: Sendable {
    private let store: ImageStore
    private let known = NIOLockedValueBox<[String: (reference: String, image: RuntimeImage)]>([:])

    package init(_ store: ImageStore) { self.store = store }

    /// Pulls the image and makes it the root of functions of that runtime from their next cold start on. Throws `ImageFault`.
    package func assign(_ image: ResolvedImage, to runtime: String) async throws {
        guard Self.isName(runtime) else { throw ImageFault(.badReference, "“\(runtime)” is no runtime identifier.") }
        _ = try await store.root(of: image)
        try await ImageThreads.runQuickly { [store] in
            try store.makeDirectories()
            let draft = "\(store.directory)/unfinished/\(store.ids.hex(32))"
            let text = Array("\(image.reference)\n".utf8)
            let descriptor = Descriptor(mediaType: "", digest: ImageDigest(of: text), size: text.count)
            let writer = try BlobWriter(draft, expecting: descriptor)
            try text.withUnsafeBytes(writer.append)
            try writer.finish()
            try store.settle(draft, as: "\(store.directory)/runtimes/\(runtime)")
        }
    }

    /// Nil when no image stands for the runtime, or it is not whole. Blocks for the reading of small files.
    package func image(for runtime: String) -> RuntimeImage? {
        guard Self.isName(runtime), let text = record(runtime) else { return nil }
        if let known = known.withLockedValue({ $0[runtime] }), known.reference == text { return known.image }
        // What cannot be read is as good as not there: the host's interpreter serves, or the function is refused.
        guard let image = try? load(text) else { return nil }
        known.withLockedValue { $0[runtime] = (text, image) }
        return image
    }

    private func record(_ runtime: String) -> String? {
        let file = open("\(store.directory)/runtimes/\(runtime)", O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        guard let bytes = try? FileDescriptor(file).contents(limit: 2_048) else { return nil }
        return String(decoding: bytes.prefix { $0 != 0x0a }, as: UTF8.self)
    }

    private func load(_ text: String) throws -> RuntimeImage? {
        let reference = try ImageReference(text)
        guard let digest = reference.digest, store.isUnpacked(digest), let bytes = try store.storedNow(digest),
            case .manifest(let manifest) = try Document(bytes, limits: store.limits),
            let configuration = try store.storedNow(manifest.config.digest)
        else { return nil }
        return RuntimeImage(
            reference: reference,
            root: store.rootPath(digest),
            configuration: try ImageConfiguration(configuration)
        )
    }

    /// A name becomes a file's name.
    private static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.first != "."
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7a).contains($0) || $0 == 0x2e }
    }
}

/// An unpacked image in which functions of a managed runtime run.
package struct RuntimeImage: Sendable, Equatable {
    package var reference: ImageReference
    /// Host path of the unpacked root.
    package var root: String
    package var configuration: ImageConfiguration
}
