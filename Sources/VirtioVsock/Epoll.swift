// SPDX-License-Identifier: Apache-2.0
internal import CEpoll
internal import Glibc
internal import LinuxSystem

/// What the device's thread waits for. Everything but the front end is told by edges: one look at each descriptor when it
/// is added, and no system call when its state is used up.
struct Epoll {
    struct Readiness: OptionSet {
        let rawValue: UInt32
        static let readable = Readiness(rawValue: EPOLLIN.rawValue)
        static let writable = Readiness(rawValue: EPOLLOUT.rawValue)
        static let failed = Readiness(rawValue: EPOLLERR.rawValue)
        static let hungUp = Readiness(rawValue: EPOLLHUP.rawValue)
        static let peerEnded = Readiness(rawValue: EPOLLRDHUP.rawValue)
    }

    private static let most = 64
    private let descriptor: FileDescriptor
    private let events: UnsafeMutablePointer<epoll_event>

    init?() {
        let number = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard number >= 0 else { return nil }
        descriptor = FileDescriptor(number)
        events = .allocate(capacity: Self.most)
    }

    func close() {
        descriptor.close()
        events.deallocate()
    }

    /// Whether it can be waited for.
    func add(_ added: FileDescriptor, _ readiness: Readiness, byEdges: Bool = true, tag: UInt64) -> Bool {
        var event = epoll_event()
        event.events = readiness.rawValue | (byEdges ? EPOLLET.rawValue : 0)
        event.data.u64 = tag
        return epoll_ctl(descriptor.number, EPOLL_CTL_ADD, added.number, &event) == 0
    }

    /// What is closed by us alone needs it not; the front end keeps the other end of a kick open.
    func remove(_ removed: FileDescriptor) {
        var event = epoll_event()
        _ = epoll_ctl(descriptor.number, EPOLL_CTL_DEL, removed.number, &event)
    }

    /// Waits for `milliseconds` (-1: for ever) and hands over what has happened.
    func wait(_ milliseconds: Int32, _ body: (UInt64, Readiness) throws(ProtocolBreach) -> Void) throws(ProtocolBreach)
    {
        let count = epoll_wait(descriptor.number, events, Int32(Self.most), milliseconds)
        guard count >= 0 || errno == EINTR else { throw ProtocolBreach() }
        for index in 0..<max(0, Int(count)) {
            try body(events[index].data.u64, Readiness(rawValue: events[index].events))
        }
    }
}
