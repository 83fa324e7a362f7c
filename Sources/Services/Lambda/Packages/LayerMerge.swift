// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Lays unpacked layers over each other, as they appear together under `/opt`: where two hold the same name the later one
/// wins, and directories hold what both hold. Files are hard links, so a merged set costs names, not bytes.
struct LayerMerge {
    let directory: HostPath

    func add(_ layer: HostPath) throws { try merge(layer, into: directory) }

    private func merge(_ source: HostPath, into target: HostPath) throws {
        for name in try source.names() {
            let (original, place) = (source.appending(name), target.appending(name))
            let isDirectory = original.isDirectory
            if place.exists, !(isDirectory && place.isDirectory) { try place.remove() }
            if isDirectory {
                if !place.exists { try place.makeDirectory() }
                try merge(original, into: place)
            } else if original.kind == S_IFLNK {
                try place.makeLink(to: original.linkTarget())
            } else {
                try place.makeHardLink(to: original)
            }
        }
    }
}
