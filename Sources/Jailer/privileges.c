// SPDX-License-Identifier: Apache-2.0
//
// Users, capabilities, resource limits: how a function's process comes to have no power at all.
#define _GNU_SOURCE
#include "jailer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int write_file(const char *path, const char *text) {
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) return -1;
    ssize_t written = write(descriptor, text, strlen(text));
    int error = errno;
    close(descriptor);
    errno = error;
    return written < 0 ? -1 : 0;
}

// The jailer of an ordinary user becomes root of a user namespace that has one user: that one. All sandboxes are then
// made as a root's jailer makes them.
int enter_user_namespace(struct failure *f) {
    uid_t user = geteuid();
    gid_t group = getegid();
    if (unshare(CLONE_NEWUSER) < 0)
        return fail(f, JAILER_E_HOST_LACKS, errno,
                    "This host does not let ordinary users make user namespaces. Start the server as root, or see the sysctls "
                    "user.max_user_namespaces, kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns");
    char map[64];
    // Without this an ordinary user could drop groups that forbid something.
    if (write_file("/proc/self/setgroups", "deny") < 0 && errno != ENOENT)
        return fail(f, JAILER_E_HOST_LACKS, errno, "write /proc/self/setgroups");
    snprintf(map, sizeof map, "0 %u 1", user);
    if (write_file("/proc/self/uid_map", map) < 0)
        return fail(f, JAILER_E_HOST_LACKS, errno, "write /proc/self/uid_map");
    snprintf(map, sizeof map, "0 %u 1", group);
    if (write_file("/proc/self/gid_map", map) < 0)
        return fail(f, JAILER_E_HOST_LACKS, errno, "write /proc/self/gid_map");
    return 0;
}

// The function's process has a user namespace that owns nothing: even with every capability in it, it could not touch
// the sandbox's mounts, network or process ids, which belong to the namespace outside.
int map_function_user(pid_t process, uint32_t host_id, struct failure *f) {
    char path[64], map[64];
    snprintf(path, sizeof path, "/proc/%d/uid_map", (int)process);
    snprintf(map, sizeof map, "%d %u 1", FUNCTION_UID, host_id);
    if (write_file(path, map) < 0) return fail(f, JAILER_E_FAILED, errno, "write the function's uid_map");
    snprintf(path, sizeof path, "/proc/%d/gid_map", (int)process);
    snprintf(map, sizeof map, "%d %u 1", FUNCTION_GID, host_id);
    if (write_file(path, map) < 0) return fail(f, JAILER_E_FAILED, errno, "write the function's gid_map");
    return 0;
}

// Empties the bounding set, so that nothing executed later can bring a capability back.
static int empty_bounding_set(void) {
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) return -1;
    return 0;
}

// Becomes user and group for good, without any capability. The order matters: locking the secure bits and emptying the
// bounding set need capabilities that the change of user takes away.
int become_powerless(uint32_t user, uint32_t group, struct failure *f) {
    // User 0 would get nothing from being user 0, should a process ever become it.
    unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED
        | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    // An ordinary user's plain sandbox has no capability to lose.
    bool powerless = host.plain && geteuid() != 0;
    if (!powerless && prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0)
        return fail(f, JAILER_E_FAILED, errno, "lock the secure bits");
    if (!powerless && empty_bounding_set() < 0) return fail(f, JAILER_E_FAILED, errno, "empty the bounding set");
    // By system call: glibc's functions would look for other threads, of which there are none.
    if (syscall(SYS_setresgid, group, group, group) < 0) return fail(f, JAILER_E_FAILED, errno, "set the group");
    if (syscall(SYS_setresuid, user, user, user) < 0) return fail(f, JAILER_E_FAILED, errno, "set the user");
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2];
    memset(none, 0, sizeof none);
    if (syscall(SYS_capset, &header, none) < 0) return fail(f, JAILER_E_FAILED, errno, "drop the capabilities");
    return 0;
}

// Lowers a limit, hard and soft, to `value`, or leaves it where it is already lower.
int set_limit(int resource, uint64_t value) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) < 0) return -1;
    if (limit.rlim_max > value) limit.rlim_max = value;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(resource, &limit);
}

int close_all_but(const int *kept, size_t count) {
    for (unsigned from = 0;;) {
        // The lowest that is kept, from there on.
        unsigned next = UINT_MAX;
        for (size_t i = 0; i < count; i++)
            if (kept[i] >= 0 && (unsigned)kept[i] >= from && (unsigned)kept[i] < next) next = (unsigned)kept[i];
        if (next > from && syscall(SYS_close_range, from, next == UINT_MAX ? UINT_MAX : next - 1, 0)) return -1;
        if (next == UINT_MAX) return 0;
        from = next + 1;
    }
}
