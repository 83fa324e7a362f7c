// SPDX-License-Identifier: Apache-2.0
//
// What the files of the jailer share. The order of reading: loop.c (requests), sandboxes.c (the table of sandboxes
// and their lives), init.c (what happens in the cloned child), workshop.c, mounts.c, claim.c, cgroup/cgroup.c, seccomp.c,
// privileges.c, plain.c; of snapshots, snapshots.c, snapshot/dump.c and snapshot/restore.c.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../CLinux/include/JailerProtocol.h"

// ---- failures: one sentence's worth of reason, carried from where it happens to the answer ----

struct failure {
    int code;                       // JAILER_E_…, 0: none
    int error;                      // errno, 0 when the kernel has nothing to do with it
    char text[400];                 // what was being done: "mount /data/x at /var/task"
};

// Fills `f` and returns -1, so that a step reads `return fail(f, …)`.
int fail(struct failure *f, int code, int error, const char *format, ...) __attribute__((format(printf, 4, 5)));

// ---- protocol.c: reading and writing bodies ----

struct reader {
    char *at;
    size_t left;
    bool bad;                       // sticks: read everything, then look once
};

uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
char *read_string(struct reader *r);                    // points into the message; never NULL
uint32_t read_count(struct reader *r, uint32_t limit);  // of a list
bool read_ended(const struct reader *r);                // all read, nothing wrong

struct writer {
    size_t length;
    char bytes[8192];
};

void write_u32(struct writer *w, uint32_t value);
void write_u64(struct writer *w, uint64_t value);
void write_string(struct writer *w, const char *text);  // cut where the room ends

int send_message(int socket, uint32_t operation, uint32_t request, const struct writer *body, const int *descriptors,
    size_t count);
// Bytes received, 0 at the end, -1 with errno. Descriptors that come along are returned in `descriptors`.
ssize_t receive_message(int socket, void *buffer, size_t size, int *descriptors, size_t *count, int flags);

// The answers to the server: with a body, with a failure, with nothing to say.
void answer(uint32_t request, const struct writer *body, const int *descriptors, size_t count);
void answer_failure(uint32_t request, const struct failure *failure);
void answer_done(uint32_t request);

// ---- specification.c: requests, read and judged ----

struct limits {
    uint64_t memory, temporary;
    uint32_t processes, open_files, cpu;
};

struct mount_spec {
    uint32_t flags;
    char *source, *target;
};

// A START request, its strings still in the message buffer.
struct spec {
    char *id;
    uint32_t flags;
    struct limits limits;
    char *directory, *root;
    char *command[JAILER_MAX_ARGUMENTS + 1];
    char *environment[JAILER_MAX_ENVIRONMENT + 1];
    struct mount_spec mounts[JAILER_MAX_MOUNTS];
    uint32_t mount_count;
    uint16_t ports[JAILER_MAX_LISTENERS];
    uint32_t port_count;
};

int read_spec(struct reader *r, struct spec *spec, struct failure *f);
int read_companion(struct reader *r, struct spec *spec, struct failure *f);
int read_limits(struct reader *r, struct limits *limits, struct failure *f);
int read_mounts(struct reader *r, struct mount_spec *mounts, uint32_t *count, struct failure *f);
// The command, its environment and its directory: of a spec's fields, no others.
int read_command(struct reader *r, struct spec *spec, struct failure *f);
int judge_command(const struct spec *spec, struct failure *f);

// ---- the host, as HELLO found it ----

struct host {
    bool greeted;
    bool plain;                     // no namespaces
    bool rootless;                  // the jailer itself lives in a user namespace with one user
    bool user_namespaces;           // a function's process gets one of its own
    int landlock;                   // ABI version, 0: none
    char scratch[320];              // plain: holds the directories of the sandboxes
    char parent[96];                // the cgroup directory that all sandboxes of this jailer share
};

extern struct host host;

// ---- cgroup/cgroup.c ----

// A name that jailers give: `martlet-jailer-` and a number.
bool is_jailer_name(const char *name);

// Finds the hierarchies and makes the shared parent directories. Says in `summary` where they are.
int cgroups_open(bool optional, bool no_unified, char *summary, size_t size, struct failure *f);
void cgroups_close(void);           // kills whatever is in the groups, and removes them with the shared parents
bool cgroups_any(void);
uint32_t cgroups_found(void);       // JAILER_HAS_…
int cgroups_create(const char *id, const struct limits *limits, struct failure *f);
int cgroups_join(const char *id, struct failure *f);    // called by the new process itself
int cgroups_clone_target(const char *id);               // for CLONE_INTO_CGROUP, or -1
bool cgroups_remove(const char *id);                    // false: something is still in there, try again
int cgroups_limit(const char *id, const struct limits *limits, struct failure *f);
int cgroups_cpu(const char *id, uint32_t quota, struct failure *f);
int cgroups_freeze(const char *id, bool frozen, struct failure *f);
void cgroups_kill(const char *id);                      // thaws, and kills what the kernel can kill by group
uint32_t cgroups_oom_kills(const char *id);
void cgroups_usage(const char *id, uint64_t *peak, uint64_t *now, uint64_t *cpu);
int cgroups_peak_file(const char *id);                  // open for reading, or -1

