// SPDX-License-Identifier: Apache-2.0
import CZlib

/// Unpacks one entry piece by piece, never more than it announced, and checks its sum.
enum Inflate {
    private static let pieceLength = 256 * 1024

    /// Calls `write` with consecutive pieces. Throws `PackageFault` when the data is damaged, longer or shorter than `size`,
    /// or has another CRC-32 than `checksum`; pieces may have been written by then.
    static func unpack(_ entry: ZipEntry, of file: [UInt8], _ write: (UnsafeRawBufferPointer) throws -> Void) throws {
        var check = Check(size: entry.size)
        try file.withUnsafeBytes { bytes in
            // The directory has checked that the range lies inside the file.
            let packed = UnsafeRawBufferPointer(rebasing: bytes[entry.packed])
            func sink(_ piece: UnsafeRawBufferPointer) throws {
                try check.take(piece)
                try write(piece)
            }
            switch entry.method {
            case .stored: if !packed.isEmpty { try sink(packed) }
            case .deflated: try inflate(packed, sink)
            }
        }
        guard check.isComplete(entry.checksum) else {
            throw PackageFault.broken("an entry does not match its checksum")
        }
    }

    private struct Check {
        var size: Int
        var seen = 0
        var sum: UInt = 0

        mutating func take(_ piece: UnsafeRawBufferPointer) throws {
            guard piece.count <= size - seen else { throw PackageFault.broken("an entry is longer than announced") }
            seen += piece.count
            sum = crc32_z(sum, piece.bindMemory(to: UInt8.self).baseAddress, piece.count)
        }

        func isComplete(_ checksum: UInt32) -> Bool { seen == size && UInt32(truncatingIfNeeded: sum) == checksum }
    }

    private static func inflate(
        _ packed: UnsafeRawBufferPointer,
        _ sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var stream = z_stream()
        // Negative window bits: raw deflate data, as zip holds it.
        guard inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw PackageFault.broken("zlib does not start")
        }
        defer { inflateEnd(&stream) }
        guard let input = UInt32(exactly: packed.count) else { throw PackageFault.broken("an entry is too long") }
        stream.next_in = UnsafeMutablePointer(mutating: packed.bindMemory(to: UInt8.self).baseAddress)
        stream.avail_in = input
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceLength, alignment: 16)
        defer { buffer.deallocate() }
        var status = Z_OK
        while status == Z_OK {
            stream.next_out = buffer.bindMemory(to: UInt8.self).baseAddress
            stream.avail_out = UInt32(pieceLength)
            status = CZlib.inflate(&stream, Z_NO_FLUSH)
            let length = pieceLength - Int(stream.avail_out)
            if length > 0 { try sink(UnsafeRawBufferPointer(rebasing: buffer[..<length])) }
        }
        guard status == Z_STREAM_END else { throw PackageFault.broken("the compressed data is damaged") }
    }
}
