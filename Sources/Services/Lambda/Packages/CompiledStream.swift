// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Reads what `compile.py` writes. It comes out of a sandbox in which foreign files were parsed, so nothing of it is
/// believed: names are checked, sizes are bounded before anything is kept, and a name comes once.
struct CompiledStream {
    struct Limits: Sendable {
        var fileBytes = 32 << 20
        var totalBytes = 384 << 20
        var files = 50_000
        var pathBytes = 1_024

        init() {}
    }

    /// A `.pyc` for the source file at `path`, which is relative and ends in `.py`.
    struct File: Sendable, Equatable {
        var path: [UInt8]
        var content: ByteBuffer
    }

    /// Why the rest is not read. What came before it stays good.
    struct Fault: Error, Equatable {
        var reason: String
    }

    private static let headBytes = 6
    private let limits: Limits
    private var buffer = ByteBuffer()
    private var seen: Set<[UInt8]> = []
    private var totalBytes = 0
    /// The end mark has come; whatever follows is ignored.
    private(set) var isComplete = false
    private(set) var fault: Fault?

    init(limits: Limits = Limits()) { self.limits = limits }

    /// The files that are whole by now; what comes before a fault is good. After the end mark or a fault nothing is taken.
    mutating func feed(_ bytes: ByteBuffer) -> [File] {
        guard !isComplete, fault == nil else { return [] }
        var bytes = bytes
        buffer.writeBuffer(&bytes)
        var files: [File] = []
        do throws(Fault) {
            while let file = try nextFile() { files.append(file) }
        } catch {
            fault = error
        }
        buffer.discardReadBytes()
        return files
    }

    private mutating func nextFile() throws(Fault) -> File? {
        let start = buffer.readerIndex
        guard !isComplete, let pathBytes: UInt16 = buffer.getInteger(at: start),
            let contentBytes: UInt32 = buffer.getInteger(at: start + 2)
        else { return nil }
        if pathBytes == 0 {
            isComplete = true
            return nil
        }
        let (pathLength, length) = (Int(pathBytes), Int(contentBytes))
        guard pathLength <= limits.pathBytes else { throw Fault(reason: "a path is too long") }
        guard length <= limits.fileBytes else { throw Fault(reason: "a file is too large") }
        guard totalBytes + length <= limits.totalBytes else { throw Fault(reason: "all files are too large together") }
        guard seen.count < limits.files else { throw Fault(reason: "there are too many files") }
        guard buffer.readableBytes >= Self.headBytes + pathLength + length else { return nil }
        buffer.moveReaderIndex(forwardBy: Self.headBytes)
        guard let path = buffer.readBytes(length: pathLength), let content = buffer.readSlice(length: length) else {
            return nil
        }
        guard Self.isPlain(path) else { throw Fault(reason: "a path leads elsewhere") }
        guard seen.insert(path).inserted else { throw Fault(reason: "a path comes twice") }
        totalBytes += length
        // A copy: the slice would keep the whole buffer in memory.
        return File(path: path, content: ByteBuffer(bytes: content.readableBytesView))
    }

    /// Relative, normal, without a zero, and named like a Python file.
    static func isPlain(_ path: [UInt8]) -> Bool {
        guard path.count > 3, path.suffix(3).elementsEqual(".py".utf8), !path.contains(0) else { return false }
        return path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && part.count <= 254 && !part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8)
        }
    }
}
