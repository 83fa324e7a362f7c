// SPDX-License-Identifier: Apache-2.0
//
// What all sandboxes share, put together once. See mounts.h.
#define _GNU_SOURCE
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *const shared_directories[] = {"bin", "lib", "lib32", "lib64", "libx32", "sbin", "usr", NULL};

// Of the host's /etc: what programs need and everybody may know.
static const char *const shared_settings[] = {
    "alternatives", "ca-certificates", "ca-certificates.conf", "crypto-policies", "gai.conf", "ld.so.cache",
    "ld.so.conf", "ld.so.conf.d", "localtime", "java-17-openjdk", "java-21-openjdk", "java-25-openjdk", "mime.types", "os-release",
    "pki", "protocols", "python3", "python3.11", "python3.12", "python3.13", "services", "ssl", "timezone", "tls",
};

struct setting {
    const char *name, *text;
};

static const struct setting own_settings[] = {
    {"passwd", "root:x:0:0:root:/root:/sbin/nologin\n"
               "sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n"
               "nobody:x:65534:65534:nobody:/:/sbin/nologin\n"},
    {"group", "root:x:0:\nsbx_user1051:x:990:\nnogroup:x:65534:\n"},
    {"hosts", "127.0.0.1 localhost martlet sandbox.localdomain sandbox\n::1 localhost\n"},
    {"hostname", "martlet\n"},
    {"nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"},
    {"host.conf", "multi on\n"},
    {"resolv.conf", "# This sandbox has no network.\n"},
};

static const char *const devices[] = {"null", "zero", "full", "random", "urandom"};

static int write_new(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file < 0) return -1;
    ssize_t written = write(file, text, strlen(text));
    close(file);
    return written < 0 ? -1 : 0;
}

// A copied file is one mount less to make for each sandbox. The host's changes are seen by the next jailer, as with a
// bound file that is replaced.
static int copy_file(const char *source, const char *target) {
    char bytes[16384];
    int from = open(source, O_RDONLY | O_CLOEXEC), into = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    ssize_t count = from < 0 || into < 0 ? -1 : 0;
    while (count >= 0 && (count = read(from, bytes, sizeof bytes)) > 0)
        if (write(into, bytes, (size_t)count) != count) count = -1;
    if (from >= 0) close(from);
    if (into >= 0) close(into);
    return count < 0 ? -1 : 0;
}

// Makes WORKSHOP/<directory>/<name> like /<from>/<name>: a link where the host has a link, a copy of a small file,
// else a read-only bind mount.
static int share(const char *from, const char *name, const char *directory) {
    char source[PATH_MAX], target[PATH_MAX], link[PATH_MAX];
    snprintf(source, sizeof source, "%s/%s", from, name);
    snprintf(target, sizeof target, WORKSHOP "/%s/%s", directory, name);
    struct stat status;
    if (lstat(source, &status) < 0) return 0;
    // /etc/localtime and others point into /usr, which is there under the same name; a link elsewhere is followed.
    if (S_ISLNK(status.st_mode)) {
        ssize_t length = readlink(source, link, sizeof link - 1);
        if (length < 0) return -1;
        link[length] = 0;
        bool inside = link[0] != '/' || strncmp(link, "/usr/", 5) == 0;
        if (inside) return symlink(link, target);
        if (stat(source, &status) < 0) return 0;
    }
    if (S_ISREG(status.st_mode) && status.st_size <= 256 * 1024) return copy_file(source, target);
    if (S_ISDIR(status.st_mode) ? mkdir(target, 0755) : write_new(target, "")) return -1;
    return bind_host(source, AT_FDCWD, target, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}

static int share_directories(struct failure *f) {
    if (mkdir(WORKSHOP "/top", 0755)) return fail(f, JAILER_E_FAILED, errno, "make a directory");
    for (size_t i = 0; shared_directories[i]; i++)
        if (share("", shared_directories[i], "top"))
            return fail(f, JAILER_E_HOST_LACKS, errno, "bind the host's /%s", shared_directories[i]);
    return 0;
}

static int share_settings(struct failure *f) {
    if (mkdir(WORKSHOP "/network", 0755) || mkdir(WORKSHOP "/etc", 0755)
        || mount("tmpfs", WORKSHOP "/etc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=4m"))
        return fail(f, JAILER_E_FAILED, errno, "mount an /etc");
    for (size_t i = 0; i < sizeof own_settings / sizeof *own_settings; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, WORKSHOP "/etc/%s", own_settings[i].name);
        if (write_new(path, own_settings[i].text))
            return fail(f, JAILER_E_FAILED, errno, "write /etc/%s", own_settings[i].name);
    }
    // For those who are given the host's network; it lies beside, not in, what all share.
    if (share("/etc", "resolv.conf", "network"))
        return fail(f, JAILER_E_FAILED, errno, "bind the host's /etc/resolv.conf");
    if (write_new(WORKSHOP "/network/egress.conf", "nameserver 127.0.0.1\n"))
        return fail(f, JAILER_E_FAILED, errno, "write a resolv.conf");
    for (size_t i = 0; i < sizeof shared_settings / sizeof *shared_settings; i++)
        if (share("/etc", shared_settings[i], "etc"))
            return fail(f, JAILER_E_FAILED, errno, "bind the host's /etc/%s", shared_settings[i]);
    // The host's private keys are root's to read, but there is no reason even to show their names.
    static const char *const hidden[] = {WORKSHOP "/etc/ssl/private", WORKSHOP "/etc/pki/tls/private"};
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (mount(WORKSHOP "/empty", hidden[i], NULL, MS_BIND, NULL) && errno != ENOENT)
            return fail(f, JAILER_E_FAILED, errno, "cover private keys");
    if (symlink("/proc/self/mounts", WORKSHOP "/etc/mtab")) return fail(f, JAILER_E_FAILED, errno, "link /etc/mtab");
    return set_attributes(AT_FDCWD, WORKSHOP "/etc", MOUNT_ATTR_RDONLY, 0, false) ? fail(f, JAILER_E_FAILED, errno,
        "protect /etc") : 0;
}

