// SPDX-License-Identifier: Apache-2.0
//
// The child that the jailer clones for a sandbox. It furnishes its namespaces, starts the function's process as its
// own child and stays behind as process 1: it reaps what is orphaned and says how the first process ended.
//
// It was forked from the jailer and executes nothing, so it starts in microseconds and shares the jailer's memory. It
// reads nothing from the function, and the function may not look into it: it is not dumpable and another user's.
#define _GNU_SOURCE
#include "jailer.h"
#include "snapshot/plan.h"
#include "snapshot/restore.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct host host;

static void report(int control, const struct birth_report *report, const int *descriptors, size_t count) {
    struct writer body = {.length = sizeof *report};
    memcpy(body.bytes, report, sizeof *report);
    send_message(control, 0, 0, &body, descriptors, count);
}

static void give_up(const struct birth *birth, const struct failure *failure) __attribute__((noreturn));
static void give_up(const struct birth *birth, const struct failure *failure) {
    struct birth_report message = {.kind = BORN_FAILED, .failure = *failure};
    report(birth->control, &message, NULL, 0);
    _exit(1);
}

// ---- network ----

int raise_loopback(struct failure *f) {
    int probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int result = probe < 0 ? -1 : ioctl(probe, SIOCSIFFLAGS, &request);
    int error = errno;
    if (probe >= 0) close(probe);
    return result < 0 ? fail(f, JAILER_E_FAILED, error, "bring the loopback interface up") : 0;
}

int open_listener(uint16_t port, struct failure *f) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;
    if (listener < 0) return fail(f, JAILER_E_FAILED, errno, "make a socket");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 128) == 0) return listener;
    int error = errno;
    close(listener);
    return fail(f, JAILER_E_FAILED, error, "listen on 127.0.0.1:%u", port);
}

// Where an emulator, who is another user, finds it by the number of the guest's port.
static int open_vsock_listener(uint16_t port, struct failure *f) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, JAILER_VSOCK_PATH "_%u", port);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0) return fail(f, JAILER_E_FAILED, errno, "make a socket");
    if (bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && chmod(address.sun_path, 0666) == 0
        && listen(listener, 128) == 0)
        return listener;
    int error = errno;
    close(listener);
    return fail(f, JAILER_E_FAILED, error, "listen at %s", address.sun_path);
}

// The kernel gives the ports where the network is the host's: there, two sandboxes would want the same one.
static int open_listeners(const struct spec *spec, bool own_network, int *listeners, struct failure *f) {
    for (uint32_t i = 0; i < spec->port_count; i++) {
        listeners[i] = spec->flags & JAILER_START_VSOCK ? open_vsock_listener(spec->ports[i], f)
            : open_listener(own_network ? spec->ports[i] : 0, f);
        if (listeners[i] < 0) return -1;
    }
    return 0;
}

// ---- the function's process ----

static int set_limits(const struct limits *limits, struct failure *f) {
    if (set_limit(RLIMIT_NOFILE, limits->open_files) < 0)
        return fail(f, JAILER_E_FAILED, errno, "limit the open files");
    if (set_limit(RLIMIT_CORE, 0) < 0) return fail(f, JAILER_E_FAILED, errno, "forbid core files");
    // Without a pids cgroup, the limit on the user's processes stands in. For a plain sandbox that would count
    // everything else of the same user, too.
    bool counted = cgroups_found() & JAILER_HAS_PIDS;
    if (!counted && !host.plain && set_limit(RLIMIT_NPROC, limits->processes) < 0)
        return fail(f, JAILER_E_FAILED, errno, "limit the processes");
    return 0;
}

static int open_standard_files(const struct birth *birth, struct failure *f) {
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0) return fail(f, JAILER_E_FAILED, errno, "open /dev/null");
    if (dup2(nothing, 0) < 0 || dup2(birth->output, 1) < 0 || dup2(birth->output, 2) < 0)
        return fail(f, JAILER_E_FAILED, errno, "set the standard files");
    // The number is free: in the jailer it is the socket to the server. A command that comes late does not inherit it.
    bool inherits = birth->claim >= 0 && !(birth->spec->flags & JAILER_START_EXECUTES_LATE);
    if (inherits && dup2(birth->claim, JAILER_CLAIM_DESCRIPTOR) < 0)
        return fail(f, JAILER_E_FAILED, errno, "pass the claim's socket on");
    // Closing at exec rather than now keeps the way open on which a failure is told.
    if (syscall(SYS_close_range, inherits ? JAILER_CLAIM_DESCRIPTOR + 1 : 3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */) < 0)
        return fail(f, JAILER_E_HOST_LACKS, errno, "close the other files");
    return 0;
}

