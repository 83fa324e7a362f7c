// SPDX-License-Identifier: Apache-2.0
//
// The jailer's table of sandboxes, as its loop sees it.
#pragma once
#include "jailer.h"

enum state {
    FREE,
    STARTING,                       // → RUNNING, when the command has been executed; → DEAD
    RUNNING,                        // → DEAD
    DEAD,                           // the process is gone, its cgroups not yet; → FREE
};

struct sandbox {
    enum state state;
    uint32_t generation;            // so that a handle names one sandbox and not its successor
    char id[JAILER_ID_BYTES + 1];
    pid_t process;
    int pidfd, control, output;
    int claim;                      // the server's end of the way to the process, until START is answered
    int mounts;                     // its mount namespace, kept for a claim
    uint32_t request;               // START's, to be answered
    uint64_t born;                  // milliseconds
    int kept[KEPT];                 // of an attended one; else -1
    bool is_attended;
    uint32_t open_files, process_limit;
    struct sandbox *home;           // of a companion: its sandbox; else NULL
    uint32_t home_generation;
    uint32_t companions;            // that are not gone, its photographer included
    bool is_photographer;           // a companion that takes the image of its home
    bool is_copy;                   // began from an image
    uint64_t memory_limit, temporary_limit, output_inode;
    uint64_t lingers_since;         // milliseconds, 0: its first process runs
    bool awaits_claim, was_answered, was_started, has_status;
    int32_t status;                 // wait status of the first process
    char scratch[400];
    // Of the EXIT notice, taken while there was something to read it from.
    uint32_t oom_kills;
    uint64_t peak, cpu;
    int attempts;
};

int sandboxes_open(void);                               // makes the epoll instance and returns it
int watch_server(int socket);
// start.c
int start_sandbox(uint32_t request, struct reader *r, const struct image_files *image, struct failure *f);
// companions.c
int start_companion(uint32_t request, struct reader *r, struct failure *f);
// A pidfd's process, which is about to be watched: what start_sandbox and start_companion have in common.
struct sandbox *take_place(const char *id, uint32_t request, struct failure *f);
int begin_life(struct sandbox *sandbox, struct failure *f);
void close_if_open(int *descriptor);
int open_channels(int *control, int *output, uint32_t host_id, struct failure *f);
// snapshots.c
int start_snapshot(uint32_t request, struct reader *r, struct failure *f);
int start_copy(uint32_t request, struct reader *r, struct failure *f);
// A socket of the sandbox's network, or -1.
int socket_inside(const struct sandbox *sandbox, struct failure *f);
uint32_t host_id_of(const struct sandbox *sandbox);
// To the processes of a plain sandbox, its companions included.
void signal_plain(const struct sandbox *sandbox, int signal_number);
// NULL, with a failure, unless it is running and no companion.
struct sandbox *with_handle(uint64_t handle, struct failure *f);
void kill_sandbox(struct sandbox *sandbox);
void kill_all(void);
bool any_sandbox(void);
// How long to wait for events, in milliseconds, before look_after; -1 for ever.
int sandboxes_pause(void);
// What no event tells: births that take too long, cgroups that the kernel is not done with.
void look_after(void);
// False when the event is about the server.
bool sandbox_event(uint64_t about);
