// SPDX-License-Identifier: Apache-2.0
package import LinuxSystem

/// The sockets by which a sandbox with `SandboxNetwork.egress` reaches outwards, made in its network namespace: so the
/// sockets themselves say who is calling. A value, not an owner.
package struct SandboxEgress: Sendable {
    /// Listens. Accepts what processes connect to addresses other than 127.0.0.0/8; the option `SO_ORIGINAL_DST` of a
    /// connection tells which.
    package let connections: FileDescriptor
    /// Listens at 127.0.0.1:53.
    package let nameStreams: FileDescriptor
    /// A datagram socket at 127.0.0.1:53.
    package let names: FileDescriptor

    package init(connections: FileDescriptor, nameStreams: FileDescriptor, names: FileDescriptor) {
        self.connections = connections
        self.nameStreams = nameStreams
        self.names = names
    }

    /// The last of what a jailer has sent; nil when it has sent fewer.
    init?(takingFrom sockets: inout [FileDescriptor]) {
        guard sockets.count >= JailerNumber.egressSockets else { return nil }
        let own = sockets.suffix(JailerNumber.egressSockets)
        sockets.removeLast(JailerNumber.egressSockets)
        self.init(
            connections: own[own.startIndex],
            nameStreams: own[own.startIndex + 1],
            names: own[own.startIndex + 2]
        )
    }

    package func close() { [connections, nameStreams, names].closeAll() }
}
