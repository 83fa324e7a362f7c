// SPDX-License-Identifier: Apache-2.0
//
// The root of one sandbox. See mounts.h.
#define _GNU_SOURCE
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int set_attributes(int tree, const char *path, uint64_t set, uint64_t clear, bool deep) {
    // Private, so that what the host mounts later does not appear, without these attributes, in a sandbox.
    struct mount_attr attributes = {.attr_set = set, .attr_clr = clear, .propagation = MS_PRIVATE};
    unsigned flags = (path[0] ? 0 : AT_EMPTY_PATH) | (deep ? AT_RECURSIVE : 0);
    return (int)syscall(SYS_mount_setattr, tree, path, flags, &attributes, sizeof attributes);
}

int bind_host(const char *source, int directory, const char *target, uint64_t attributes) {
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (tree < 0) return -1;
    int result = set_attributes(tree, "", attributes, 0, true);
    if (result == 0)
        result = (int)syscall(SYS_move_mount, tree, "", directory, target,
            MOVE_MOUNT_F_EMPTY_PATH | (target[0] ? 0 : MOVE_MOUNT_T_EMPTY_PATH));
    int error = errno;
    close(tree);
    errno = error;
    return result;
}

// Makes the directories of `path`, below `top`, that are missing. What exists may be a link, which stays inside `top`.
int make_directories(int top, const char *path, bool last_is_file) {
    char prefix[PATH_MAX];
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    int directory = dup(top);
    for (const char *part = path + strspn(path, "/"); *part && directory >= 0;) {
        size_t length = strcspn(part, "/");
        const char *next = part + length + strspn(part + length, "/");
        char name[NAME_MAX + 1];
        if (length > NAME_MAX) {
            close(directory);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, part, length);
        name[length] = 0;
        snprintf(prefix, sizeof prefix, "%.*s", (int)(part + length - path), path);
        int found = (int)syscall(SYS_openat2, top, prefix, &how, sizeof how);
        if (found < 0 && errno == ENOENT) {
            if (*next == 0 && last_is_file) {
                int file = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
                if (file >= 0) close(file);
            } else {
                mkdirat(directory, name, 0755);
            }
            found = (int)syscall(SYS_openat2, top, prefix, &how, sizeof how);
        }
        int error = errno;
        close(directory);
        errno = error;
        directory = found;
        part = next;
    }
    return directory;
}

bool is_directory(const char *path) {
    struct stat status;
    return stat(path, &status) < 0 || S_ISDIR(status.st_mode);
}

uint64_t attributes_of(const struct mount_spec *spec) {
    return MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (spec->flags & JAILER_MOUNT_WRITABLE ? 0 : MOUNT_ATTR_RDONLY);
}

int open_mount(const struct mount_spec *spec, const char *proc, uint32_t host_id, struct failure *f) {
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, spec->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (tree < 0)
        return fail(f, JAILER_E_SPECIFICATION, errno, "mount %.180s at %.180s", spec->source, spec->target);
    int result = 0;
    // Before it is read-only or not: a mount that was made so cannot be mapped any more.
    if (spec->flags & JAILER_MOUNT_OWNED) result = give_to_function(tree, proc, host_id, f);
    if (result == 0 && set_attributes(tree, "", attributes_of(spec), 0, true))
        result = fail(f, JAILER_E_SPECIFICATION, errno, "mount %.180s at %.180s", spec->source, spec->target);
    if (result == 0) return tree;
    close(tree);
    return -1;
}

int blame_mount(uint32_t index, struct failure *f) {
    f->code = JAILER_E_MOUNT + (int)index;
    return -1;
}

