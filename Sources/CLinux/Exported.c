// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "Exported.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

// Of Linux 6.8: the number of a mount that no later one gets again. Older headers do not name it, older kernels ignore it.
enum { UNIQUE_MOUNT = 0x4000 };

int32_t martlet_open_beneath(int32_t directory, const char *path, int32_t flags) {
    struct open_how how = {
        .flags = (uint64_t)(uint32_t)flags | O_CLOEXEC | O_NOFOLLOW,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long descriptor = syscall(SYS_openat2, directory, *path ? path : ".", &how, sizeof how);
    return descriptor < 0 ? -errno : (int32_t)descriptor;
}

int32_t martlet_file_status(int32_t descriptor, struct statx *status) {
    unsigned int mask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID | UNIQUE_MOUNT;
    return syscall(SYS_statx, descriptor, "", AT_EMPTY_PATH, mask, status) < 0 ? -errno : 0;
}

int64_t martlet_read_link(int32_t descriptor, char *buffer, size_t size) {
    ssize_t length = readlinkat(descriptor, "", buffer, size);
    return length < 0 ? -errno : length;
}

int64_t martlet_read_entries(int32_t directory, void *buffer, size_t size) {
    long count = syscall(SYS_getdents64, directory, buffer, size);
    return count < 0 ? -errno : count;
}

int64_t martlet_read_attribute(int32_t descriptor, const char *name, void *buffer, size_t size) {
    ssize_t count = name ? fgetxattr(descriptor, name, buffer, size) : flistxattr(descriptor, buffer, size);
    return count < 0 ? -errno : count;
}
