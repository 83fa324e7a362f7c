// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore
import NIOCore
import Testing

@testable import Lambda

@Suite("The event of a function's address") struct FunctionURLEventTests {
    private static let now = Instant(milliseconds: 1_583_348_638_390)

    private func event(
        authType: String = "NONE",
        body: ByteBuffer = ByteBuffer(),
        _ change: (inout FunctionURLRequest) -> Void = { _ in }
    ) throws -> JSONValue {
        let scope = Scope(account: .local, region: .usEast1)
        let url = FunctionURL(
            id: "abc",
            scope: scope,
            functionName: "f",
            qualifier: "$LATEST",
            authType: authType,
            invokeMode: "BUFFERED",
            cors: nil,
            created: Self.now,
            lastModified: Self.now
        )
        var request = FunctionURLRequest(
            method: "GET",
            path: "/",
            query: "",
            headers: [:],
            authority: "abc.lambda-url.us-east-1.localhost:4566",
            host: "abc.lambda-url.us-east-1.localhost",
            body: body,
            sourceAddress: "192.0.2.1",
            principal: .root(of: .local, accessKeyID: "AKIA"),
            requestID: "id",
            endpoint: Endpoint(host: "localhost", port: 4_566),
            receivedAt: Self.now
        )
        change(&request)
        return try JSONValue(
            parsing: FunctionURLEvent(request: request, url: url, traceHeader: "Root=1-0-0").payload
        )
    }

    @Test("a plain request leaves out what it has not")
    func plain() throws {
        let event = try event()
        #expect(event["version"] == .string("2.0"))
        #expect(event["routeKey"] == .string("$default"))
        for absent in ["cookies", "queryStringParameters", "body"] { #expect(event[absent] == nil) }
        #expect(event["isBase64Encoded"] == .bool(false))
        let context = try #require(event["requestContext"])
        #expect(context["accountId"] == .string("anonymous"))
        #expect(context["authorizer"] == nil)
        #expect(context["domainName"] == .string("abc.lambda-url.us-east-1.localhost"))
        #expect(context["domainPrefix"] == .string("abc"))
        #expect(context["time"] == .string("04/Mar/2020:19:03:58 +0000"))
        #expect(context["timeEpoch"] == .integer(1_583_348_638_390))
    }

    @Test("the path stays as it was sent, and stands decoded beside it")
    func path() throws {
        let event = try event { $0.path = "/a%20b//c/%2F/" }
        #expect(event["rawPath"] == .string("/a%20b//c/%2F/"))
        #expect(event["requestContext"]?["http"]?["path"] == .string("/a b//c///"))
    }

    @Test("parameters are decoded, repeated ones joined")
    func query() throws {
        let event = try event { $0.query = "a=1&b=x+y%26&a=2&c&=d&%ff=1" }
        #expect(event["rawQueryString"] == .string("a=1&b=x+y%26&a=2&c&=d&%ff=1"))
        let parameters = event["queryStringParameters"]
        #expect(parameters?["a"] == .string("1,2"))
        #expect(parameters?["b"] == .string("x y&"))
        #expect(parameters?["c"] == .string(""))
    }

    @Test("headers are in lower case, repeated ones joined; cookies have a place of their own")
    func headers() throws {
        let event = try event { request in
            request.headers.add("X-Multi", "1")
            request.headers.add("x-multi", "2")
            request.headers[.cookie] = "a=1; b=2;c"
            request.headers.add("X-Forwarded-For", "203.0.113.9")
        }
        #expect(event["headers"]?["x-multi"] == .string("1,2"))
        #expect(event["headers"]?["cookie"] == nil)
        #expect(event["cookies"] == .array([.string("a=1"), .string("b=2"), .string("c")]))
        #expect(event["headers"]?["x-forwarded-for"] == .string("203.0.113.9, 192.0.2.1"))
        #expect(event["headers"]?["host"] == .string("abc.lambda-url.us-east-1.localhost:4566"))
    }

    @Test("with AWS_IAM the caller stands in it, and what signed the request does not")
    func signed() throws {
        func give(_ request: inout FunctionURLRequest) { request.headers[.authorization] = "AWS4-HMAC-SHA256 x" }
        let signed = try event(authType: "AWS_IAM", give)
        #expect(signed["headers"]?["authorization"] == nil)
        #expect(signed["requestContext"]?["accountId"] == .string("000000000000"))
        let caller = signed["requestContext"]?["authorizer"]?["iam"]
        #expect(caller?["accessKey"] == .string("AKIA"))
        #expect(caller?["userArn"] == .string("arn:aws:iam::000000000000:root"))
        #expect(try event(give)["headers"]?["authorization"] == .string("AWS4-HMAC-SHA256 x"))
    }

    @Test(
        "a body is text where its type says so and its bytes are, else base 64",
        arguments: [
            ("text/plain", "h\u{fc}", false), ("application/json; charset=utf-8", "{}", false),
            ("application/vnd.api+json", "{}", false), ("application/x-www-form-urlencoded", "a=b", true),
            ("application/octet-stream", "x", true), (nil, "x", true),
        ] as [(String?, String, Bool)]
    )
    func bodies(type: String?, text: String, isBase64: Bool) throws {
        let event = try event(body: ByteBuffer(string: text)) { $0.headers[.contentType] = type }
        #expect(event["isBase64Encoded"] == .bool(isBase64))
        #expect(event["body"] == .string(isBase64 ? Base64.encode(Array(text.utf8)) : text))
    }

    @Test("a text that is no UTF-8 is base 64")
    func brokenText() throws {
        let event = try event(body: ByteBuffer(bytes: [0xff])) { $0.headers[.contentType] = "text/plain" }
        #expect(event["body"] == .string("/w=="))
        #expect(event["isBase64Encoded"] == .bool(true))
    }

    @Test("a host is a function's address by its second label")
    func hosts() {
        #expect(
            FunctionURLHost("abc.lambda-url.us-east-1.localhost") == FunctionURLHost("abc.lambda-url.us-east-1.on.aws")
        )
        #expect(FunctionURLHost("abc.lambda-url.us-east-1.my.own.host")?.id == "abc")
        for host in [
            "", "localhost", "lambda-url.us-east-1.localhost", ".lambda-url.x.y", "a.lambda-url..y", "a.lambda-url.x",
        ] {
            #expect(FunctionURLHost(host) == nil)
        }
    }
}

