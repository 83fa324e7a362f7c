// SPDX-License-Identifier: Apache-2.0

/// Where this process has its libraries from, beside the system's directories. A release build has none; one for debugging
/// has those of the Swift toolchain, which its guests need too.
enum LoadedLibraries {
    private static let system = ["/usr/", "/lib/", "/lib32/", "/lib64/"]

    /// `map` is the text of `/proc/self/maps`.
    static func directories(in map: String) -> [String] {
        var found: [String] = []
        for line in map.split(separator: "\n") {
            guard let slash = line.firstIndex(of: "/") else { continue }
            let path = line[slash...]
            guard let end = path.lastIndex(of: "/"), path[end...].contains(".so") else { continue }
            let directory = String(path[..<end])
            let isSystems = system.contains { path.hasPrefix($0) }
            if !directory.isEmpty, !isSystems, !found.contains(directory) { found.append(directory) }
        }
        return found
    }
}
