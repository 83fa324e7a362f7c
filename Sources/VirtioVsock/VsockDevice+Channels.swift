// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// Connections come, wait and go.
extension VsockDevice {
    /// Connects to the socket of a REQUEST's port, or refuses it.
    func open(_ request: PacketHeader) {
        guard channels.count < min(limits.connections, 65_536), let socket = UnixSocket.make() else {
            return resets.append(request.refusal)
        }
        let left = limits.allBuffersBytes - channels.promisedBytes
        let bytes = max(limits.minimumBufferBytes, min(limits.bufferBytes, left / 8))
        let connection = VsockConnection(request: request, bufferBytes: UInt32(clamping: bytes))
        let channel = Channel(connection, socket: socket, tries: limits.connectTries)
        channels.insert(channel)
        switch attempt(channel) {
        case .connected: break
        case .refused: reset(channel)
        case .again: wait(for: channel)
        }
    }

    private func attempt(_ channel: Channel) -> UnixSocket.Attempt {
        let attempt = UnixSocket.connect(channel.socket, to: "\(path)_\(channel.connection.key.hostPort)")
        guard attempt == .connected else { return attempt }
        guard epoll?.add(channel.socket, [.readable, .writable, .peerEnded], tag: channel.tag) == true else {
            return .refused
        }
        channel.connection.connected()
        getInLine(channel)
        return .connected
    }

    private func wait(for channel: Channel) {
        guard pending.count < limits.pendingConnections else { return reset(channel) }
        if pending.isEmpty { planTry() }
        pending.append(channel.tag)
    }

    func retryPending() {
        guard Self.nowMilliseconds() >= nextTryMilliseconds else { return }
        planTry()
        pending = pending.filter { tag in
            guard let channel = channels[tag] else { return false }
            let attempt = attempt(channel)
            channel.triesLeft -= 1
            if attempt == .again, channel.triesLeft > 0 { return true }
            if attempt != .connected { reset(channel) }
            return false
        }
    }

    private func planTry() { nextTryMilliseconds = Self.nowMilliseconds() + Int64(limits.connectPauseMilliseconds) }

    static func nowMilliseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000
    }
}

extension VsockDevice {
    /// What epoll says of a connection's socket.
    func notice(_ readiness: Epoll.Readiness, of channel: Channel) {
        if !readiness.isDisjoint(with: [.readable, .peerEnded, .hungUp, .failed]) { channel.isReadable = true }
        if !readiness.isDisjoint(with: [.peerEnded, .hungUp, .failed]) { channel.hasPeerEnded = true }
        if readiness.contains(.hungUp) { channel.isHungUp = true }
        if !readiness.isDisjoint(with: [.writable, .hungUp, .failed]) { channel.flush() }
        settle(channel)
    }

    /// After anything has happened to a connection: it is ended when it is over, or gets in line when it has something for
    /// the guest.
    func settle(_ channel: Channel) {
        if channel.connection.isOver(buffered: channel.backlog.count) { return reset(channel) }
        if channel.hasBusiness { getInLine(channel) }
    }

    private func getInLine(_ channel: Channel) {
        guard !channel.isInLine else { return }
        channel.isInLine = true
        line.append(channel.tag)
    }

    /// Forgets a connection and tells the guest.
    func reset(_ channel: Channel) {
        resets.append(channel.connection.resetNotice)
        drop(channel)
    }

    /// Forgets a connection.
    func drop(_ channel: Channel) {
        channels.remove(channel)
        channel.close()
    }

    /// Forgets all of them, as the guest has, too.
    func dropAll() {
        for channel in channels.removeAll() { channel.close() }
        line.removeAll()
        resets.removeAll()
        pending = []
    }
}
