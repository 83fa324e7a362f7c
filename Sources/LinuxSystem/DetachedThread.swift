// SPDX-License-Identifier: Apache-2.0
internal import CLinux

/// Runs `body` on a thread of its own, for work that blocks in a system call as long as the process lives.
package func detachThread(named name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
    let errand = Unmanaged.passRetained(Errand(body))
    let result = martlet_detach_thread(
        name,
        { context in
            guard let context else { return }
            Unmanaged<Errand>.fromOpaque(context).takeRetainedValue().body()
        },
        errand.toOpaque()
    )
    guard result < 0 else { return }
    errand.release()
    throw SystemError("pthread_create", -result)
}

private final class Errand: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}
