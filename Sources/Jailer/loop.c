// SPDX-License-Identifier: Apache-2.0
//
// The jailer's one thread: it waits for the server, for children that are being born, and for children that die.
// Nothing that it does in between waits for anything else; a start costs it a fork and a few cgroup files.
#define _GNU_SOURCE
#include "Jailer.h"
#include "sandboxes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int poller = -1;
static pid_t server;
static bool stopping;
static char message[sizeof(struct jailer_header) + JAILER_MAX_MESSAGE];

// ---- requests ----

static int find_user_namespaces(struct failure *f) {
    struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    pid_t probe = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (probe == 0) _exit(0);
    if (probe > 0) waitpid(probe, NULL, 0);
    host.user_namespaces = probe > 0;
    // A root's jailer has other users to give; the ordinary user's has not.
    if (!host.user_namespaces && host.rootless)
        return fail(f, JAILER_E_HOST_LACKS, errno, "make a user namespace in a user namespace");
    return 0;
}

static int hello(uint32_t request, struct reader *r, struct failure *f) {
    uint32_t version = read_u32(r), flags = read_u32(r);
    const char *scratch = read_string(r);
    char summary[1024] = "";
    if (!read_ended(r) || version != JAILER_VERSION || host.greeted) return fail(f, JAILER_E_PROTOCOL, 0, "say hello");
    if (strlen(scratch) > 255) return fail(f, JAILER_E_PROTOCOL, 0, "read the directory's name");
    host.plain = flags & JAILER_HELLO_PLAIN;
    host.landlock = landlock_version();
    if (cgroups_open(flags & JAILER_HELLO_CGROUPS_OPTIONAL, flags & JAILER_HELLO_NO_UNIFIED, summary, sizeof summary,
        f))
        return -1;
    if (undertaker_start(poller, f)) return -1;
    if (host.plain && open_scratch(scratch, f)) return -1;
    if (!host.plain) {
        host.rootless = geteuid() != 0;
        if (host.rootless && enter_user_namespace(f)) return -1;
        if (find_user_namespaces(f) || workshop_open(f)) return -1;
    }
    if (seccomp_prepare(f)) return -1;
    host.greeted = true;
    struct writer body = {0};
    write_u32(&body, JAILER_OK);
    uint32_t others = (host.user_namespaces ? JAILER_HAS_USER_NAMESPACE : 0) | (host.landlock ? JAILER_HAS_LANDLOCK : 0);
    write_u32(&body, cgroups_found() | others);
    write_string(&body, summary);
    write_string(&body, host.scratch);
    answer(request, &body, NULL, 0);
    return 0;
}

static int claim(uint32_t request, struct reader *r, struct failure *f) {
    static struct mount_spec mounts[JAILER_MAX_MOUNTS];
    struct limits limits;
    uint32_t count;
    struct sandbox *sandbox = with_handle(read_u64(r), f);
    if (!sandbox || read_limits(r, &limits, f) || read_mounts(r, mounts, &count, f)) return -1;
    if (!read_ended(r)) return fail(f, JAILER_E_PROTOCOL, 0, "read the request to its end");
    if (!sandbox->awaits_claim) return fail(f, JAILER_E_SPECIFICATION, 0, "the sandbox does not wait for a claim");
    sandbox->awaits_claim = false;
    sandbox->memory_limit = limits.memory;
    sandbox->temporary_limit = limits.temporary;
    int result = mount_late(sandbox->mounts, mounts, count, limits.temporary, host_id_of(sandbox), f)
        || cgroups_limit(sandbox->id, &limits, f) ? -1 : 0;
    close(sandbox->mounts);
    sandbox->mounts = -1;
    if (result < 0) return -1;
    answer_done(request);
    return 0;
}

