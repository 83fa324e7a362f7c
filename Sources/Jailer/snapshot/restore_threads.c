// SPDX-License-Identifier: Apache-2.0
//
// The steps for what threads share besides memory, and for the threads.
#define _GNU_SOURCE
#include "restore.h"
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// The kernel numbers threads one after the other. Where the image has a gap, threads are made and ended to fill it.
enum { MAX_BURNT = 4096 };

// ---- shared ----

static int plan_actions(struct restore *r, struct failure *f) {
    for (uint64_t number = 1; number <= IMAGE_SIGNALS; number++) {
        const struct image_action *action = &r->table.header.actions[number - 1];
        // The new process has the default for all.
        if (number == SIGKILL || number == SIGSTOP || (action->handler == 0 && action->flags == 0 && action->mask == 0))
            continue;
        uint64_t at = add_data(&r->plan, action, sizeof *action, f);
        if (!at || add_step(&r->plan, STEP_ZERO, SYS_rt_sigaction, number, at, 0, 8, 0, 0, f)) return -1;
    }
    return 0;
}

static int plan_timers(struct restore *r, struct failure *f) {
    for (uint64_t kind = 0; kind < 3; kind++) {
        const uint64_t *timer = r->table.header.timers[kind];
        if (timer[2] == 0 && timer[3] == 0) continue;
        uint64_t at = add_data(&r->plan, timer, sizeof r->table.header.timers[kind], f);
        if (!at || add_step(&r->plan, STEP_ZERO, SYS_setitimer, kind, at, 0, 0, 0, 0, f)) return -1;
    }
    return 0;
}

static int plan_barriers(struct restore *r, struct failure *f) {
    for (uint64_t one = 1; one < (uint64_t)1 << 32; one <<= 1)
        if ((r->table.header.barriers & one) && add_step(&r->plan, STEP_ANY, SYS_membarrier, one, 0, 0, 0, 0, 0, f)) return -1;
    return 0;
}

static int plan_closing(struct restore *r, struct failure *f) {
    for (uint32_t i = 0; i < r->table.header.descriptors; i++) {
        const struct image_descriptor *d = &r->table.descriptors[i];
        if (d->closes_at_exec && add_step(&r->plan, STEP_ZERO, SYS_fcntl, d->number, F_SETFD, FD_CLOEXEC, 0, 0, 0, f))
            return -1;
    }
    // All but the channel, which is the first of them.
    return add_step(&r->plan, STEP_ZERO, SYS_close_range, (uint64_t)r->channel + 1, UINT_MAX, 0, 0, 0, 0, f);
}

int plan_process(struct restore *r, struct failure *f) {
    return plan_actions(r, f) || plan_barriers(r, f) || plan_closing(r, f) || plan_timers(r, f) ? -1 : 0;
}

// ---- each ----

static int plan_own(struct restore *r, const struct image_thread *thread, struct failure *f) {
    uint64_t name = add_data(&r->plan, thread->name, sizeof thread->name, f);
    if (!name || add_step(&r->plan, STEP_ANY, SYS_prctl, PR_SET_NAME, name, 0, 0, 0, 0, f)) return -1;
    if (machine_add_steps(&r->plan, thread, f)) return -1;
    if (add_step(&r->plan, STEP_EXACT, SYS_set_tid_address, thread->cleared, 0, 0, 0, 0, 0, f)) return -1;
    expect(&r->plan, thread->number);
    if (thread->robust && add_step(&r->plan, STEP_ZERO, SYS_set_robust_list, thread->robust, 24, 0, 0, 0, 0, f)) return -1;
    return thread->rseq ? add_step(&r->plan, STEP_ZERO, SYS_rseq, thread->rseq, thread->rseq_bytes, 0,
        thread->rseq_signature, 0, 0, f) : 0;
}

