// SPDX-License-Identifier: Apache-2.0
//
// What the server and its jailer say to each other.
//
// The transport is one SOCK_SEQPACKET Unix socket pair: a message is a datagram, so a broken one cannot shift the
// next. The server's end is its own; the jailer's is descriptor 3. Both run on one machine from one executable, so
// numbers are in the machine's byte order, and a version check in HELLO is all the negotiation there is.
//
// Every message is a header and a body. The body is a plain sequence of u32, u64 string   u32 length, that many
// bytes, one zero byte that is not counted; a zero inside is an error list     u32 count, then that many items A
// receiver checks every length against what is left. A request with bytes left over is as wrong as one with too few.
#pragma once
#include <stdint.h>

enum {
    JAILER_VERSION = 1,
    JAILER_SOCKET = 3,              // the descriptor at which the jailer finds its end
    JAILER_MAX_MESSAGE = 128 * 1024,
    JAILER_MAX_SANDBOXES = 4096,
    JAILER_MAX_ARGUMENTS = 1024,
    JAILER_MAX_ENVIRONMENT = 1024,
    JAILER_MAX_MOUNTS = 64,
    JAILER_MAX_LISTENERS = 8,
    JAILER_EGRESS_SOCKETS = 3,
    JAILER_MAX_DESCRIPTORS = 3 + JAILER_MAX_LISTENERS + JAILER_EGRESS_SOCKETS,
    JAILER_CLAIM_DESCRIPTOR = 3,    // where the process of a sandbox that awaits its claim finds the server
    JAILER_ID_BYTES = 64,
    JAILER_MAX_COMPANIONS = 32,     // of one sandbox, at a time
    JAILER_LINGER_MS = 5000,
};

struct jailer_header {
    uint32_t operation;
    uint32_t request;               // chosen by the server, repeated in the answer; 0 in notices
    uint32_t length;                // bytes of body that follow in this message
    uint32_t descriptors;           // that travel with it (SCM_RIGHTS); a request has none
};

// Requests (server to jailer). Each is answered once, START when the command has been executed or could not be.
enum {
    // u32 version, u32 flags (JAILER_HELLO_*), string scratch. First, and once.
    // `scratch` is a directory in which the jailer makes one of its own for the files of plain sandboxes.
    // Answer: u32 flags (JAILER_HAS_*), string where the cgroups are, string that directory.
    JAILER_HELLO = 1,
    // string id, u32 flags (JAILER_START_*), limits, string root (empty: the host's; else the directory of an
    // unpacked image), string working directory, list command, list environment ("NAME=value"), list mounts, list listeners
    // (u32 port each). limits: u64 memory bytes, u64 bytes of /tmp, u32 processes, u32 open files, u32 CPU
    // microseconds per 100 ms (0: no limit) mount:  u32 flags (JAILER_MOUNT_*), string source, string target Answer:
    // u64 handle, u32 1 when the last descriptor is the file in which the kernel keeps the peak of memory use, as a
    // decimal number; descriptors: read end of the output, then the listeners in their order, then, with
    // JAILER_START_EGRESS, three sockets (see there), then, where a claim is awaited, the way to the process (a stream socket whose other end is its JAILER_CLAIM_DESCRIPTOR), then that file.
    JAILER_START = 2,
    // u64 handle, limits, list mounts. Once, for a sandbox started with JAILER_START_AWAITS_CLAIM.
    JAILER_CLAIM = 3,
    // u64 handle, u32 CPU microseconds per 100 ms (0: no limit).
    JAILER_CPU = 4,
    // u64 handle.
    JAILER_FREEZE = 5,
    JAILER_THAW = 6,
    // u64 handle. Answer: u64 peak bytes, u64 bytes now, u64 CPU microseconds.
    JAILER_USAGE = 7,
    // u64 handle. Answered at once; the EXIT notice says when the sandbox is gone.
    JAILER_KILL = 8,
    // Answer: list of (u32 JAILER_CHECK_*, string item, string detail). Legal before HELLO.
    JAILER_EXAMINE = 9,
    // u64 handle, string working directory, list command, list environment, list mounts (of a plain sandbox: what the
    // process may see; else none). Starts another process inside a sandbox that was started with
    // JAILER_START_ATTENDED: same namespaces, cgroup, user, limits and filter as its first one. Answer: u64 handle, of
    // which only an EXIT notice is heard; descriptor: read end of its output. It ends with its sandbox.
    JAILER_COMPANION = 10,
    // u64 handle of a sandbox that was started with JAILER_START_ATTENDED and has a network of its own. Answer:
    // descriptor: a TCP socket of that network, not connected.
    JAILER_DIAL = 11,
    // u64 handle of a sandbox that was started with JAILER_START_ATTENDED, u32 0 or 1: SIGTERM or SIGKILL to its first
    // process alone.
    JAILER_TERMINATE = 12,
    // u64 handle of a sandbox that was started with JAILER_START_ATTENDED and is no copy, string folder. Writes the
    // image of its process into the folder, which exists and is empty. Whether that succeeds or not, the process ends.
    // Answer: u64 bytes on disk.
    JAILER_SNAPSHOT = 13,
    // string folder, then what START has; with no JAILER_START_AWAITS_CLAIM. The command, its environment and its
    // directory are the image's. Answer: as START's, when the copy is about to go on.
    JAILER_RESTORE = 14,
};

// Answers and notices (jailer to server).
enum {
    JAILER_ANSWER = 0x100,          // u32 JAILER_OK, then what the request's comment says
                                    // or u32 JAILER_E…, i32 errno, string what was being done
    JAILER_EXIT = 0x101,            // notice: u64 handle, u32 JAILER_EXITED/SIGNALLED, i32 status or signal, u32 out-of-memory kills,
                                    // u64 peak bytes, u64 CPU microseconds. Files, mounts, cgroups are gone when it
                                    // is sent.
    JAILER_ENDING = 0x102,          // notice, its body as EXIT's: the first process has ended while there are companions.
                                    // They go on until KILL, for JAILER_LINGER_MS at most.
};

