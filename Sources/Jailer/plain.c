// SPDX-License-Identifier: Apache-2.0
//
// What can be done for a function without namespaces. It is no boundary: the function runs as the server's user, on the
// server's network, and sees the host's processes.
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
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- Landlock ----
// The numbers are the kernel's; headers of older distributions do not have all of them.

enum {
    LL_EXECUTE = 1 << 0, LL_WRITE_FILE = 1 << 1, LL_READ_FILE = 1 << 2, LL_READ_DIR = 1 << 3,
    LL_ALL_1 = (1 << 13) - 1,       // version 1 has rights 0…12
    LL_REFER = 1 << 13,             // version 2
    LL_TRUNCATE = 1 << 14,          // version 3
    LL_IOCTL_DEVICE = 1 << 15,      // version 5
    LL_SCOPE_ALL = 3,               // version 6: abstract sockets and signals stay inside
    LL_FILE_RIGHTS = LL_EXECUTE | LL_WRITE_FILE | LL_READ_FILE | LL_TRUNCATE | LL_IOCTL_DEVICE,
};

struct ruleset { uint64_t files, network, scoped; };
struct __attribute__((packed)) path_rule { uint64_t rights; int32_t directory; };

int landlock_version(void) {
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* LANDLOCK_CREATE_RULESET_VERSION */);
    return version < 0 ? 0 : (int)version;
}

static uint64_t known_rights(void) {
    uint64_t rights = LL_ALL_1;
    if (host.landlock >= 2) rights |= LL_REFER;
    if (host.landlock >= 3) rights |= LL_TRUNCATE;
    if (host.landlock >= 5) rights |= LL_IOCTL_DEVICE;
    return rights;
}

static void allow(int rules, const char *path, uint64_t rights) {
    struct path_rule rule = {.rights = rights & known_rights(), .directory = open(path, O_PATH | O_CLOEXEC)};
    struct stat status;
    if (rule.directory < 0) return;
    if (fstat(rule.directory, &status) == 0 && !S_ISDIR(status.st_mode)) rule.rights &= LL_FILE_RIGHTS;
    syscall(SYS_landlock_add_rule, rules, 1 /* LANDLOCK_RULE_PATH_BENEATH */, &rule, 0);
    close(rule.directory);
}

int landlock_apply(const struct birth *birth, struct failure *f) {
    if (host.landlock == 0) return 0;
    // No /opt: what a function finds there is its layers, and they lie elsewhere.
    static const char *const readable[] = {"/bin", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/sbin",
        "/sys/devices/system/cpu", "/usr"};
    static const char *const usable[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
        "/dev/shm"};
    const uint64_t read_only = LL_EXECUTE | LL_READ_FILE | LL_READ_DIR;
    struct ruleset handled = {.files = known_rights(), .scoped = host.landlock >= 6 ? LL_SCOPE_ALL : 0};
    size_t size = host.landlock >= 6 ? sizeof handled : sizeof handled.files;
    int rules = (int)syscall(SYS_landlock_create_ruleset, &handled, size, 0);
    if (rules < 0) return fail(f, JAILER_E_FAILED, errno, "make a Landlock ruleset");
    for (size_t i = 0; i < sizeof readable / sizeof *readable; i++) allow(rules, readable[i], read_only);
    for (size_t i = 0; i < sizeof usable / sizeof *usable; i++) allow(rules, usable[i], known_rights());
    for (uint32_t i = 0; i < birth->spec->mount_count; i++) {
        const struct mount_spec *mount = &birth->spec->mounts[i];
        allow(rules, mount->source, mount->flags & JAILER_MOUNT_WRITABLE ? known_rights() : read_only);
    }
    allow(rules, birth->scratch, known_rights());
    int result = (int)syscall(SYS_landlock_restrict_self, rules, 0);
    int error = errno;
    close(rules);
    return result < 0 ? fail(f, JAILER_E_FAILED, error, "apply the Landlock ruleset") : 0;
}

// ---- processes ----

// Calls `visit` for each child of `process`.
static void for_children(pid_t process, void (*visit)(pid_t, void *), void *context) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)process, (int)process);
    FILE *list = fopen(path, "re");
    if (!list) return;
    int child;
    while (fscanf(list, "%d", &child) == 1) visit((pid_t)child, context);
    fclose(list);
}

static void kill_one(pid_t process, void *context) {
    (void)context;
    kill(process, SIGKILL);
}

