// SPDX-License-Identifier: Apache-2.0
//
// What the files of this folder share. A *tree* is one hierarchy of control groups, of version 1 or 2. In each this
// jailer owns one directory, `martlet-jailer-<pid>`, locked (flock) as long as the jailer lives, and in that one directory
// per sandbox.
//
// cgroup.c: the trees that there are, and what is done to a sandbox's groups in them; version1.c and version2.c: what
// differs; mounted.c: where the host has its trees; parent.c: the jailer's own directory, and those of dead ones; files.c.
#pragma once
#include "../jailer.h"

#include <limits.h>
#include <sys/types.h>

enum kind { MEMORY, PIDS, CPU, ACCOUNTING, FREEZER, KINDS };

struct tree {
    const struct version *version;
    int base;                       // directory that holds the shared parent
    int parent;                     // the shared parent, locked
    char path[PATH_MAX];            // of the base, for messages
};

// One number, in a file that is that number, or behind `key` in a file of "key number" lines.
struct figure {
    const char *file, *key;
};

// How the kernel names things, and does them, in one version.
struct version {
    int number;
    struct figure memory_now, memory_peak, out_of_memory, cpu;
    uint32_t cpu_per_microsecond;
    const char *freezer, *frozen, *thawed;
    const char *kill;               // a file that kills the whole group; NULL: there is none
    bool kills_frozen;              // a frozen process dies without being thawed
    bool born_inside;               // clone3 puts a process into a group
    int (*limit_memory)(const struct tree *tree, const char *id, uint64_t bytes);
    int (*limit_cpu)(const struct tree *tree, const char *id, uint32_t quota);     // 0: no limit
};

extern const struct version version_1, version_2;

// The name of the version 1 controller of each kind.
extern const char *const controllers[KINDS];

// The next place in the table of trees; it is in the table once `add_tree` has been called.
struct tree *next_tree(void);
void add_tree(void);
struct tree *tree_at(const char *path);     // NULL when none is there
// Where a kind is ruled; NULL: nowhere.
struct tree *place_of(enum kind kind);
void rule(enum kind kind, struct tree *tree);

void open_version_1(const char *controller, enum kind kind);
void open_version_2(void);

// ---- mounted.c ----

// Is `word` one of the words of `list`?
bool lists(const char *list, const char *word, const char *separators);
// Opens the base of the version 2 tree (controller ""), or of the version 1 tree that has `controller`. -1: there is none.
int open_tree_base(const char *controller, char *path, size_t size);

// ---- parent.c ----

// Removes what dead jailers have left, then makes and locks the shared parent.
int claim_parent(struct tree *tree);
// Kills whatever is in the groups of a parent, and removes them.
void empty_parent(int parent);

// ---- files.c ----

int write_control(int directory, const char *file, const char *value);     // 0, or -1 with errno
int write_at(const struct tree *tree, const char *id, const char *file, const char *value);
int write_number(const struct tree *tree, const char *id, const char *file, uint64_t value);
ssize_t read_at(int directory, const char *path, char *into, size_t size);
uint64_t read_figure(const struct tree *tree, const char *id, const struct figure *figure);
