// SPDX-License-Identifier: Apache-2.0
//
// Where the host has its trees, and where in them sandboxes' groups may go.
#define _GNU_SOURCE
#include "cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

bool lists(const char *list, const char *word, const char *separators) {
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

int open_tree_base(const char *controller, char *path, size_t size) {
    struct mounted mounted;
    return find_mount(controller, &mounted) ? open_base(controller, &mounted, path, size) : -1;
}
