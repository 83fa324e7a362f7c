// SPDX-License-Identifier: Apache-2.0
import CZlib
import MartletCore

/// Gzip, as subscriptions carry their documents.
enum Gzip {
    /// Window bits of zlib's largest window, plus 16 for a gzip frame.
    private static let gzipWindow: Int32 = 15 + 16

    /// Throws `logs.gzip` when zlib has no memory.
    static func compress(_ input: [UInt8]) throws -> [UInt8] {
        var stream = z_stream()
        let started = deflateInit2_(
            &stream,
            Z_DEFAULT_COMPRESSION,
            Z_DEFLATED,
            gzipWindow,
            8,
            Z_DEFAULT_STRATEGY,
            ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size)
        )
        guard started == Z_OK, let length = UInt32(exactly: input.count) else {
            throw MartletError("logs.gzip", "zlib does not start")
        }
        defer { deflateEnd(&stream) }
        let bound = Int(deflateBound(&stream, UInt(length)))
        var status = Z_OK
        let output = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            input.withUnsafeBufferPointer { bytes in
                stream.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress)
                stream.avail_in = length
                stream.next_out = buffer.baseAddress
                stream.avail_out = UInt32(clamping: buffer.count)
                status = deflate(&stream, Z_FINISH)
            }
            count = buffer.count - Int(stream.avail_out)
        }
        guard status == Z_STREAM_END else { throw MartletError("logs.gzip", "zlib gives up with \(status)") }
        return output
    }
}
