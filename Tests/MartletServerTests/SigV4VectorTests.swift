// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore
import Testing

/// One case of AWS's published SigV4 test suite: a request and the signature that it must get.
struct SigV4Vector: Sendable, CustomTestStringConvertible {
    let name: String
    var method = "GET"
    var path = "/"
    var query = ""
    var headers: [(String, String)] = []
    var body = ""
    let signature: String

    var testDescription: String { name }

    static let signer = SigV4Signer(
        accessKeyID: "AKIDEXAMPLE",
        secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        region: "us-east-1",
        service: "service"
    )
    static let date = UTCDate(year: 2015, month: 8, day: 30, hour: 12, minute: 36)?.instant

    var request: SignableRequest {
        var fields = HTTPFields()
        for (name, value) in headers {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        return SignableRequest(
            method: method,
            path: path,
            query: query,
            headers: fields,
            authority: "example.amazonaws.com"
        )
    }

    static let unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    static let token =
        "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7"
        + "mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY"
        + "9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="

    static let all = [
        SigV4Vector(
            name: "get-header-key-duplicate",
            headers: [("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")],
            signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"
        ),
        SigV4Vector(
            name: "get-header-value-order",
            headers: [
                ("My-Header1", "value4"), ("My-Header1", "value1"), ("My-Header1", "value3"), ("My-Header1", "value2"),
            ],
            signature: "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"
        ),
        SigV4Vector(
            name: "get-header-value-trim",
            headers: [("My-Header1", " value1"), ("My-Header2", "\"a   b   c\"")],
            signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"
        ),
        SigV4Vector(
            name: "get-relative",
            path: "/example/..",
            signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        ),
        SigV4Vector(
            name: "get-relative-relative",
            path: "/example1/example2/../..",
            signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        ),
        SigV4Vector(
            name: "get-slash",
            path: "//",
            signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        ),
        SigV4Vector(
            name: "get-slash-dot-slash",
            path: "/./",
            signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        ),
        SigV4Vector(
            name: "get-slashes",
            path: "//example//",
            signature: "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"
        ),
        SigV4Vector(
            name: "get-unreserved",
            path: "/" + unreserved,
            signature: "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"
        ),
        SigV4Vector(
            name: "get-utf8",
            path: "/\u{1234}",
            signature: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"
        ),
        SigV4Vector(
            name: "get-vanilla",
            signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        ),
        SigV4Vector(
            name: "get-vanilla-empty-query-key",
            query: "Param1=value1",
            signature: "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"
        ),
        SigV4Vector(
            name: "get-vanilla-query-order-key-case",
            query: "Param2=value2&Param1=value1",
            signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
        ),
        SigV4Vector(
            name: "get-vanilla-query-order-value",
            query: "Param1=value2&Param1=value1",
            signature: "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"
        ),
        SigV4Vector(
            name: "get-vanilla-query-order-encoded",
            query: "Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
            signature: "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"
        ),
        SigV4Vector(
            name: "get-vanilla-query-unreserved",
            query: "\(unreserved)=\(unreserved)",
            signature: "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"
        ),
        SigV4Vector(
            name: "get-vanilla-utf8-query",
            query: "\u{1234}=bar",
            signature: "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"
        ),
        SigV4Vector(
            name: "post-header-key-sort",
            method: "POST",
            headers: [("My-Header1", "value1")],
            signature: "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"
        ),
        SigV4Vector(
            name: "post-header-value-case",
            method: "POST",
            headers: [("My-Header1", "VALUE1")],
            signature: "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"
        ),
        SigV4Vector(
            name: "post-sts-header-before",
            method: "POST",
            headers: [("X-Amz-Security-Token", token)],
            signature: "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
        ),
        SigV4Vector(
            name: "post-vanilla",
            method: "POST",
            signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        ),
        SigV4Vector(
            name: "post-vanilla-query",
            method: "POST",
            query: "Param1=value1",
            signature: "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"
        ),
        SigV4Vector(
            name: "post-x-www-form-urlencoded",
            method: "POST",
            headers: [("Content-Type", "application/x-www-form-urlencoded")],
            body: "Param1=value1",
            signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        ),
        SigV4Vector(
            name: "post-x-www-form-urlencoded-parameters",
            method: "POST",
            headers: [("Content-Type", "application/x-www-form-urlencoded; charset=utf8")],
            body: "Param1=value1",
            signature: "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe"
        ),
    ]
}

@Suite("SigV4, AWS's test suite") struct SigV4VectorTests {
    @Test("the signer reaches the published signature", arguments: SigV4Vector.all)
    func signs(vector: SigV4Vector) throws {
        var request = vector.request
        let signature = SigV4Vector.signer.sign(
            &request,
            payload: .bytes(Array(vector.body.utf8)),
            at: try #require(SigV4Vector.date)
        )
        #expect(signature == vector.signature)
    }

