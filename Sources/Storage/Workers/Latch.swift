// SPDX-License-Identifier: Apache-2.0
import NIOConcurrencyHelpers

/// Opens once; whoever waits goes on then.
package final class Latch: Sendable {
    private enum State {
        /// → `open`
        case closed([CheckedContinuation<Void, Never>])
        /// The last one.
        case open
    }

    private let state = NIOLockedValueBox(State.closed([]))

    package init() {}

    package func open() {
        let waiting = state.withLockedValue { state in
            guard case .closed(let waiting) = state else { return [CheckedContinuation<Void, Never>]() }
            state = .open
            return waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    package func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLockedValue { state in
                guard case .closed(let waiting) = state else { return true }
                state = .closed(waiting + [continuation])
                return false
            }
            if isOpen { continuation.resume() }
        }
    }
}
