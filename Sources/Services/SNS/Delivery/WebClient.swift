import AsyncHTTPClient
// SPDX-License-Identifier: Apache-2.0
import EventPatterns
package import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix

/// Posts notifications: 15 seconds for everything, no redirects, an answer's body is thrown away and never read beyond a
/// bound. The address is looked up and judged here, and the connection goes to the address that was judged.
package final class WebClient: WebSender {
    package static let timeoutMilliseconds: Int64 = 15_000
    private static let maximumAnswerBytes = 65_536
    /// Clients for TLS are one for each host and address; so many are kept.
    private static let maximumClients = 32

    private let policy: AddressPolicy
    private let timeout: TimeAmount
    private let logger: Logger
    private let plain: HTTPClient
    private let secure = NIOLockedValueBox<[String: HTTPClient]>([:])

    package init(
        policy: AddressPolicy,
        timeoutMilliseconds: Int64 = WebClient.timeoutMilliseconds,
        logger: Logger
    ) {
        self.policy = policy
        timeout = .milliseconds(timeoutMilliseconds)
        self.logger = logger
        plain = HTTPClient(eventLoopGroupProvider: .singleton, configuration: Self.configuration(timeout))
    }

    /// To be called once nothing posts any more.
    package func close() async {
        let clients = secure.withLockedValue { clients in
            defer { clients = [:] }
            return Array(clients.values)
        }
        for client in clients + [plain] {
            // It is closed already: nothing is lost.
            try? await client.shutdown()
        }
    }

    package func post(_ post: WebPost) async throws -> Int {
        guard let address = WebAddress(post.url) else { throw WebFailure("not a URL", isFinal: true) }
        let place = try await self.place(of: address)
        var request = HTTPClientRequest(url: url(address, at: place))
        request.method = .POST
        request.headers = HTTPHeaders(post.headers.map { ($0.key, $0.value) })
        request.headers.replaceOrAdd(name: "Host", value: address.authority)
        request.body = .bytes(ByteBuffer(string: post.body))
        do {
            let client = address.isSecure ? client(for: address.host, at: place) : plain
            let answer = try await client.execute(request, timeout: timeout, logger: logger)
            await discard(answer.body)
            return Int(answer.status.code)
        } catch let failure as WebFailure {
            throw failure
        } catch {
            throw WebFailure("\(error)")
        }
    }

    /// Reading on keeps the connection usable; too long an answer, or too slow a one, is cut off with it. The status counts
    /// either way.
    private func discard(_ body: HTTPClientResponse.Body) async {
        let limit = Duration.nanoseconds(timeout.nanoseconds)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // What breaks off after the status changes nothing.
                try? await Self.read(body)
            }
            group.addTask {
                // Ends early when the answer has been read.
                try? await Task.sleep(for: limit)
            }
            await group.next()
            group.cancelAll()
        }
    }

    private static func read(_ body: HTTPClientResponse.Body) async throws {
        var count = 0
        for try await part in body {
            count += part.readableBytes
            if count > maximumAnswerBytes { return }
        }
    }

    // MARK: Where it goes

    /// The numeric address. Throws `WebFailure` when there is none, or the policy forbids it.
    private func place(of address: WebAddress) async throws -> String {
        let found: SocketAddress
        do {
            found = try await NIOThreadPool.singleton.runIfActive {
                try SocketAddress.makeAddressResolvingHost(address.host, port: address.port)
            }
        } catch {
            throw WebFailure("the host is not found: \(error)")
        }
        guard let text = found.ipAddress,
            let bytes = AddressRange.bytes(of: text.split(separator: "%").first.map(String.init) ?? text)
        else { throw WebFailure("the host has no address", isFinal: true) }
        guard policy.allows(bytes) else {
            throw WebFailure("notifications are not posted to \(text)", isFinal: true)
        }
        return text
    }

    private func url(_ address: WebAddress, at place: String) -> String {
        if address.isSecure { return "https://\(address.authority)\(address.target)" }
        let host = place.contains(":") ? "[\(place)]" : place
        return "http://\(host):\(address.port)\(address.target)"
    }

    /// TLS is for the host's name, so that the client has to be told where that is.
    private func client(for host: String, at place: String) -> HTTPClient {
        secure.withLockedValue { clients in
            if let client = clients["\(host) \(place)"] { return client }
            if clients.count >= Self.maximumClients, let old = clients.randomElement() {
                clients[old.key] = nil
                // Ends what is under way there; that is tried again.
                old.value.shutdown { _ in }
            }
            var configuration = Self.configuration(timeout)
            configuration.dnsOverride = [host: place]
            let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
            clients["\(host) \(place)"] = client
            return client
        }
    }

    private static func configuration(_ timeout: TimeAmount) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.timeout = .init(connect: timeout, read: timeout)
        configuration.connectionPool.idleTimeout = .seconds(10)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 16
        configuration.httpVersion = .http1Only
        configuration.maximumUsesPerConnection = 1_000
        return configuration
    }
}