    @Test("the verifier accepts the published signature, and no other", arguments: SigV4Vector.all)
    func verifies(vector: SigV4Vector) throws {
        var request = vector.request
        SigV4Vector.signer.sign(&request, payload: .bytes(Array(vector.body.utf8)), at: try #require(SigV4Vector.date))
        var presented = try #require(try PresentedSignature(of: request))
        presented.signature = vector.signature
        let verifier = SigV4Verifier()
        let hash = SigV4.sha256(vector.body.utf8)
        try verifier.checkSignature(
            presented,
            of: request,
            payloadHash: hash,
            secret: SigV4Vector.signer.secretAccessKey
        )
        #expect(throws: SignatureFailure.mismatch) {
            try verifier.checkSignature(presented, of: request, payloadHash: hash, secret: "another")
        }
        presented.signature = String(vector.signature.reversed())
        #expect(throws: SignatureFailure.mismatch) {
            try verifier.checkSignature(
                presented,
                of: request,
                payloadHash: hash,
                secret: SigV4Vector.signer.secretAccessKey
            )
        }
    }

    @Test("a presigned request has the published signature")
    func presigns() throws {
        let date = try #require(SigV4Vector.date)
        var request = SigV4Vector(name: "", query: "\(SigV4Vector.unreserved)=\(SigV4Vector.unreserved)", signature: "")
            .request
        SigV4Vector.signer.presign(&request, expiresAfterSeconds: 3_600, at: date)
        #expect(
            request.query.hasSuffix("&X-Amz-Signature=8e76a88a7433637b12778d5592799b29ad21ecd6cf6325051c21d86f0acda2bf")
        )
    }

    @Test("a presigned request of a session signs its token")
    func presignsToken() throws {
        var signer = SigV4Vector.signer
        signer.sessionToken = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"
        var request = SigV4Vector(name: "", signature: "").request
        signer.presign(&request, expiresAfterSeconds: 3_600, at: try #require(SigV4Vector.date))
        #expect(
            request.query.hasSuffix("&X-Amz-Signature=7ff2b50b376cb4d151970630573d6291dc128cc5c2a12ffb237f73cc53f67b6c")
        )
    }

    @Test("what is percent-encoded on the wire is encoded once more, except for S3")
    func encodesTwice() {
        let request = SignableRequest(method: "GET", path: "/a%20b/./c", authority: "h")
        let usual = CanonicalRequest(request, signedHeaders: ["host"], payloadHash: "", path: .init(service: "lambda"))
            .text
        let s3 = CanonicalRequest(request, signedHeaders: ["host"], payloadHash: "", path: .init(service: "s3")).text
        #expect(usual.split(separator: "\n")[1] == "/a%2520b/c")
        #expect(s3.split(separator: "\n")[1] == "/a%20b/./c")
    }

    @Test("a full cache of signing keys empties itself")
    func boundsTheCache() throws {
        let keys = SigningKeyCache(limit: 4)
        let verifier = SigV4Verifier(keys: keys)
        var request = SigV4Vector(name: "", signature: "").request
        SigV4Vector.signer.sign(&request, payload: .bytes([]), at: try #require(SigV4Vector.date))
        let presented = try #require(try PresentedSignature(of: request))
        for number in 0..<50 {
            #expect(throws: SignatureFailure.mismatch) {
                try verifier.checkSignature(
                    presented,
                    of: request,
                    payloadHash: SigV4.emptyHash,
                    secret: "secret \(number)"
                )
            }
            #expect(keys.count <= 4)
        }
    }
}
