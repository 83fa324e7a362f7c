// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore
import NIOCore

/// Requests that nobody means well with: valid ones whose bytes, values and names are changed. The seed makes a run
/// repeatable. In process, so thousands of them are quick.
package struct HostileRequests {
    /// One that is valid.
    package struct Sample: Sendable {
        /// `AmazonSQS.SendMessage`; nil for the Query protocol.
        package var target: String?
        package var body: String
        package var method = "POST"
        package var path = "/"
        /// Of the REST protocols.
        private(set) var isREST = false

        package init(target: String? = nil, _ body: String) { (self.target, self.body) = (target, body) }

        /// In the Query protocol.
        package static func query(_ action: String, _ members: [(String, String)], version: String) -> Sample {
            let pairs = [("Action", action), ("Version", version)] + members
            return Sample(pairs.map { "\($0.0)=\(URIEncoding.encode($0.1))" }.joined(separator: "&"))
        }

        /// In REST with JSON.
        package static func rest(_ method: String, _ path: String, _ body: String) -> Sample {
            var sample = Sample(body)
            (sample.method, sample.path, sample.isREST) = (method, path, true)
            return sample
        }

        fileprivate var isJSON: Bool { isREST || target != nil }
        fileprivate var contentType: String {
            if isREST { return "application/json" }
            return target == nil ? "application/x-www-form-urlencoded" : "application/x-amz-json-1.0"
        }
    }

    /// What was answered.
    package struct Tally: Sendable {
        package var statuses: [Int: Int] = [:]
        /// Answers that no client may get, with their requests.
        package var faults: [String] = []
        /// The codes of errors.
        package var codes: Set<String> = []

        package init() {}
    }

    private var state: UInt64
    private let samples: [Sample]
    private let service: String

    package init(seed: UInt64, like samples: [Sample], to service: String) {
        (state, self.samples, self.service) = (seed &+ 1, samples, service)
    }

    private mutating func next(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(truncatingIfNeeded: state >> 33) % max(bound, 1)
    }

    private mutating func one<T>(of values: [T]) -> T { values[next(values.count)] }

    /// Sends `count` of them one after another.
    package mutating func send(_ count: Int, to server: TestServer) async throws -> Tally {
        var tally = Tally()
        for _ in 0..<count {
            let sample = one(of: samples)
            let body = sample.isJSON ? hostile(json: sample.body) : hostile(form: sample.body)
            var request = SignableRequest(method: sample.method, path: hostile(path: sample), authority: "localhost")
            request.headers[.contentType] = sample.contentType
            request.headers[.authorization] =
                "AWS4-HMAC-SHA256 Credential=test/20260131/us-east-1/\(service)/aws4_request, SignedHeaders=host, "
                + "Signature=00"
            if let target = sample.target, let name = HTTPField.Name("X-Amz-Target") { request.headers[name] = target }
            let response = try await server.transport.send(request, body: ByteBuffer(bytes: body))
            tally.note(response, of: body, sample)
        }
        return tally
    }

    // MARK: Changes

    /// Numbers from 1 to 20 are left out: they are times to wait, and the clock of tests stands still.
    private static let numbers = [
        "-1", "0", "21", "9223372036854775807", "-9223372036854775808", "99999999999999999999", "1e999", "0.5", "NaN",
    ]
    private static let texts = [
        "", " ", "\u{0}", "\n", "é", "東京", "\u{202e}", "null", "../..", "arn:aws:sqs:us-east-1:000000000000:", "arn",
        "%00", "{}", "[]", "{\"a\":", "http://", "a/b/c", String(repeating: "x", count: 300_000),
        String(repeating: "[", count: 200), "'; DROP TABLE sqs_message; --",
    ]

    /// Of five requests in REST one has another name in its path.
    private mutating func hostile(path sample: Sample) -> String {
        guard sample.isREST, next(5) == 0 else { return sample.path }
        var parts = sample.path.split(separator: "/").map(String.init)
        let text = one(of: Self.texts)
        parts[next(parts.count)] = URIEncoding.encode(String(text.prefix(1_000)))
        return "/" + parts.joined(separator: "/")
    }

    private mutating func hostile(json text: String) -> [UInt8] {
        guard next(3) > 0, let tree = try? JSONValue(parsing: text) else { return damaged(Array(text.utf8)) }
        return Array(changed(tree).compactText.utf8)
    }

    private mutating func changed(_ json: JSONValue) -> JSONValue {
        switch json {
        case .object(var members) where !members.isEmpty && next(4) > 0:
            let index = next(members.count)
            switch next(8) {
            case 0: members.remove(at: index)
            case 1: members.append(members[index])
            case 2: members[index].name = one(of: Self.texts)
            default: members[index].value = changed(members[index].value)
            }
            return .object(members)
        case .array(var elements) where !elements.isEmpty && next(4) > 0:
            let index = next(elements.count)
            if next(6) == 0 {
                elements = Array(repeating: elements[index], count: 1 + next(15))
            } else {
                elements[index] = changed(elements[index])
            }
            return .array(elements)
        case .string(let text) where text.utf8.count > Self.longText && next(3) > 0: return .string(hostile(text: text))
        default: return leaf()
        }
    }

    /// Texts that are longer may be patterns, policies, queries: those are changed inside.
    private static let longText = 20

    private mutating func hostile(text: String) -> String {
        if next(2) == 0, let tree = try? JSONValue(parsing: text) { return changed(tree).compactText }
        return String(decoding: damaged(Array(text.utf8)), as: UTF8.self)
    }

    private mutating func leaf() -> JSONValue {
        switch next(7) {
        case 0: .null
        case 1: .bool(next(2) == 0)
        case 2: .integer(one(of: [-1, 0, 21, .max, .min, 1 << 31]))
        case 3: .number(one(of: [0.5, 1e300, -1e-300]))
        case 4: .array([])
        case 5: .object([.init(one(of: Self.texts), .array([.null]))])
        default: .string(one(of: Self.texts + Self.numbers))
        }
    }

    private mutating func hostile(form text: String) -> [UInt8] {
        guard next(3) > 0 else { return damaged(Array(text.utf8)) }
        var pairs = text.split(separator: "&").map(String.init)
        let index = next(pairs.count)
        let name = pairs[index].prefix { $0 != "=" }
        switch next(6) {
        case 0: pairs.remove(at: index)
        case 1: pairs.append(pairs[index])
        case 2:
            let numbers = ["0", "-1", "999999999999", "x", ""]
            pairs[index] =
                name.split(separator: ".").map { Int($0) == nil ? String($0) : one(of: numbers) }
                .joined(separator: ".") + pairs[index].dropFirst(name.count)
        default:
            let encoded = pairs[index].dropFirst(name.count + 1)
            let value = String(decoding: URIEncoding.decode(Array(encoded.utf8)), as: UTF8.self)
            let isChangedInside = value.utf8.count > Self.longText && next(3) > 0
            let changed = isChangedInside ? hostile(text: value) : one(of: Self.texts + Self.numbers)
            pairs[index] = "\(name)=\(URIEncoding.encode(changed))"
        }
        return Array(pairs.joined(separator: "&").utf8)
    }

    private mutating func damaged(_ whole: [UInt8]) -> [UInt8] {
        var bytes = whole
        for _ in 0...next(4) where !bytes.isEmpty {
            let place = next(bytes.count)
            switch next(4) {
            // Digits would make times to wait.
            case 0: bytes[place] = UInt8(0x3a + next(0xc5))
            case 1: bytes.removeSubrange(place...)
            case 2: bytes.remove(at: place)
            default: bytes.insert(UInt8(next(0x30)), at: place)
            }
        }
        return bytes
    }
}