static int plan_leaving(struct restore *r, const struct image_thread *thread, struct failure *f) {
    uint64_t frame = add_data(&r->plan, NULL, machine_frame_bytes(), f);
    if (!frame) return -1;
    uint64_t stack = machine_frame(thread, data_at(&r->plan, frame), frame);
    return add_step(&r->plan, STEP_LEAVE, SYS_rt_sigreturn, stack, 0, 0, 0, 0, 0, f);
}

#define AS_THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

// Adds the step of the parent. The steps of the new thread begin where the word at `start` says.
static int plan_clone(struct restore *r, uint64_t start, uint64_t flags, uint64_t number, struct failure *f) {
    if (add_step(&r->plan, STEP_CLONE | STEP_EXACT, SYS_clone, flags, start, 0, 0, 0, 0, f)) return -1;
    expect(&r->plan, number);
    return 0;
}

// Threads that end at once. The parent waits for each, so that one stack does for all.
static int plan_burnt(struct restore *r, uint64_t from, uint64_t to, uint64_t ending, struct failure *f) {
    if (to - from > MAX_BURNT)
        return fail(f, JAILER_E_SPECIFICATION, 0, "the image has threads of which more than %d have ended", MAX_BURNT);
    for (uint64_t number = from; number < to; number++)
        if (plan_clone(r, ending, AS_THREAD | CLONE_VFORK, number, f)) return -1;
    return 0;
}

// The other threads wait at `gate` until all are there.
static int plan_others(struct restore *r, const uint64_t *starts, uint64_t gate, uint64_t ending, struct failure *f) {
    struct image_thread *threads = r->table.threads;
    uint64_t next = threads[0].number + 1;
    for (uint32_t i = 1; i < r->table.header.threads; i++) {
        if (plan_burnt(r, next, threads[i].number, ending, f)) return -1;
        if (plan_clone(r, starts[i], AS_THREAD, threads[i].number, f)) return -1;
        next = (uint64_t)threads[i].number + 1;
    }
    if (plan_own(r, &threads[0], f)) return -1;
    // Everything is as it was. Closing the channel says so; then all go on: sets the gate to one, and wakes.
    if (add_step(&r->plan, STEP_ZERO, SYS_close, (uint64_t)r->channel, 0, 0, 0, 0, 0, f)) return -1;
    uint64_t set_to_one = (uint64_t)FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_GE, 0);
    if (add_step(&r->plan, STEP_CHECKED, SYS_futex, gate, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, INT_MAX, INT_MAX, gate,
        set_to_one, f))
        return -1;
    return plan_leaving(r, &threads[0], f);
}

int plan_threads(struct restore *r, struct failure *f) {
    static uint64_t starts[IMAGE_MAX_THREADS];
    uint64_t gate = add_data(&r->plan, NULL, sizeof gate, f), ending = add_data(&r->plan, NULL, sizeof ending, f);
    if (!gate || !ending) return -1;
    for (uint32_t i = 1; i < r->table.header.threads; i++)
        if (!(starts[i] = add_data(&r->plan, NULL, sizeof *starts, f))) return -1;
    if (plan_others(r, starts, gate, ending, f)) return -1;
    // Behind the end of the first thread's steps: those of the ones that end, and of the others.
    uint64_t at = next_step(&r->plan);
    memcpy(data_at(&r->plan, ending), &at, sizeof at);
    if (add_step(&r->plan, STEP_ANY, SYS_exit, 0, 0, 0, 0, 0, 0, f)) return -1;
    for (uint32_t i = 1; i < r->table.header.threads; i++) {
        at = next_step(&r->plan);
        memcpy(data_at(&r->plan, starts[i]), &at, sizeof at);
        if (plan_own(r, &r->table.threads[i], f)) return -1;
        if (add_step(&r->plan, STEP_ANY, SYS_futex, gate, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, 0, 0, 0, f)) return -1;
        if (plan_leaving(r, &r->table.threads[i], f)) return -1;
    }
    return 0;
}
