// SPDX-License-Identifier: Apache-2.0
import CZlib

/// Unpacks what its first bytes show to be gzip, and passes on what is not. Bounded: more than `limit` bytes are refused.
final class Decompressor {
    private enum Form {
        case unknown
        case plain
        case gzip
    }

    private static let pieceLength = 256 * 1024

    private var form = Form.unknown
    private let stream: UnsafeMutablePointer<z_stream>
    private let buffer: UnsafeMutableRawBufferPointer
    private var left: Int
    /// At the end of a member: another may follow, or nothing.
    private var isAtBoundary = false

    init(limit: Int) throws(ImageFault) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        buffer = .allocate(byteCount: Self.pieceLength, alignment: 16)
        left = limit
        // 16 more than the window's bits: gzip's header and sum.
        guard inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw ImageFault(.unavailable, "zlib does not start")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        buffer.deallocate()
    }

    /// `bytes` holds at least four bytes at the first call, unless the whole is shorter.
    func feed(_ bytes: UnsafeRawBufferPointer, _ sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        if form == .unknown { form = try Self.form(of: bytes) }
        guard form == .gzip else { return try pass(bytes, sink) }
        try inflate(bytes, sink)
    }

    func finish() throws(ImageFault) {
        guard form != .gzip || isAtBoundary else { throw .invalid("a compressed layer is cut short") }
    }

    private static func form(of bytes: UnsafeRawBufferPointer) throws(ImageFault) -> Form {
        if bytes.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) {
            throw ImageFault(
                .unsupported,
                "a layer is compressed with zstd, which Martlet does not read; push it with gzip"
            )
        }
        return bytes.starts(with: [0x1f, 0x8b]) ? .gzip : .plain
    }

    private func pass(
        _ bytes: UnsafeRawBufferPointer,
        _ sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard bytes.count <= left else { throw ImageFault(.tooLarge, "the image is larger than it may be, unpacked") }
        left -= bytes.count
        try sink(bytes)
    }

    private func inflate(
        _ bytes: UnsafeRawBufferPointer,
        _ sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard let count = UInt32(exactly: bytes.count), count > 0 else { return }
        stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
        stream.pointee.avail_in = count
        var isFull = false
        while stream.pointee.avail_in > 0 || isFull {
            // What follows the last member and is no member is padding of the tool that wrote it.
            if isAtBoundary, stream.pointee.next_in?.pointee != 0x1f { return }
            isAtBoundary = false
            stream.pointee.next_out = buffer.bindMemory(to: UInt8.self).baseAddress
            stream.pointee.avail_out = UInt32(Self.pieceLength)
            let status = CZlib.inflate(stream, Z_NO_FLUSH)
            guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
                throw ImageFault.invalid("a compressed layer is damaged")
            }
            let length = Self.pieceLength - Int(stream.pointee.avail_out)
            if length > 0 { try pass(UnsafeRawBufferPointer(rebasing: buffer[..<length]), sink) }
            isFull = stream.pointee.avail_out == 0
            if status == Z_STREAM_END {
                isAtBoundary = true
                isFull = false
                guard inflateReset(stream) == Z_OK else { throw ImageFault.invalid("a compressed layer is damaged") }
            }
        }
    }
}
