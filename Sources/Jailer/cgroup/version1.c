// SPDX-License-Identifier: Apache-2.0
//
// Version 1: a tree for each controller, or for several.
#define _GNU_SOURCE
#include "cgroup.h"

#include <stdio.h>
#include <unistd.h>

void open_version_1(const char *controller, enum kind kind) {
    if (place_of(kind)) return;
    struct tree *tree = next_tree();
    tree->base = open_tree_base(controller, tree->path, sizeof tree->path);
    if (tree->base < 0) return;
    // cpu and cpuacct are often one hierarchy.
    struct tree *known = tree_at(tree->path);
    if (known) {
        close(tree->base);
        rule(kind, known);
        return;
    }
    if (claim_parent(tree) < 0) {
        close(tree->base);
        return;
    }
    tree->version = &version_1;
    add_tree();
    rule(kind, tree);
}

// Without a limit on swap the memory limit would only slow a function down. Where the kernel does not count swap, the file
// is missing, and swappiness 0 is the next best.
static int limit_memory(const struct tree *tree, const char *id, uint64_t bytes) {
    write_at(tree, id, "memory.swappiness", "0");
    // memsw may never be below the memory limit, so their order depends on the direction; one of the two firsts may
    // fail.
    write_number(tree, id, "memory.memsw.limit_in_bytes", bytes);
    int result = write_number(tree, id, "memory.limit_in_bytes", bytes);
    write_number(tree, id, "memory.memsw.limit_in_bytes", bytes);
    return result;
}

static int limit_cpu(const struct tree *tree, const char *id, uint32_t quota) {
    char text[32];
    snprintf(text, sizeof text, "%d", quota ? (int)quota : -1);
    return write_at(tree, id, "cpu.cfs_quota_us", text);
}

const struct version version_1 = {
    .number = 1,
    .memory_now = {"memory.usage_in_bytes", NULL},
    .memory_peak = {"memory.max_usage_in_bytes", NULL},
    .out_of_memory = {"memory.oom_control", "oom_kill"},
    .cpu = {"cpuacct.usage", NULL},
    .cpu_per_microsecond = 1000,
    .freezer = "freezer.state",
    .frozen = "FROZEN",
    .thawed = "THAWED",
    .limit_memory = limit_memory,
    .limit_cpu = limit_cpu,
};
