// SPDX-License-Identifier: Apache-2.0
import AWSWire
import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// A repository of a registry that speaks version 2 of Docker's protocol, which is OCI's too. Tokens live as long as one use of
/// it, which is shorter than any registry lets them live.
struct RegistrySource: ImageSource {
    let host: String
    let repository: String
    /// Without TLS.
    let isPlain: Bool
    let credentials: RegistryCredentials
    let limits: ImageLimits

    private static let redirects = 5
    private static let documentPatience = TimeAmount.seconds(30)
    /// For a layer of several gigabytes; one that stops coming is given up after the client's read timeout.
    private static let blobPatience = TimeAmount.minutes(30)

    /// Redirects are followed here, because a login must not follow them to another host.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(10)
        configuration.timeout.read = .seconds(60)
        configuration.httpVersion = .http1Only
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    func document(tag: String?) async throws -> [UInt8] { try await manifest(tag ?? "latest") }
    func document(_ digest: ImageDigest) async throws -> [UInt8] { try await manifest(digest.description) }

    private func manifest(_ name: String) async throws -> [UInt8] {
        let response = try await get("manifests/\(name)", accept: MediaType.documents, Self.documentPatience)
        return try await whole(response)
    }

    func blob(_ digest: ImageDigest, into writer: BlobWriter) async throws {
        let response = try await get("blobs/\(digest)", accept: "*/*", Self.blobPatience)
        try await reaching {
            for try await piece in response.body {
                try piece.withUnsafeReadableBytes(writer.append)
            }
        }
    }

    // MARK: Requests

    private var base: String { "\(isPlain ? "http" : "https")://\(host)" }

    /// The answer of status 200, after at most one round of proving who we are.
    private func get(_ path: String, accept: String, _ patience: TimeAmount) async throws -> HTTPClientResponse {
        let url = "\(base)/v2/\(repository)/\(path)"
        var response = try await follow(url, accept: accept, authorization: nil, patience)
        if response.status == .unauthorized {
            let authorization = try await answer(response.headers["www-authenticate"])
            response = try await follow(url, accept: accept, authorization: authorization, patience)
        }
        try check(response.status, path)
        return response
    }

    private func follow(
        _ first: String,
        accept: String,
        authorization: String?,
        _ patience: TimeAmount
    ) async throws -> HTTPClientResponse {
        var url = first
        var authorization = authorization
        for _ in 0...Self.redirects {
            var request = HTTPClientRequest(url: url)
            request.headers.add(name: "accept", value: accept)
            request.headers.add(name: "user-agent", value: "martlet")
            if let authorization { request.headers.add(name: "authorization", value: authorization) }
            let response = try await execute(request, patience)
            guard (301...308).contains(response.status.code), response.status != .notModified,
                let location = response.headers.first(name: "location")
            else { return response }
            let next = try redirected(to: location)
            if !next.hasPrefix(base + "/") { authorization = nil }
            url = next
        }
        throw ImageFault(.unavailable, "\(host) redirects without end")
    }

    /// An absolute address, or a path of the registry's own. Never from TLS to plain HTTP.
    private func redirected(to location: String) throws(ImageFault) -> String {
        if location.hasPrefix("/"), !location.hasPrefix("//") { return base + location }
        guard isAllowed(location) else {
            throw ImageFault(.unavailable, "\(host) redirects to an address that is not HTTPS")
        }
        return location
    }

    /// Plain HTTP stays on the host that is allowed to speak it.
    private func isAllowed(_ url: String) -> Bool {
        url.hasPrefix("https://") || (isPlain && url.hasPrefix(base + "/"))
    }

    private func execute(_ request: HTTPClientRequest, _ patience: TimeAmount) async throws -> HTTPClientResponse {
        try await reaching { try await Self.client.execute(request, deadline: .now() + patience) }
    }

    /// Turns what goes wrong on the way into a sentence.
    private func reaching<T>(_ work: () async throws -> T) async throws -> T {
        do {
            return try await work()
        } catch let error where error is ImageFault || error is CancellationError {
            throw error
        } catch {
            // The client has an error of its own for it.
            try Task.checkCancellation()
            throw ImageFault(.unavailable, "\(host) cannot be reached: \(error)")
        }
    }

    private func whole(_ response: HTTPClientResponse) async throws -> [UInt8] {
        try await reaching {
            var bytes: [UInt8] = []
            for try await piece in response.body {
                guard bytes.count + piece.readableBytes <= limits.documentBytes else {
                    throw ImageFault(.tooLarge, "a document of \(host) is larger than \(limits.documentBytes) bytes")
                }
                bytes += piece.readableBytesView
            }
            return bytes
        }
    }

    private func check(_ status: HTTPResponseStatus, _ path: String) throws(ImageFault) {
        switch status.code {
        case 200: return
        case 401, 403: throw ImageFault(.accessDenied, "\(host) does not let Martlet read \(repository)")
        case 404: throw ImageFault(.notFound, "\(host) has no \(path) of \(repository)")
        default: throw ImageFault(.unavailable, "\(host) answers \(status.code)")
        }
    }

    // MARK: Who we are

    /// What to send as `Authorization`.
    private func answer(_ challenges: [String]) async throws -> String {
        let login = credentials.login(for: host)
        for case let challenge? in challenges.map(RegistryChallenge.init) {
            switch challenge {
            case .basic:
                if let login { return login.header }
            case .bearer(let realm, let service, let scope):
                return "Bearer " + (try await token(realm, service, scope ?? "repository:\(repository):pull", login))
            }
        }
        throw ImageFault(
            .accessDenied,
            "\(host) wants a login for \(repository), and there is none in the file of logins"
        )
    }

    private func token(
        _ realm: String,
        _ service: String?,
        _ scope: String,
        _ login: RegistryCredentials.Login?
    ) async throws -> String {
        guard isAllowed(realm) else {
            throw ImageFault(.unavailable, "\(host) sends for a token to an address that is not HTTPS")
        }
        var items = ["scope=\(URIEncoding.encode(scope))"]
        if let service { items.append("service=\(URIEncoding.encode(service))") }
        var request = HTTPClientRequest(url: realm + (realm.contains("?") ? "&" : "?") + items.joined(separator: "&"))
        if let login { request.headers.add(name: "authorization", value: login.header) }
        let response = try await execute(request, Self.documentPatience)
        guard response.status == .ok else {
            throw ImageFault(.accessDenied, "\(host) gives no token for \(repository): \(response.status.code)")
        }
        let value = try? JSONValue(parsing: try await whole(response))
        guard let token = value?["token"]?.stringValue ?? value?["access_token"]?.stringValue,
            token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else { throw ImageFault(.unavailable, "\(host) gives something else than a token") }
        return token
    }
}
