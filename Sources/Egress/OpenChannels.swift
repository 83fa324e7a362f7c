// SPDX-License-Identifier: Apache-2.0
internal import NIOConcurrencyHelpers
internal import NIOCore

/// What is open for one sandbox: at most `limit` connections beside the doors, all of them closed together.
final class OpenChannels: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var connections = 0
        var isOver = false
    }

    private let limit: Int
    private let state = NIOLockedValueBox(State())

    init(limit: Int) { self.limit = limit }

    /// False when there is no room for one more connection; else `release` must follow, once both its halves are closed.
    func admit() -> Bool {
        state.withLockedValue { state in
            guard !state.isOver, state.connections < limit else { return false }
            state.connections += 1
            return true
        }
    }

    func release() { state.withLockedValue { $0.connections -= 1 } }

    /// A door, or half a connection. Closed at once when all is over.
    func keep(_ channel: any Channel) {
        let isKept = state.withLockedValue { state in
            if !state.isOver { state.channels[ObjectIdentifier(channel)] = channel }
            return !state.isOver
        }
        guard isKept else { return channel.close(mode: .all, promise: nil) }
        channel.closeFuture.whenComplete { _ in
            self.state.withLockedValue { $0.channels[ObjectIdentifier(channel)] = nil }
        }
    }

    func closeAll() {
        let channels = state.withLockedValue { state in
            state.isOver = true
            return Array(state.channels.values)
        }
        for channel in channels { channel.close(mode: .all, promise: nil) }
    }

    var connections: Int { state.withLockedValue { $0.connections } }
}
