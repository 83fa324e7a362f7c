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
        let request = try request(service, method, path, query, headers, body)
        return try await reached { try await Self.execute(request) }
    }

    private func request(
        _ service: String,
        _ method: String,
        _ path: String,
        _ query: [(String, String)],
        _ headers: [(String, String)],
        _ body: ByteBuffer
    ) throws -> HTTPClientRequest {
        let signed = try sign(service, method, path, query, headers, body)
        var request = HTTPClientRequest(url: signed.url)
        request.method = HTTPMethod(rawValue: method)
        for (name, value) in signed.headers where name.lowercased() != "host" {
            request.headers.add(name: name, value: value)
        }
        request.body = .bytes(body)
        return request
    }

    /// Says what to do where nothing answers.
    private func reached<T>(_ body: () async throws -> T) async throws -> T {
        do {
            return try await body()
        } catch let error as HTTPClientError where error == .connectTimeout {
            throw unreachable
        } catch is NIOConnectionError {
            throw unreachable
        } catch let error as IOError where error.errnoCode == ECONNREFUSED {
            throw unreachable
        }
    }

    /// Reads an answer that comes line by line, until the server ends it. Empty lines are signs of life.
    func lines(
        service: String,
        path: String,
        query: [(String, String)],
        _ body: (String) throws -> Void
    ) async throws {
        let request = try request(service, "GET", path, query, [], ByteBuffer())
        let client = HTTPClient(configuration: Self.configuration)
        do {
            // Years: the person ends it.
            let response = try await reached { try await client.execute(request, timeout: .hours(100_000)) }
            guard response.status.code == 200 else {
                let text = try await response.body.collect(upTo: 1 << 20)
                let error = Response(status: Int(response.status.code), headers: response.headers, body: text).error
                throw CommandFailure("\(error.code): \(error.message)")
            }
            var rest = ByteBuffer()
            for try await piece in response.body {
                rest.writeImmutableBuffer(piece)
                try Self.takeLines(&rest, body)
            }
            try await client.shutdown()
        } catch {
            try await client.shutdown()
            throw error
        }
    }

    private static func takeLines(_ buffer: inout ByteBuffer, _ body: (String) throws -> Void) throws {
        while let end = buffer.readableBytesView.firstIndex(of: 0x0a) {
            let line = buffer.readString(length: end - buffer.readerIndex) ?? ""
            buffer.moveReaderIndex(forwardBy: 1)
            if !line.isEmpty { try body(line) }
        }
        buffer.discardReadBytes()
        guard buffer.readableBytes <= longestLine else {
            throw CommandFailure("The server sent a line without an end.")
        }
    }

    private static let longestLine = 1 << 20

    private static var configuration: HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration()
        // Where nothing listens, nothing will: the person waits.
        configuration.connectionPool.retryConnectionEstablishment = false
        return configuration
    }

    private static func execute(_ request: HTTPClientRequest) async throws -> Response {
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
