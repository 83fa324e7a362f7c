// SPDX-License-Identifier: Apache-2.0

/// What a server takes, and what it holds. All but the sizes of messages is of all its connections together: they come
/// from one machine, which can do no more with many than with one.
package struct NinePLimits: Sendable {
    /// Linux does not speak to a server that offers less; the protocol's answers all fit into it, but for long reads.
    package static let leastMessageBytes = 4 << 10
    package static let mostMessageBytes = 512 << 10
    /// The protocol's own.
    static let walkElements = 16
    /// Linux's own.
    static let nameBytes = 255
    /// Linux's own, with the zero byte at the end.
    static let pathBytes = 4_096
    static let attributeBytes = 64 << 10
    /// One answer to Treaddir; the client asks again.
    static let readdirBytes = 64 << 10

    /// A message, either way; what is agreed on is what the client asks for, if it is less. 4 KiB to 512 KiB.
    package var messageBytes: Int
    /// Connections at a time; further ones are closed at once. Each takes some 1.1 MiB of memory, and a thread.
    package var connections: Int
    /// Names for files that clients hold (fids): one for each directory entry that a client's kernel keeps in its cache.
    /// None of them is an open file. Beyond: ENFILE.
    package var fids: Int
    /// The paths that these stand for, the extended attributes that are being read, and 64 bytes for each. Beyond: ENOMEM.
    package var heldBytes: Int
    /// Files and directories that clients have opened; each is a descriptor of this process. Beyond: ENFILE.
    package var openFiles: Int
    /// Mounts, roughly, that are met below all exports. At most 65,536. Beyond: ENFILE.
    package var areas: Int

    package init(
        messageBytes: Int = 512 << 10,
        connections: Int = 32,
        fids: Int = 262_144,
        heldBytes: Int = 64 << 20,
        openFiles: Int = 4_096,
        areas: Int = 4_096
    ) {
        self.messageBytes = min(max(messageBytes, Self.leastMessageBytes), Self.mostMessageBytes)
        self.connections = connections
        self.fids = fids
        self.heldBytes = heldBytes
        self.openFiles = openFiles
        self.areas = areas
    }
}
