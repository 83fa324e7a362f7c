// SPDX-License-Identifier: Apache-2.0
//
// Version 2: one tree, whose controllers are handed down level by level. Freezing, killing and accounting need none.
#define _GNU_SOURCE
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Version 2 gives controllers to children only when the group itself has no process. So those that are there, the
// server and this jailer among them, move into a leaf.
static void move_into_leaf(int base) {
    if (mkdirat(base, "martlet-server", 0755) < 0 && errno != EEXIST) return;
    int leaf = openat(base, "martlet-server", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int processes = openat(base, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    FILE *list = leaf < 0 || processes < 0 ? NULL : fdopen(processes, "r");
    char pid[32];
    while (list && fgets(pid, sizeof pid, list)) write_control(leaf, "cgroup.procs", pid);
    if (list) fclose(list);
    else if (processes >= 0) close(processes);
    if (leaf >= 0) close(leaf);
}

static void enable(struct tree *tree, const char *controller, enum kind kind) {
    char available[1024], request[32];
    if (read_at(tree->base, "cgroup.controllers", available, sizeof available) < 0
        || !lists(available, controller, " \n")) return;
    snprintf(request, sizeof request, "+%s", controller);
    // Again, should one of them fork meanwhile.
    for (int attempt = 0; attempt < 5 && write_control(tree->base, "cgroup.subtree_control", request) < 0
        && errno == EBUSY; attempt++)
        move_into_leaf(tree->base);
    if (write_control(tree->parent, "cgroup.subtree_control", request) == 0) rule(kind, tree);
}

void open_version_2(void) {
    struct tree *tree = next_tree();
    tree->base = open_tree_base("", tree->path, sizeof tree->path);
    if (tree->base < 0) return;
    if (claim_parent(tree) < 0) {
        close(tree->base);
        return;
    }
    tree->version = &version_2;
    add_tree();
    enable(tree, "memory", MEMORY);
    enable(tree, "pids", PIDS);
    enable(tree, "cpu", CPU);
    rule(ACCOUNTING, tree);
    if (faccessat(tree->parent, version_2.freezer, W_OK, 0) == 0) rule(FREEZER, tree);
}

// Without a limit on swap the memory limit would only slow a function down.
static int limit_memory(const struct tree *tree, const char *id, uint64_t bytes) {
    write_at(tree, id, "memory.swap.max", "0");
    return write_number(tree, id, "memory.max", bytes);
}

static int limit_cpu(const struct tree *tree, const char *id, uint32_t quota) {
    char text[32];
    if (quota) snprintf(text, sizeof text, "%u 100000", quota);
    else snprintf(text, sizeof text, "max 100000");
    return write_at(tree, id, "cpu.max", text);
}

const struct version version_2 = {
    .number = 2,
    .memory_now = {"memory.current", NULL},
    .memory_peak = {"memory.peak", NULL},
    .out_of_memory = {"memory.events", "oom_kill"},
    .cpu = {"cpu.stat", "usage_usec"},
    .cpu_per_microsecond = 1,
    .freezer = "cgroup.freeze",
    .frozen = "1",
    .thawed = "0",
    .kill = "cgroup.kill",
    .kills_frozen = true,
    .born_inside = true,
    .limit_memory = limit_memory,
    .limit_cpu = limit_cpu,
};
