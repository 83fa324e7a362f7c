// SPDX-License-Identifier: Apache-2.0
//
// A record for each entry: tree_entry, its path below the root, then its bytes or a link's target. Directories come
// before what is in them.
#define _GNU_SOURCE
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tree_entry {
    uint32_t root, mode, path_bytes, reserved;
    uint64_t bytes;
    int64_t seconds, nanoseconds;
};

static const char *const roots[] = {"/tmp", "/dev/shm"};
enum { ROOTS = sizeof roots / sizeof *roots, PATH_BYTES = 4096 };

static char block[65536];

// ---- packing ----

struct packing {
    int into;
    uint32_t root, entries, depth;
    uint64_t left;
    dev_t device;
    char path[PATH_BYTES];          // below the root
};

static int write_all(int file, const void *bytes, size_t size, struct failure *f) {
    for (size_t done = 0; done < size;) {
        ssize_t written = write(file, (const char *)bytes + done, size - done);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return fail(f, JAILER_E_FAILED, written < 0 ? errno : ENOSPC, "write the image's files");
        done += (size_t)written;
    }
    return 0;
}

static int pack_bytes(struct packing *p, int file, uint64_t bytes, struct failure *f) {
    while (bytes > 0) {
        ssize_t got = read(file, block, bytes < sizeof block ? bytes : sizeof block);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return fail(f, JAILER_E_FAILED, errno, "read %.200s", p->path);
        if (write_all(p->into, block, (size_t)got, f)) return -1;
        bytes -= (uint64_t)got;
    }
    return 0;
}

static int pack_head(struct packing *p, const struct stat *status, uint64_t bytes, struct failure *f) {
    struct tree_entry entry = {.root = p->root, .mode = status->st_mode, .path_bytes = (uint32_t)strlen(p->path),
        .bytes = bytes, .seconds = status->st_mtim.tv_sec, .nanoseconds = status->st_mtim.tv_nsec};
    if (++p->entries > TREE_MAX_ENTRIES)
        return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: more than %d files in /tmp", TREE_MAX_ENTRIES);
    if (bytes > p->left) return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: the files in /tmp are too large");
    p->left -= bytes;
    return write_all(p->into, &entry, sizeof entry, f) || write_all(p->into, p->path, entry.path_bytes, f) ? -1 : 0;
}

static int pack_directory(struct packing *p, int directory, struct failure *f);

static int pack_entry(struct packing *p, int directory, const char *name, struct failure *f) {
    struct stat status;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW)) return fail(f, JAILER_E_FAILED, errno, "look at %.200s",
        p->path);
    if (status.st_dev != p->device || S_ISSOCK(status.st_mode)) return 0;
    if (S_ISLNK(status.st_mode)) {
        ssize_t length = readlinkat(directory, name, block, PATH_BYTES);
        if (length < 0) return fail(f, JAILER_E_FAILED, errno, "read the link %.200s", p->path);
        return pack_head(p, &status, (uint64_t)length, f) || write_all(p->into, block, (size_t)length, f) ? -1 : 0;
    }
    if (S_ISFIFO(status.st_mode)) return pack_head(p, &status, 0, f);
    bool is_file = S_ISREG(status.st_mode);
    if (!is_file && !S_ISDIR(status.st_mode)) return 0;
    // One that its owner may not read is opened up, read, and gets its mode again where it is unpacked.
    if ((status.st_mode & 0400) == 0 || (!is_file && (status.st_mode & 0500) != 0500))
        fchmodat(directory, name, 0700, 0);
    int opened = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (opened < 0) return fail(f, JAILER_E_FAILED, errno, "open %.200s", p->path);
    uint64_t bytes = is_file ? (uint64_t)status.st_size : 0;
    int result = pack_head(p, &status, bytes, f);
    if (result == 0) result = is_file ? pack_bytes(p, opened, bytes, f) : pack_directory(p, opened, f);
    if (is_file || result) close(opened);
    return result;
}

// Closes the directory, unless it fails.
static int pack_directory(struct packing *p, int directory, struct failure *f) {
    size_t length = strlen(p->path);
    if (++p->depth > TREE_MAX_DEPTH)
        return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: more than %d directories in each other",
            TREE_MAX_DEPTH);
    int copy = dup(directory), result = 0;
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    if (!list) return fail(f, JAILER_E_FAILED, errno, "list %.200s", p->path);
    for (struct dirent *entry; result == 0 && (entry = readdir(list));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        int added = snprintf(p->path + length, sizeof p->path - length, "%s%s", length ? "/" : "", entry->d_name);
        if (added < 0 || (size_t)added >= sizeof p->path - length) result = fail(f, JAILER_E_SPECIFICATION,
            ENAMETOOLONG, "cannot snapshot: a path in /tmp");
        else result = pack_entry(p, directory, entry->d_name, f);
        p->path[length] = 0;
    }
    closedir(list);
    p->depth--;
    if (result == 0) close(directory);
    return result;
}

