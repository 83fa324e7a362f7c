// SPDX-License-Identifier: Apache-2.0
//
// Companions: processes that are started beside the first one of a sandbox that runs, and sockets of its network.
//
// A messenger is forked, enters the sandbox's namespace, makes what is wanted there and sends its descriptor; what it
// forks is the jailer's child and enters the other namespaces by itself. Both are born unreadable: until it is powerless,
// a rootless one has the same user as the function, which else could write its memory.
#define _GNU_SOURCE
#include "sandboxes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// What a process is sent for, since one that has entered another's namespace may not be let back.
struct errand {
    const struct sandbox *home;
    const struct birth *birth;      // of a companion; NULL: a socket of the network
    int dumpable;
};

// Leaves the new process to the jailer, as its child, in the sandbox's pid namespace and cgroup.
static int clone_inside(const struct errand *errand, int way, pid_t *process, struct failure *f) {
    int pidfd = -1, group = cgroups_clone_target(errand->birth->spec->id);
    struct clone_args arguments = {.flags = CLONE_PARENT | CLONE_PIDFD | (group < 0 ? 0 : CLONE_INTO_CGROUP),
        .pidfd = (uintptr_t)&pidfd, .cgroup = group < 0 ? 0 : (uint64_t)group};
    if (setns(errand->home->kept[KEPT_PROCESSES], CLONE_NEWPID))
        return fail(f, JAILER_E_FAILED, errno, "visit the sandbox's processes");
    *process = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (*process == 0) {
        close(way);
        run_companion(errand->birth);
    }
    // ENOMEM is how the kernel says that process 1 has ended.
    if (*process < 0) return fail(f, errno == ENOMEM ? JAILER_E_ENDED : errno == EAGAIN ? JAILER_E_BUSY
        : JAILER_E_FAILED, errno, "fork inside the sandbox");
    return pidfd;
}

static int make_socket(const struct errand *errand, struct failure *f) {
    if (setns(errand->home->kept[KEPT_NETWORK], CLONE_NEWNET))
        return fail(f, JAILER_E_FAILED, errno, "visit the sandbox's network");
    int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return made < 0 ? fail(f, JAILER_E_FAILED, errno, "make a socket") : made;
}

static void run_errand(const struct errand *errand, int way) __attribute__((noreturn));
static void run_errand(const struct errand *errand, int way) {
    struct birth_report told = {.kind = BORN_FAILED};
    pid_t process = 0;
    int made = errand->birth ? clone_inside(errand, way, &process, &told.failure) : make_socket(errand, &told.failure);
    if (made >= 0) told.kind = BORN_STARTED;
    told.value = process;
    struct writer body = {.length = sizeof told};
    memcpy(body.bytes, &told, sizeof told);
    send_message(way, 0, 0, &body, &made, made < 0 ? 0 : 1);
    _exit(0);
}

// Waits for what it brings, which is a few system calls away. Returns the descriptor, or -1.
static int send_on_errand(const struct errand *errand, pid_t *process, struct failure *f) {
    int pair[2], made = -1;
    size_t count = 1;
    struct {
        struct jailer_header header;
        struct birth_report report;
    } told;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return fail(f, JAILER_E_FAILED, errno, "make a socket pair");
    struct clone_args arguments = {.exit_signal = SIGCHLD};
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    pid_t messenger = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (messenger == 0) run_errand(errand, pair[1]);
    int error = errno;
    prctl(PR_SET_DUMPABLE, errand->dumpable, 0, 0, 0);
    close(pair[1]);
    if (messenger < 0) fail(f, JAILER_E_BUSY, error, "fork");
    else if (receive_message(pair[0], &told, sizeof told, &made, &count, 0) != (ssize_t)sizeof told)
        fail(f, JAILER_E_FAILED, 0, "hear from inside the sandbox");
    else if (told.report.kind != BORN_STARTED || count == 0) *f = told.report.failure;
    else *process = told.report.value;
    if (messenger > 0) waitpid(messenger, NULL, 0);
    close(pair[0]);
    return made;
}

int socket_inside(const struct sandbox *sandbox, struct failure *f) {
    struct errand errand = {.home = sandbox, .dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)};
    pid_t nobody;
    if (sandbox->kept[KEPT_NETWORK] < 0)
        return fail(f, JAILER_E_SPECIFICATION, 0, "the sandbox is not attended, or has no network of its own");
    return send_on_errand(&errand, &nobody, f);
}

// A plain companion needs no visit: it is cloned here. The child does not come back.
static pid_t clone_plain(const struct birth *birth, int *pidfd, struct failure *f) {
    int group = cgroups_clone_target(birth->spec->id);
    struct clone_args arguments = {.flags = CLONE_PIDFD | (group < 0 ? 0 : CLONE_INTO_CGROUP),
        .pidfd = (uintptr_t)pidfd, .exit_signal = SIGCHLD, .cgroup = group < 0 ? 0 : (uint64_t)group};
    pid_t process = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (process == 0) run_companion(birth);
    if (process < 0) fail(f, JAILER_E_BUSY, errno, "fork");
    if (group >= 0) close(group);
    return process;
}

static int launch(struct sandbox *companion, const struct spec *spec, struct failure *f) {
    struct sandbox *home = companion->home;
    int control[2], output[2];
    struct birth birth = {.spec = spec, .claim = -1, .kept = home->kept, .host_id = host_id_of(home)};
    if (open_channels(control, output, birth.host_id, f)) return -1;
    birth.control = control[1];
    birth.output = output[1];
    memcpy(birth.scratch, home->scratch, sizeof birth.scratch);
    if (host.plain) {
        companion->process = clone_plain(&birth, &companion->pidfd, f);
    } else {
        struct errand errand = {home, &birth, prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)};
        companion->pidfd = send_on_errand(&errand, &companion->process, f);
    }
    close(control[1]);
    close(output[1]);
    companion->control = control[0];
    companion->output = output[0];
    if (companion->pidfd >= 0) return 0;
    close(control[0]);
    close(output[0]);
    return -1;
}

int start_companion(uint32_t request, struct reader *r, struct failure *f) {
    static struct spec spec;
    struct sandbox *home = with_handle(read_u64(r), f);
    if (read_companion(r, &spec, f) || !home) return -1;
    if (!home->is_attended) return fail(f, JAILER_E_SPECIFICATION, 0, "the sandbox is not attended");
    if (home->lingers_since) return fail(f, JAILER_E_ENDED, 0, "The sandbox is ending");
    if (!host.plain && spec.mount_count > 0) return fail(f, JAILER_E_SPECIFICATION, 0, "a companion has no mounts");
    if (home->companions >= JAILER_MAX_COMPANIONS)
        return fail(f, JAILER_E_BUSY, 0, "The sandbox has %d companions already", JAILER_MAX_COMPANIONS);
    struct sandbox *companion = take_place(NULL, request, f);
    if (!companion) return -1;
    strcpy(companion->id, home->id);
    companion->home = home;
    companion->home_generation = home->generation;
    spec.id = companion->id;
    spec.flags = 0;
    spec.limits = (struct limits){.open_files = home->open_files, .processes = home->process_limit};
    if (launch(companion, &spec, f)) return -1;
    home->companions++;
    return begin_life(companion, f);
}
