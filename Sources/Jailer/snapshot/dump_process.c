// SPDX-License-Identifier: Apache-2.0
//
// What threads share: signal handlers, limits, timers, and where the kernel believes the parts of the program to be.
#define _GNU_SOURCE
#include "dump.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int refuse(struct failure *f, const char *what) {
    return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: %s", what);
}

// ---- what there must not be ----

static int check_children(const struct dump *dump, struct failure *f) {
    char name[64], text[256];
    for (uint32_t i = 0; i < dump->table.header.threads; i++) {
        snprintf(name, sizeof name, "task/%d/children", (int)dump->threads[i]);
        if (read_proc(dump->process, name, text, sizeof text) < 0) return fail(f, JAILER_E_HOST_LACKS, errno,
            "list child processes (PROC_CHILDREN)");
        if (text[0]) return refuse(f, "it has started another process");
    }
    // Orphans become process 1's.
    snprintf(name, sizeof name, "task/%d/children", (int)dump->picture->init);
    if (read_proc(dump->picture->init, name, text, sizeof text) < 0) return fail(f, JAILER_E_FAILED, errno,
        "list the sandbox's processes");
    char *end;
    long only = strtol(text, &end, 10);
    return only != dump->process || end[strspn(end, " \n")] ? refuse(f, "it has left another process behind") : 0;
}

static int check_signals(const struct dump *dump, struct failure *f) {
    char name[64], text[8192];
    for (uint32_t i = 0; i < dump->table.header.threads; i++) {
        snprintf(name, sizeof name, "task/%d/status", (int)dump->threads[i]);
        if (read_proc(dump->process, name, text, sizeof text) < 0) return fail(f, JAILER_E_ENDED, errno,
            "look at a thread");
        if (number_in(text, "SigPnd", 16) || number_in(text, "ShdPnd", 16)) return refuse(f, "a signal is pending");
    }
    return 0;
}

static int check_filters(const struct dump *dump, struct failure *f) {
    char mine[8192], its[8192];
    if (read_proc(getpid(), "status", mine, sizeof mine) < 0 || read_proc(dump->process, "status", its, sizeof its) < 0)
        return fail(f, JAILER_E_ENDED, errno, "look at the process");
    // The sandbox's is one more than the jailer has.
    if (number_in(its, "Seccomp_filters", 10) != number_in(mine, "Seccomp_filters", 10) + 1)
        return refuse(f, "it has a system call filter of its own");
    if (number_in(its, "TracerPid", 10) != (uint64_t)getpid()) return refuse(f, "it is being traced");
    char features[128];
    if (find_field(its, "x86_Thread_features", features, sizeof features) && features[0])
        return refuse(f, "it uses shadow stacks");
    return 0;
}

int check_alone(const struct dump *dump, struct failure *f) {
    char text[64];
    if (check_children(dump, f) || check_signals(dump, f) || check_filters(dump, f)) return -1;
    if (read_proc(dump->process, "timers", text, sizeof text) > 0) return refuse(f, "it has a POSIX timer");
    return 0;
}

// ---- what there is ----

static int dump_actions(struct dump *dump, struct failure *f) {
    for (uint64_t number = 1; number <= IMAGE_SIGNALS; number++) {
        int64_t result;
        if (call_inside(dump, 0, SYS_rt_sigaction, (uint64_t[6]){number, 0, dump->scratch, 8}, &result, f)) return -1;
        if (result) return fail(f, JAILER_E_FAILED, (int)-result, "ask for a signal's handler");
        struct image_action *action = &dump->table.header.actions[number - 1];
        if (read_inside(dump, dump->scratch, action, sizeof *action, f)) return -1;
    }
    return 0;
}

