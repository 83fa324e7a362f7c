// SPDX-License-Identifier: Apache-2.0
//
// Mounts into a sandbox that runs already: opened in the jailer's mount namespace, moved into the sandbox's.
#define _GNU_SOURCE
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// In the sandbox's namespace: moves the trees in. The root is read-only, so a missing mount point opens it for a
// moment; the sandbox's processes, other users without capabilities, can do nothing with that.
static int attach_late(const int *trees, const bool *files, const struct mount_spec *mounts, uint32_t count,
    struct failure *f) {
    int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), result = 0;
    if (top < 0) return fail(f, JAILER_E_FAILED, errno, "open the root");
    if (set_attributes(top, "", 0, MOUNT_ATTR_RDONLY, false)) result = fail(f, JAILER_E_FAILED, errno,
        "open the root for mount points");
    for (uint32_t i = 0; i < count && result == 0; i++) {
        int target = make_directories(top, mounts[i].target, files[i]);
        if (target < 0 || syscall(SYS_move_mount, trees[i], "", target, "",
            MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH))
            result = fail(f, JAILER_E_MOUNT + (int)i, errno, "mount %.180s at %.180s", mounts[i].source,
                mounts[i].target);
        if (target >= 0) close(target);
    }
    if (set_attributes(top, "", MOUNT_ATTR_RDONLY, 0, false) && result == 0) result = fail(f, JAILER_E_FAILED, errno,
        "protect the root");
    close(top);
    return result;
}

static int resize_temporary(uint64_t bytes, struct failure *f) {
    char options[64];
    snprintf(options, sizeof options, "size=%llu", (unsigned long long)bytes);
    return mount(NULL, "/tmp", NULL, MS_REMOUNT | MS_NOSUID | MS_NODEV, options) ? fail(f, JAILER_E_FAILED, errno,
        "resize /tmp") : 0;
}

static int open_trees(int *trees, bool *files, const struct mount_spec *mounts, uint32_t count, uint32_t host_id,
    struct failure *f) {
    for (uint32_t i = 0; i < count; i++) {
        files[i] = !is_directory(mounts[i].source);
        trees[i] = open_mount(&mounts[i], "/proc", host_id, f);
        if (trees[i] < 0) return blame_mount(i, f);
    }
    return 0;
}

int mount_late(int namespace, const struct mount_spec *mounts, uint32_t count, uint64_t temporary, uint32_t host_id,
    struct failure *f) {
    int trees[JAILER_MAX_MOUNTS];
    bool files[JAILER_MAX_MOUNTS] = {false};
    memset(trees, -1, sizeof trees);
    int home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    int result = home < 0 ? fail(f, JAILER_E_FAILED, errno, "open the mount namespace") : open_trees(trees, files,
        mounts, count, host_id, f);
    if (result == 0 && setns(namespace, CLONE_NEWNS)) result = fail(f, JAILER_E_FAILED, errno,
        "visit the sandbox's mounts");
    else if (result == 0) {
        result = attach_late(trees, files, mounts, count, f);
        if (result == 0) result = resize_temporary(temporary, f);
        // A jailer that cannot come home must not go on: its next sandbox would be made inside this one.
        if (setns(home, CLONE_NEWNS)) _exit(70);
    }
    for (uint32_t i = 0; i < count; i++)
        if (trees[i] >= 0) close(trees[i]);
    if (home >= 0) close(home);
    return result;
}