// Binds one mount of the specification below `top`.
static int add_mount(int top, const struct mount_spec *spec, uint32_t host_id, struct failure *f) {
    int tree = open_mount(spec, ROOT "/proc", host_id, f);
    if (tree < 0) return -1;
    int target = make_directories(top, spec->target, !is_directory(spec->source));
    int result = target < 0 ? -1 : (int)syscall(SYS_move_mount, tree, "", target, "",
        MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
    int error = errno;
    close(tree);
    if (target < 0) return fail(f, JAILER_E_SPECIFICATION, error, "make the mount point %.180s", spec->target);
    close(target);
    return result == 0 ? 0 : fail(f, JAILER_E_SPECIFICATION, error, "mount %.180s at %.180s", spec->source,
        spec->target);
}

// The host's root: an empty tmpfs, with the shared directories bound into it.
static int make_host_root(struct failure *f) {
    if (mount("tmpfs", ROOT, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m"))
        return fail(f, JAILER_E_FAILED, errno, "mount the root");
    for (size_t i = 0; shared_directories[i]; i++) {
        char source[PATH_MAX], target[PATH_MAX], link[PATH_MAX];
        snprintf(source, sizeof source, WORKSHOP "/top/%s", shared_directories[i]);
        snprintf(target, sizeof target, ROOT "/%s", shared_directories[i]);
        ssize_t length = readlink(source, link, sizeof link - 1);
        if (length >= 0) {
            link[length] = 0;
            if (symlink(link, target)) return fail(f, JAILER_E_FAILED, errno, "link /%s", shared_directories[i]);
            continue;
        }
        if (errno == ENOENT) continue;
        if (mkdir(target, 0755) || mount(source, target, NULL, MS_BIND | MS_REC, NULL))
            return fail(f, JAILER_E_FAILED, errno, "bind /%s", shared_directories[i]);
    }
    if (mkdir(ROOT "/etc", 0755) || mount(WORKSHOP "/etc", ROOT "/etc", NULL, MS_BIND | MS_REC, NULL))
        return fail(f, JAILER_E_FAILED, errno, "bind /etc");
    return 0;
}

// A place in the scaffold to mount at. One that cannot be made is an error: without it, the image's own would be used.
static int make_point(int top, const char *path, bool is_file, struct failure *f) {
    int point = make_directories(top, path, is_file);
    if (point < 0) return fail(f, JAILER_E_SPECIFICATION, errno, "make the mount point %.180s", path);
    close(point);
    return 0;
}

// An image's root: the image below a few directories, both read-only. overlayfs without an upper layer writes nowhere.
//
// Nothing in the image is trusted, its links least of all. What the jailer mounts into lies in the scaffold, which it
// has made itself and which covers what the image has under the same name; so no path below is the image's to steer.
static int make_image_root(const struct spec *spec, struct failure *f) {
    // Under a name of the jailer's own, so that no character of the path can mean something to overlayfs.
    if (bind_host(spec->root, AT_FDCWD, WORKSHOP "/image", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV))
        return fail(f, JAILER_E_SPECIFICATION, errno, "open the image %.180s", spec->root);
    if (mount("tmpfs", WORKSHOP "/scaffold", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m"))
        return fail(f, JAILER_E_FAILED, errno, "mount the scaffold");
    int top = open(WORKSHOP "/scaffold", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0) return fail(f, JAILER_E_FAILED, errno, "open the scaffold");
    static const char *const points[] = {"/dev", "/proc", "/tmp", "/etc"};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        if (make_point(top, points[i], false, f)) return -1;
    }
    static const char *const settings[] = {"hosts", "resolv.conf", "hostname"};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        char path[64];
        snprintf(path, sizeof path, "/etc/%s", settings[i]);
        if (make_point(top, path, true, f)) return -1;
    }
    for (uint32_t i = 0; i < spec->mount_count; i++) {
        if (make_point(top, spec->mounts[i].target, !is_directory(spec->mounts[i].source), f)) return -1;
    }
    // Where a claim will mount: the root cannot be changed then. One that only brings the command mounts nothing, and the
    // image's own directories are seen.
    static const char *const later[] = {"/opt", "/var/task", "/var/runtime"};
    bool mounts_later = spec->flags & JAILER_START_AWAITS_CLAIM && !(spec->flags & JAILER_START_EXECUTES_LATE);
    for (size_t i = 0; mounts_later && i < sizeof later / sizeof *later; i++)
        if (make_point(top, later[i], false, f)) return -1;
    close(top);
    if (mount("overlay", ROOT, "overlay", MS_NOSUID | MS_NODEV | MS_RDONLY,
        "lowerdir=" WORKSHOP "/scaffold:" WORKSHOP "/image"))
        return fail(f, JAILER_E_HOST_LACKS, errno, "mount the image %.180s (overlayfs)", spec->root);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        char source[64], target[64];
        snprintf(source, sizeof source, WORKSHOP "/etc/%s", settings[i]);
        snprintf(target, sizeof target, ROOT "/etc/%s", settings[i]);
        if (access(source, F_OK) == 0 && mount(source, target, NULL, MS_BIND, NULL))
            return fail(f, JAILER_E_FAILED, errno, "bind /etc/%s", settings[i]);
    }
    return 0;
}

static int mount_sized(const char *path, const char *permissions, uint64_t bytes, unsigned long flags,
    struct failure *f) {
    char options[128];
    // Inodes cost the kernel memory too; one for each page of the size is more than any real use.
    uint64_t inodes = bytes / 4096 < 1024 ? 1024 : bytes / 4096;
    snprintf(options, sizeof options, "mode=%s,size=%llu,nr_inodes=%llu", permissions, (unsigned long long)bytes,
        (unsigned long long)inodes);
    return mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV | flags, options) ? fail(f, JAILER_E_FAILED, errno,
        "mount %s", path + strlen(ROOT)) : 0;
}

// Of /proc, a function needs what is about processes and the machine's size. What steers the kernel or shows its inside
// is read-only or covered. Most of it is also closed by permissions; the covers stand when those are wrong.
static int make_proc(struct failure *f) {
    static const char *const frozen[] = {"bus", "fs", "irq", "sys", "sysrq-trigger"};
    static const char *const covered[] = {"kcore", "keys", "key-users", "kmsg", "kallsyms", "timer_list",
        "sched_debug", "latency_stats", "config.gz", "cmdline"};
    static const char *const emptied[] = {"acpi", "asound", "scsi", "driver"};
    if (mount("proc", ROOT "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
        return fail(f, JAILER_E_HOST_LACKS, errno,
            "mount a new /proc (inside another container it must not be partly covered)");
    char path[64];
    for (size_t i = 0; i < sizeof frozen / sizeof *frozen; i++) {
        snprintf(path, sizeof path, ROOT "/proc/%s", frozen[i]);
        if (mount(path, path, NULL, MS_BIND | MS_REC, NULL)) {
            if (errno == ENOENT) continue;
            return fail(f, JAILER_E_FAILED, errno, "bind /proc/%s", frozen[i]);
        }
        if (set_attributes(AT_FDCWD, path, MOUNT_ATTR_RDONLY, 0, true))
            return fail(f, JAILER_E_FAILED, errno, "protect /proc/%s", frozen[i]);
    }
    for (size_t i = 0; i < sizeof covered / sizeof *covered; i++) {
        snprintf(path, sizeof path, ROOT "/proc/%s", covered[i]);
        if (mount(WORKSHOP "/dev/null", path, NULL, MS_BIND, NULL) && errno != ENOENT)
            return fail(f, JAILER_E_FAILED, errno, "cover /proc/%s", covered[i]);
    }
    for (size_t i = 0; i < sizeof emptied / sizeof *emptied; i++) {
        snprintf(path, sizeof path, ROOT "/proc/%s", emptied[i]);
        if (mount(WORKSHOP "/empty", path, NULL, MS_BIND, NULL) && errno != ENOENT)
            return fail(f, JAILER_E_FAILED, errno, "cover /proc/%s", emptied[i]);
    }
    return 0;
}

static int make_special(const struct spec *spec, struct failure *f) {
    static const char *const points[] = {ROOT "/dev", ROOT "/proc", ROOT "/tmp"};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        if (mkdir(points[i], 0755) && errno != EEXIST)
            return fail(f, JAILER_E_FAILED, errno, "make %s", points[i] + strlen(ROOT));
    const char *devices = spec->flags & JAILER_START_KVM ? WORKSHOP "/dev-kvm" : WORKSHOP "/dev";
    if (access(devices, F_OK)) return fail(f, JAILER_E_HOST_LACKS, 0, "There is no /dev/kvm");
    if (mount(devices, ROOT "/dev", NULL, MS_BIND | MS_REC, NULL))
        return fail(f, JAILER_E_FAILED, errno, "bind /dev");
    // Shared memory is memory: the limit on memory bounds it, the size only keeps one program from filling it all.
    if (mount_sized(ROOT "/dev/shm", "1777", spec->limits.memory / 2, MS_NOEXEC, f)) return -1;
    if (mount_sized(ROOT "/tmp", "1777", spec->limits.temporary, 0, f)) return -1;
    return make_proc(f);
}

// Name servers are of use to those with a network only, and nobody else's business.
static int add_name_servers(const struct spec *spec, struct failure *f) {
    const char *source = spec->flags & JAILER_START_EGRESS ? WORKSHOP "/network/egress.conf"
        : WORKSHOP "/network/resolv.conf";
    bool is_useful = spec->flags & (JAILER_START_HOST_NETWORK | JAILER_START_EGRESS);
    if (!is_useful || access(source, F_OK)) return 0;
    return mount(source, ROOT "/etc/resolv.conf", NULL, MS_BIND, NULL) ? fail(f, JAILER_E_FAILED, errno,
        "bind /etc/resolv.conf") : 0;
}

int enter_root(const struct spec *spec, uint32_t host_id, struct failure *f) {
    if (spec->root[0] ? make_image_root(spec, f) : make_host_root(f)) return -1;
    if (add_name_servers(spec, f)) return -1;
    if (make_special(spec, f)) return -1;
    int top = open(ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0) return fail(f, JAILER_E_FAILED, errno, "open the root");
    for (uint32_t i = 0; i < spec->mount_count; i++)
        if (add_mount(top, &spec->mounts[i], host_id, f)) return blame_mount(i, f);
    if (set_attributes(top, "", MOUNT_ATTR_RDONLY, 0, false))
        return fail(f, JAILER_E_FAILED, errno, "protect the root");
    // The old root goes on top of the new one and is then taken off, so no directory for it is needed.
    if (fchdir(top) || syscall(SYS_pivot_root, ".", ".") || umount2(".", DETACH) || chdir("/"))
        return fail(f, JAILER_E_HOST_LACKS, errno, "change the root");
    close(top);
    return 0;
}
