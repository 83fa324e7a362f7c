// SPDX-License-Identifier: Apache-2.0
//
// Control groups, version 2 and version 1, and hosts that have both (the version 1 controllers beside a version 2
// tree without any: then freezing, killing and accounting use version 2, which needs no controller for them).
//
// A *tree* is one hierarchy. In each this jailer owns one directory, `martlet-jailer-<pid>`, locked (flock) as long
// as the jailer lives, and in that one directory per sandbox. A jailer that starts removes directories whose lock is
// free: their jailer is dead. The lock works across pid namespaces and cannot be mistaken after a pid is used again.
#define _GNU_SOURCE
#include "jailer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum kind { MEMORY, PIDS, CPU, ACCOUNTING, FREEZER, KINDS };

struct tree {
    int version;
    int base;                       // directory that holds the shared parent
    int parent;                     // the shared parent, locked
    char path[PATH_MAX];            // of the base, for messages
};

static struct tree trees[KINDS];
static int tree_count;
static struct tree *place[KINDS];   // where a kind is ruled; NULL: nowhere

// ---- small reads and writes ----

static int write_at(const struct tree *tree, const char *id, const char *file, const char *value) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", id, file);
    int descriptor = openat(tree->parent, path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) return -1;
    ssize_t written = write(descriptor, value, strlen(value));
    int error = errno;
    close(descriptor);
    errno = error;
    return written < 0 ? -1 : 0;
}

static int write_number(const struct tree *tree, const char *id, const char *file, uint64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return write_at(tree, id, file, text);
}

static ssize_t read_at(int directory, const char *path, char *into, size_t size) {
    int descriptor = openat(directory, path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return -1;
    ssize_t got = read(descriptor, into, size - 1);
    close(descriptor);
    if (got < 0) return -1;
    into[got] = 0;
    return got;
}

// A file that is one number, or the number after `key` in a file of "key number" lines.
static uint64_t number_at(const struct tree *tree, const char *id, const char *file, const char *key) {
    char path[256], text[4096];
    snprintf(path, sizeof path, "%s/%s", id, file);
    if (read_at(tree->parent, path, text, sizeof text) < 0) return 0;
    if (!key) return strtoull(text, NULL, 10);
    size_t length = strlen(key);
    for (char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, key, length) == 0 && line[length] == ' ') return strtoull(line + length, NULL, 10);
    }
    return 0;
}

// ---- removing what a dead jailer left ----

static void kill_listed(int directory, const char *name) {
    char path[320], text[8192];
    snprintf(path, sizeof path, "%s/cgroup.procs", name);
    if (read_at(directory, path, text, sizeof text) <= 0) return;
    for (char *line = text; *line;) {
        long pid = strtol(line, &line, 10);
        if (pid > 1) kill((pid_t)pid, SIGKILL);
        while (*line == '\n') line++;
    }
}

static void empty_parent(int parent) {
    int copy = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    if (!list) return;
    for (struct dirent *entry; (entry = readdir(list));) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
        // A frozen process of version 1 dies only when it is thawed.
        char path[320];
        snprintf(path, sizeof path, "%s/freezer.state", entry->d_name);
        int state = openat(parent, path, O_WRONLY | O_CLOEXEC);
        if (state >= 0) {
            (void)!write(state, "THAWED", 6);
            close(state);
        }
        // What the kernel can kill by group, it kills whole.
        snprintf(path, sizeof path, "%s/cgroup.kill", entry->d_name);
        int group = openat(parent, path, O_WRONLY | O_CLOEXEC);
        if (group >= 0) {
            (void)!write(group, "1", 1);
            close(group);
        }
        for (int attempt = 0; attempt < 50 && unlinkat(parent, entry->d_name, AT_REMOVEDIR) < 0
            && errno == EBUSY; attempt++) {
            kill_listed(parent, entry->d_name);
            usleep(2000);
        }
    }
    closedir(list);
}

