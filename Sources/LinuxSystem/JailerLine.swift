// SPDX-License-Identifier: Apache-2.0

/// A way to one jailer: to a process of this host's, or to one in a microVM.
package protocol JailerLine: Sendable {
    /// Whether an answer can bring an open file; a microVM's brings sockets alone.
    var carriesFiles: Bool { get }

    /// Sends one request. Any thread may; a message is sent whole.
    func send(_ operation: JailerOperation, request: UInt32, body: [UInt8]) throws(SystemError)

    /// Blocks until the next message. Nil when the jailer has gone, or has said nothing for as long as `patience`.
    func receive() -> JailerMessage?

    /// Begins to connect a socket that came with an answer to a port of the loopback where it is.
    func connect(_ socket: FileDescriptor, to port: UInt16) throws(SystemError)

    /// How long `receive` waits; nil for ever.
    func setPatience(seconds: Int32?)

    /// Tells the jailer to end. A thread in `receive` gets nil.
    func hangUp()

    /// Lets go of everything. Once, after `receive` has returned nil.
    func dispose()
}

extension JailerProcess: JailerLine {
    package var carriesFiles: Bool { true }
    package func dispose() { reap() }

    package func connect(_ socket: FileDescriptor, to port: UInt16) throws(SystemError) {
        try socket.beginConnecting(toLoopback: port)
    }
}