// A node of the machine's users' own where root makes it, as the host's is often for a group only; else the host's.
static int share_kvm(const char *directory) {
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "%s/kvm", directory);
    if (stat("/dev/kvm", &status)) return -1;
    if (!host.rootless && mknod(path, S_IFCHR | 0666, status.st_rdev) == 0) return chmod(path, 0666);
    return write_new(path, "") || mount("/dev/kvm", path, NULL, MS_BIND, NULL) ? -1 : 0;
}

// The only file systems of a sandbox without `nodev`, and so never writable.
static int make_devices(const char *directory, bool kvm, struct failure *f) {
    if (mkdir(directory, 0755) || mount("tmpfs", directory, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=64k"))
        return fail(f, JAILER_E_FAILED, errno, "mount a /dev");
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        char source[64], target[64];
        snprintf(source, sizeof source, "/dev/%s", devices[i]);
        snprintf(target, sizeof target, "%s/%s", directory, devices[i]);
        if (write_new(target, "") || mount(source, target, NULL, MS_BIND, NULL))
            return fail(f, JAILER_E_HOST_LACKS, errno, "bind %s", source);
    }
    static const char *const links[][2] = {{"fd", ""}, {"stdin", "/0"}, {"stdout", "/1"}, {"stderr", "/2"}};
    char path[64], target[64];
    bool made = true;
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, links[i][0]);
        snprintf(target, sizeof target, "/proc/self/fd%s", links[i][1]);
        made = made && symlink(target, path) == 0;
    }
    snprintf(path, sizeof path, "%s/shm", directory);
    made = made && mkdir(path, 0755) == 0 && (!kvm || share_kvm(directory) == 0);
    if (!made || set_attributes(AT_FDCWD, directory, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0,
        true))
        return fail(f, JAILER_E_FAILED, errno, "fill /dev");
    return 0;
}

int workshop_open(struct failure *f) {
    umask(022);
    if (unshare(CLONE_NEWNS)) return fail(f, JAILER_E_HOST_LACKS, errno, "make a mount namespace");
    // Nothing mounted from now on is seen outside. What the host mounts and unmounts is followed: code may lie on a
    // volume that comes later, and a volume that goes must not be held.
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
        return fail(f, JAILER_E_HOST_LACKS, errno, "set the mounts apart%s",
            host.rootless ? " (on Ubuntu, see the sysctl kernel.apparmor_restrict_unprivileged_userns)" : "");
    if (mount("tmpfs", WORKSHOP, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m"))
        return fail(f, JAILER_E_HOST_LACKS, errno, "mount a tmpfs");
    if (set_attributes(AT_FDCWD, WORKSHOP, MOUNT_ATTR_NOEXEC, 0, false))
        return fail(f, JAILER_E_HOST_LACKS, errno, "change a mount (Linux 5.12 or later is needed)");
    if (mkdir(ROOT, 0755) || mkdir(WORKSHOP "/scaffold", 0755) || mkdir(WORKSHOP "/image", 0755) || mkdir(WORKSHOP "/empty", 0555))
        return fail(f, JAILER_E_FAILED, errno, "make a directory");
    if (mount("tmpfs", WORKSHOP "/empty", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, "mode=0555,size=4k"))
        return fail(f, JAILER_E_FAILED, errno, "mount a tmpfs");
    if (share_directories(f) || share_settings(f)) return -1;
    if (make_devices(WORKSHOP "/dev", false, f)) return -1;
    // Where KVM cannot be shared, it is those who ask for it that hear so.
    struct failure unshared = {0};
    if (access("/dev/kvm", F_OK) == 0 && make_devices(WORKSHOP "/dev-kvm", true, &unshared))
        umount2(WORKSHOP "/dev-kvm", DETACH), rmdir(WORKSHOP "/dev-kvm");
    return 0;
}