bool is_jailer_name(const char *name) {
    static const char prefix[] = "martlet-jailer-";
    const char *number = name + strlen(prefix);
    return strncmp(name, prefix, strlen(prefix)) == 0 && *number && number[strspn(number, "0123456789")] == 0;
}

static void remove_dead_parents(int base) {
    int copy = openat(base, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    if (!list) return;
    for (struct dirent *entry; (entry = readdir(list));) {
        if (entry->d_type != DT_DIR || !is_jailer_name(entry->d_name)) continue;
        int parent = openat(base, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (parent < 0) continue;
        if (flock(parent, LOCK_EX | LOCK_NB) == 0) {
            empty_parent(parent);
            unlinkat(base, entry->d_name, AT_REMOVEDIR);
        }
        close(parent);
    }
    closedir(list);
}

// Makes and locks the shared parent. A starting neighbour may take it for a dead one's between the two; then once more.
static int claim_parent(struct tree *tree) {
    for (int attempt = 0; attempt < 10; attempt++) {
        if (mkdirat(tree->base, host.parent, 0755) < 0 && errno != EEXIST) return -1;
        tree->parent = openat(tree->base, host.parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (tree->parent < 0) continue;
        struct stat opened, named;
        if (flock(tree->parent, LOCK_EX | LOCK_NB) == 0 && fstat(tree->parent, &opened) == 0
            && fstatat(tree->base, host.parent, &named, 0) == 0 && opened.st_ino == named.st_ino)
            return 0;
        close(tree->parent);
        tree->parent = -1;
    }
    errno = EAGAIN;
    return -1;
}

// ---- finding the hierarchies ----

// Is `word` one of the comma-separated words of `list`?
static bool lists(const char *list, const char *word, const char *separators) {
    size_t length = strlen(word);
    for (const char *at = list; *at;) {
        size_t part = strcspn(at, separators);
        if (part == length && strncmp(at, word, length) == 0) return true;
        at += part;
        at += strspn(at, separators);
    }
    return false;
}

// The path of this process in the hierarchy that /proc/self/cgroup lists with `controller` ("" for version 2).
static bool own_path(const char *controller, char *into, size_t size) {
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (!file) return false;
    char line[PATH_MAX + 128];
    bool found = false;
    while (!found && fgets(line, sizeof line, file)) {
        char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
        if (!path) continue;
        *path++ = 0;
        names++;
        path[strcspn(path, "\n")] = 0;
        found = controller[0] ? lists(names, controller, ",") : names[0] == 0;
        if (found) snprintf(into, size, "%s", path);
    }
    fclose(file);
    return found;
}

struct mounted {
    char point[PATH_MAX], root[PATH_MAX];
};

// Finds the mount of the version 2 tree (controller "") or of the version 1 tree that has `controller`.
static bool find_mount(const char *controller, struct mounted *mounted) {
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (!file) return false;
    char line[2 * PATH_MAX], type[64], options[1024];
    bool found = false;
    while (!found && fgets(line, sizeof line, file)) {
        char *tail = strstr(line, " - ");
        if (!tail || sscanf(line, "%*d %*d %*s %4095s %4095s", mounted->root, mounted->point) != 2) continue;
        if (sscanf(tail, " - %63s %*s %1023s", type, options) != 2) continue;
        if (controller[0]) found = strcmp(type, "cgroup") == 0 && lists(options, controller, ",");
        else found = strcmp(type, "cgroup2") == 0;
    }
    fclose(file);
    return found;
}

// systemd marks what it hands over (Delegate=yes).
static bool is_delegated(const char *path) {
    char value[4];
    return getxattr(path, "trusted.delegate", value, sizeof value) == 1
        || getxattr(path, "user.delegate", value, sizeof value) == 1;
}

// Where sandboxes' groups go: the group of this process if it has been delegated, else the top of the hierarchy
// (which in a container is the container's), else again the group of this process.
static int open_base(const char *controller, const struct mounted *mounted, char *path, size_t size) {
    char own[PATH_MAX] = "/", mine[2 * PATH_MAX];
    own_path(controller, own, sizeof own);
    size_t root = strcmp(mounted->root, "/") == 0 ? 0 : strlen(mounted->root);
    bool below = strncmp(own, mounted->root, root) == 0;
    snprintf(mine, sizeof mine, "%s%s", mounted->point, below ? own + root : "");
    const char *candidates[3] = {is_delegated(mine) ? mine : mounted->point, mounted->point, mine};
    for (int i = 0; i < 3; i++) {
        if (access(candidates[i], W_OK) < 0) continue;
        int base = open(candidates[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (base < 0) continue;
        snprintf(path, size, "%s", candidates[i]);
        return base;
    }
    return -1;
}

// ---- version 2 ----

static int write_control(int directory, const char *file, const char *value) {
    int descriptor = openat(directory, file, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) return -1;
    ssize_t written = write(descriptor, value, strlen(value));
    int error = errno;
    close(descriptor);
    errno = error;
    return written < 0 ? -1 : 0;
}

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
    if (write_control(tree->parent, "cgroup.subtree_control", request) == 0) place[kind] = tree;
}

static void open_version_2(void) {
    struct mounted mounted;
    struct tree *tree = &trees[tree_count];
    if (!find_mount("", &mounted)) return;
    tree->base = open_base("", &mounted, tree->path, sizeof tree->path);
    if (tree->base < 0) return;
    remove_dead_parents(tree->base);
    if (claim_parent(tree) < 0) {
        close(tree->base);
        return;
    }
    tree->version = 2;
    tree_count++;
    enable(tree, "memory", MEMORY);
    enable(tree, "pids", PIDS);
    enable(tree, "cpu", CPU);
    place[ACCOUNTING] = tree;
    if (faccessat(tree->parent, "cgroup.freeze", W_OK, 0) == 0) place[FREEZER] = tree;
}

// ---- version 1 ----

static void open_version_1(const char *controller, enum kind kind) {
    struct mounted mounted;
    if (place[kind] || !find_mount(controller, &mounted)) return;
    struct tree *tree = &trees[tree_count];
    tree->base = open_base(controller, &mounted, tree->path, sizeof tree->path);
    if (tree->base < 0) return;
    // cpu and cpuacct are often one hierarchy.
    for (int i = 0; i < tree_count; i++) {
        if (strcmp(trees[i].path, tree->path) != 0) continue;
        close(tree->base);
        place[kind] = &trees[i];
        return;
    }
    remove_dead_parents(tree->base);
    if (claim_parent(tree) < 0) {
        close(tree->base);
        return;
    }
    tree->version = 1;
    tree_count++;
    place[kind] = tree;
}

static const char *const controllers[KINDS] = {"memory", "pids", "cpu", "cpuacct", "freezer"};

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
            controllers[kind],
                                   place[kind]->version, place[kind]->path);
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

static int limit_memory(const char *id, uint64_t bytes) {
    struct tree *tree = place[MEMORY];
    if (!tree) return 0;
    // Without a limit on swap the memory limit would only slow a function down. Where the kernel does not count swap,
    // the file is missing, and swappiness 0 is the next best.
    if (tree->version == 2) {
        write_at(tree, id, "memory.swap.max", "0");
        return write_number(tree, id, "memory.max", bytes);
    }
    write_at(tree, id, "memory.swappiness", "0");
    // memsw may never be below the memory limit, so their order depends on the direction; one of the two firsts may
    // fail.
    write_number(tree, id, "memory.memsw.limit_in_bytes", bytes);
    int result = write_number(tree, id, "memory.limit_in_bytes", bytes);
    write_number(tree, id, "memory.memsw.limit_in_bytes", bytes);
    return result;
}

static int limit_processes(const char *id, uint32_t processes) {
    // One more: the init process is not the function's.
    return place[PIDS] ? write_number(place[PIDS], id, "pids.max", (uint64_t)processes + 1) : 0;
}

int cgroups_limit(const char *id, const struct limits *limits, struct failure *f) {
    if (limit_memory(id, limits->memory) < 0) return fail(f, JAILER_E_FAILED, errno, "set the memory limit");
    if (limit_processes(id, limits->processes) < 0) return fail(f, JAILER_E_FAILED, errno, "set the process limit");
    return cgroups_cpu(id, limits->cpu, f);
}

int cgroups_cpu(const char *id, uint32_t quota, struct failure *f) {
    struct tree *tree = place[CPU];
    if (!tree) return 0;
    char text[32];
    if (quota > 0 && quota < 1000) quota = 1000;    // the kernel's least
    if (tree->version == 2) {
        if (quota) snprintf(text, sizeof text, "%u 100000", quota);
        else snprintf(text, sizeof text, "max 100000");
        return write_at(tree, id, "cpu.max", text) < 0 ? fail(f, JAILER_E_FAILED, errno, "set the CPU share") : 0;
    }
    snprintf(text, sizeof text, "%d", quota ? (int)quota : -1);
    return write_at(tree, id, "cpu.cfs_quota_us", text) < 0 ? fail(f, JAILER_E_FAILED, errno, "set the CPU share") : 0;
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
        if (trees[i].version == 2) return openat(trees[i].parent, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return -1;
}

int cgroups_join(const char *id, struct failure *f) {
    for (int i = 0; i < tree_count; i++) {
        if (trees[i].version == 2) continue;        // clone3 has done that
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
    int result = tree->version == 2 ? write_at(tree, id, "cgroup.freeze", frozen ? "1" : "0")
                                    : write_at(tree, id, "freezer.state", frozen ? "FROZEN" : "THAWED");
    return result < 0 ? fail(f, JAILER_E_FAILED, errno, "%s", what) : 0;
}

void cgroups_kill(const char *id) {
    struct failure ignored;
    struct tree *tree = place[FREEZER];
    if (tree && tree->version == 1) cgroups_freeze(id, false, &ignored);
    for (int i = 0; i < tree_count; i++)
        if (trees[i].version == 2) write_at(&trees[i], id, "cgroup.kill", "1");
}

uint32_t cgroups_oom_kills(const char *id) {
    struct tree *tree = place[MEMORY];
    if (!tree) return 0;
    return (uint32_t)number_at(tree, id, tree->version == 2 ? "memory.events" : "memory.oom_control", "oom_kill");
}

int cgroups_peak_file(const char *id) {
    char path[JAILER_ID_BYTES + 64];
    struct tree *memory = place[MEMORY];
    if (!memory) return -1;
    snprintf(path, sizeof path, "%s/%s", id, memory->version == 2 ? "memory.peak" : "memory.max_usage_in_bytes");
    return openat(memory->parent, path, O_RDONLY | O_CLOEXEC);
}

void cgroups_usage(const char *id, uint64_t *peak, uint64_t *now, uint64_t *cpu) {
    struct tree *memory = place[MEMORY], *accounting = place[ACCOUNTING];
    *peak = *now = *cpu = 0;
    if (memory) {
        bool second = memory->version == 2;
        *now = number_at(memory, id, second ? "memory.current" : "memory.usage_in_bytes", NULL);
        *peak = number_at(memory, id, second ? "memory.peak" : "memory.max_usage_in_bytes", NULL);
        if (*peak < *now) *peak = *now;             // memory.peak is younger than version 2 (Linux 5.19)
    }
    if (!accounting) return;
    if (accounting->version == 2) *cpu = number_at(accounting, id, "cpu.stat", "usage_usec");
    else *cpu = number_at(accounting, id, "cpuacct.usage", NULL) / 1000;
}
