// SPDX-License-Identifier: Apache-2.0
//
// The order in which a process becomes a copy:
//   1. the table is read and judged, and what must be as it was is compared;
//   2. files: those of /tmp are unpacked, the open ones opened at their numbers, the mapped ones at higher ones;
//   3. limits, directory, umask: what an execve keeps;
//   4. a plan is made of all that it does not keep, and executed (plan.h).
#define _GNU_SOURCE
#include "restore.h"
#include "machine.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// A copy's memory is mapped from the image. Where a program throws such memory away (MADV_DONTNEED) it would find the
// image's bytes again, instead of zeros; so it is told that this cannot be done, as of memory that is locked.
// Allocators then clear it themselves.
static int forbid_throwing_away(struct failure *f) {
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 4 /* MADV_DONTNEED */, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 24 /* MADV_DONTNEED_LOCKED */, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof steps / sizeof *steps, steps};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0) return 0;
    return fail(f, JAILER_E_HOST_LACKS, errno, "install the copy's filter");
}

// ---- what is compared ----

static int check_same(const struct table *table, struct failure *f) {
    if (table->header.process == (uint32_t)getpid()) return 0;
    return fail(f, JAILER_E_SPECIFICATION, 0, "the image is of process %u, and this is process %d",
        table->header.process, (int)getpid());
}

// ---- what an execve keeps ----

static int restore_limits(const struct table *table, struct failure *f) {
    for (int resource = 0; resource < IMAGE_LIMITS; resource++) {
        struct rlimit now, wanted;
        if (getrlimit(resource, &now)) return fail(f, JAILER_E_FAILED, errno, "look at a limit");
        const struct image_limit *then = &table->header.limits[resource];
        wanted.rlim_max = then->hard < now.rlim_max ? then->hard : now.rlim_max;
        wanted.rlim_cur = then->soft < wanted.rlim_max ? then->soft : wanted.rlim_max;
        if (setrlimit(resource, &wanted)) return fail(f, JAILER_E_FAILED, errno, "set a limit");
    }
    return 0;
}

static int restore_directory(const struct table *table, struct failure *f) {
    const char *path = table->text + table->header.directory;
    umask(table->header.mask & 0777);
    return chdir(path) ? fail(f, JAILER_E_SPECIFICATION, errno, "enter the working directory %.200s", path) : 0;
}

// ---- the plan ----

static size_t plan_size(const struct table *table) {
    const struct image_header *h = &table->header;
    // Generously: an area takes four steps at most, a thread ten and those that make room before it.
    size_t steps = 4 * (size_t)h->areas + h->fills + 12 * (size_t)h->threads + h->descriptors + 2 * IMAGE_SIGNALS + 64;
    size_t burnt = table->threads[h->threads - 1].number - h->process;
    return sizeof(struct slip) + (steps + burnt) * sizeof(struct step)
        + h->threads * (machine_frame_bytes() + 512) + 16384;
}

static int begin_plan(struct restore *restore, struct failure *f) {
    const struct image_header *h = &restore->table.header;
    size_t count = h->areas + h->specials, stash = 0;
    struct image_span *taken = malloc((count + 1) * sizeof *taken);
    if (!taken) return fail(f, JAILER_E_BUSY, ENOMEM, "make the plan");
    for (uint32_t i = 0; i < h->areas; i++)
        taken[i] = (struct image_span){restore->table.areas[i].start, restore->table.areas[i].end};
    for (uint32_t i = 0; i < h->specials; i++) {
        taken[h->areas + i] = h->special[i];
        stash += h->special[i].end - h->special[i].start;
    }
    int result = plan_begin(&restore->plan, plan_size(&restore->table), stash, taken, count, f);
    free(taken);
    return result;
}

static int build(struct restore *r, const struct image_files *files, struct failure *f) {
    if (!machine_is_known()) return fail(f, JAILER_E_HOST_LACKS, 0, "start snapshots on this processor");
    if (table_read(&r->table, files->table, f) || check_same(&r->table, f)) return -1;
    if (unpack_trees(files->files, f)) return -1;
    if (restore_directory(&r->table, f) || restore_descriptors(r, f) || open_mapped(r, f)) return -1;
    if (restore_limits(&r->table, f) || begin_plan(r, f)) return -1;
    if (plan_memory(r, f) || plan_process(r, f) || plan_threads(r, f)) return -1;
    if (forbid_throwing_away(f)) return -1;
    return plan_execute(&r->plan, r->table.threads[0].name, r->channel, f);
}

int become_copy(const struct image_files *files, int output, int *channel, struct failure *f) {
    static struct restore restore;
    sigset_t all;
    restore.memory = files->memory;
    restore.channel = *channel;
    restore.output = output;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    int result = build(&restore, files, f);
    *channel = restore.channel;
    return result;
}
