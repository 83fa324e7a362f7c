// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
package import Logging
package import MartletCore

/// The images on this machine: their blobs, and their root file systems unpacked, both named by digest.
///
/// Everything is written under a private name, synced and renamed when it is whole, so what exists under its digest is
/// complete. Several who want the same thing at once share one download and one unpacking.
package final class ImageStore: Sendable {
    let source: @Sendable (ImageReference) throws -> any ImageSource
    let directory: String
    let limits: ImageLimits
    let ids: any IDSource
    private let logger: Logger
    private let flights = SingleFlight()

    /// `directory` is a directory of the images' own inside the data directory.
    package convenience init(
        directory: String,
        policy: ImagePolicy,
        credentials: RegistryCredentials,
        ids: any IDSource,
        limits: ImageLimits = ImageLimits(),
        logger: Logger
    ) {
        self.init(directory: directory, ids: ids, limits: limits, logger: logger) { reference in
            switch reference.place {
            case .registry(let host, let repository):
                return RegistrySource(
                    host: host,
                    repository: repository,
                    isPlain: try policy.isPlain(host),
                    credentials: credentials,
                    limits: limits
                )
            case .layout(let path):
                let place = try policy.place(ofLayout: path)
                return LayoutSource(directory: place.directory, path: place.path, limits: limits)
            }
        }
    }

    init(
        directory: String,
        ids: any IDSource,
        limits: ImageLimits,
        logger: Logger,
        source: @escaping @Sendable (ImageReference) throws -> any ImageSource
    ) {
        self.source = source
        (self.directory, self.limits, self.ids, self.logger) = (directory, limits, ids, logger)
    }

    /// At the server's start: removes what an earlier process left half done.
    package func prepare() async throws {
        try await ImageThreads.run { [self] in
            try makeDirectories()
            let top = try openDirectory(directory)
            defer { top.close() }
            try RootDirectory.removeTree(Array("unfinished".utf8), in: top)
            try makeDirectories()
        }
    }

    /// Finds the image for `architecture` (AWS's word) and reads its configuration. Layers are not fetched. Throws `ImageFault`.
    package func resolve(_ reference: ImageReference, architecture: String) async throws -> ResolvedImage {
        let source = try source(reference)
        var bytes: [UInt8]
        if let digest = reference.digest {
            bytes = try await document(digest, source)
        } else {
            bytes = try await source.document(tag: reference.tag)
        }
        let platform = architecture == "x86_64" ? "amd64" : architecture
        // An index may name indexes; more than this makes no sense.
        for _ in 0..<3 {
            switch try Document(bytes, limits: limits) {
            case .manifest(let manifest):
                return try await resolved(bytes, manifest, reference, platform, source)
            case .index(let entries):
                bytes = try await document(Self.choose(entries, platform, reference).digest, source)
            }
        }
        throw ImageFault.invalid("indexes are nested too deeply")
    }

    private func resolved(
        _ bytes: [UInt8],
        _ manifest: Manifest,
        _ reference: ImageReference,
        _ platform: String,
        _ source: any ImageSource
    ) async throws -> ResolvedImage {
        let digest = ImageDigest(of: bytes)
        let configuration = try ImageConfiguration(try await blob(manifest.config, source))
        guard configuration.layerDigests.count == manifest.layers.count else {
            throw ImageFault.invalid("the configuration names another number of layers than the manifest")
        }
        guard configuration.architecture.isEmpty || configuration.architecture == platform else {
            throw ImageFault(
                .unsupported,
                "the image is made for \(configuration.architecture.prefix(40)), not for \(platform)"
            )
        }
        try await ImageThreads.runQuickly { [self] in
            try makeDirectories()
            try put(bytes, as: digest)
        }
        return ResolvedImage(
            reference: reference.pinned(to: digest),
            digest: digest,
            configuration: configuration,
            layers: manifest.layers
        )
    }

    private static func choose(
        _ entries: [Document.Entry],
        _ platform: String,
        _ reference: ImageReference
    ) throws(ImageFault) -> Descriptor {
        let fitting = entries.first { $0.platform == Document.Platform(system: "linux", architecture: platform) }
        let only = entries.count == 1 && entries[0].platform == nil ? entries[0] : nil
        guard let entry = fitting ?? only else {
            throw ImageFault(.unsupported, "\(reference) has no image for linux/\(platform)")
        }
        return entry.descriptor
    }

    /// Where the image's root lies, unpacked; pulled first when it is not there. Throws `ImageFault`.
    package func root(of image: ResolvedImage) async throws -> String {
        let place = rootPath(image.digest)
        if access(place, F_OK) == 0 {
            touch(place)
            return place
        }
        return try await flights.run("root \(image.digest)") { [self] in
            try Task.checkCancellation()
            if access(place, F_OK) == 0 { return place }
            let source = try source(image.reference)
            var layers: [(path: String, digest: ImageDigest)] = []
            for (layer, digest) in zip(image.layers, image.configuration.layerDigests) {
                layers.append((try await file(layer, source), digest))
            }
            let stack = LayerStack(layers: layers, limits: limits)
            try await unpack(stack, to: place)
            logger.info("an image is unpacked", metadata: ["image": "\(image.reference)"])
            return place
        }
    }

    /// Whether `root(of:)` needs nothing from elsewhere.
    package func isUnpacked(_ digest: ImageDigest) -> Bool { access(rootPath(digest), F_OK) == 0 }
}

