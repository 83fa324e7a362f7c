// SPDX-License-Identifier: Apache-2.0
package import Logging
package import MartletCore
import NIOConcurrencyHelpers
package import NIOCore
import NIOPosix
import ServiceLifecycle

/// Where and how the server listens.
package struct ServerConfiguration: Sendable {
    package var host = "127.0.0.1"
    /// 0 means any free port; `onListening` says which.
    package var port = 4_566
    package var limits = HTTPLimits()

    package init(host: String = "127.0.0.1", port: Int = 4_566) {
        self.host = host
        self.port = port
    }
}

/// The front door: every AWS API on one port, and on the sockets inside the sandboxes.
///
/// A graceful shutdown closes the sockets, lets requests under way finish within `HTTPLimits.drain`, and returns.
package final class MartletServer: Service {
    private let configuration: ServerConfiguration
    private let auth: AuthMode
    private let chain: RequestChain
    private let group: any EventLoopGroup
    private let logger: Logger
    private let onListening: @Sendable (Endpoint) async -> Void
    private let main = NIOLockedValueBox<HTTPListener?>(nil)
    private let adopted: AsyncStream<HTTPListener>
    private let adopt: AsyncStream<HTTPListener>.Continuation

    package init(
        _ configuration: ServerConfiguration,
        auth: AuthMode,
        chain: RequestChain,
        group: any EventLoopGroup,
        logger: Logger,
        onListening: @escaping @Sendable (Endpoint) async -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.auth = auth
        self.chain = chain
        self.group = group
        self.logger = logger
        self.onListening = onListening
        (adopted, adopt) = AsyncStream<HTTPListener>.makeStream()
    }

    /// On the process's own event loops.
    package convenience init(
        _ configuration: ServerConfiguration,
        auth: AuthMode,
        chain: RequestChain,
        logger: Logger,
        onListening: @escaping @Sendable (Endpoint) async -> Void = { _ in }
    ) {
        self.init(
            configuration,
            auth: auth,
            chain: chain,
            group: MultiThreadedEventLoopGroup.singleton,
            logger: logger,
            onListening: onListening
        )
    }

    /// Listens and answers until it is told to stop. Throws `MartletError` `server.address` for an address that the
    /// mode forbids, and what the system says of an address that is taken.
    package func run() async throws {
        let address = try resolve()
        let listener: HTTPListener
        do {
            listener = try await .bind(address, limits: configuration.limits, group: group)
        } catch {
            throw MartletError(
                "server.listen",
                "cannot listen on \(configuration.host):\(configuration.port); choose another with --port",
                cause: error
            )
        }
        main.withLockedValue { $0 = listener }
        let port = listener.address?.port ?? configuration.port
        let endpoint = Endpoint(host: configuration.host, port: port)
        logger.info("listening", metadata: ["endpoint": "\(endpoint)", "auth": "\(auth.rawValue)"])
        await onListening(endpoint)
        await withGracefulShutdownHandler {
            await serveAll(listener)
        } onGracefulShutdown: {
            listener.drain()
        }
    }

    /// What a graceful shutdown of the surrounding service group does too: `run` returns when the last request is
    /// answered.
    package func shutDown() { main.withLockedValue { $0 }?.drain() }

    /// Serves a listening socket that somebody else made, such as the one inside a sandbox's network: the same chain,
    /// fewer connections, and in every mode only keys that Martlet issued. `name` stands in the log. The socket is the
    /// server's from now on; it is closed by `stop` or with the server.
    package func serve(listener descriptor: Int32, as name: String) async throws -> ServedListener {
        var limits = configuration.limits
        limits.connections = limits.sandboxConnections
        let listener = try await HTTPListener.adopt(descriptor, named: name, limits: limits, group: group)
        guard case .enqueued = adopt.yield(listener) else {
            listener.stop()
            throw CancellationError()
        }
        return ServedListener(listener)
    }

    private func serveAll(_ listener: HTTPListener) async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.serve(listener) }
            tasks.addTask { await self.serveAdopted() }
            await tasks.next()
            // Only now: functions that finish the last requests still need the sockets in their sandboxes.
            adopt.finish()
            tasks.cancelAll()
        }
    }

    private func serveAdopted() async {
        await withDiscardingTaskGroup { tasks in
            for await listener in adopted {
                tasks.addTask { await self.serve(listener) }
            }
        }
    }

    private func serve(_ listener: HTTPListener) async {
        let chain = chain
        await listener.run { request in
            var request = request
            request.listener = listener.name
            return await chain.answer(request)
        }
    }

    /// In `open` mode nothing but loopback will do: nobody there proves who they are.
    private func resolve() throws -> SocketAddress {
        let address: SocketAddress
        do {
            address = try SocketAddress.makeAddressResolvingHost(configuration.host, port: configuration.port)
        } catch {
            throw MartletError("server.address", "the host \(configuration.host) has no address", cause: error)
        }
        let isLoopback = address.ipAddress.map { AllowedHosts.isLoopback($0) || $0 == "::1" } ?? false
        guard auth != .open || isLoopback else {
            throw MartletError(
                "server.address",
                "auth mode open answers on loopback only, and \(configuration.host) is not loopback. "
                    + "Use --auth enforced (or --auth signed), or --host 127.0.0.1."
            )
        }
        return address
    }
}

/// A socket that the server took over.
package struct ServedListener: Sendable {
    private let listener: HTTPListener

    init(_ listener: HTTPListener) { self.listener = listener }

    /// Closes the socket and its connections, now.
    package func stop() { listener.stop() }
}
