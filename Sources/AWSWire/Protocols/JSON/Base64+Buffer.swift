// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore

/// Base 64 from buffer to buffer. Archives of many megabytes pass here, so it works on raw bytes and copies nothing twice.
extension ByteBuffer {
    private static let letters: [UInt8] = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Appends the readable bytes of `source`, armoured and padded.
    mutating func writeBase64(of source: ByteBuffer) {
        let length = (source.readableBytes + 2) / 3 * 4
        writeWithUnsafeMutableBytes(minimumWritableBytes: length) { output in
            source.withUnsafeReadableBytes { input in
                Self.letters.withUnsafeBufferPointer { Self.encode(input, into: output, letters: $0) }
            }
            return length
        }
    }

    private static func encode(
        _ input: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer,
        letters: UnsafeBufferPointer<UInt8>
    ) {
        var at = 0
        for start in stride(from: 0, to: input.count, by: 3) {
            let count = min(3, input.count - start)
            var group: UInt32 = 0
            for offset in 0..<3 { group = group << 8 | (offset < count ? UInt32(input[start + offset]) : 0) }
            for offset in 0..<4 {
                let shift = UInt32(18 - 6 * offset)
                output[at + offset] = offset <= count ? letters[Int(group >> shift & 63)] : 0x3d
            }
            at += 4
        }
    }
}
