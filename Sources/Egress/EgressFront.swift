// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem
package import MartletCore
package import NIOCore
internal import NIOPosix
package import Sandbox

/// The host's side of the way out: makes the connections that sandboxes ask for, where the policy permits them, and has
/// the host's name servers answer their lookups. Nothing else of the host's network is there for a sandbox.
package struct EgressFront: Sendable {
    private typealias Destination = @Sendable (any Channel) -> EventLoopFuture<SocketAddress>

    private let policy: EgressPolicy
    private let limits: EgressLimits
    private let host: HostAddresses
    private let group: any EventLoopGroup

    /// `resolverFile` has the form of /etc/resolv.conf, which is the default.
    package init(
        policy: EgressPolicy,
        limits: EgressLimits = .init(),
        clock: any WallClock,
        group: any EventLoopGroup,
        resolverFile: String? = nil
    ) {
        self.policy = policy
        self.limits = limits
        host = HostAddresses(clock: clock, path: resolverFile)
        self.group = group
    }

    /// Takes ownership of the sockets. The returned closure stops serving and breaks what is open.
    package func serve(_ egress: SandboxEgress) async throws -> @Sendable () -> Void {
        let loop = group.next()
        let open = OpenChannels(limit: limits.connections)
        var left = [egress.connections, egress.nameStreams, egress.names]
        do {
            open.keep(try await listen(left.removeFirst().number, on: loop, open, wanted))
            open.keep(try await listen(left.removeFirst().number, on: loop, open, resolver))
            open.keep(try await relayNames(left.removeFirst().number, on: loop))
        } catch {
            left.closeAll()
            open.closeAll()
            throw error
        }
        return { open.closeAll() }
    }

    private func relayNames(_ socket: Int32, on loop: any EventLoop) async throws -> any Channel {
        try await DatagramBootstrap(group: loop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4_096))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NameRelay(host: host, limits: limits))
                }
            }
            .withBoundSocket(socket).get()
    }

    private func listen(
        _ socket: Int32,
        on loop: any EventLoop,
        _ open: OpenChannels,
        _ destination: @escaping Destination
    ) async throws -> any Channel {
        try await ServerBootstrap(group: loop)
            .serverChannelOption(.backlog, value: 128)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            // Nothing is read before there is somewhere to write it.
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { inside in
                guard open.admit() else {
                    return inside.eventLoop.makeFailedFuture(ChannelError.inappropriateOperationForState)
                }
                open.keep(inside)
                return inside.eventLoop.makeCompletedFuture { carryOn(inside, open, destination) }
            }
            .withBoundSocket(socket).get()
    }

    // MARK: One connection

    private func carryOn(_ inside: any Channel, _ open: OpenChannels, _ destination: Destination) {
        let splice = Splice()
        let bound = NIOLoopBound(splice, eventLoop: inside.eventLoop)
        do {
            try inside.pipeline.syncOperations.addHandler(splice)
        } catch {
            inside.close(mode: .all, promise: nil)
        }
        destination(inside).flatMap { connect(to: $0, on: inside.eventLoop) }.whenComplete { result in
            guard case .success(let outside) = result else {
                inside.closeFuture.whenComplete { _ in open.release() }
                return bound.value.reset()
            }
            open.keep(outside)
            inside.closeFuture.and(outside.closeFuture).whenComplete { _ in open.release() }
            guard inside.isActive, let other = try? outside.pipeline.syncOperations.handler(type: Splice.self) else {
                // One of the two has gone meanwhile.
                outside.close(mode: .all, promise: nil)
                return bound.value.reset()
            }
            bound.value.join(other)
        }
    }

    private func connect(to address: SocketAddress, on loop: any EventLoop) -> EventLoopFuture<any Channel> {
        ClientBootstrap(group: loop)
            .connectTimeout(limits.connectTimeout)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.autoRead, value: false)
            .channelInitializer { outside in
                outside.eventLoop.makeCompletedFuture { try outside.pipeline.syncOperations.addHandler(Splice()) }
            }
            .connect(to: address)
    }

    // MARK: Where it leads

    /// The name server of the host that a lookup over TCP goes to.
    private func resolver(_ inside: any Channel) -> EventLoopFuture<SocketAddress> {
        inside.eventLoop.makeCompletedFuture {
            guard let first = host.resolvers.first else { throw Refused() }
            return first
        }
    }

    /// What the sandbox has connected to, if that may be reached.
    private func wanted(_ inside: any Channel) -> EventLoopFuture<SocketAddress> {
        guard let options = inside as? any SocketOptionProvider else {
            return inside.eventLoop.makeFailedFuture(Refused())
        }
        let level = NIOBSDSocket.OptionLevel(rawValue: 0)  // SOL_IP
        let name = NIOBSDSocket.Option(rawValue: 80)  // SO_ORIGINAL_DST
        return options.unsafeGetSocketOption(level: level, name: name).flatMapThrowing { (found: InternetAddress) in
            let (address, port) = (UInt32(bigEndian: found.address), UInt16(bigEndian: found.port))
            guard found.family == 2, policy.permits(address, port: port, own: host.own) else { throw Refused() }
            return try SocketAddress(ipAddress: AddressBlock.text(address), port: Int(port))
        }
    }

    /// `sockaddr_in`, as the kernel fills it.
    private typealias InternetAddress = (family: UInt16, port: UInt16, address: UInt32, padding: UInt64)

    private struct Refused: Error {}
}
