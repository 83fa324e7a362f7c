// SPDX-License-Identifier: Apache-2.0
//
// The one directory that this jailer has in each tree. A jailer that starts removes those whose lock is free: their jailer
// is dead. The lock works across pid namespaces and cannot be mistaken after a pid is used again.
#define _GNU_SOURCE
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

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

void empty_parent(int parent) {
    int copy = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    if (!list) return;
    for (struct dirent *entry; (entry = readdir(list));) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
        // A frozen process of version 1 dies only when it is thawed.
        char path[320];
        snprintf(path, sizeof path, "%s/%s", entry->d_name, version_1.freezer);
        write_control(parent, path, version_1.thawed);
        // What the kernel can kill by group, it kills whole.
        snprintf(path, sizeof path, "%s/%s", entry->d_name, version_2.kill);
        write_control(parent, path, "1");
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
int claim_parent(struct tree *tree) {
    remove_dead_parents(tree->base);
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