// For a process that does not execute a command now, which would close them.
static int close_other_files(const struct birth *birth, int way, struct failure *f) {
    static const struct image_files none = {-1, -1, -1};
    const struct image_files *image = birth->image ? birth->image : &none;
    const int kept[] = {0, 1, 2, way, birth->claim, image->memory, image->files, image->table};
    return close_all_but(kept, sizeof kept / sizeof *kept) ? fail(f, JAILER_E_FAILED, errno, "close the other files") : 0;
}

static void reset_signals(void) {
    for (int signal_number = 1; signal_number < NSIG; signal_number++) signal(signal_number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

int run_function(const struct birth *birth, int *way, struct failure *f) {
    const struct spec *spec = birth->spec;
    int go = *way;
    char word;
    // Until process 1 has written the user map, this process is nobody and may do nothing.
    if (read(go, &word, 1) != 1) return fail(f, JAILER_E_FAILED, errno, "wait for the user map");
    // A companion shares the first process's user namespace, where the map stands.
    if (birth->kept && birth->kept[KEPT_USER] >= 0 && setns(birth->kept[KEPT_USER], CLONE_NEWUSER))
        return fail(f, JAILER_E_FAILED, errno, "enter the user namespace");
    setsid();
    uint32_t user = host.plain ? geteuid() : host.user_namespaces ? FUNCTION_UID : birth->host_id;
    uint32_t group = host.plain ? getegid() : host.user_namespaces ? FUNCTION_GID : birth->host_id;
    if (become_powerless(user, group, f) || open_standard_files(birth, f)) return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return fail(f, JAILER_E_HOST_LACKS, errno, "set no_new_privs");
    if (host.plain && landlock_apply(birth, f)) return -1;
    bool executes_late = spec->flags & JAILER_START_EXECUTES_LATE;
    if (!executes_late && !birth->image && chdir(spec->directory))
        return fail(f, JAILER_E_SPECIFICATION, errno, "enter the working directory %.200s", spec->directory);
    reset_signals();
    umask(022);
    // After the last file is opened: what the jailer holds open for all its sandboxes counts here until execve closes it.
    if (set_limits(&spec->limits, f) || seccomp_apply(f)) return -1;
    if ((birth->image || executes_late) && close_other_files(birth, go, f)) return -1;
    if (birth->image) return become_copy(birth->image, STDOUT_FILENO, way, f);
    if (executes_late) {
        close(go);      // as executing would: so far, all is well
        execute_late(birth->claim, STDOUT_FILENO);
    }
    execve(spec->command[0], spec->command, spec->environment);
    return fail(f, JAILER_E_CANNOT_EXECUTE, errno, "execute %.200s", spec->command[0]);
}

// ---- process 1 ----

// Leaves process 1 with the least: after this, it waits for children and nothing else.
static int retire(const struct birth *birth, struct failure *f) {
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (!host.plain) {
        uint32_t user = host.rootless ? 0 : INIT_HOST_UID;
        if (become_powerless(user, user, f)) return -1;
    }
    // After the change of user, which clears it. Should the jailer have died before, nobody holds the other end.
    prctl(PR_SET_PDEATHSIG, host.plain ? SIGTERM : SIGKILL, 0, 0, 0);
    struct pollfd control = {.fd = birth->control, .events = 0};
    if (poll(&control, 1, 0) > 0 && (control.revents & POLLHUP)) _exit(1);
    return 0;
}

// Opens what is kept of an attended sandbox, while it can be opened: before process 1 retires.
static int open_kept(pid_t first, int pidfd, bool host_network, int *kept, struct failure *f) {
    static const char *const names[KEPT] = {[KEPT_NETWORK] = "net", [KEPT_PROCESSES] = "pid", [KEPT_OTHERS] = "mnt",
        "ipc", "uts", "cgroup"};
    char path[64];
    kept[KEPT_FIRST] = pidfd;
    if (host.plain) return 0;
    for (int i = KEPT_USER; i < KEPT; i++) {
        if (i == KEPT_USER && !host.user_namespaces) continue;
        if (i == KEPT_NETWORK && host_network) continue;
        if (i == KEPT_USER) snprintf(path, sizeof path, "/proc/%d/ns/user", (int)first);
        else snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
        kept[i] = open(path, O_RDONLY | O_CLOEXEC);
        if (kept[i] < 0) return fail(f, JAILER_E_FAILED, errno, "open the namespace %s", path);
    }
    return 0;
}

// What the function's process has to say: nothing (0), when it executes its command or goes on as a copy; else why not.
// A copy can be told by an image to write anything, so it is cut to size.
static ssize_t hear_failure(int way, struct failure *f) {
    union {
        struct failure failure;
        struct slip slip;
    } told = {0};
    ssize_t got = read(way, &told, sizeof told);
    if (got == SLIP_BYTES) {
        fail(f, JAILER_E_SPECIFICATION, told.slip.error, "restore the image: system call %u for %llx",
            (unsigned)told.slip.number, (unsigned long long)told.slip.argument);
    } else if (got == sizeof told.failure) {
        *f = told.failure;
        f->text[sizeof f->text - 1] = 0;
        if (f->code == 0) f->code = JAILER_E_FAILED;
    } else if (got != 0) {
        return -1;
    }
    return got;
}

// Forks the function's process, gives it its user and waits until it has executed the command. Fills `kept`, unless it
// is NULL.
static pid_t start_function(const struct birth *birth, int *kept, struct failure *f) {
    int pair[2], pidfd = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return fail(f, JAILER_E_FAILED, errno, "make a socket pair");
    // A companion enters the user namespace that there is.
    bool own_user = host.user_namespaces && !birth->kept;
    struct clone_args arguments = {.flags = (own_user ? CLONE_NEWUSER : 0) | (kept ? CLONE_PIDFD : 0),
        .pidfd = (uintptr_t)&pidfd, .exit_signal = SIGCHLD};
    pid_t process = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (process < 0) return fail(f, JAILER_E_FAILED, errno, "fork the function's process");
    if (process == 0) {
        close(pair[0]);
        run_function(birth, &pair[1], f);
        (void)!write(pair[1], f, sizeof *f);
        _exit(127);
    }
    close(pair[1]);
    if (own_user && map_function_user(process, birth->host_id, f)) return -1;
    bool host_network = birth->spec->flags & JAILER_START_HOST_NETWORK;
    if (kept && open_kept(process, pidfd, host_network, kept, f)) return -1;
    // Before the function's first instruction: a rootless function is the same host user as process 1, and could else
    // open /proc/1/mem while that still has capabilities.
    if (retire(birth, f)) return -1;
    if (write(pair[0], "!", 1) != 1) return fail(f, JAILER_E_FAILED, errno, "start the function's process");
    ssize_t got = hear_failure(pair[0], f);
    close(pair[0]);
    if (got == 0) return process;
    if (got < 0) fail(f, JAILER_E_FAILED, 0, "hear from the function's process");
    return -1;
}

static int reap_until(pid_t first) {
    for (;;) {
        int status = 0;
        pid_t process = wait4(-1, &status, 0, NULL);
        if (process == first) return status;
        if (process < 0 && errno == ECHILD) return SIGKILL;
    }
}

// A plain sandbox's supervisor can be asked to end, by the jailer or by its death. Both signals are blocked and
// waited for, so none can come at the wrong moment. Process 1 of a pid namespace hears no signals, and its death
// takes all others along.
static void block_signals(sigset_t *awaited) {
    sigemptyset(awaited);
    sigaddset(awaited, SIGCHLD);
    sigaddset(awaited, SIGTERM);
    sigprocmask(SIG_BLOCK, awaited, NULL);
}

static int reap_until_asked(pid_t first, const sigset_t *awaited, bool *asked) {
    for (;;) {
        int status = 0;
        pid_t process;
        *asked = sigwaitinfo(awaited, NULL) == SIGTERM;
        if (*asked) return SIGKILL;
        while ((process = wait4(-1, &status, WNOHANG, NULL)) > 0)
            if (process == first) return status;
        if (process < 0 && errno == ECHILD) return SIGKILL;
    }
}

// The first process of an attended sandbox has ended; the jailer ends the rest when the companions are done.
static void linger(const sigset_t *awaited) __attribute__((noreturn));
static void linger(const sigset_t *awaited) {
    while (host.plain && sigwaitinfo(awaited, NULL) != SIGTERM) continue;
    if (host.plain) _exit(0);
    for (;;) {
        while (wait4(-1, NULL, WNOHANG, NULL) > 0) continue;
        poll(NULL, 0, 50);
    }
}

static void furnish(const struct birth *birth, int *listeners, struct failure *f) {
    const struct spec *spec = birth->spec;
    bool own_network = !host.plain && !(spec->flags & JAILER_START_HOST_NETWORK);
    if (cgroups_join(spec->id, f)) return;
    if (!host.plain) {
        // Now, and not in clone: what a cgroup namespace hides is what lies above the group at this moment.
        if (unshare(CLONE_NEWCGROUP)) { fail(f, JAILER_E_HOST_LACKS, errno, "make a cgroup namespace"); return; }
        if (enter_root(spec, birth->host_id, f)) return;
        sethostname("martlet", 7);
        if (own_network && raise_loopback(f)) return;
        if (!host.rootless) syscall(SYS_setgroups, 0, NULL);
    }
    if (open_listeners(spec, own_network, listeners, f)) return;
    if (spec->flags & JAILER_START_EGRESS) open_egress(listeners + spec->port_count, f);
}

// Says that the process runs, waits for its end and says that.
static void attend(const struct birth *birth, pid_t first, const sigset_t *awaited, struct birth_report *message,
    const int *descriptors, size_t count) __attribute__((noreturn));
static void attend(const struct birth *birth, pid_t first, const sigset_t *awaited, struct birth_report *message,
    const int *descriptors, size_t count) {
    bool asked = false;
    report(birth->control, message, descriptors, count);
    // Keeps one descriptor, the way to the jailer.
    if (birth->control != 0) dup2(birth->control, 0);
    syscall(SYS_close_range, 1, ~0U, 0);
    message->kind = BORN_EXITED;
    message->value = host.plain ? reap_until_asked(first, awaited, &asked) : reap_until(first);
    if (host.plain) kill_descendants();
    report(0, message, NULL, 0);
    if (birth->spec->flags & JAILER_START_ATTENDED && !asked) linger(awaited);
    _exit(0);
}

// A companion's parent: what run_init is for the first process, inside a sandbox that is there. Nobody in there can
// look into it or what it forks, as the jailer has seen to before they were born.
void run_companion(const struct birth *birth) {
    struct failure failure = {0};
    sigset_t awaited;
    if (host.plain) {
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        block_signals(&awaited);
    }
    if (cgroups_join(birth->spec->id, &failure)) give_up(birth, &failure);
    for (int i = KEPT_NETWORK; i < KEPT && !host.plain; i++) {
        if (i == KEPT_PROCESSES || birth->kept[i] < 0 || setns(birth->kept[i], 0) == 0) continue;
        fail(&failure, JAILER_E_FAILED, errno, "enter the sandbox's namespaces");
        give_up(birth, &failure);
    }
    if (!host.plain && !host.rootless) syscall(SYS_setgroups, 0, NULL);
    pid_t process = start_function(birth, NULL, &failure);
    if (process < 0) {
        kill_descendants();
        give_up(birth, &failure);
    }
    struct birth_report message = {.kind = BORN_STARTED};
    attend(birth, process, &awaited, &message, NULL, 0);
}

void run_init(const struct birth *birth) {
    struct failure failure = {0};
    int descriptors[BORN_MAX_DESCRIPTORS], kept[KEPT];
    size_t count = birth->spec->port_count + (birth->spec->flags & JAILER_START_EGRESS ? JAILER_EGRESS_SOCKETS : 0);
    bool attended = birth->spec->flags & JAILER_START_ATTENDED;
    sigset_t awaited;
    memset(kept, -1, sizeof kept);
    if (host.plain) {
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        block_signals(&awaited);
    }
    furnish(birth, descriptors, &failure);
    // While it can be opened: once process 1 is not dumpable, only the host's root could.
    if (failure.code == 0 && birth->spec->flags & JAILER_START_AWAITS_CLAIM) {
        descriptors[count] = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
        if (descriptors[count++] < 0) fail(&failure, JAILER_E_FAILED, errno, "open the mount namespace");
    }
    if (failure.code) give_up(birth, &failure);
    pid_t first = start_function(birth, attended ? kept : NULL, &failure);
    if (first < 0) {
        kill_descendants();
        give_up(birth, &failure);
    }
    struct birth_report message = {.kind = BORN_STARTED};
    for (int i = 0; i < KEPT; i++) {
        if (kept[i] < 0) continue;
        message.value |= 1 << i;
        descriptors[count++] = kept[i];
    }
    attend(birth, first, &awaited, &message, descriptors, count);
}
