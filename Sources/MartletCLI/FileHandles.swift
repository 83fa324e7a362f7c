// SPDX-License-Identifier: Apache-2.0
import Glibc
import NIOCore

/// Reading and writing whole files and streams of the command line.
package enum FileHandles {
    /// As much as an event may have.
    private static let maximumBytes = 6_291_556

    /// Written whole, unbuffered.
    package static func standardOutput(_ text: String) { write(text, to: 1) }
    /// Written whole, unbuffered.
    package static func standardError(_ text: String) { write(text, to: 2) }

    private static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var done = 0
            while done < bytes.count {
                let count = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
                // A reader that has gone away wants no more.
                guard count > 0 else { return }
                done += count
            }
        }
    }

    /// Throws when there is more than an event may have.
    static func readAll(descriptor: Int32) throws -> ByteBuffer {
        var result = ByteBuffer()
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0 { throw CommandFailure("Cannot read the event: \(String(cString: strerror(errno)))") }
            if count == 0 { return result }
            result.writeBytes(chunk[..<count])
            guard result.readableBytes <= maximumBytes else {
                throw CommandFailure(
                    "The event is larger than \(maximumBytes) bytes, which is the most that Lambda takes."
                )
            }
        }
    }
}
