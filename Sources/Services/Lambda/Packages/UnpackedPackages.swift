// SPDX-License-Identifier: Apache-2.0
import Crypto
import MartletCore
import NIOPosix
import Storage

/// Code and layers on this machine, unpacked once per content and ready to be mounted read-only. A cache: what is missing is
/// unpacked again from the file store.
///
/// A package is written under a private name and renamed when it is whole, so a path that exists is complete, as long as the
/// kernel runs: nothing is synced, and what a power cut may have left half written is thrown away at the next start. Two that
/// unpack the same content at once both work; the second to finish throws its copy away. Disk work runs on NIO's thread pool.
struct UnpackedPackages: Sendable {
    private let files: any FileStore
    private let ids: any IDSource
    let limits: PackageLimits
    private let packages: HostPath
    private let merged: HostPath
    private let unfinished: HostPath
    /// Made from the packages and thrown away with them.
    private let compiled: CompiledCode
    /// Names the run of the kernel that everything here was written under.
    private let bootMark: HostPath

    /// `root` is a directory of Lambda's own inside the data directory.
    init(root: String, files: any FileStore, ids: any IDSource, limits: PackageLimits = PackageLimits()) {
        self.files = files
        self.ids = ids
        self.limits = limits
        packages = HostPath(root).appending("unpacked")
        merged = HostPath(root).appending("layers")
        unfinished = HostPath(root).appending("unfinished")
        compiled = CompiledCode(directory: root)
        bootMark = HostPath(root).appending("boot")
    }

    /// At start: makes the directories and throws away what an earlier process left half done, or an earlier run of the
    /// kernel perhaps unwritten.
    func prepare() async throws {
        try await onThread { [self] in
            let boot = HostPath("/proc/sys/kernel/random/boot_id").contents(limit: 64) ?? []
            let isSameBoot = !boot.isEmpty && bootMark.contents(limit: 64) == boot
            for directory in isSameBoot ? [unfinished] : [unfinished, packages, merged, compiled.root, bootMark] {
                try directory.remove()
            }
            for directory in [packages, merged, unfinished] { try directory.makeDirectories(mode: 0o755) }
            guard !isSameBoot else { return }
            try bootMark.createFile(mode: 0o644) { append in try boot.withUnsafeBytes(append) }
        }
    }

    /// Checks an uploaded archive completely and leaves it unpacked. Throws `PackageFault` for what the caller did wrong;
    /// then nothing of it is left on the disk.
    func admit(_ bytes: [UInt8]) async throws -> AdmittedPackage {
        try await onThread { [self] in
            let archive = try ZipArchive(bytes, limits: limits)
            let address = try Self.address(of: bytes)
            _ = try unpack(archive, at: address)
            return AdmittedPackage(address: address, size: bytes.count, unpackedSize: archive.unpackedBytes)
        }
    }

    /// The same checks, leaving nothing behind.
    func inspect(_ bytes: [UInt8]) async throws -> AdmittedPackage {
        try await onThread { [self] in
            let archive = try ZipArchive(bytes, limits: limits)
            try archive.checkContents()
            return AdmittedPackage(
                address: try Self.address(of: bytes),
                size: bytes.count,
                unpackedSize: archive.unpackedBytes
            )
        }
    }

    /// Where the package lies, unpacked again from the file store if it has to be.
    func path(of address: ContentAddress) async throws -> String {
        let place = packages.appending(address.hex)
        if place.isDirectory { return place.description }
        let bytes = try await files.bytes(of: address)
        return try await onThread { [self] in
            try unpack(ZipArchive(bytes, limits: limits), at: address).description
        }
    }

    /// Where the layers lie together; nil when there are none. One layer alone is not copied.
    func path(ofLayers addresses: [ContentAddress]) async throws -> String? {
        guard let first = addresses.first else { return nil }
        var sources: [String] = []
        for address in addresses { sources.append(try await path(of: address)) }
        if addresses.count == 1 { return try await path(of: first) }
        return try await onThread { [self, sources] in
            try merge(sources.map(HostPath.init), named: Self.name(of: addresses))
        }
    }

    /// Removes what nobody uses any more: at once out of sight, then from the disk.
    func remove(_ address: ContentAddress) async throws {
        try await onThread { [self] in
            let (place, aside) = (packages.appending(address.hex), unfinished.appending(ids.hex(32)))
            guard place.isDirectory, try place.move(to: aside) else { return }
            try aside.remove()
            try compiled.remove(named: address.hex)
        }
    }

    /// The names of all merged sets of layers.
    func layerSets() async throws -> [String] {
        try await onThread { [self] in try merged.names().map { String(decoding: $0, as: UTF8.self) } }
    }

    /// Takes the set away at once, and brings it back when it turns out to be in use after all.
    func removeLayerSet(_ name: String, unless isUsed: () async throws -> Bool) async throws {
        let (place, aside) = (merged.appending(name), unfinished.appending(ids.hex(32)))
        guard try await onThread({ try place.move(to: aside) }) else { return }
        let isBack = try await isUsed()
        try await onThread { [compiled] in
            if isBack, try aside.move(to: place) { return }
            try aside.remove()
            try compiled.remove(named: name)
        }
    }

    /// A merged set's name follows from its layers.
    static func name(of addresses: [ContentAddress]) -> String {
        Hex.encode(SHA256.hash(data: Array(addresses.map(\.hex).joined(separator: "+").utf8)))
    }

    static func address(of bytes: [UInt8]) throws -> ContentAddress {
        guard let address = ContentAddress(hex: Hex.encode(SHA256.hash(data: bytes))) else {
            throw MartletError("package.address", "a SHA-256 sum has not 64 digits")
        }
        return address
    }
}

/// An uploaded package that has passed its checks.
struct AdmittedPackage: Sendable, Equatable {
    var address: ContentAddress
    /// Of the archive, in bytes.
    var size: Int
    var unpackedSize: Int
}

// MARK: - On a thread of the pool

extension UnpackedPackages {
    private func onThread<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
        try await NIOThreadPool.singleton.runIfActive(work)
    }

    private func unpack(_ archive: ZipArchive, at address: ContentAddress) throws -> HostPath {
        try make(packages.appending(address.hex)) { try Unpacker(archive: archive, directory: $0).run() }
    }

    private func merge(_ layers: [HostPath], named name: String) throws -> String {
        try make(merged.appending(name)) { directory in
            let merge = LayerMerge(directory: directory)
            for layer in layers { try merge.add(layer) }
        }.description
    }

    /// Fills a private directory and gives it its name; on failure nothing remains.
    private func make(_ place: HostPath, _ fill: (HostPath) throws -> Void) throws -> HostPath {
        if place.isDirectory { return place }
        try unfinished.makeDirectories()
        let draft = unfinished.appending(ids.hex(32))
        do {
            try draft.makeDirectory()
            try fill(draft)
            if try !draft.move(to: place) { try draft.remove() }
        } catch {
            // The first failure is the one to report; `prepare` removes what could not be removed now.
            try? draft.remove()
            throw error
        }
        return place
    }
}
