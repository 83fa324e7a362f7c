// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import LinuxSystem

/// A directory that clients may see.
package struct NinePExport: Sendable {
    /// What a client asks for it by: `aname` of Tattach, the mount option of the same name.
    package var name: String
    /// A directory as this process sees it, looked for whenever a connection attaches it for the first time.
    package var path: String
    /// Whom the files are shown to belong to; nil shows each file's own. In a user namespace the host's users are all
    /// "nobody", and root's files ought to be root's.
    package var owner: NinePOwner?

    package init(name: String, path: String, owner: NinePOwner? = nil) {
        self.name = name
        self.path = path
        self.owner = owner
    }
}

package struct NinePOwner: Sendable, Equatable {
    package var user: UInt32
    package var group: UInt32

    package init(user: UInt32, group: UInt32) {
        self.user = user
        self.group = group
    }
}

/// Shows directories of the host to a machine, for reading, by 9P2000.L: what Linux mounts as `9p`.
///
/// The peer is a kernel that a stranger's code may have taken over. So whatever it sends, it gets an answer, the error of
/// which is a number of Linux, or, where it cannot be told any more where a message begins, the end of its connection; and
/// everything that it can have kept is bounded by `NinePLimits`.
///
/// - Nothing is written, and nothing opened but regular files and directories, for reading: EROFS, or EACCES for devices,
///   sockets and pipes, whose attributes are shown.
/// - No name leads out of an export: not `..`, not a link. Links are the client's to follow, among its own files. What is
///   mounted below an export is part of it, whenever it was mounted there.
/// - A file is found by its path at each use. One that was replaced after the client walked to it is not opened any more
///   (ESTALE), since the client may have pages of the old one in its cache; it is found anew by walking there.
/// - `mtime`, `ctime` and size are in a qid's version; a client that does not look again does not notice a change
///   (`cache=loose`).
/// - There is no authentication (ENOENT): whoever reaches the socket may read. All users see what this process may read.
/// - Locks hold among the processes of one client. Of extended attributes `user.…` and `security.capability` are shown.
///
/// A connection has a thread, which answers one request after the other; a client that wants to wait for several disks at
/// once makes several connections. There are no time-outs: a client that is silent for days is an idle machine, and one
/// that does not read its answers holds up itself.
///
/// Linux mounts it with `trans=fd,version=9p2000.L,msize=524288,access=any,cache=loose,ro,nosuid,nodev,noxattr`: bits that
/// change the user, and devices, are shown as they are on the host, and without `noxattr` each program that is started
/// asks for its capabilities.
///
/// It needs no `/proc`. The system calls that it makes after its start: accept4, recvfrom, sendto, openat, openat2, statx,
/// pread64, getdents64, lseek, readlinkat, fstatfs, fgetxattr, flistxattr, close, clock_nanosleep, and those of threads and
/// memory.
package final class NinePServer: Sendable {
    private let shared: Shared

    package init(_ exports: [NinePExport], limits: NinePLimits = .init()) {
        shared = Shared(exports, limits)
    }

    /// Serves one connected stream socket, blocking, until the peer ends it or breaks the protocol; blocks its thread, and
    /// closes the socket. One more connection than may be is closed at once.
    package func serve(_ connection: FileDescriptor) {
        guard shared.budgets.connections.take() else { return connection.close() }
        run(connection)
    }

    /// Serves everybody who connects to `listener`, each on a thread of its own. Returns when nobody can connect any more:
    /// when the listener has been shut down or is none.
    package func accept(at listener: FileDescriptor) {
        while true {
            do throws(SystemError) {
                let connection = try listener.accept()
                guard shared.budgets.connections.take() else {
                    connection.close()
                    continue
                }
                start(connection)
            } catch {
                guard Self.passes(error) else { return }
            }
        }
    }

    private func start(_ connection: FileDescriptor) {
        do throws(SystemError) {
            try detachThread(named: "9p") { [self] in run(connection) }
        } catch {
            // No thread to be had: it is one connection too many.
            shared.budgets.connections.giveBack()
            connection.close()
        }
    }

    /// Whether it is worth trying again after an error of accept(2).
    private static func passes(_ error: SystemError) -> Bool {
        switch error.code {
        case EBADF, EINVAL, ENOTSOCK, EOPNOTSUPP, EFAULT: return false
        case EMFILE, ENFILE, ENOMEM, ENOBUFS, EAGAIN:
            usleep(10_000)  // until somebody else has let go of something
            return true
        default: return true
        }
    }

    private func run(_ connection: FileDescriptor) {
        Connection(connection, shared).run()
        connection.close()
        shared.budgets.connections.giveBack()
    }

    /// For tests: whether nothing is held.
    var isIdle: Bool {
        let budgets = shared.budgets
        return [budgets.connections, budgets.fids, budgets.heldBytes, budgets.openFiles].allSatisfy { $0.taken == 0 }
    }
}
