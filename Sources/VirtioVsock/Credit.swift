// SPDX-License-Identifier: Apache-2.0

/// What the guest may still send. All counters wrap.
struct IncomingCredit {
    let bufferBytes: UInt32
    private var received: UInt32 = 0
    private(set) var forwarded: UInt32 = 0
    /// The last `forwarded` that the guest has been told.
    private var told: UInt32 = 0

    init(bufferBytes: UInt32) { self.bufferBytes = bufferBytes }

    /// Whether the guest was allowed to send as much.
    mutating func receive(_ count: UInt32) -> Bool {
        // Never more than `bufferBytes`, so nothing is lost.
        let held = received &- forwarded
        guard count <= bufferBytes - min(held, bufferBytes) else { return false }
        received &+= count
        return true
    }

    mutating func forward(_ count: UInt32) { forwarded &+= count }

    mutating func tell() { told = forwarded }

    /// Whether the guest, who knows what it was told, should hear of more room: it sees less than half of the buffer free,
    /// and there is more to tell than a trifle.
    func isUpdateDue(buffered: Int) -> Bool {
        let news = forwarded &- told
        guard news > 0, received &- told > bufferBytes / 2 else { return false }
        return buffered == 0 || news >= bufferBytes / 4
    }
}

/// What the guest still takes. All counters wrap.
struct OutgoingCredit {
    private var bufferBytes: UInt32
    private var forwarded: UInt32
    private var sent: UInt32 = 0
    var hasAsked = false

    init(bufferBytes: UInt32, forwarded: UInt32) {
        self.bufferBytes = bufferBytes
        self.forwarded = forwarded
    }

    mutating func learn(bufferBytes: UInt32, forwarded: UInt32) {
        self.bufferBytes = bufferBytes
        self.forwarded = forwarded
        hasAsked = false
    }

    mutating func send(_ count: UInt32) { sent &+= count }

    var available: UInt32 {
        let underWay = sent &- forwarded
        return underWay < bufferBytes ? bufferBytes - underWay : 0
    }
}