enum {
    JAILER_HELLO_PLAIN = 1,         // no namespaces at all: what the process driver asks for
    JAILER_HELLO_CGROUPS_OPTIONAL = 2,
    JAILER_HELLO_NO_UNIFIED = 4,    // leave the version 2 hierarchy alone (for tests of version 1 on hybrid hosts)
};

enum {
    JAILER_HAS_USER_NAMESPACE = 1,
    JAILER_HAS_MEMORY = 2,
    JAILER_HAS_PIDS = 4,
    JAILER_HAS_CPU = 8,
    JAILER_HAS_FREEZER = 16,
    JAILER_HAS_ACCOUNTING = 32,
    JAILER_HAS_LANDLOCK = 64,
};

enum {
    JAILER_START_AWAITS_CLAIM = 1,
    JAILER_START_HOST_NETWORK = 2,
    // With AWAITS_CLAIM: made ready up to its execve. The command is empty; it comes over the way to the process, as
    // u32 length of what follows, string working directory, list command, list environment. Executing it closes the
    // way. What keeps it from being executed is told there before the process ends with 127: u32 JAILER_E_…, i32
    // errno, string what was being done.
    // JAILER_LATE_IMAGE instead of a length, with three descriptors (an image's memory, files and table, to read), makes
    // it a copy instead; the way is closed, or the failure told, as above.
    JAILER_START_EXECUTES_LATE = 4,
    JAILER_START_ATTENDED = 8,      // COMPANION, DIAL and TERMINATE may be asked for; costs eight open files
    JAILER_START_KVM = 16,          // /dev/kvm is there: for a machine's emulator
    // A network of its own with a way out. Of the three sockets, the first accepts the TCP connections that processes of
    // the sandbox make to other addresses than 127.0.0.0/8 (SO_ORIGINAL_DST tells to which); the others are a listener
    // and a datagram socket at 127.0.0.1:53, which the sandbox's resolv.conf names. Not with HOST_NETWORK.
    JAILER_START_EGRESS = 32,
    // The listeners are Unix sockets, “JAILER_VSOCK_PATH”_PORT, where a machine's emulator makes the connections of its
    // guest's vsock. Any user of the sandbox may connect. With a root and a network of the sandbox's own only.
    JAILER_START_VSOCK = 64,
};

// OWNED, with WRITABLE: the function writes as the owner of the source, who must not be root. Where the jailer is an
// ordinary user's, that user writes.
enum { JAILER_MOUNT_WRITABLE = 1, JAILER_MOUNT_OWNED = 2 };

#define JAILER_VSOCK_PATH "/tmp/vsock"
#define JAILER_LATE_IMAGE 0xffffffffU

enum { JAILER_EXITED = 0, JAILER_SIGNALLED = 1 };

enum { JAILER_CHECK_PRESENT = 0, JAILER_CHECK_DEGRADED = 1, JAILER_CHECK_MISSING = 2 };

enum {
    JAILER_OK = 0,
    JAILER_E_PROTOCOL = 1,          // the message cannot be read or comes at the wrong time
    JAILER_E_SPECIFICATION = 2,
    JAILER_E_HOST_LACKS = 3,
    JAILER_E_CANNOT_EXECUTE = 4,
    JAILER_E_ENDED = 5,             // no such handle
    JAILER_E_BUSY = 6,
    JAILER_E_FAILED = 7,
    // And more: that number less this one is the index of the mount that could not be made.
    JAILER_E_MOUNT = 256,
};

// Between the server and the agent of a microVM's guest, which has a jailer of its own in there and passes on what is
// said. The transport is a vsock connection that the agent makes, so headers and bodies follow each other without bounds of
// datagrams, and descriptors cannot travel. For each that the jailer has sent, `descriptors` of them, this comes after the
// body instead: u32 GUEST_IS_…, u32 number.
enum {
    // Of the vsock, at whose other end nothing listens but the server and, for files, the program beside the emulator.
    GUEST_FILE_PORT = 564,                  // 9P's
    GUEST_CONTROL_PORT = 1,                 // this conversation
    // A connection for each stream, which begins with its u32 number and then carries what a descriptor would.
    GUEST_STREAM_PORT = 2,
    // A connection for each that the sandbox makes outwards, and for each lookup of a name; begins with a way_out_request.
    GUEST_WAY_OUT_PORT = 3,
    // Server to agent, first: u64 nanoseconds since 1970. Not answered.
    GUEST_TIME = 0x200,
};

enum {
    GUEST_IS_NOTHING = 0,
    // Its connection has been made before this message was sent. That of a socket for DIAL first hears a u32 port of the
    // sandbox's loopback, to which it is then connected.
    GUEST_IS_STREAM = 1,
    GUEST_IS_LISTENER = 2,          // the agent accepts there, and connects each to the same port of the host
};

// What leads outwards from a guest whose sandbox was started with JAILER_START_EGRESS, and what is in network order of it.
// A stream is carried on as the TCP connection that the guest's sandbox has made; one that breaks ends in both directions
// at once, one that ends, in one. A lookup goes on with u16 length (network order) and as many bytes of a datagram, and is
// answered by one in the same form.
enum { WAY_OUT_STREAM = 1, WAY_OUT_LOOKUP = 2 };
enum { WAY_OUT_NAME_PORT = 53, WAY_OUT_DATAGRAM = 4096 };
struct way_out_request {
    uint32_t kind;
    uint32_t address;
    uint16_t port;
    uint16_t unused;
};
