// SPDX-License-Identifier: Apache-2.0
//
// Threads: stopped, looked at, and made to call the kernel for what only they can ask.
#define _GNU_SOURCE
#include "dump.h"
#include "machine.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PTRACE_GET_RSEQ_CONFIGURATION
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
#endif
#ifndef PR_GET_TID_ADDRESS
#define PR_GET_TID_ADDRESS 40
#endif
struct rseq_configuration {         // the kernel's ptrace_rseq_configuration, which not every C library has
    uint64_t address;
    uint32_t bytes, signature, flags, unused;
};

// ---- stopping ----

enum { MAX_ROUNDS = 1000 };

// 1: stopped, 0: it has ended before, -1: failure.
static int await_stop(pid_t thread, struct failure *f) {
    for (int attempt = 0; attempt < 100; attempt++) {
        int status;
        pid_t changed = waitpid(thread, &status, __WALL);
        if (changed < 0 && errno == EINTR) continue;
        if (changed < 0 && errno != ECHILD) return fail(f, JAILER_E_FAILED, errno, "stop a thread");
        if (changed != thread || !WIFSTOPPED(status)) return 0;
        if (status >> 16 == PTRACE_EVENT_STOP) return 1;
        // A signal that was on its way comes first; the stop that was asked for is next.
        ptrace(PTRACE_CONT, thread, NULL, (void *)(intptr_t)WSTOPSIG(status));
    }
    return fail(f, JAILER_E_FAILED, 0, "stop a thread");
}

// As await_stop. A process whose photographer dies has no state to go on from.
static int stop_thread(pid_t thread, struct failure *f) {
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
    if (ptrace(PTRACE_SEIZE, thread, NULL, (void *)options)) {
        if (errno == ESRCH) return 0;
        return fail(f, JAILER_E_HOST_LACKS, errno, "stop the process for its snapshot (ptrace)");
    }
    if (ptrace(PTRACE_INTERRUPT, thread, NULL, NULL)) return errno == ESRCH ? 0 : fail(f, JAILER_E_FAILED, errno,
        "stop a thread");
    return await_stop(thread, f);
}

static bool is_stopped(const struct dump *dump, pid_t thread) {
    for (uint32_t i = 0; i < dump->table.header.threads; i++)
        if (dump->threads[i] == thread) return true;
    return false;
}

// The number of a thread in its sandbox: the innermost of the list.
static uint32_t inner_number(pid_t process, pid_t thread) {
    char name[64], text[8192], numbers[256];
    snprintf(name, sizeof name, "task/%d/status", (int)thread);
    if (read_proc(process, name, text, sizeof text) < 0 || !find_field(text, "NSpid", numbers, sizeof numbers)) return 0;
    const char *last = strrchr(numbers, '\t');
    return (uint32_t)strtoul(last ? last + 1 : numbers, NULL, 10);
}

// Stops those that are not stopped yet. How many, or -1.
static int stop_round(struct dump *dump, struct failure *f) {
    char path[64];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)dump->process);
    DIR *list = opendir(path);
    if (!list) return fail(f, JAILER_E_ENDED, errno, "list the threads");
    for (struct dirent *entry; (entry = readdir(list)) && count >= 0;) {
        pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
        if (thread <= 0 || is_stopped(dump, thread)) continue;
        struct image_thread *made = add_thread(&dump->table, f);
        int stopped = made ? stop_thread(thread, f) : -1;
        if (stopped <= 0) {
            if (made) dump->table.header.threads--;
            count = stopped < 0 ? -1 : count + 1;
            continue;
        }
        dump->threads[dump->table.header.threads - 1] = thread;
        made->number = inner_number(dump->process, thread);
        count++;
    }
    closedir(list);
    return count;
}

// In ascending order of their numbers in the sandbox, the process's own thread first.
static void sort_threads(struct dump *dump) {
    struct image_thread *list = dump->table.threads;
    for (uint32_t i = 1; i < dump->table.header.threads; i++)
        for (uint32_t k = i; k > 0 && list[k - 1].number > list[k].number; k--) {
            struct image_thread thread = list[k];
            pid_t number = dump->threads[k];
            list[k] = list[k - 1], dump->threads[k] = dump->threads[k - 1];
            list[k - 1] = thread, dump->threads[k - 1] = number;
        }
}

