// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Looks at files of a directory as a process would find them whose root it is.
package enum RootedFile {
    /// Whether `path` leads to a file that everybody may execute.
    package static func isExecutable(_ path: String, inRoot root: String) -> Bool {
        // What cannot be opened cannot be executed.
        guard !path.utf8.contains(0), let top = try? FileDescriptor.directory(root) else { return false }
        defer { top.close() }
        guard let file = try? top.open(inRoot: Array(path.utf8), flags: FileDescriptor.pathOnly) else { return false }
        defer { file.close() }
        var status = stat()
        return fstat(file.number, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_mode & S_IXOTH != 0
    }
}
