// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// A queue with what the front end has said of it.
struct Ring {
    var size: UInt16 = 0
    var addresses: RingAddresses?
    var base: UInt16 = 0
    var isEnabled = false
    private(set) var kick: FileDescriptor?
    private(set) var call: FileDescriptor?
    /// While it runs.
    var queue: Virtqueue?

    /// Keeps where the queue stood.
    mutating func stop() {
        if let queue { base = queue.position }
        queue = nil
    }

    /// Begins where it stood, when everything that it takes has been said. Throws when what was said cannot be.
    mutating func start(_ memory: GuestMemory?, usesEventIndex: Bool) throws(ProtocolBreach) {
        guard queue == nil, isEnabled, kick != nil, size > 0, let addresses, let memory else { return }
        guard let places = VirtqueuePlaces(size: size, addresses: addresses, memory: memory) else {
            throw ProtocolBreach()
        }
        queue = Virtqueue(places, position: base, usesEventIndex: usesEventIndex)
    }

    mutating func setKick(_ descriptor: FileDescriptor?) throws(ProtocolBreach) {
        try Self.check(descriptor)
        kick?.close()
        kick = descriptor
    }

    mutating func setCall(_ descriptor: FileDescriptor?) throws(ProtocolBreach) {
        try Self.check(descriptor)
        call?.close()
        call = descriptor
        // What was signalled to the one before may have been lost.
        if queue != nil { signal() }
    }

    mutating func close() {
        kick?.close()
        call?.close()
        kick = nil
        call = nil
        queue = nil
    }

    /// Interrupts the guest.
    func signal() {
        guard let call else { return }
        // Full only when nobody has read 2^64 signals: one more would tell nothing.
        withUnsafeBytes(of: UInt64(1)) { _ = write(call.number, $0.baseAddress, $0.count) }
    }

    /// An event descriptor, and no pipe or socket: writing to those could block or kill. The kernel gives the file of an
    /// event descriptor no type. Closes any other.
    private static func check(_ descriptor: FileDescriptor?) throws(ProtocolBreach) {
        guard let descriptor else { return }
        var status = stat()
        let flags = fcntl(descriptor.number, F_GETFL)
        guard fstat(descriptor.number, &status) == 0, status.st_mode & S_IFMT == 0, flags >= 0,
            fcntl(descriptor.number, F_SETFL, flags | O_NONBLOCK) == 0
        else {
            descriptor.close()
            throw ProtocolBreach()
        }
    }
}