int stop_threads(struct dump *dump, struct failure *f) {
    int count, rounds = 0;
    // A thread that runs may make another before it is stopped, so until there is none more.
    do count = stop_round(dump, f);
    while (count > 0 && ++rounds < MAX_ROUNDS);
    if (count > 0) return fail(f, JAILER_E_BUSY, 0, "cannot snapshot: its threads come and go too quickly");
    if (count < 0) return -1;
    sort_threads(dump);
    if (dump->table.header.threads == 0 || dump->threads[0] != dump->process)
        return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: its first thread has ended");
    return 0;
}

// ---- looking ----

int call_inside(struct dump *dump, uint32_t thread, long number, const uint64_t *arguments, int64_t *result,
    struct failure *f) {
    return machine_call(dump->threads[thread], dump->gate, number, arguments, result, f);
}

int read_inside(const struct dump *dump, uint64_t address, void *into, size_t size, struct failure *f) {
    if (pread(dump->memory, into, size, (off_t)address) == (ssize_t)size) return 0;
    return fail(f, JAILER_E_FAILED, errno, "read the process's memory");
}

static int ask_rseq(pid_t outer, struct image_thread *thread, struct failure *f) {
    struct rseq_configuration found = {0};
    if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, outer, (void *)sizeof found, &found) < 0)
        return fail(f, JAILER_E_HOST_LACKS, errno, "ask for restartable sequences (Linux 5.13 or later is needed)");
    thread->rseq = found.address;
    thread->rseq_bytes = found.bytes;
    thread->rseq_signature = found.signature;
    return 0;
}

static int ask_outside(struct dump *dump, uint32_t index, struct failure *f) {
    struct image_thread *thread = &dump->table.threads[index];
    pid_t outer = dump->threads[index];
    size_t size;
    char name[64], text[64] = "";
    if (machine_capture(outer, thread, f) || ask_rseq(outer, thread, f)) return -1;
    if (ptrace(PTRACE_GETSIGMASK, outer, (void *)sizeof thread->mask, &thread->mask)) return fail(f, JAILER_E_FAILED,
        errno, "ask for a thread's signal mask");
    if (syscall(SYS_get_robust_list, outer, &thread->robust, &size)) return fail(f, JAILER_E_FAILED, errno,
        "ask for a thread's robust list");
    snprintf(name, sizeof name, "task/%d/comm", (int)outer);
    read_proc(dump->process, name, text, sizeof text);
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '\n') text[length - 1] = 0;
    memcpy(thread->name, text, sizeof thread->name - 1);
    return 0;
}

static int ask_inside(struct dump *dump, uint32_t index, struct failure *f) {
    struct image_thread *thread = &dump->table.threads[index];
    int64_t result;
    if (call_inside(dump, index, SYS_sigaltstack, (uint64_t[6]){0, dump->scratch}, &result, f)) return -1;
    if (result) return fail(f, JAILER_E_FAILED, (int)-result, "ask for a thread's signal stack");
    if (read_inside(dump, dump->scratch, thread->stack, sizeof thread->stack, f)) return -1;
    if (call_inside(dump, index, SYS_prctl, (uint64_t[6]){PR_GET_TID_ADDRESS, dump->scratch}, &result, f)) return -1;
    if (result) return fail(f, JAILER_E_HOST_LACKS, (int)-result, "ask for a thread's address (CHECKPOINT_RESTORE)");
    return read_inside(dump, dump->scratch, &thread->cleared, sizeof thread->cleared, f);
}

int dump_threads(struct dump *dump, struct failure *f) {
    for (uint32_t i = 0; i < dump->table.header.threads; i++)
        if (ask_outside(dump, i, f)) return -1;
    // Below what the stack holds, and what a function that calls nothing may use beyond.
    dump->scratch = (machine_stack(&dump->table.threads[0]) - 1024) & ~(uint64_t)15;
    for (uint32_t i = 0; i < dump->table.header.threads; i++)
        if (ask_inside(dump, i, f)) return -1;
    return 0;
}