int pack_trees(int into, uint64_t limit, struct failure *f) {
    static struct packing packing;
    packing = (struct packing){.into = into, .left = limit};
    for (uint32_t i = 0; i < ROOTS; i++) {
        struct stat status;
        int root = open(roots[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (root < 0 || fstat(root, &status)) return fail(f, JAILER_E_FAILED, errno, "open %s", roots[i]);
        packing.root = i;
        packing.device = status.st_dev;
        packing.path[0] = 0;
        if (pack_directory(&packing, root, f)) return -1;
    }
    return 0;
}

// ---- unpacking ----

static int broken(struct failure *f) {
    return fail(f, JAILER_E_SPECIFICATION, 0, "the image is broken: its files");
}

// 1, 0 at the end, -1.
static int read_all(int file, void *bytes, size_t size, struct failure *f) {
    for (size_t done = 0; done < size;) {
        ssize_t got = read(file, (char *)bytes + done, size - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(f, JAILER_E_FAILED, errno, "read the image's files");
        if (got == 0) return done == 0 ? 0 : broken(f);
        done += (size_t)got;
    }
    return 1;
}

static int unpack_file(int from, int root, const char *path, const struct tree_entry *entry, struct failure *f) {
    int file = openat(root, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) return fail(f, JAILER_E_FAILED, errno, "make the file %.200s", path);
    int result = 0;
    for (uint64_t left = entry->bytes; left > 0 && result == 0;) {
        size_t size = left < sizeof block ? left : sizeof block;
        int got = read_all(from, block, size, f);
        if (got <= 0) result = got < 0 ? -1 : broken(f);
        else result = write_all(file, block, size, f);
        left -= size;
    }
    if (result == 0 && fchmod(file, entry->mode & 07777)) result = fail(f, JAILER_E_FAILED, errno, "set a file's mode");
    close(file);
    return result;
}

static int unpack_entry(int from, int root, const char *path, const struct tree_entry *entry, struct failure *f) {
    char target[PATH_BYTES + 1];
    int result = 0;
    switch (entry->mode & S_IFMT) {
    case S_IFREG: return unpack_file(from, root, path, entry, f);
    case S_IFDIR: result = mkdirat(root, path, (entry->mode & 07777) | 0700); break;
    case S_IFIFO: result = mkfifoat(root, path, entry->mode & 07777); break;
    case S_IFLNK:
        if (entry->bytes > PATH_BYTES || read_all(from, target, entry->bytes, f) != 1) return broken(f);
        target[entry->bytes] = 0;
        result = symlinkat(target, root, path);
        break;
    default: return broken(f);
    }
    return result ? fail(f, JAILER_E_FAILED, errno, "make %.200s", path) : 0;
}

static int unpack_next(int from, const int *tops, struct failure *f) {
    struct tree_entry entry;
    char path[PATH_BYTES];
    int got = read_all(from, &entry, sizeof entry, f);
    if (got <= 0) return got;
    if (entry.root >= ROOTS || entry.path_bytes < 1 || entry.path_bytes >= sizeof path
        || read_all(from, path, entry.path_bytes, f) != 1)
        return broken(f);
    path[entry.path_bytes] = 0;
    if (unpack_entry(from, tops[entry.root], path, &entry, f)) return -1;
    struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {entry.seconds, entry.nanoseconds}};
    // Of a directory, the time changes again with what is put into it; nobody has asked for more.
    utimensat(tops[entry.root], path, times, AT_SYMLINK_NOFOLLOW);
    return 1;
}

int unpack_trees(int from, struct failure *f) {
    int tops[ROOTS], result = 1;
    for (int i = 0; i < ROOTS; i++) tops[i] = open(roots[i], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    for (int i = 0; i < ROOTS; i++)
        if (tops[i] < 0) result = fail(f, JAILER_E_FAILED, errno, "open %s", roots[i]);
    for (int count = 0; result > 0; count++)
        result = count < TREE_MAX_ENTRIES ? unpack_next(from, tops, f) : broken(f);
    for (int i = 0; i < ROOTS; i++)
        if (tops[i] >= 0) close(tops[i]);
    return result;
}
