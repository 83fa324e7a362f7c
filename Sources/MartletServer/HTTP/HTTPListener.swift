// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import Logging
import MartletCore
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix

/// A listening socket with its connections. Requests come out as jobs; `run` answers each in a task of its own.
final class HTTPListener: Sendable {
    typealias Answer = @Sendable (IncomingRequest) async -> WireResponse

    private struct Connections {
        var open: [ObjectIdentifier: any Channel] = [:]
        var isDraining = false
    }

    let name: String?
    private let limits: HTTPLimits
    private let channel: any Channel
    private let lanes: HTTPLanes
    private let connections: NIOLockedValueBox<Connections>

    /// Where clients reach it.
    var address: SocketAddress? { channel.localAddress }
    var openConnections: Int { connections.withLockedValue { $0.open.count } }

    /// Port 0 means any free one.
    static func bind(
        _ address: SocketAddress,
        limits: HTTPLimits,
        group: any EventLoopGroup
    ) async throws -> HTTPListener {
        try await HTTPListener(nil, limits, group) { try await $0.bind(to: address).get() }
    }

    /// Serves a socket that somebody else made and that listens already. It is closed with the listener.
    static func adopt(
        _ descriptor: Int32,
        named name: String,
        limits: HTTPLimits,
        group: any EventLoopGroup
    ) async throws -> HTTPListener {
        try await HTTPListener(name, limits, group) { try await $0.withBoundSocket(descriptor).get() }
    }

    private init(
        _ name: String?,
        _ limits: HTTPLimits,
        _ group: any EventLoopGroup,
        open: (ServerBootstrap) async throws -> any Channel
    ) async throws {
        // The sockets of sandboxes are many and quiet: they do without lanes.
        let lanes = HTTPLanes(name == nil ? group : nil)
        let connections = NIOLockedValueBox(Connections())
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 512)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { Self.setUp($0, limits, connections, lanes) }
        (self.name, self.limits, self.lanes, self.connections) = (name, limits, lanes, connections)
        channel = try await open(bootstrap)
    }

    private static func setUp(
        _ child: any Channel,
        _ limits: HTTPLimits,
        _ connections: NIOLockedValueBox<Connections>,
        _ lanes: HTTPLanes
    ) -> EventLoopFuture<Void> {
        child.eventLoop.makeCompletedFuture {
            let isWelcome = connections.withLockedValue { table in
                guard !table.isDraining, table.open.count < limits.connections else { return false }
                table.open[ObjectIdentifier(child)] = child
                return true
            }
            guard isWelcome else { throw ChannelError.inappropriateOperationForState }
            child.closeFuture.whenComplete { _ in
                let isDrained = connections.withLockedValue { table in
                    table.open[ObjectIdentifier(child)] = nil
                    return table.isDraining && table.open.isEmpty
                }
                if isDrained { lanes.finish() }
            }
            var decoder = NIOHTTPDecoderLimitConfiguration()
            decoder.maxHeaderFieldSize = limits.headerBytes
            decoder.maxHeaderListSize = limits.headerBytes
            decoder.maxHeaderFieldCount = limits.headerCount
            let lane = lanes.lane(of: child.eventLoop)
            let pipeline = child.pipeline.syncOperations
            let requests = HTTPRequestDecoder(
                leftOverBytesStrategy: .dropBytes,
                informationalResponseStrategy: .drop,
                limitConfiguration: decoder
            )
            try pipeline.addHandler(ByteToMessageHandler(requests))
            try pipeline.addHandler(ConnectionHandler(limits: limits, accept: { lane.yield($0) }))
        }
    }

    /// Answers requests until the listener is stopped or drained.
    func run(_ answer: @escaping Answer) async {
        await withTaskCancellationHandler {
            await lanes.run { await Self.serve($0, answer) }
        } onCancel: {
            self.stop()
        }
    }

    private static func serve(_ job: HTTPJob, _ answer: Answer) async {
        guard let request = job.request() else {
            return await job.connection.send(HTTPRefusal.malformed.response, closes: true)
        }
        let response = await answer(request)
        await job.connection.send(response, closes: response.status == 413)
    }

    /// Takes no new connection, lets the requests that are under way finish, and cuts those that last longer than the
    /// limit.
    func drain() {
        let open = connections.withLockedValue { table -> [any Channel]? in
            guard !table.isDraining else { return nil }
            table.isDraining = true
            return Array(table.open.values)
        }
        guard let open else { return }
        channel.close(promise: nil)
        for child in open { child.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
        if open.isEmpty { lanes.finish() }
        channel.eventLoop.scheduleTask(in: TimeAmount(limits.drain)) { self.stop() }
    }

    /// Cuts everything, now.
    func stop() {
        let open = connections.withLockedValue { table -> [any Channel] in
            table.isDraining = true
            return Array(table.open.values)
        }
        channel.close(promise: nil)
        for child in open { child.close(promise: nil) }
        lanes.finish()
    }
}
