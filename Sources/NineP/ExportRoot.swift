// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// An export's directory, held open by a connection that has attached it.
final class ExportRoot {
    let export: NinePExport
    private let directory: FileDescriptor

    init(_ export: NinePExport) throws(Refusal) {
        do {
            directory = try FileDescriptor.directory(export.path)
        } catch {
            throw Refusal(error.code)
        }
        self.export = export
    }

    deinit { directory.close() }

    /// The caller closes what it gets. `flags` are those of open(2).
    func open(_ path: ExportPath, flags: Int32) throws(Refusal) -> FileDescriptor {
        try Self.open(path, below: directory, flags: flags)
    }

    /// The directory that is open as `named`, for reading.
    static func reopen(directory named: FileDescriptor) throws(Refusal) -> FileDescriptor {
        try open(ExportPath(), below: named, flags: O_RDONLY | O_DIRECTORY | O_NONBLOCK)
    }

    private static func open(
        _ path: ExportPath,
        below directory: FileDescriptor,
        flags: Int32
    ) throws(Refusal) -> FileDescriptor {
        let result = path.withCString { martlet_open_beneath(directory.number, $0, flags) }
        return FileDescriptor(try Refusal.check(result))
    }
}

/// The way to a file from its export's root: names with `/` between them, none of them `.` or `..`.
struct ExportPath: Equatable {
    /// With a zero byte at the end.
    private var bytes: [UInt8] = [0]

    var count: Int { bytes.count }
    var isRoot: Bool { bytes.count == 1 }

    /// Steps down to `name`. Throws EINVAL for what is no name, ENAMETOOLONG.
    mutating func append(_ name: UnsafeRawBufferPointer) throws(Refusal) {
        try Self.check(name)
        let separators = isRoot ? 0 : 1
        guard bytes.count + separators + name.count <= NinePLimits.pathBytes else { throw Refusal(ENAMETOOLONG) }
        bytes.reserveCapacity(bytes.count + separators + name.count)
        bytes.removeLast()
        if separators > 0 { bytes.append(0x2f) }
        bytes.append(contentsOf: name)
        bytes.append(0)
    }

    /// Steps up; the root is above itself.
    mutating func removeLast() {
        let end = bytes.lastIndex(of: 0x2f) ?? 0
        bytes.removeSubrange(end...)
        bytes.append(0)
    }

    func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        bytes.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { characters in
                guard let start = characters.baseAddress else { return withUnsafePointer(to: 0, body) }
                return body(start)
            }
        }
    }

    static func isParent(_ name: UnsafeRawBufferPointer) -> Bool { name.elementsEqual([0x2e, 0x2e]) }

    private static func check(_ name: UnsafeRawBufferPointer) throws(Refusal) {
        guard name.count <= NinePLimits.nameBytes else { throw Refusal(ENAMETOOLONG) }
        guard !name.isEmpty, !name.contains(0x2f), !name.contains(0), !name.elementsEqual([0x2e]), !isParent(name)
        else {
            throw Refusal(EINVAL)
        }
    }
}
