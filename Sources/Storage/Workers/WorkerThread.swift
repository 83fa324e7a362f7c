// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore

/// A thread of our own, for work that blocks: the threads of Swift's pool must always move on.
package struct WorkerThread: Sendable {
    private let handle: pthread_t

    /// Runs `body` at once. `name` shows in `top` and debuggers; 15 bytes of it.
    package init(_ name: String, _ body: @escaping @Sendable () -> Void) throws {
        var handle = pthread_t()
        let start = Unmanaged.passRetained(Start(name, body))
        let failure = pthread_create(&handle, nil, Self.entry, start.toOpaque())
        guard failure == 0 else {
            start.release()
            throw MartletError(.storageThread, "cannot start the thread \(name): \(String(cString: strerror(failure)))")
        }
        self.handle = handle
    }

    /// Waits for the end of the body. To be called once, never from Swift's pool.
    package func join() { pthread_join(handle, nil) }

    /// For threads that nobody joins: the system frees them at their end.
    package func detach() { pthread_detach(handle) }

    private final class Start: Sendable {
        private let name: String
        private let body: @Sendable () -> Void

        init(_ name: String, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }

        func run() {
            nameThread()
            body()
        }

        /// The call for it is a GNU extension that Swift does not see. A thread without a name works as well.
        private func nameThread() {
            let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
            guard file >= 0 else { return }
            let bytes = Array(name.utf8.prefix(15))
            _ = Glibc.write(file, bytes, bytes.count)
            close(file)
        }
    }

    private static let entry: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
        if let argument { Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().run() }
        return nil
    }
}
