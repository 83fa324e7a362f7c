// SPDX-License-Identifier: Apache-2.0
internal import Glibc

extension RootedFile {
    /// More would be somebody's trick.
    private static let maximumFiles = 64

    /// The names of regular files directly in `path`, sorted, as a process would find them whose root `root` is. Links
    /// count by what they lead to; what cannot be looked at does not count.
    package static func files(in path: String, ofRoot root: String) -> [String] {
        guard let top = try? FileDescriptor.directory(root) else { return [] }
        defer { top.close() }
        guard let folder = try? top.open(inRoot: Array(path.utf8), flags: O_RDONLY | O_DIRECTORY | O_NONBLOCK) else {
            return []
        }
        guard let list = fdopendir(folder.number) else {
            folder.close()
            return []
        }
        defer { closedir(list) }
        var names: [String] = []
        while names.count < maximumFiles, let entry = readdir(list) {
            let bytes = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            guard bytes != [0x2e], bytes != [0x2e, 0x2e], let name = String(validating: bytes, as: UTF8.self),
                isRegular(path + "/" + name, in: top)
            else { continue }
            names.append(name)
        }
        return names.sorted()
    }

    private static func isRegular(_ path: String, in top: FileDescriptor) -> Bool {
        guard let file = try? top.open(inRoot: Array(path.utf8), flags: FileDescriptor.pathOnly) else { return false }
        defer { file.close() }
        var status = stat()
        return fstat(file.number, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}
