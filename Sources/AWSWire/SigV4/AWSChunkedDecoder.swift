// SPDX-License-Identifier: Apache-2.0
import Crypto
import MartletCore
package import NIOCore

/// Takes the chunk framing off a streamed body (`aws-chunked`) and checks the chunks' signatures. A pure state machine:
/// bytes in, bytes out.
///
/// Data comes out before its chunk's signature has been seen, so that a chunk of any size needs no memory; nothing may
/// be acted upon before `finish()` has returned.
package struct AWSChunkedDecoder: Sendable {
    private enum State: Sendable {
        /// Expects `size[;chunk-signature=…]`. Goes to `data`, or after the empty chunk to `trailer`.
        case header
        /// So many bytes of the chunk are still to come. Goes to `dataEnd`.
        case data(remaining: Int, signature: String?)
        /// Expects the line end behind the data. Goes to `header`.
        case dataEnd
        /// Expects trailer lines up to an empty one. Goes to `done`.
        case trailer
        /// Everything was read; only line ends may follow.
        case done
    }

    /// The longest framing line: a size, a signature or a trailer.
    static let maximumLineBytes = 8_192
    static let maximumTrailers = 32
    static let maximumChunkBytes = 5 * 1_073_741_824

    private var chain: ChunkSignatureChain?
    private let expectsTrailer: Bool
    private let expectedLength: Int?
    private var state = State.header
    private var line: [UInt8] = []
    private var hash = SHA256()
    private var decodedBytes = 0
    private var trailerSignature: String?

    /// What followed the last chunk, such as `x-amz-checksum-crc32`, with names in lower case.
    package private(set) var trailers: [(name: String, value: String)] = []

    /// `chain` is nil for chunks that are not signed. `expectedLength` is `x-amz-decoded-content-length`.
    package init(chain: ChunkSignatureChain?, expectsTrailer: Bool, expectedLength: Int?) {
        self.chain = chain
        self.expectsTrailer = expectsTrailer
        self.expectedLength = expectedLength
    }

    /// Takes the next piece of the body and returns the data in it.
    package mutating func decode(_ input: ByteBuffer) throws(SignatureFailure) -> ByteBuffer {
        var input = input
        var output = ByteBuffer()
        while input.readableBytes > 0 {
            if case .data(let remaining, let signature) = state {
                try takeData(&input, into: &output, remaining, signature)
            } else if let line = try nextLine(&input) {
                try take(line)
            }
        }
        return output
    }

    /// The body has ended. Throws when it ended too early or does not have the length that the client announced.
    package mutating func finish() throws(SignatureFailure) {
        // Some clients leave out the empty line behind the trailer.
        if case .trailer = state, line.isEmpty { try endOfTrailer() }
        guard case .done = state, line.isEmpty else { throw .malformedBody("The request body terminated unexpectedly") }
        guard expectedLength == nil || expectedLength == decodedBytes else {
            throw .malformedBody(
                "You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header."
            )
        }
    }

    private mutating func takeData(
        _ input: inout ByteBuffer,
        into output: inout ByteBuffer,
        _ remaining: Int,
        _ signature: String?
    ) throws(SignatureFailure) {
        guard let piece = input.readSlice(length: min(remaining, input.readableBytes)) else { return }
        if chain != nil { piece.withUnsafeReadableBytes { hash.update(bufferPointer: $0) } }
        decodedBytes += piece.readableBytes
        output.writeImmutableBuffer(piece)
        let left = remaining - piece.readableBytes
        state = left > 0 ? .data(remaining: left, signature: signature) : .dataEnd
        if left == 0 { try checkChunk(signature) }
    }

    /// Nil until the line's end has arrived.
    private mutating func nextLine(_ input: inout ByteBuffer) throws(SignatureFailure) -> String? {
        let view = input.readableBytesView
        let end = view.firstIndex(of: 0x0a)
        let length = end.map { view.distance(from: view.startIndex, to: $0) + 1 } ?? view.count
        guard line.count + length <= Self.maximumLineBytes else { throw .malformedBody("A chunk header is too long.") }
        line += input.readBytes(length: length) ?? []
        guard end != nil else { return nil }
        defer { line = [] }
        while let last = line.last, last == 0x0a || last == 0x0d { line.removeLast() }
        return String(decoding: line, as: UTF8.self)
    }

    private mutating func take(_ line: String) throws(SignatureFailure) {
        switch state {
        case .header: try takeHeader(line)
        case .dataEnd:
            guard line.isEmpty else { throw .malformedBody("A chunk is longer than it says.") }
            state = .header
        case .trailer: try takeTrailer(line)
        case .done: guard line.isEmpty else { throw .malformedBody("There is data behind the last chunk.") }
        case .data: break
        }
    }

    private mutating func takeHeader(_ line: String) throws(SignatureFailure) {
        let parts = line.split(separator: ";", maxSplits: 1)
        guard let digits = parts.first, digits.allSatisfy(\.isHexDigit), let size = Int(digits, radix: 16),
            size <= Self.maximumChunkBytes
        else {
            throw .malformedBody("A chunk header is not a size.")
        }
        let name = "chunk-signature="
        let signature = parts.dropFirst().first { $0.hasPrefix(name) }.map { String($0.dropFirst(name.count)) }
        guard size == 0 else {
            state = .data(remaining: size, signature: signature)
            return
        }
        try checkChunk(signature)
        state = .trailer
    }

    private mutating func checkChunk(_ signature: String?) throws(SignatureFailure) {
        guard chain != nil else { return }
        let digest = Hex.encode(hash.finalize())
        hash = SHA256()
        guard let expected = chain?.next(dataHash: digest), let signature, SigV4.constantTimeEqual(expected, signature)
        else {
            throw .mismatch
        }
    }

    private mutating func takeTrailer(_ line: String) throws(SignatureFailure) {
        guard !line.isEmpty else {
            // The last chunk's own line end; the trailer is still to come.
            if expectsTrailer && trailers.isEmpty && trailerSignature == nil { return }
            return try endOfTrailer()
        }
        guard expectsTrailer, let colon = line.firstIndex(where: { $0 == ":" || $0 == "=" }),
            trailers.count < Self.maximumTrailers
        else { throw .malformedBody("The trailer is malformed.") }
        let name = line[..<colon].lowercased()
        let value = line[line.index(after: colon)...].split(separator: " ").joined(separator: " ")
        if name == "x-amz-trailer-signature" { trailerSignature = value } else { trailers.append((name, value)) }
    }

    private mutating func endOfTrailer() throws(SignatureFailure) {
        state = .done
        guard expectsTrailer, chain != nil else { return }
        let lines = trailers.map { "\($0.name):\($0.value)\n" }.joined()
        guard let expected = chain?.trailer(lines), let trailerSignature,
            SigV4.constantTimeEqual(expected, trailerSignature)
        else { throw .mismatch }
    }
}