static int set_cpu(uint32_t request, struct reader *r, struct failure *f) {
    struct sandbox *sandbox = with_handle(read_u64(r), f);
    uint32_t quota = read_u32(r);
    if (!read_ended(r) || quota > 1000 * 100000) return fail(f, JAILER_E_PROTOCOL, 0, "read the CPU share");
    if (!sandbox || cgroups_cpu(sandbox->id, quota, f)) return -1;
    answer_done(request);
    return 0;
}

static int freeze(uint32_t request, struct reader *r, bool frozen, struct failure *f) {
    struct sandbox *sandbox = with_handle(read_u64(r), f);
    if (!read_ended(r)) return fail(f, JAILER_E_PROTOCOL, 0, "read the handle");
    if (!sandbox) return -1;
    if (!(cgroups_found() & JAILER_HAS_FREEZER)) signal_plain(sandbox, frozen ? SIGSTOP : SIGCONT);
    else if (cgroups_freeze(sandbox->id, frozen, f)) return -1;
    answer_done(request);
    return 0;
}

static int usage(uint32_t request, struct reader *r, struct failure *f) {
    struct sandbox *sandbox = with_handle(read_u64(r), f);
    if (!read_ended(r)) return fail(f, JAILER_E_PROTOCOL, 0, "read the handle");
    if (!sandbox) return -1;
    uint64_t peak, now, cpu;
    if (cgroups_found() & JAILER_HAS_MEMORY) cgroups_usage(sandbox->id, &peak, &now, &cpu);
    else descendants_usage(sandbox->process, &peak, &now, &cpu);
    struct writer body = {0};
    write_u32(&body, JAILER_OK);
    write_u64(&body, peak);
    write_u64(&body, now);
    write_u64(&body, cpu);
    answer(request, &body, NULL, 0);
    return 0;
}

static int end(uint32_t request, struct reader *r, struct failure *f) {
    struct sandbox *sandbox = with_handle(read_u64(r), f);
    if (!read_ended(r)) return fail(f, JAILER_E_PROTOCOL, 0, "read the handle");
    if (!sandbox) return -1;
    kill_sandbox(sandbox);
    answer_done(request);
    return 0;
}

static int dial(uint32_t request, struct reader *r, struct failure *f) {
    struct sandbox *sandbox = with_handle(read_u64(r), f);
    if (!read_ended(r)) return fail(f, JAILER_E_PROTOCOL, 0, "read the handle");
    int inside = sandbox ? socket_inside(sandbox, f) : -1;
    if (inside < 0) return -1;
    struct writer body = {0};
    write_u32(&body, JAILER_OK);
    answer(request, &body, &inside, 1);
    close(inside);
    return 0;
}

static int terminate(uint32_t request, struct reader *r, struct failure *f) {
    struct sandbox *sandbox = with_handle(read_u64(r), f);
    uint32_t by_force = read_u32(r);
    if (!read_ended(r) || by_force > 1) return fail(f, JAILER_E_PROTOCOL, 0, "read the request to its end");
    if (!sandbox) return -1;
    if (sandbox->kept[KEPT_FIRST] < 0) return fail(f, JAILER_E_SPECIFICATION, 0, "the sandbox is not attended");
    // One that has ended meanwhile needs no signal.
    syscall(SYS_pidfd_send_signal, sandbox->kept[KEPT_FIRST], by_force ? SIGKILL : SIGTERM, NULL, 0);
    answer_done(request);
    return 0;
}

static int examine(uint32_t request, struct reader *r, struct failure *f) {
    if (!read_ended(r)) return fail(f, JAILER_E_PROTOCOL, 0, "read the request to its end");
    struct writer body = {0};
    write_u32(&body, JAILER_OK);
    examine_host(&body);
    answer(request, &body, NULL, 0);
    return 0;
}

