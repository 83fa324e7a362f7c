// SPDX-License-Identifier: Apache-2.0
package import AWSWire
import HTTPTypes
package import Logging
package import MartletCore
package import MartletServer
import NIOCore
package import Storage
import StorageSQLite

/// What a test's services are built from.
package struct TestGround: Sendable {
    package let clock: MemoryClock
    package let ids: any IDSource
    package let database: any Database
    package let logger: Logger
}

/// What a test puts together: services, and whatever stands beside them. An array literal of providers will do.
package struct TestAssembly: ExpressibleByArrayLiteral, Sendable {
    package var providers: [any ServiceProvider]
    package var credentials: [any CredentialDirectory] = []
    package var authorizer: any Authorizer = PermissiveAuthorizer()
    package var resettables: [any Resettable] = []
    package var hostRoutes: [any HostRouted] = []
    package var pathRoutes: [any PathRouted] = []
    package var reports: [any ControlReport] = []
    package var allowedHosts: [String] = []
    /// Run beside the test, and cancelled when it ends.
    package var background: [@Sendable () async throws -> Void] = []

    package init(_ providers: [any ServiceProvider]) { self.providers = providers }
    package init(arrayLiteral providers: any ServiceProvider...) { self.providers = providers }
}

/// A whole server for one test, on a clock that stands still and a store in memory.
package struct TestServer: Sendable {
    /// How clients reach it.
    package enum Transport: Sendable, CaseIterable {
        /// Through the request chain, without sockets.
        case inProcess
        /// Through a socket on a free port of the loopback.
        case live
    }

    package let ground: TestGround
    package let chain: RequestChain
    package let transport: any TestTransport
    /// Nil in process.
    package let endpoint: Endpoint?
    /// Nil in process.
    package let server: MartletServer?

    package var clock: MemoryClock { ground.clock }
    package var database: any Database { ground.database }

    /// Builds a server, runs `body` against it, and takes everything down again.
    package static func run(
        providers: @Sendable (TestGround) async throws -> TestAssembly,
        auth: AuthMode = .open,
        over transport: Transport = .inProcess,
        ids: any IDSource = SystemIDSource(),
        clock: MemoryClock = MemoryClock(),
        limits: HTTPLimits = HTTPLimits(),
        _ body: @Sendable (TestServer) async throws -> Void
    ) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let ground = TestGround(clock: clock, ids: ids, database: try SQLiteDatabase.ephemeral(), logger: logger)
        let assembly = try await providers(ground)
        let chain = RequestChain(configuration(assembly, auth, ground))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for service in assembly.background { tasks.addTask { try await service() } }
            switch transport {
            case .inProcess:
                try await body(
                    TestServer(
                        ground: ground,
                        chain: chain,
                        transport: ChainTransport(chain: chain),
                        endpoint: nil,
                        server: nil
                    )
                )
            case .live:
                let (server, endpoint) = try await listen(chain, auth, limits, logger, &tasks)
                try await body(
                    TestServer(
                        ground: ground,
                        chain: chain,
                        transport: SocketTransport(endpoint),
                        endpoint: endpoint,
                        server: server
                    )
                )
            }
            tasks.cancelAll()
        }
        await ground.database.close()
    }

    private static func configuration(
        _ assembly: TestAssembly,
        _ auth: AuthMode,
        _ ground: TestGround
    ) -> ChainConfiguration {
        var configuration = ChainConfiguration(
            dispatcher: ServiceDispatcher(assembly.providers, authorizer: assembly.authorizer),
            auth: auth,
            credentials: assembly.credentials,
            clock: ground.clock,
            ids: ground.ids,
            logger: ground.logger
        )
        configuration.resettables = assembly.resettables
        configuration.hostRoutes = assembly.hostRoutes
        configuration.pathRoutes = assembly.pathRoutes
        configuration.reports = assembly.reports
        configuration.allowedHosts = assembly.allowedHosts
        return configuration
    }

    private static func listen(
        _ chain: RequestChain,
        _ auth: AuthMode,
        _ limits: HTTPLimits,
        _ logger: Logger,
        _ tasks: inout ThrowingTaskGroup<Void, any Error>
    ) async throws -> (MartletServer, Endpoint) {
        var configuration = ServerConfiguration(port: 0)
        configuration.limits = limits
        let (endpoints, found) = AsyncThrowingStream<Endpoint, any Error>.makeStream()
        let server = MartletServer(configuration, auth: auth, chain: chain, logger: logger) { found.yield($0) }
        tasks.addTask {
            do { try await server.run() } catch { found.finish(throwing: error) }
        }
        for try await endpoint in endpoints { return (server, endpoint) }
        throw MartletError("test.server", "the server ended before it listened")
    }

    /// A typed client; by default of the account 000000000000 in us-east-1.
    package func client(
        _ model: ServiceModel,
        speaking wire: WireProtocol? = nil,
        as credentials: TestCredentials? = .local,
        region: String = "us-east-1"
    ) -> TestClient {
        TestClient(model, speaking: wire, as: credentials, region: region, over: transport, clock: clock)
    }

    /// A request in plain HTTP.
    package func send(_ request: SignableRequest, body: String = "") async throws -> WireResponse {
        try await transport.send(request, body: ByteBuffer(string: body))
    }
}

/// Straight into the chain.
struct ChainTransport: TestTransport {
    let chain: RequestChain
    var authority: String { "localhost:4566" }

    func send(_ request: SignableRequest, body: ByteBuffer) async throws -> WireResponse {
        var response = await chain.answer(
            IncomingRequest(
                method: request.method,
                path: request.path,
                query: request.query,
                headers: request.headers,
                authority: request.authority,
                body: .buffer(body)
            )
        )
        // A stream of events is read as it comes: some never end.
        guard response.headers[.contentType] != "application/vnd.amazon.eventstream" else { return response }
        if case .sequence = response.body, let whole = try await response.body.collect(upTo: 1 << 30) {
            response.body = .buffer(whole)
        }
        return response
    }
}
