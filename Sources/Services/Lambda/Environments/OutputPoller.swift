// SPDX-License-Identifier: Apache-2.0
import CEpoll
import Glibc
import LinuxSystem
import MartletCore
import NIOConcurrencyHelpers

/// Takes what processes write. Called on any thread; must not block.
protocol OutputSink: Sendable {
    func write(_ bytes: UnsafeRawBufferPointer)
}

/// Reads the output pipes of all environments on one thread. A pipe can also be drained at once by whoever needs its lines
/// now: the end of an invocation must come after everything that the function wrote.
final class OutputPoller: Sendable {
    private let epoll: Int32
    private let pipes = NIOLockedValueBox<[Int32: OutputPipe]>([:])

    init() throws {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else { throw MartletError("lambda.output", "epoll_create1 failed: errno \(errno)") }
        var thread = pthread_t()
        let created = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<OutputPoller>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            },
            Unmanaged.passRetained(self).toOpaque()
        )
        guard created == 0 else { throw MartletError("lambda.output", "pthread_create failed: \(created)") }
        pthread_detach(thread)
    }

    /// Takes ownership of the pipe's read end; it is closed at its end of file or by `OutputPipe.close`.
    func add(_ descriptor: FileDescriptor, log: any OutputSink) -> OutputPipe {
        let pipe = OutputPipe(descriptor, log: log, poller: self)
        pipes.withLockedValue { $0[descriptor.number] = pipe }
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        event.data.fd = descriptor.number
        _ = epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor.number, &event)
        return pipe
    }

    fileprivate func remove(_ descriptor: Int32) {
        _ = epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, nil)
        _ = pipes.withLockedValue { $0.removeValue(forKey: descriptor) }
    }

    /// Lives as long as the process: one thread, however many environments come and go.
    private func run() {
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        while true {
            let count = epoll_wait(epoll, &events, Int32(events.count), -1)
            guard count > 0 else { continue }
            for event in events.prefix(Int(count)) {
                let descriptor = event.data.fd
                pipes.withLockedValue { $0[descriptor] }?.drain()
            }
        }
    }
}

/// The read end of one environment's output.
final class OutputPipe: Sendable {
    private let descriptor: FileDescriptor
    private let log: any OutputSink
    private let poller: OutputPoller
    private let isOpen = NIOLockedValueBox(true)
    /// In one call, so that a function that writes without end cannot hold its caller up.
    private static let bytesPerDrain = 1 << 20

    fileprivate init(_ descriptor: FileDescriptor, log: any OutputSink, poller: OutputPoller) {
        self.descriptor = descriptor
        self.log = log
        self.poller = poller
        let flags = fcntl(descriptor.number, F_GETFL)
        _ = fcntl(descriptor.number, F_SETFL, flags | O_NONBLOCK)
    }

    /// Reads what is there now. Any thread.
    func drain() {
        isOpen.withLockedValue { isOpen in
            guard isOpen else { return }
            var total = 0
            let ended = withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 8) { buffer in
                while total < Self.bytesPerDrain {
                    let count = read(descriptor.number, buffer.baseAddress, buffer.count)
                    if count < 0 && errno == EINTR { continue }
                    if count < 0 { return errno != EAGAIN }
                    if count == 0 { return true }
                    log.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                    total += count
                }
                return false
            }
            if ended { shut(&isOpen) }
        }
    }

    func close() { isOpen.withLockedValue { if $0 { shut(&$0) } } }

    private func shut(_ isOpen: inout Bool) {
        isOpen = false
        poller.remove(descriptor.number)
        descriptor.close()
    }
}
