// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import MartletCore

/// Taking away what nobody uses any more. What was asked for within the last hour stays in any case: somebody may be about to
/// use it. That hour is the file system's, so it is this machine's clock that counts it.
extension ImageStore {
    private static let graceSeconds = 3_600

    /// Images that are unpacked here, are not in `used`, stand for no runtime and were not asked for lately.
    package func idleImages(besides used: Set<ImageDigest>) async throws -> [ImageDigest] {
        try await ImageThreads.run { [self] in
            let kept = used.union(try assigned())
            return try names("roots").compactMap { ImageDigest(hex: $0) }.filter {
                !kept.contains($0) && isOld(rootPath($0))
            }
        }
    }

    /// Removes the images' roots, at once out of sight and then from the disk, and the blobs that no image of `used` and no
    /// runtime needs.
    package func remove(_ images: Set<ImageDigest>, keeping used: Set<ImageDigest>) async throws {
        try await ImageThreads.run { [self] in
            let kept = used.union(try assigned())
            for image in images.subtracting(kept) where isOld(rootPath(image)) { try removeRoot(image) }
            var needed = kept
            for image in kept { needed.formUnion(try parts(of: image)) }
            for blob in try names("blobs").compactMap({ ImageDigest(hex: $0) })
            where !needed.contains(blob) && isOld(blobPath(blob)) { unlink(blobPath(blob)) }
        }
    }

    /// Notes that somebody is about to use it.
    func touch(_ path: String) {
        // Without times it sets the present. What cannot be marked is marked by its next use, or fetched again.
        _ = utimensat(AT_FDCWD, path, nil, 0)
    }

    private func isOld(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mtim.tv_sec < time(nil) - Self.graceSeconds
    }

    private func removeRoot(_ image: ImageDigest) throws {
        let unfinished = try openDirectory("\(directory)/unfinished")
        defer { unfinished.close() }
        let name = ids.hex(32)
        guard rename(rootPath(image), "\(directory)/unfinished/\(name)") == 0 else { return }
        try RootDirectory.removeTree(Array(name.utf8), in: unfinished)
    }

    /// Configuration and layers; nothing where the manifest is not here.
    private func parts(of image: ImageDigest) throws -> [ImageDigest] {
        guard let bytes = try storedNow(image), case .manifest(let manifest) = try Document(bytes, limits: limits)
        else {
            return []
        }
        return [manifest.config.digest] + manifest.layers.map(\.digest)
    }

    private func assigned() throws -> [ImageDigest] {
        try names("runtimes").compactMap { name in
            let file = open("\(directory)/runtimes/\(name)", O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
            guard file >= 0 else { return nil }
            defer { close(file) }
            let text = String(decoding: try FileDescriptor(file).contents(limit: 2_048), as: UTF8.self)
            return text.split(separator: "@").last.flatMap { ImageDigest($0.prefix { $0 != "\n" }) }
        }
    }

    private func names(_ folder: String) throws -> [String] {
        let descriptor = try openDirectory("\(directory)/\(folder)")
        defer { descriptor.close() }
        return try RootDirectory.names(of: descriptor.number).map { String(decoding: $0, as: UTF8.self) }
    }
}
