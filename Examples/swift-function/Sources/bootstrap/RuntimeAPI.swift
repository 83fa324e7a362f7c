// SPDX-License-Identifier: Apache-2.0
import FoundationEssentials
import Glibc

/// An event that waits for its answer.
struct Invocation {
    let id: String
    let event: Data
}

/// What the runtime itself cannot go on after: the environment ends.
struct RuntimeFailure: Error, CustomStringConvertible {
    let description: String
}

/// A client of the Lambda Runtime API: HTTP/1.1 over one connection that is kept, one request at a time.
struct RuntimeAPI: ~Copyable {
    private struct Response {
        var status: Int
        var headers: [String: String]
        var body: Data
    }

    private static let path = "/2018-06-01/runtime"
    private static let headBytes = 65_536

    private let address: String
    private let connection: Int32
    /// What has been received beyond the last response.
    private var received = Data()

    /// `address`: the value of AWS_LAMBDA_RUNTIME_API, `127.0.0.1:9001`.
    init(address: String) throws {
        let parts = address.split(separator: ":")
        var peer = sockaddr_in()
        peer.sin_family = sa_family_t(AF_INET)
        guard parts.count == 2, let port = UInt16(parts[1]), inet_pton(AF_INET, String(parts[0]), &peer.sin_addr) == 1
        else { throw RuntimeFailure(description: "“\(address)” is no address of a Runtime API") }
        peer.sin_port = port.bigEndian
        let connection = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let connected = withUnsafePointer(to: &peer) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw RuntimeFailure(description: "cannot connect to \(address): errno \(errno)") }
        self.address = address
        self.connection = connection
    }

    deinit { close(connection) }

    /// Says that the last invocation is over, and waits for the next: as long as it takes.
    mutating func next() throws -> Invocation {
        let response = try exchange("GET", "/invocation/next")
        guard response.status == 200, let id = response.headers["lambda-runtime-aws-request-id"] else {
            throw RuntimeFailure(description: "no invocation: status \(response.status)")
        }
        return Invocation(id: id, event: response.body)
    }

    mutating func answer(_ invocation: Invocation, _ payload: Data) throws {
        _ = try exchange("POST", "/invocation/\(invocation.id)/response", body: payload)
    }

    mutating func report(_ error: any Error, of invocation: Invocation) throws {
        try report(error, to: "/invocation/\(invocation.id)/error")
    }

    /// The function could not be made ready.
    mutating func reportInit(_ error: any Error) throws { try report(error, to: "/init/error") }

    private mutating func report(_ error: any Error, to path: String) throws {
        struct Report: Encodable {
            var errorType: String
            var errorMessage: String
            var stackTrace: [String] = []
        }
        let type = String(describing: Swift.type(of: error))
        let body = try JSONEncoder().encode(Report(errorType: type, errorMessage: "\(error)"))
        _ = try exchange("POST", path, headers: ["Lambda-Runtime-Function-Error-Type: \(type)"], body: body)
    }

    // MARK: HTTP

    private mutating func exchange(
        _ method: String,
        _ path: String,
        headers: [String] = [],
        body: Data = Data()
    ) throws -> Response {
        let head =
            ["\(method) \(Self.path)\(path) HTTP/1.1", "Host: \(address)", "Content-Length: \(body.count)"] + headers
        try send(Data((head.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body)
        let end = Data("\r\n\r\n".utf8)
        var headEnd = received.firstRange(of: end)
        while headEnd == nil {
            guard received.count < Self.headBytes else { throw RuntimeFailure(description: "a head without end") }
            try receive()
            headEnd = received.firstRange(of: end)
        }
        guard let headEnd, var response = Self.head(received[..<headEnd.lowerBound]) else {
            throw RuntimeFailure(description: "an answer that is not HTTP")
        }
        received = Data(received[headEnd.upperBound...])
        let length = response.headers["content-length"].flatMap { Int($0) } ?? 0
        while received.count < length { try receive() }
        response.body = Data(received.prefix(length))
        received = Data(received.dropFirst(length))
        return response
    }

    private static func head(_ bytes: Data) -> Response? {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        return Response(status: status, headers: headers, body: Data())
    }

    private func send(_ bytes: Data) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw RuntimeFailure(description: "cannot send: errno \(errno)") }
            rest = rest.dropFirst(count)
        }
    }

    private mutating func receive() throws {
        var part = [UInt8](repeating: 0, count: 65_536)
        let count = recv(connection, &part, part.count, 0)
        guard count > 0 else { throw RuntimeFailure(description: "the Runtime API has hung up") }
        received.append(contentsOf: part[..<count])
    }
}
