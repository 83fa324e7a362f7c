// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore
import NIOCore

/// The event that a function gets for an HTTP request. AWS: payload format version 2.0
struct FunctionURLEvent {
    let request: FunctionURLRequest
    let url: FunctionURL
    let traceHeader: String

    /// What signed the request is nobody else's business.
    private static let secrets: Set<String> = ["authorization", "x-amz-security-token"]

    var payload: ByteBuffer {
        var members: [JSONValue.Member] = [
            .init("version", .string("2.0")), .init("routeKey", .string("$default")),
            .init("rawPath", .string(request.path)), .init("rawQueryString", .string(request.query)),
        ]
        if !cookies.isEmpty { members.append(.init("cookies", .array(cookies.map { .string($0) }))) }
        members.append(.init("headers", .object(headers)))
        if !queryParameters.isEmpty { members.append(.init("queryStringParameters", .object(queryParameters))) }
        members.append(.init("requestContext", .object(context)))
        let (text, isBase64) = body
        if let text { members.append(.init("body", .string(text))) }
        members.append(.init("isBase64Encoded", .bool(isBase64)))
        return JSONValue.object(members).compactBuffer
    }

    /// Each as it stands in `Cookie`.
    private var cookies: [String] {
        request.headers.filter { $0.name == .cookie }
            .flatMap { $0.value.split(separator: ";") }
            .map { String($0.drop { $0 == " " }) }
            .filter { !$0.isEmpty }
    }

    /// In lower case, repeated ones joined, with what a load balancer adds.
    private var headers: [JSONValue.Member] {
        var names: [String] = []
        var values: [String: String] = [:]
        for field in request.headers where field.name != .cookie {
            let name = field.name.canonicalName
            if url.authType == "AWS_IAM", Self.secrets.contains(name) { continue }
            if values[name] == nil { names.append(name) }
            values[name] = values[name].map { "\($0),\(field.value)" } ?? field.value
        }
        let hops = values["x-forwarded-for"].map { "\($0), \(request.sourceAddress)" } ?? request.sourceAddress
        let added = [
            ("host", request.authority), ("x-amzn-trace-id", traceHeader), ("x-forwarded-for", hops),
            ("x-forwarded-port", String(request.endpoint.port)), ("x-forwarded-proto", request.endpoint.scheme),
        ]
        for (name, value) in added {
            if values[name] == nil { names.append(name) }
            values[name] = value
        }
        return names.map { .init($0, .string(values[$0] ?? "")) }
    }

    /// Decoded; repeated ones joined.
    private var queryParameters: [JSONValue.Member] {
        var names: [String] = []
        var values: [String: String] = [:]
        for pair in request.query.utf8.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let decoded = parts.map { String(decoding: URIEncoding.decode($0, plusIsSpace: true), as: UTF8.self) }
            let (name, value) = (decoded[0], decoded.count > 1 ? decoded[1] : "")
            if values[name] == nil { names.append(name) }
            values[name] = values[name].map { "\($0),\(value)" } ?? value
        }
        return names.map { .init($0, .string(values[$0] ?? "")) }
    }

    private var context: [JSONValue.Member] {
        let isSigned = url.authType == "AWS_IAM"
        var members: [JSONValue.Member] = [
            .init("accountId", .string(isSigned ? request.principal.account.text : "anonymous")),
            .init("apiId", .string(url.id)),
        ]
        if isSigned { members.append(.init("authorizer", .object([.init("iam", .object(caller))]))) }
        let rest: [JSONValue.Member] = [
            .init("domainName", .string(request.host)), .init("domainPrefix", .string(url.id)),
            .init("http", .object(http)),
            .init("requestId", .string(request.requestID)), .init("routeKey", .string("$default")),
            .init("stage", .string("$default")), .init("time", .string(Self.commonLogTime(request.receivedAt))),
            .init("timeEpoch", .integer(Int(clamping: request.receivedAt.milliseconds))),
        ]
        return members + rest
    }

    private var http: [JSONValue.Member] {
        let path = String(decoding: URIEncoding.decode(request.path.utf8), as: UTF8.self)
        return [
            .init("method", .string(request.method)), .init("path", .string(path)),
            .init("protocol", .string("HTTP/1.1")), .init("sourceIp", .string(request.sourceAddress)),
            .init("userAgent", .string(request.headers[.userAgent] ?? "")),
        ]
    }

    private var caller: [JSONValue.Member] {
        let principal = request.principal
        return [
            .init("accessKey", .string(principal.accessKeyID ?? "")),
            .init("accountId", .string(principal.account.text)),
            .init("callerId", .string(principal.userID)),
            .init("userArn", .string(principal.arn.description)),
            .init("userId", .string(principal.userID)),
        ]
    }

    /// Text stays text, everything else is base 64. Nil for no body at all.
    private var body: (text: String?, isBase64: Bool) {
        guard request.body.readableBytes > 0 else { return (nil, false) }
        let bytes = request.body.readableBytesView
        if Self.isText(request.headers[.contentType]), let text = String(validating: bytes, as: UTF8.self) {
            return (text, false)
        }
        return (Base64.encode(bytes), true)
    }

    static func isText(_ contentType: String?) -> Bool {
        guard let contentType else { return false }
        let type = String(contentType.prefix { $0 != ";" }).lowercased().filter { $0 != " " }
        if type.hasPrefix("text/") || type.hasSuffix("+json") || type.hasSuffix("+xml") { return true }
        return ["application/json", "application/xml", "application/javascript"].contains(type)
    }

    /// `12/Mar/2020:19:03:58 +0000`
    static func commonLogTime(_ instant: Instant) -> String {
        let date = UTCDate(instant)
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let month = months[min(max(date.month, 1), 12) - 1]
        let time = [date.hour, date.minute, date.second].map { $0.padded(2) }.joined(separator: ":")
        return "\(date.day.padded(2))/\(month)/\(date.year.padded(4)):\(time) +0000"
    }
}