static int dump_timers(struct dump *dump, struct failure *f) {
    for (uint64_t kind = 0; kind < 3; kind++) {
        int64_t result;
        if (call_inside(dump, 0, SYS_getitimer, (uint64_t[6]){kind, dump->scratch}, &result, f)) return -1;
        if (result) return fail(f, JAILER_E_FAILED, (int)-result, "ask for a timer");
        uint64_t *timer = dump->table.header.timers[kind];
        if (read_inside(dump, dump->scratch, timer, sizeof dump->table.header.timers[kind], f)) return -1;
    }
    return 0;
}

// Kernels before 6.3 do not tell; then the one is assumed that programs ask for.
static int dump_barriers(struct dump *dump, struct failure *f) {
    enum { GET_REGISTRATIONS = 1 << 9, REGISTER_PRIVATE = 1 << 4 };
    int64_t registered;
    if (call_inside(dump, 0, SYS_membarrier, (uint64_t[6]){GET_REGISTRATIONS}, &registered, f)) return -1;
    dump->table.header.barriers = registered < 0 ? REGISTER_PRIVATE : (uint32_t)registered;
    return 0;
}

static int dump_limits(struct dump *dump, struct failure *f) {
    for (int resource = 0; resource < IMAGE_LIMITS; resource++) {
        struct rlimit limit;
        if (syscall(SYS_prlimit64, dump->process, resource, NULL, &limit)) return fail(f, JAILER_E_FAILED, errno,
            "ask for a limit");
        dump->table.header.limits[resource] = (struct image_limit){limit.rlim_cur, limit.rlim_max};
    }
    return 0;
}

// The numbers of /proc/PID/stat from its third on; the second, the name, may hold anything and ends in the last ")".
static int dump_places(struct dump *dump, struct failure *f) {
    static const int fields[] = {26, 27, 45, 46, 47, 0, 28, 48, 49, 50, 51};
    char text[4096];
    uint64_t numbers[64] = {0};
    if (read_proc(dump->process, "stat", text, sizeof text) < 0) return fail(f, JAILER_E_ENDED, errno,
        "look at the process");
    char *at = strrchr(text, ')');
    if (!at || strlen(at) < 4) return fail(f, JAILER_E_FAILED, 0, "read /proc/PID/stat");
    at += 3;                        // behind ") S"
    for (int field = 4; field < 64 && *at; field++) numbers[field] = strtoull(at, &at, 10);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) dump->table.header.memory[i] = numbers[fields[i]];
    int64_t end;
    if (call_inside(dump, 0, SYS_brk, (uint64_t[6]){0}, &end, f)) return -1;
    dump->table.header.memory[5] = (uint64_t)end;
    ssize_t got = read_proc(dump->process, "auxv", text, sizeof dump->table.header.auxiliary + 1);
    if (got < 0) return fail(f, JAILER_E_FAILED, errno, "read the auxiliary vector");
    memcpy(dump->table.header.auxiliary, text, (size_t)got);
    dump->table.header.auxiliary_bytes = (uint32_t)got / 16 * 16;
    return 0;
}

static int dump_directory(struct dump *dump, struct failure *f) {
    char path[64], target[IMAGE_PATH_BYTES];
    snprintf(path, sizeof path, "/proc/%d/cwd", (int)dump->process);
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0) return fail(f, JAILER_E_FAILED, errno, "ask for the working directory");
    target[length] = 0;
    dump->table.header.directory = add_text(&dump->table, target, f);
    return dump->table.header.directory ? 0 : -1;
}

int dump_process(struct dump *dump, struct failure *f) {
    char text[8192];
    if (read_proc(dump->process, "status", text, sizeof text) < 0) return fail(f, JAILER_E_ENDED, errno,
        "look at the process");
    dump->table.header.mask = (uint32_t)number_in(text, "Umask", 8);
    dump->table.header.process = dump->table.threads[0].number;
    return dump_actions(dump, f) || dump_timers(dump, f) || dump_barriers(dump, f) || dump_limits(dump, f) || dump_places(dump, f)
        || dump_directory(dump, f) ? -1 : 0;
}