/// An image that has been found: its manifest and configuration are here, its layers perhaps not yet.
package struct ResolvedImage: Sendable {
    /// By digest.
    package var reference: ImageReference
    /// Of the manifest for the platform: AWS's CodeSha256.
    package var digest: ImageDigest
    package var configuration: ImageConfiguration
    var layers: [Descriptor]
}

// MARK: - Files

extension ImageStore {
    func blobPath(_ digest: ImageDigest) -> String { "\(directory)/blobs/\(digest.hex)" }
    func rootPath(_ digest: ImageDigest) -> String { "\(directory)/roots/\(digest.hex)" }

    func makeDirectories() throws {
        for name in ["", "/blobs", "/roots", "/runtimes", "/unfinished"] {
            guard mkdir(directory + name, 0o700) == 0 || errno == EEXIST else {
                throw RootDirectory.failure("make the directory \(directory)\(name)")
            }
        }
    }

    func openDirectory(_ path: String) throws -> FileDescriptor {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw RootDirectory.failure("open \(path)") }
        return FileDescriptor(descriptor)
    }

    /// A manifest, from here or from the source, checked against its digest.
    private func document(_ digest: ImageDigest, _ source: any ImageSource) async throws -> [UInt8] {
        if let bytes = try await stored(digest) { return bytes }
        let bytes = try await source.document(digest)
        guard ImageDigest(of: bytes) == digest else {
            throw ImageFault.invalid("a manifest has another content than its digest says")
        }
        return bytes
    }

    private func stored(_ digest: ImageDigest) async throws -> [UInt8]? {
        try await ImageThreads.runQuickly { [self] in try storedNow(digest) }
    }

    /// Nil for what is not here, or is damaged.
    func storedNow(_ digest: ImageDigest) throws -> [UInt8]? {
        let file = open(blobPath(digest), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        let bytes = try FileDescriptor(file).contents(limit: limits.documentBytes)
        return ImageDigest(of: bytes) == digest ? bytes : nil
    }

    /// A small one, whole.
    private func blob(_ descriptor: Descriptor, _ source: any ImageSource) async throws -> [UInt8] {
        guard descriptor.size <= limits.documentBytes else {
            throw ImageFault(.tooLarge, "the configuration is larger than \(limits.documentBytes) bytes")
        }
        let path = try await file(descriptor, source)
        guard let bytes = try await stored(descriptor.digest) else {
            throw ImageFault(.unavailable, "\(path) is damaged; remove it")
        }
        return bytes
    }

    /// The blob's file, fetched first when it is not there.
    private func file(_ descriptor: Descriptor, _ source: any ImageSource) async throws -> String {
        let place = blobPath(descriptor.digest)
        return try await flights.run("blob \(descriptor.digest)") { [self] in
            try Task.checkCancellation()
            if access(place, F_OK) == 0 {
                touch(place)
                return place
            }
            let draft = "\(directory)/unfinished/\(ids.hex(32))"
            try makeDirectories()
            let writer = try BlobWriter(draft, expecting: descriptor)
            do {
                try await source.blob(descriptor.digest, into: writer)
                try await ImageThreads.runQuickly { [self] in
                    try writer.finish()
                    try settle(draft, as: place)
                }
            } catch {
                unlink(draft)
                throw error
            }
            return place
        }
    }

    private func put(_ bytes: [UInt8], as digest: ImageDigest) throws {
        guard access(blobPath(digest), F_OK) != 0 else { return touch(blobPath(digest)) }
        let draft = "\(directory)/unfinished/\(ids.hex(32))"
        let writer = try BlobWriter(draft, expecting: Descriptor(mediaType: "", digest: digest, size: bytes.count))
        do {
            try bytes.withUnsafeBytes(writer.append)
            try writer.finish()
            try settle(draft, as: blobPath(digest))
        } catch {
            unlink(draft)
            throw error
        }
    }

    /// Gives what is whole and synced its name, and returns when the name is on the disk too.
    func settle(_ draft: String, as place: String) throws {
        guard rename(draft, place) == 0 else { throw RootDirectory.failure("rename a part") }
        let parent = try openDirectory(String(place[..<(place.lastIndex(of: "/") ?? place.endIndex)]))
        defer { parent.close() }
        guard fsync(parent.number) == 0 else { throw RootDirectory.failure("sync a directory") }
    }

    private func unpack(_ stack: LayerStack, to place: String) async throws {
        try await ImageThreads.run { [self] in
            let unfinished = try openDirectory("\(directory)/unfinished")
            defer { unfinished.close() }
            let name = ids.hex(32)
            let draft = "\(directory)/unfinished/\(name)"
            guard mkdir(draft, 0o700) == 0 else { throw RootDirectory.failure("make a directory") }
            do {
                let root = try openDirectory(draft)
                defer { root.close() }
                try stack.unpack(into: root)
                touch(draft)
                try root.syncFileSystem()
                try settle(draft, as: place)
            } catch {
                // The first failure is the one to report; `prepare` removes what could not be removed now.
                try? RootDirectory.removeTree(Array(name.utf8), in: unfinished)
                throw error
            }
        }
    }
}
