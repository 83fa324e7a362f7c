// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// Bits of what the device and its conversation can do.
enum Feature {
    static let indirectDescriptors: UInt64 = 1 << 28
    static let eventIndex: UInt64 = 1 << 29
    static let protocolFeatures: UInt64 = 1 << 30
    static let version1: UInt64 = 1 << 32
    static let packedRings: UInt64 = 1 << 34
    static let offered = indirectDescriptors | eventIndex | protocolFeatures | version1

    static let queueCount: UInt64 = 1 << 0
    static let acknowledgements: UInt64 = 1 << 3
    static let configuration: UInt64 = 1 << 9
    static let offeredToProtocol = queueCount | acknowledgements | configuration
}

extension VsockDevice {
    /// Everything that the front end has said until now.
    func hearFrontend() throws(ProtocolBreach) {
        while let message = try frontend.next() {
            let answer = try apply(message.request, message.descriptors)
            if let answer {
                try frontend.send(FrontendHeader.reply(to: message.header.request, answer))
            } else if message.header.needsReply, protocolFeatures & Feature.acknowledgements != 0 {
                // Nothing of the configuration can be set.
                let failure: UInt64 = message.request == .setConfiguration ? 1 : 0
                let payload = FrontendHeader.bytes(of: failure)
                try frontend.send(FrontendHeader.reply(to: message.header.request, payload))
            }
        }
    }

    /// Does what a message asks for. Returns the answer, where it has one.
    private func apply(_ message: FrontendMessage, _ files: [FileDescriptor]) throws(ProtocolBreach) -> [UInt8]? {
        switch message {
        case .getFeatures: return FrontendHeader.bytes(of: Feature.offered)
        case .setFeatures(let value): try setFeatures(value)
        case .setOwner, .setConfiguration: break
        case .resetOwner: reset()
        case .getProtocolFeatures: return FrontendHeader.bytes(of: Feature.offeredToProtocol)
        case .setProtocolFeatures(let value): protocolFeatures = value & Feature.offeredToProtocol
        case .getQueueCount: return FrontendHeader.bytes(of: UInt64(rings.count))
        case .getConfiguration(let offset, let size, let flags):
            return try configuration(offset: offset, size: size, flags: flags)
        case .setMemory(let table): try setMemory(table, files)
        default: return try applyToRing(message, files.first)
        }
        return nil
    }

    private func applyToRing(_ message: FrontendMessage, _ file: FileDescriptor?) throws(ProtocolBreach) -> [UInt8]? {
        switch message {
        case .setRingSize(let ring, let size):
            try change(ring) { $0.size = size }
        case .setRingAddresses(let ring, let addresses):
            try change(ring) { $0.addresses = addresses }
        case .setRingBase(let ring, let base):
            // Not where it stopped: the guest's driver has begun anew, and knows of no connection.
            if rings[ring].queue?.position ?? rings[ring].base != base { dropAll() }
            try change(ring) { $0.base = base }
        case .getRingBase(let ring): return stop(ring)
        case .setRingKick(let ring): try setKick(ring, file)
        case .setRingCall(let ring): try rings[ring].setCall(file)
        case .setRingError: file?.close()
        case .setRingEnabled(let ring, let isEnabled):
            try change(ring) { $0.isEnabled = isEnabled }
        default: throw ProtocolBreach()
        }
        return nil
    }

    private func setFeatures(_ value: UInt64) throws(ProtocolBreach) {
        guard value & Feature.packedRings == 0 else { throw ProtocolBreach() }
        features = value & Feature.offered
        for ring in rings.indices {
            // Who does not know how to enable a ring has it enabled.
            try change(ring) { if features & Feature.protocolFeatures == 0 { $0.isEnabled = true } }
        }
    }

    private func setMemory(_ table: [MemoryDescription], _ files: [FileDescriptor]) throws(ProtocolBreach) {
        defer { files.closeAll() }
        for ring in rings.indices { rings[ring].stop() }
        memory = nil
        memory = try GuestMemory.map(table, from: files)
        for ring in rings.indices { try change(ring) { _ in } }
    }

    private func configuration(offset: UInt32, size: UInt32, flags: UInt32) throws(ProtocolBreach) -> [UInt8] {
        let all = FrontendHeader.bytes(of: guestCID.littleEndian)
        guard size <= 256, offset <= 256 else { throw ProtocolBreach() }
        var part = all.dropFirst(Int(offset)).prefix(Int(size))
        part += [UInt8](repeating: 0, count: Int(size) - part.count)
        return FrontendHeader.bytes(of: offset) + FrontendHeader.bytes(of: size) + FrontendHeader.bytes(of: flags)
            + part
    }
}

// MARK: Rings

extension VsockDevice {
    /// Changes what is known of a ring, and goes on with it where it stood.
    private func change(_ ring: Int, _ body: (inout Ring) -> Void) throws(ProtocolBreach) {
        rings[ring].stop()
        body(&rings[ring])
        try rings[ring].start(memory, usesEventIndex: features & Feature.eventIndex != 0)
        // Its guest may have kicked before.
        if rings[ring].queue != nil { kicked(ring) }
    }

    private func setKick(_ ring: Int, _ file: FileDescriptor?) throws(ProtocolBreach) {
        if let old = rings[ring].kick { epoll?.remove(old) }
        try rings[ring].setKick(file)
        guard let file, epoll?.add(file, .readable, tag: UInt64(ring + 1)) == true else { throw ProtocolBreach() }
        try change(ring) { _ in }
    }

    /// Answers where it stood.
    private func stop(_ ring: Int) -> [UInt8] {
        if let kick = rings[ring].kick { epoll?.remove(kick) }
        rings[ring].stop()
        rings[ring].close()
        return FrontendHeader.bytes(of: UInt32(ring)) + FrontendHeader.bytes(of: UInt32(rings[ring].base))
    }

    private func reset() {
        dropAll()
        for ring in rings.indices {
            _ = stop(ring)
            rings[ring] = Ring()
        }
    }
}