// ---- workshop.c, mounts.c, claim.c ----

// Prepares, once, in the jailer's own mount namespace, what all sandboxes share: /usr, /etc, /dev.
int workshop_open(struct failure *f);
// Builds the sandbox's root, moves into it and forgets the host's. Runs in the sandbox's new mount namespace.
// `host_id` is the function's user on the host.
int enter_root(const struct spec *spec, uint32_t host_id, struct failure *f);
// Adds mounts to a running sandbox. Runs in the jailer, which visits the sandbox's mount namespace.
int mount_late(int namespace, const struct mount_spec *mounts, uint32_t count, uint64_t temporary, uint32_t host_id,
    struct failure *f);

// ---- undertaker.c ----

// Starts the process that outlives the jailer by as long as it takes to end its sandboxes. `poller` is of no use to it.
int undertaker_start(int poller, struct failure *f);
// The jailer ends in good order and has left nothing.
void undertaker_dismiss(void);

// ---- seccomp.c ----

int seccomp_prepare(struct failure *f);                 // compiles the filter, once
int seccomp_apply(struct failure *f);

// ---- privileges.c ----

// The user and group that a function believes to be, as on AWS.
enum { FUNCTION_UID = 993, FUNCTION_GID = 990 };

// Host users from here on are nobody's: above all ranges that distributions hand out. One for each sandbox at a time,
// so that no two share the kernel's per-user limits, and one for the init processes.
enum { FIRST_HOST_UID = 1900000000, INIT_HOST_UID = FIRST_HOST_UID + 65535 };

int write_file(const char *path, const char *text);     // 0, or -1 with errno
int enter_user_namespace(struct failure *f);            // rootless: become root of a namespace of one's own
int map_function_user(pid_t process, uint32_t host_id, struct failure *f);
int become_powerless(uint32_t user, uint32_t group, struct failure *f);
// Closes every descriptor but these; -1 stands for none. 0, or -1 with errno.
int close_all_but(const int *kept, size_t count);
int set_limit(int resource, uint64_t value);

// ---- init.c: the child ----

// What is kept of an attended sandbox: a pidfd of its first process, and its namespaces. Without user namespaces or
// without any, the rest is -1.
enum { KEPT_FIRST, KEPT_USER, KEPT_NETWORK, KEPT_PROCESSES, KEPT_OTHERS, KEPT = KEPT_OTHERS + 4 };

// Of an image, open for reading. See snapshot/image.h.
struct image_files {
    int memory, files, table;
};

struct birth {
    const int *kept;                // of a companion: its sandbox's; else NULL
    const struct spec *spec;
    uint32_t host_id;               // user of the function's process on the host
    int control;                    // to the jailer
    int output;                     // write end of the output pipe
    int claim;                      // the function's end of the way to the server, -1: it awaits no claim
    bool in_cgroup;                 // clone has put it there already
    char scratch[400];              // plain: the directory that stands for /tmp
    const struct image_files *image;    // what it begins as a copy of; NULL: it executes its command
};

// What the child tells the jailer over `control`.
// With BORN_STARTED come the listeners, for a sandbox that awaits a claim its mount namespace, and for one that is
// attended what is kept of it, without those that are -1: their mask is `value`.
enum { BORN_STARTED = 1, BORN_FAILED = 2, BORN_EXITED = 3, BORN_PICTURED = 4 };
enum { BORN_MAX_DESCRIPTORS = JAILER_MAX_LISTENERS + JAILER_EGRESS_SOCKETS + 1 + KEPT };
struct birth_report {
    int32_t kind;
    int32_t value;                  // wait status of the function's process, or as said above
    uint64_t bytes;                 // BORN_PICTURED: of the image
    struct failure failure;
};

void run_init(const struct birth *birth) __attribute__((noreturn));
// Waits for the command of a sandbox that executes late, and executes it, or for an image, and goes on as its copy.
// Ends the process otherwise.
void execute_late(int claim, int output) __attribute__((noreturn));
void run_companion(const struct birth *birth) __attribute__((noreturn));
int open_listener(uint16_t port, struct failure *f);
int raise_loopback(struct failure *f);
// Executes the command, or goes on as a copy; returns only by failing. `way`: where it is told to begin, and tells.
int run_function(const struct birth *birth, int *way, struct failure *f);

// ---- egress.c, netlink.c ----

// Gives the sandbox's network, in which it runs, a way out. Fills JAILER_EGRESS_SOCKETS sockets.
int open_egress(int *sockets, struct failure *f);

// ---- plain.c: what is left without namespaces ----

int landlock_version(void);
int landlock_apply(const struct birth *birth, struct failure *f);
void kill_descendants(void);        // of a subreaper, until none is left
// Makes `<directory>/martlet-jailer-<pid>` and locks it; removes those whose jailer is dead.
int open_scratch(const char *directory, struct failure *f);
int make_scratch(const char *path, struct failure *f);
void remove_scratch(const char *path);
// Without a cgroup: stops or continues the processes below `init` one by one.
void signal_descendants(pid_t init, int signal);
void descendants_usage(pid_t init, uint64_t *peak, uint64_t *now, uint64_t *cpu);

// ---- examine.c ----

void examine_host(struct writer *w);