@Suite("Leave for web pages at a function's address") struct CrossOriginTests {
    private let cors = FunctionURL.CrossOrigin(
        allowCredentials: true,
        allowHeaders: ["x-a", "x-b"],
        allowMethods: ["GET", "POST"],
        allowOrigins: ["https://app.example"],
        exposeHeaders: ["x-c"],
        maxAgeSeconds: 60
    )

    @Test("a preflight of an allowed origin gets what is configured")
    func preflight() {
        let fields = cors.preflight(from: "https://app.example", asking: [.accessControlRequestMethod: "POST"])
        #expect(fields[.accessControlAllowOrigin] == "https://app.example")
        #expect(fields[.accessControlAllowMethods] == "GET,POST")
        #expect(fields[.accessControlAllowHeaders] == "x-a,x-b")
        #expect(fields[.accessControlMaxAge] == "60")
        #expect(fields[.accessControlAllowCredentials] == "true")
        #expect(cors.preflight(from: "https://evil.example", asking: [:]) == [:])
    }

    @Test("what the function says of origins is replaced")
    func replaced() {
        var fields: HTTPFields = [.accessControlAllowOrigin: "*", .contentType: "text/plain"]
        cors.decorate(&fields, for: "https://evil.example")
        #expect(fields == [.contentType: "text/plain"])
        cors.decorate(&fields, for: "https://app.example")
        #expect(fields[.accessControlAllowOrigin] == "https://app.example")
        #expect(fields[.accessControlExposeHeaders] == "x-c")
        #expect(fields[.vary] == "Origin")
    }

    @Test("everybody is a star, unless credentials come along")
    func everybody() {
        var open = FunctionURL.CrossOrigin(allowOrigins: ["*"])
        var fields = HTTPFields()
        open.decorate(&fields, for: "https://any.example")
        #expect(fields == [.accessControlAllowOrigin: "*"])
        open.allowCredentials = true
        open.decorate(&fields, for: "https://any.example")
        #expect(fields[.accessControlAllowOrigin] == "https://any.example")
    }
}
