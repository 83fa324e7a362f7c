// SPDX-License-Identifier: Apache-2.0
//
// Control groups, version 2 and version 1, and hosts that have both (the version 1 controllers beside a version 2
// tree without any: then freezing, killing and accounting use version 2, which needs no controller for them).
#define _GNU_SOURCE
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct tree trees[KINDS];
static int tree_count;
static struct tree *place[KINDS];

const char *const controllers[KINDS] = {"memory", "pids", "cpu", "cpuacct", "freezer"};

struct tree *next_tree(void) {
    return &trees[tree_count];
}

void add_tree(void) {
    tree_count++;
}

struct tree *tree_at(const char *path) {
    for (int i = 0; i < tree_count; i++)
        if (strcmp(trees[i].path, path) == 0) return &trees[i];
    return NULL;
}

struct tree *place_of(enum kind kind) {
    return place[kind];
}

void rule(enum kind kind, struct tree *tree) {
    place[kind] = tree;
}

static int report_missing(struct failure *f) {
    char missing[128] = "";
    for (int kind = MEMORY; kind <= CPU; kind++) {
        if (place[kind]) continue;
        if (missing[0]) strcat(missing, ", ");
        strcat(missing, controllers[kind]);
    }
    if (!missing[0]) return 0;
    return fail(f, JAILER_E_HOST_LACKS, 0,
                "This host gives the server no cgroup controller for: %s. Start it as root, or in a delegated group "
                "(systemd-run --user --scope -p Delegate=yes martlet serve)", missing);
}

int cgroups_open(bool optional, bool no_unified, char *summary, size_t size, struct failure *f) {
    snprintf(host.parent, sizeof host.parent, "martlet-jailer-%d", (int)getpid());
    if (!no_unified) open_version_2();
    for (int kind = MEMORY; kind < KINDS; kind++) open_version_1(controllers[kind], kind);
    size_t length = 0;
    for (int kind = MEMORY; kind < KINDS && length < size; kind++) {
        if (!place[kind]) continue;
        length += (size_t)snprintf(summary + length, size - length, "%s%s: version %d at %s", length ? "; " : "",
            controllers[kind], place[kind]->version->number, place[kind]->path);
    }
    return optional ? 0 : report_missing(f);
}

void cgroups_close(void) {
    for (int i = 0; i < tree_count; i++) {
        empty_parent(trees[i].parent);
        unlinkat(trees[i].base, host.parent, AT_REMOVEDIR);
    }
}

bool cgroups_any(void) {
    return tree_count > 0;
}

uint32_t cgroups_found(void) {
    static const uint32_t flags[KINDS] = {JAILER_HAS_MEMORY, JAILER_HAS_PIDS, JAILER_HAS_CPU, JAILER_HAS_ACCOUNTING,
        JAILER_HAS_FREEZER};
    uint32_t found = 0;
    for (int kind = MEMORY; kind < KINDS; kind++) found |= place[kind] ? flags[kind] : 0;
    return found;
}

// ---- one sandbox ----

static int limit_processes(const char *id, uint32_t processes) {
    // One more: the init process is not the function's.
    return place[PIDS] ? write_number(place[PIDS], id, "pids.max", (uint64_t)processes + 1) : 0;
}

int cgroups_limit(const char *id, const struct limits *limits, struct failure *f) {
    struct tree *memory = place[MEMORY];
    if (memory && memory->version->limit_memory(memory, id, limits->memory) < 0)
        return fail(f, JAILER_E_FAILED, errno, "set the memory limit");
    if (limit_processes(id, limits->processes) < 0) return fail(f, JAILER_E_FAILED, errno, "set the process limit");
    return cgroups_cpu(id, limits->cpu, f);
}

int cgroups_cpu(const char *id, uint32_t quota, struct failure *f) {
    struct tree *tree = place[CPU];
    if (!tree) return 0;
    if (quota > 0 && quota < 1000) quota = 1000;    // the kernel's least
    return tree->version->limit_cpu(tree, id, quota) < 0 ? fail(f, JAILER_E_FAILED, errno, "set the CPU share") : 0;
}

int cgroups_create(const char *id, const struct limits *limits, struct failure *f) {
    for (int i = 0; i < tree_count; i++) {
        if (mkdirat(trees[i].parent, id, 0755) == 0) continue;
        int error = errno;
        cgroups_remove(id);
        return fail(f, JAILER_E_FAILED, error, "make the cgroup %s/%s/%s", trees[i].path, host.parent, id);
    }
    if (cgroups_limit(id, limits, f) == 0) return 0;
    cgroups_remove(id);
    return -1;
}

int cgroups_clone_target(const char *id) {
    for (int i = 0; i < tree_count; i++)
        if (trees[i].version->born_inside) return openat(trees[i].parent, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return -1;
}

int cgroups_join(const char *id, struct failure *f) {
    for (int i = 0; i < tree_count; i++) {
        if (trees[i].version->born_inside) continue;
        // A thread that moves itself (`tasks`, not `cgroup.procs`) takes no lock that waits for every CPU: 0.1 ms,
        // not up to 10.
        if (write_at(&trees[i], id, "tasks", "0") < 0)
            return fail(f, JAILER_E_FAILED, errno, "join the cgroup %s", trees[i].path);
    }
    return 0;
}

bool cgroups_remove(const char *id) {
    bool removed = true;
    for (int i = 0; i < tree_count; i++)
        if (unlinkat(trees[i].parent, id, AT_REMOVEDIR) < 0 && errno != ENOENT) removed = false;
    return removed;
}

int cgroups_freeze(const char *id, bool frozen, struct failure *f) {
    struct tree *tree = place[FREEZER];
    const char *what = frozen ? "freeze the sandbox" : "thaw the sandbox";
    if (!tree) return fail(f, JAILER_E_HOST_LACKS, 0, "%s: no freezer", what);
    const struct version *version = tree->version;
    int result = write_at(tree, id, version->freezer, frozen ? version->frozen : version->thawed);
    return result < 0 ? fail(f, JAILER_E_FAILED, errno, "%s", what) : 0;
}

void cgroups_kill(const char *id) {
    struct failure ignored;
    struct tree *freezer = place[FREEZER];
    if (freezer && !freezer->version->kills_frozen) cgroups_freeze(id, false, &ignored);
    for (int i = 0; i < tree_count; i++)
        if (trees[i].version->kill) write_at(&trees[i], id, trees[i].version->kill, "1");
}

uint32_t cgroups_oom_kills(const char *id) {
    struct tree *tree = place[MEMORY];
    return tree ? (uint32_t)read_figure(tree, id, &tree->version->out_of_memory) : 0;
}

int cgroups_peak_file(const char *id) {
    char path[JAILER_ID_BYTES + 64];
    struct tree *memory = place[MEMORY];
    if (!memory) return -1;
    snprintf(path, sizeof path, "%s/%s", id, memory->version->memory_peak.file);
    return openat(memory->parent, path, O_RDONLY | O_CLOEXEC);
}

void cgroups_usage(const char *id, uint64_t *peak, uint64_t *now, uint64_t *cpu) {
    struct tree *memory = place[MEMORY], *accounting = place[ACCOUNTING];
    *peak = *now = *cpu = 0;
    if (memory) {
        *now = read_figure(memory, id, &memory->version->memory_now);
        *peak = read_figure(memory, id, &memory->version->memory_peak);
        if (*peak < *now) *peak = *now;             // memory.peak is younger than version 2 (Linux 5.19)
    }
    if (accounting)
        *cpu = read_figure(accounting, id, &accounting->version->cpu) / accounting->version->cpu_per_microsecond;
}
