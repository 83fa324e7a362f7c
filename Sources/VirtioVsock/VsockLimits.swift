// SPDX-License-Identifier: Apache-2.0

/// What one device holds at most. The fixed ones are those of the protocols.
package struct VsockLimits: Sendable {
    /// Connections of the guest at a time, those that are being made among them. One more is reset.
    package var connections = 1_024
    /// Connections that wait for room in the backlog of whom they go to. One more is reset.
    package var pendingConnections = 128
    /// How often such a connection is tried again before it is reset, and how long lies between two tries.
    package var connectTries = 200
    package var connectPauseMilliseconds = 10
    /// Bytes from the guest that one connection keeps while its socket takes none: what it is told it may send.
    package var bufferBytes = 256 << 10
    /// Bytes that all connections together may be told so. Each new one gets an eighth of what is left, but always
    /// `minimumBufferBytes`.
    package var allBuffersBytes = 64 << 20
    package var minimumBufferBytes = 16 << 10
    /// Resets that wait for the guest to offer a buffer. While there are as many, nothing more is heard of it.
    package var pendingResets = 1_024
    /// Packets, and each `pageBytes` in them, that are taken from the guest before its connections are looked at, and the
    /// other way round.
    package var turn = 256

    /// Bytes of a packet behind its header. One with more resets its connection.
    static let payloadBytes = 64 << 10
    static let pageBytes = 4 << 10
    /// Buffers of the guest that are filled by one read.
    static let batch = 16
    /// Descriptors of a queue, and of a chain.
    static let queueSize = 1_024
    static let queues = 3
    static let memoryRegions = 8
    /// Bytes of a region of memory.
    static let regionBytes: UInt64 = 1 << 40
    /// Bytes of a message of the front end behind its header.
    static let messageBytes = 4_096

    package init() {}
}