// Orphans become children of the subreaper, so killing children until there are none reaches everybody. In a pid
// namespace the kernel does it.
void kill_descendants(void) {
    if (!host.plain) return;
    for (int round = 0; round < 10000; round++) {
        for_children(getpid(), kill_one, NULL);
        if (wait4(-1, NULL, 0, NULL) < 0 && errno == ECHILD) return;
    }
}

static void signal_one(pid_t process, void *context) {
    kill(process, *(int *)context);
    for_children(process, signal_one, context);
}

void signal_descendants(pid_t init, int signal_number) {
    for_children(init, signal_one, &signal_number);
}

struct sum {
    uint64_t peak, now, ticks;
};

static uint64_t status_number(pid_t process, const char *key) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", (int)process);
    FILE *file = fopen(path, "re");
    uint64_t value = 0;
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0) value = strtoull(line + strlen(key), NULL, 10);
    if (file) fclose(file);
    return value;
}

static void add_usage(pid_t process, void *context) {
    struct sum *sum = context;
    char path[64], text[1024];
    sum->peak += status_number(process, "VmHWM:") * 1024;
    sum->now += status_number(process, "VmRSS:") * 1024;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    FILE *file = fopen(path, "re");
    if (file && fgets(text, sizeof text, file)) {
        // The name, in parentheses, may hold anything; what follows the last parenthesis is numbers.
        char *rest = strrchr(text, ')');
        unsigned long long user = 0, system = 0;
        if (rest && sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
            &system) == 2) sum->ticks += user + system;
    }
    if (file) fclose(file);
    for_children(process, add_usage, context);
}

void descendants_usage(pid_t init, uint64_t *peak, uint64_t *now, uint64_t *cpu) {
    struct sum sum = {0};
    for_children(init, add_usage, &sum);
    long ticks = sysconf(_SC_CLK_TCK);
    *peak = sum.peak;
    *now = sum.now;
    *cpu = ticks > 0 ? sum.ticks * (1000000 / (uint64_t)ticks) : 0;
}

// ---- the directories that stand for /tmp ----

enum { DEEPEST_REMOVAL = 256 };      // each level takes a descriptor

// Takes ownership of `directory`. A function may have closed its own directories to its user, so they are opened first;
// links are not followed.
static void remove_contents(int directory, int depth) {
    fchmod(directory, 0700);
    DIR *list = fdopendir(directory);
    if (!list) {
        close(directory);
        return;
    }
    for (struct dirent *entry; (entry = readdir(list));) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || unlinkat(directory, name, 0) == 0) continue;
        int child = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (child < 0 && errno == EACCES && fchmodat(directory, name, 0700, 0) == 0)
            child = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (child >= 0 && depth < DEEPEST_REMOVAL) remove_contents(child, depth + 1);
        else if (child >= 0) close(child);
        unlinkat(directory, name, AT_REMOVEDIR);
    }
    closedir(list);
}

// Its processes are gone, so nobody exchanges a directory for a link meanwhile.
void remove_scratch(const char *path) {
    if (!path[0]) return;
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0 && errno == EACCES && chmod(path, 0700) == 0)
        directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory >= 0) remove_contents(directory, 0);
    rmdir(path);
}

int make_scratch(const char *path, struct failure *f) {
    return mkdir(path, 0700) ? fail(f, JAILER_E_FAILED, errno, "make the directory %.300s", path) : 0;
}

// Locks a directory of this user's. False when another jailer holds it, or when it is somebody else's trap.
static bool lock_directory(const char *path, int *lock) {
    struct stat status;
    *lock = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*lock < 0) return false;
    if (fstat(*lock, &status) == 0 && status.st_uid == geteuid() && flock(*lock, LOCK_EX | LOCK_NB) == 0) return true;
    close(*lock);
    return false;
}

static void remove_dead_scratch(const char *directory) {
    DIR *list = opendir(directory);
    if (!list) return;
    for (struct dirent *entry; (entry = readdir(list));) {
        char path[PATH_MAX];
        int lock;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (!is_jailer_name(entry->d_name) || !lock_directory(path, &lock)) continue;
        remove_scratch(path);
        close(lock);
    }
    closedir(list);
}

int open_scratch(const char *directory, struct failure *f) {
    int lock;
    remove_dead_scratch(directory);
    snprintf(host.scratch, sizeof host.scratch, "%.255s/martlet-jailer-%d", directory, (int)getpid());
    if (make_scratch(host.scratch, f)) return -1;
    // The lock lasts as long as this process, so the descriptor stays open.
    return lock_directory(host.scratch, &lock) ? 0 : fail(f, JAILER_E_FAILED, errno, "lock the directory %.300s",
        host.scratch);
}
