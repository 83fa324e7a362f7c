// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore
import NIOCore
import Testing

/// AWS's published example of an upload in chunks: 65 KiB of the letter a, to S3.
enum ChunkExample {
    static let signer = SigV4Signer(
        accessKeyID: "AKIAIOSFODNN7EXAMPLE",
        secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        region: "us-east-1",
        service: "s3"
    )
    static let date = Instant(iso8601: "20130524T000000Z") ?? Instant(milliseconds: 0)
    static let data = String(repeating: "a", count: 66_560)

    static let seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    static let signatures = [
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ]
    static let trailerSeed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
    static let trailerSignatures = [
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
    ]

    static func body(_ signatures: [String], trailer: String = "") -> String {
        "10000;chunk-signature=\(signatures[0])\r\n\(data.prefix(65_536))\r\n"
            + "400;chunk-signature=\(signatures[1])\r\n\(data.prefix(1_024))\r\n"
            + "0;chunk-signature=\(signatures[2])\r\n\(trailer)\r\n"
    }

    static let trailer = "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:\(trailerSignatures[3])\r\n"

    static func decoder(_ seed: String, trailer: Bool = false, length: Int? = 66_560) -> AWSChunkedDecoder {
        AWSChunkedDecoder(
            chain: signer.chunkChain(seed: seed, at: date),
            expectsTrailer: trailer,
            expectedLength: length
        )
    }

    static func decode(_ text: String, _ decoder: AWSChunkedDecoder, pieces size: Int = .max) throws -> String {
        var (decoder, output) = (decoder, ByteBuffer())
        var rest = ByteBuffer(string: text)
        while rest.readableBytes > 0, let piece = rest.readSlice(length: min(size, rest.readableBytes)) {
            output.writeImmutableBuffer(try decoder.decode(piece))
        }
        try decoder.finish()
        return String(buffer: output)
    }
}

@Suite("SigV4, chunked bodies") struct SigV4ChunkTests {
    @Test("the seed, the chunks and the trailer of AWS's example have the published signatures")
    func seeds() throws {
        var request = SignableRequest(
            method: "PUT",
            path: "/examplebucket/chunkObject.txt",
            authority: "s3.amazonaws.com"
        )
        request.headers[.contentEncoding] = "aws-chunked"
        request.headers[.contentLength] = "66824"
        request.headers[.amzDecodedContentLength] = "66560"
        request.headers[try #require(HTTPField.Name("x-amz-storage-class"))] = "REDUCED_REDUNDANCY"
        let seed = ChunkExample.signer.sign(
            &request,
            payload: .stated("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
            at: ChunkExample.date
        )
        #expect(seed == ChunkExample.seed)
    }

    @Test("a signed body is decoded, however it is cut into pieces", arguments: [1, 7, 1_000, 65_536, Int.max])
    func decodes(pieces: Int) throws {
        let body = ChunkExample.body(ChunkExample.signatures)
        let decoded = try ChunkExample.decode(body, ChunkExample.decoder(ChunkExample.seed), pieces: pieces)
        #expect(decoded == ChunkExample.data)
    }

    @Test("a signed trailer is verified and kept", arguments: [1, 50, Int.max])
    func decodesTrailer(pieces: Int) throws {
        let body = ChunkExample.body(ChunkExample.trailerSignatures, trailer: ChunkExample.trailer)
        let decoder = ChunkExample.decoder(ChunkExample.trailerSeed, trailer: true)
        #expect(try ChunkExample.decode(body, decoder, pieces: pieces) == ChunkExample.data)
        var again = decoder
        _ = try again.decode(ByteBuffer(string: body))
        #expect(again.trailers.map(\.name) == ["x-amz-checksum-crc32c"])
        #expect(again.trailers.map(\.value) == ["sOO8/Q=="])
    }

    @Test("unsigned chunks with a trailer are decoded")
    func decodesUnsigned() throws {
        let decoder = AWSChunkedDecoder(chain: nil, expectsTrailer: true, expectedLength: 5)
        let body = "3\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"
        #expect(try ChunkExample.decode(body, decoder) == "abcde")
    }

    @Test("a changed byte, signature or trailer is a mismatch")
    func detectsChanges() throws {
        let good = ChunkExample.body(ChunkExample.trailerSignatures, trailer: ChunkExample.trailer)
        let decoder = ChunkExample.decoder(ChunkExample.trailerSeed, trailer: true)
        for (old, new) in [("aaaa\r\n", "aaab\r\n"), ("=b474", "=b475"), ("sOO8", "sOO9"), ("d81f", "d81e")] {
            let start = try #require(good.firstRange(of: old))
            let bad = good.replacingCharacters(in: start, with: new)
            #expect(throws: SignatureFailure.mismatch, "\(old) → \(new)") { try ChunkExample.decode(bad, decoder) }
        }
    }

    @Test(
        "framing that is cut short, too long or no framing at all is refused",
        arguments: [
            "", "5", "5\r\nabc", "5\r\nabcde", "5\r\nabcde\r\n", "5\r\nabcdefg\r\n0\r\n\r\n", "x\r\n", "-1\r\n",
            "5;foo\r\nabcd\r\n",
            "FFFFFFFFFFFFFFFFFF\r\n", "7FFFFFFFFFFFFFFF\r\n", "0\r\n\r\nmore", "+1\r\na\r\n0\r\n\r\n",
        ]
    )
    func refusesBrokenFraming(body: String) throws {
        let decoder = AWSChunkedDecoder(chain: nil, expectsTrailer: false, expectedLength: nil)
        #expect(throws: SignatureFailure.self) { try ChunkExample.decode(body, decoder) }
    }

    @Test("a framing line that never ends is refused")
    func refusesLongLine() throws {
        let decoder = AWSChunkedDecoder(chain: nil, expectsTrailer: false, expectedLength: nil)
        #expect(throws: SignatureFailure.self) {
            try ChunkExample.decode("1;" + String(repeating: "x", count: 9_000), decoder, pieces: 100)
        }
    }

    @Test("a length that is not the announced one is refused")
    func checksLength() throws {
        let decoder = ChunkExample.decoder(ChunkExample.seed, length: 66_561)
        #expect(throws: SignatureFailure.self) {
            try ChunkExample.decode(ChunkExample.body(ChunkExample.signatures), decoder)
        }
    }
}

extension String {
    func firstRange(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }

    func replacingCharacters(in range: Range<Index>, with text: String) -> String {
        String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
    }
}