extension HostileRequests.Tally {
    package var total: Int { statuses.values.reduce(0, +) }

    package static func + (left: Self, right: Self) -> Self {
        var sum = left
        sum.statuses.merge(right.statuses, uniquingKeysWith: +)
        sum.faults += right.faults
        sum.codes.formUnion(right.codes)
        return sum
    }

    fileprivate mutating func note(_ response: WireResponse, of body: [UInt8], _ sample: HostileRequests.Sample) {
        statuses[response.status, default: 0] += 1
        guard response.status >= 400 else { return }
        let code = response.errorCode
        if let code { codes.insert(code) }
        if code == nil || (response.status >= 500 && response.status != 501) {
            let request = String(decoding: body.prefix(400), as: UTF8.self)
            let operation = sample.target ?? (sample.isREST ? sample.path : "Query")
            faults.append("\(response.status) \(code ?? "without a code"): \(operation) \(request)")
        }
    }
}

extension WireResponse {
    /// Of an error in any of the protocols.
    fileprivate var errorCode: String? {
        if let name = HTTPField.Name("x-amzn-errortype"), let type = headers[name] { return type }
        guard case .buffer(let buffer) = body else { return nil }
        let text = String(buffer: buffer)
        if let json = try? JSONValue(parsing: text) { return json["__type"]?.stringValue }
        guard let opening = text.firstRange(of: "<Code>"), let closing = text.firstRange(of: "</Code>"),
            opening.upperBound < closing.lowerBound
        else { return nil }
        return String(text[opening.upperBound..<closing.lowerBound])
    }
}