static int obey(const struct jailer_header *header, struct reader *r, struct failure *f) {
    if (header->operation == JAILER_EXAMINE) return examine(header->request, r, f);
    if (header->operation == JAILER_HELLO) return hello(header->request, r, f);
    if (!host.greeted) return fail(f, JAILER_E_PROTOCOL, 0, "be asked for something before HELLO has succeeded");
    switch (header->operation) {
    case JAILER_START: return start_sandbox(header->request, r, NULL, f);
    case JAILER_CLAIM: return claim(header->request, r, f);
    case JAILER_CPU: return set_cpu(header->request, r, f);
    case JAILER_FREEZE: return freeze(header->request, r, true, f);
    case JAILER_THAW: return freeze(header->request, r, false, f);
    case JAILER_USAGE: return usage(header->request, r, f);
    case JAILER_KILL: return end(header->request, r, f);
    case JAILER_COMPANION: return start_companion(header->request, r, f);
    case JAILER_DIAL: return dial(header->request, r, f);
    case JAILER_TERMINATE: return terminate(header->request, r, f);
    case JAILER_SNAPSHOT: return start_snapshot(header->request, r, f);
    case JAILER_RESTORE: return start_copy(header->request, r, f);
    default: return fail(f, JAILER_E_PROTOCOL, 0, "know the operation %u", header->operation);
    }
}

// One message of the server. False when it has gone.
static bool hear(void) {
    struct jailer_header header;
    struct failure failure = {0};
    int descriptors[8];
    size_t count = 8;
    ssize_t got = receive_message(JAILER_SOCKET, message, sizeof message, descriptors, &count, 0);
    for (size_t i = 0; i < count; i++) close(descriptors[i]);
    if (got == 0 || (got < 0 && errno != EMSGSIZE)) return false;
    if (got < (ssize_t)sizeof header) return true;      // not even a request number to answer
    memcpy(&header, message, sizeof header);
    struct reader body = {.at = message + sizeof header, .left = (size_t)got - sizeof header};
    if (header.length != body.left) fail(&failure, JAILER_E_PROTOCOL, 0, "read a message whose length is wrong");
    else obey(&header, &body, &failure);
    if (failure.code) answer_failure(header.request, &failure);
    // The next sandbox's process 1 begins as a copy of this memory, and has no use for this one's environment.
    explicit_bzero(message, (size_t)got);
    return true;
}

// ---- the loop ----

static void stop(void) {
    if (stopping) return;
    stopping = true;
    epoll_ctl(poller, EPOLL_CTL_DEL, JAILER_SOCKET, NULL);
    kill_all();
}

static void run(void) {
    struct epoll_event events[64];
    while (!stopping || any_sandbox()) {
        int count = epoll_wait(poller, events, 64, sandboxes_pause());
        for (int i = 0; i < count; i++)
            if (!sandbox_event(events[i].data.u64) && !hear()) stop();
        // Also after a signal: the server's death sends one, and so may anybody, so the parent is looked at.
        if (getppid() != server) stop();
        look_after();
    }
}

static void interrupt(int signal_number) {
    (void)signal_number;            // only ends epoll_wait
}

int martlet_jailer_main(int argc, char **argv) {
    (void)argc, (void)argv;
    struct sigaction action = {.sa_handler = interrupt};
    struct rlimit files;
    // The server closing its end is the sign to end; the terminal's and systemd's signals come while it still drains.
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGTERM, &action, NULL);
    prctl(PR_SET_NAME, "martlet-jailer", 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    server = getppid();
    setsid();
    if (chdir("/")) return 1;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    int type;
    socklen_t size = sizeof type;
    if (getsockopt(JAILER_SOCKET, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET) {
        (void)!write(2, "martlet-jailer is started by martlet serve, not by hand.\n", 57);
        return 64;
    }
    fcntl(JAILER_SOCKET, F_SETFD, FD_CLOEXEC);
    poller = sandboxes_open();
    if (poller < 0 || watch_server(JAILER_SOCKET) < 0) return 1;
    run();
    cgroups_close();
    undertaker_dismiss();
    remove_scratch(host.scratch);
    return 0;
}
