// SPDX-License-Identifier: Apache-2.0
import AWSWire
import AsyncHTTPClient
import Glibc
import MartletCore
import NIOCore
import NIOHTTP1
import NIOPosix

/// A signed call to a running server, for the client verbs.
struct ServerClient {
    var endpoint: String
    var region: Region
    var accessKeyID: String
    var secretAccessKey: String
    var sessionToken: String?

    struct Response {
        var status: Int
        var headers: HTTPHeaders
        var body: ByteBuffer

        func header(_ name: String) -> String? { headers.first(name: name) }

        /// AWS's error, whichever JSON protocol wrote it.
        var error: (code: String, message: String) {
            let body = try? JSONValue(parsing: body)
            let raw = header("x-amzn-errortype") ?? body?["__type"]?.stringValue ?? "HTTP \(status)"
            let code = raw.split(separator: ":").first?.split(separator: "#").last.map(String.init) ?? raw
            return (code, body?["message"]?.stringValue ?? body?["Message"]?.stringValue ?? "no message")
        }
    }

    func sendJSON(service: String, target: String, _ body: JSONValue) async throws -> Response {
        try await send(
            service: service,
            method: "POST",
            path: "/",
            query: [],
            headers: [("X-Amz-Target", target), ("Content-Type", "application/x-amz-json-1.1")],
            body: body.compactBuffer
        )
    }

    /// `path` is percent-encoded already.
    func send(
        service: String,
        method: String,
        path: String,
        query: [(String, String)],
        headers: [(String, String)],
        body: ByteBuffer
    ) async throws -> Response {
        let signed = try sign(service, method, path, query, headers, body)
        var request = HTTPClientRequest(url: signed.url)
        request.method = HTTPMethod(rawValue: method)
        for (name, value) in signed.headers where name.lowercased() != "host" {
            request.headers.add(name: name, value: value)
        }
        request.body = .bytes(body)
        do {
            return try await Self.execute(request)
        } catch let error as HTTPClientError where error == .connectTimeout {
            throw unreachable
        } catch is NIOConnectionError {
            throw unreachable
        } catch let error as IOError where error.errnoCode == ECONNREFUSED {
            throw unreachable
        }
    }

    private static func execute(_ request: HTTPClientRequest) async throws -> Response {
        var configuration = HTTPClient.Configuration()
        // Where nothing listens, nothing will: the person waits.
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(configuration: configuration)
        do {
            // A function may take 15 minutes.
            let response = try await client.execute(request, timeout: .seconds(960))
            let body = try await response.body.collect(upTo: 64 << 20)
            try await client.shutdown()
            return Response(status: Int(response.status.code), headers: response.headers, body: body)
        } catch {
            try await client.shutdown()
            throw error
        }
    }

    private var unreachable: CommandFailure {
        CommandFailure("Nothing answers at \(endpoint).", next: "martlet serve   (or name the server with --endpoint)")
    }

    /// Everything but unreserved characters.
    static func encode(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e:
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += "%" + Hex.encode([byte]).uppercased()
            }
        }
        return result
    }
}
