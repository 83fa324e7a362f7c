// SPDX-License-Identifier: Apache-2.0
//
// The system calls that Swift cannot make by itself: those with variable arguments, control messages, or a structure
// that the Swift importer does not see.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "Exported.h"
#include "JailerProtocol.h"
#include "SharedMemory.h"

/// Starts `path` with `arguments` (ending in NULL), an empty environment, a session of its own and no open files except
/// standard error and, as JAILER_SOCKET, `socket`. Returns the process id, or minus errno.
int32_t martlet_spawn_jailer(const char *path, char *const *arguments, int32_t socket);

/// A pair of SOCK_SEQPACKET sockets, closed at exec. Returns 0, or minus errno.
int32_t martlet_packet_pair(int32_t *first, int32_t *second);

/// Sends header and body as one message. Returns 0, or minus errno.
int32_t martlet_packet_send(int32_t socket, const struct jailer_header *header, const void *body);

/// Sends `value` over a stream socket, with `count` descriptors, at once. Returns 0, or minus errno.
int32_t martlet_send_descriptors(int32_t socket, uint32_t value, const int32_t *descriptors, size_t count);

/// Receives one message with its descriptors (`*count`: room, then how many came). Returns its length, 0 at the end,
/// or minus errno.
int64_t martlet_packet_receive(int32_t socket, void *buffer, size_t size, int32_t *descriptors, size_t *count);

/// Seconds after which receiving fails with EAGAIN; 0 waits for ever.
void martlet_packet_patience(int32_t socket, int32_t seconds);

/// Ends both directions, which a thread that is blocked in receiving notices.
void martlet_packet_shut_down(int32_t socket);

/// The local port of an IPv4 or IPv6 socket, or minus errno.
int32_t martlet_local_port(int32_t socket);

/// A listening socket on 127.0.0.1, at a port that the kernel chooses; closed at exec, non-blocking. Or minus errno.
int32_t martlet_listen_on_loopback(void);

/// The next connection of a listening socket, closed at exec. Returns its descriptor, or minus errno: EAGAIN when there is
/// none and the listener does not block.
int32_t martlet_accept(int32_t listener);

/// Waits for a child. Returns its wait status, or minus errno.
int32_t martlet_wait(int32_t process);

/// Runs `body(context)` on a new, detached thread with a small stack. Returns 0, or minus errno.
int32_t martlet_detach_thread(const char *name, void (*body)(void *), void *context);

/// Opens `path` as if `directory` were the root: links and `..` stay inside it. Returns the descriptor, closed at
/// exec, or minus errno.
int32_t martlet_open_in_root(int32_t directory, const char *path, int32_t flags);

/// Writes everything of the file system that `descriptor` lies in to its disk. Returns 0, or minus errno.
int32_t martlet_sync_file_system(int32_t descriptor);

/// Opens a directory for no more than naming what is in it (O_PATH). Returns the descriptor, or minus errno.
int32_t martlet_open_directory(const char *path);

/// How often the processor's time stamp counter ticks, in thousands a second, measured for 20 ms; 0 where there is none.
uint64_t martlet_time_stamp_khz(void);

enum { MARTLET_O_PATH = 010000000 };
