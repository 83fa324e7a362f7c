// SPDX-License-Identifier: Apache-2.0
//
// Directories of the host that a function may write: in the sandbox they belong to the function's user, on the disk to
// whom they belong already, whichever number the sandbox has among the host's users. The kernel maps the one to the
// other for the mount alone (an idmapped mount), by a user namespace that exists for nothing else.
#define _GNU_SOURCE
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Inside the namespace the number on the disk, outside the function's.
static int write_map(const char *proc, pid_t process, const char *file, uint32_t on_disk, uint32_t host_id) {
    char path[96], map[64];
    snprintf(path, sizeof path, "%s/%d/%s", proc, (int)process, file);
    snprintf(map, sizeof map, "%u %u 1", on_disk, host_id);
    return write_file(path, map);
}

// Returns a descriptor of the namespace. `proc` is a proc file system in which this process sees its children.
static int open_map(const char *proc, const struct stat *owner, uint32_t host_id, struct failure *f) {
    struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    char path[96];
    int made = -1;
    pid_t holder = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (holder < 0) return fail(f, JAILER_E_HOST_LACKS, errno, "make a user namespace for a mount");
    if (holder == 0)
        for (;;) pause();
    snprintf(path, sizeof path, "%s/%d/ns/user", proc, (int)holder);
    if (write_map(proc, holder, "uid_map", owner->st_uid, host_id)
        || write_map(proc, holder, "gid_map", owner->st_gid, host_id) || (made = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        fail(f, JAILER_E_FAILED, errno, "map the owner of a mount");
    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
    return made;
}

int give_to_function(int tree, const char *proc, uint32_t host_id, struct failure *f) {
    struct stat owner;
    // An ordinary user's jailer has one user only, so the function is that user on the disk.
    if (host.rootless || host.plain) return 0;
    if (fstat(tree, &owner)) return fail(f, JAILER_E_SPECIFICATION, errno, "look at a mount's owner");
    // What root owns, root runs: a function must not be able to leave programs there.
    if (owner.st_uid == 0 || owner.st_gid == 0)
        return fail(f, JAILER_E_SPECIFICATION, 0,
            "A directory that functions may write must belong to another user and group than root");
    int map = open_map(proc, &owner, host_id, f);
    if (map < 0) return -1;
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)map};
    unsigned whole = AT_EMPTY_PATH | AT_RECURSIVE;
    int result = (int)syscall(SYS_mount_setattr, tree, "", whole, &attributes, sizeof attributes);
    int error = errno;
    close(map);
    return result ? fail(f, JAILER_E_HOST_LACKS, error, "map the owner of a mount (its file system must support that)")
                  : 0;
}
