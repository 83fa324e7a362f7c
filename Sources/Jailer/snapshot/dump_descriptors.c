// SPDX-License-Identifier: Apache-2.0
//
// Open files: what each is, and how a copy comes by another like it. What is not known here is refused by name.
//
// The photographer holds a copy of each for a moment (pidfd_getfd), asks the kernel about it and closes it.
#define _GNU_SOURCE
#include "dump.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct open_file {
    int copy;
    uint32_t number;
    struct stat status;
    char target[IMAGE_PATH_BYTES];  // of the link in /proc/PID/fd
    char information[16384];        // its fdinfo
};

static int refuse(const struct open_file *file, const char *what, struct failure *f) {
    return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: descriptor %u is %s (%.200s)", file->number, what,
        file->target);
}

static int look_at(struct dump *dump, struct open_file *file, struct failure *f) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%u", (int)dump->process, file->number);
    ssize_t length = readlink(path, file->target, sizeof file->target - 1);
    if (length < 0) return fail(f, JAILER_E_FAILED, errno, "look at descriptor %u", file->number);
    file->target[length] = 0;
    snprintf(path, sizeof path, "fdinfo/%u", file->number);
    if (read_proc(dump->process, path, file->information, sizeof file->information) < 0)
        return fail(f, JAILER_E_FAILED, errno, "look at descriptor %u", file->number);
    file->copy = (int)syscall(SYS_pidfd_getfd, dump->picture->first, file->number, 0);
    if (file->copy < 0) return fail(f, JAILER_E_HOST_LACKS, errno, "copy descriptor %u", file->number);
    if (fstat(file->copy, &file->status) == 0) return 0;
    int error = errno;
    close(file->copy);
    return fail(f, JAILER_E_FAILED, error, "look at descriptor %u", file->number);
}

// ---- kinds ----

static int dump_path(struct dump *dump, const struct open_file *file, struct image_descriptor *into, struct failure *f) {
    into->kind = DESCRIPTOR_PATH;
    into->value = number_in(file->information, "pos", 10);
    if (file->target[0] != '/') return refuse(file, "a file without a path", f);
    into->text = add_text(&dump->table, file->target, f);
    return into->text ? 0 : -1;
}

static int dump_regular(struct dump *dump, const struct open_file *file, struct image_descriptor *into,
    struct failure *f) {
    if (file->status.st_nlink > 0) return dump_path(dump, file, into, f);
    bool has_memory = strncmp(file->target, "/memfd:", 7) == 0;
    if (!has_memory && strncmp(file->target, "/tmp/", 5) && strncmp(file->target, "/dev/shm/", 9))
        return refuse(file, "a file that has been deleted", f);
    char name[240];
    snprintf(name, sizeof name, "%s", has_memory ? file->target + 7 : "");
    into->other = !has_memory;
    char *suffix = strstr(name, " (deleted)");
    if (suffix) *suffix = 0;
    into->kind = DESCRIPTOR_MEMORY;
    into->value = (uint64_t)file->status.st_size;
    into->address_bytes = 8;
    uint64_t position = number_in(file->information, "pos", 10);
    memcpy(into->address, &position, sizeof position);
    into->text = add_text(&dump->table, name, f);
    if (!into->text) return -1;
    return append_file(dump, file->copy, into->value, &into->offset, f);
}

static int dump_pipe(struct dump *dump, const struct open_file *file, struct image_descriptor *into, struct failure *f) {
    int waiting = 0;
    if (strncmp(file->target, "pipe:[", 6)) return refuse(file, "a named pipe", f);
    if (file->status.st_ino == dump->picture->output) {
        into->kind = DESCRIPTOR_OUTPUT;
        return 0;
    }
    if (ioctl(file->copy, FIONREAD, &waiting) == 0 && waiting > 0) return refuse(file, "a pipe that is not empty", f);
    into->kind = DESCRIPTOR_PIPE;
    return 0;
}

static int dump_timer(const struct open_file *file, struct image_descriptor *into) {
    uint64_t numbers[5] = {number_in(file->information, "clockid", 10)};
    static const char *const names[] = {"it_interval", "it_value"};
    for (int i = 0; i < 2; i++) {
        char text[64];
        unsigned long long seconds = 0, nanoseconds = 0;
        if (find_field(file->information, names[i], text, sizeof text))
            sscanf(text, "(%llu, %llu)", &seconds, &nanoseconds);
        numbers[1 + 2 * i] = seconds;
        numbers[2 + 2 * i] = nanoseconds;
    }
    into->kind = DESCRIPTOR_TIMER;
    into->address_bytes = sizeof numbers;
    memcpy(into->address, numbers, sizeof numbers);
    return 0;
}

// "tfd: 5 events: 19 data: 5 pos:0 ino:61 sdev:b", a line for each.
static int dump_polls(struct dump *dump, const struct open_file *file, struct failure *f) {
    for (const char *line = file->information; line; line = strchr(line, '\n')) {
        unsigned target, events;
        unsigned long long data;
        line += *line == '\n';
        if (strncmp(line, "tfd:", 4)) continue;
        if (sscanf(line, "tfd: %u events: %x data: %llx", &target, &events, &data) != 3)
            return refuse(file, "a poller of an unknown form", f);
        struct image_poll *poll = add_poll(&dump->table, f);
        if (!poll) return -1;
        *poll = (struct image_poll){.poller = file->number, .target = target, .events = events, .data = data};
    }
    return strlen(file->information) < sizeof file->information - 1 ? 0 : refuse(file, "a poller of too many files", f);
}

static int dump_anonymous(struct dump *dump, const struct open_file *file, struct image_descriptor *into,
    struct failure *f) {
    const char *name = file->target + strlen("anon_inode:");
    if (strcmp(name, "[eventfd]") == 0) {
        into->kind = DESCRIPTOR_EVENT;
        into->value = number_in(file->information, "eventfd-count", 16);
        into->other = (uint32_t)number_in(file->information, "eventfd-semaphore", 10) & 1;
        return 0;
    }
    if (strcmp(name, "[timerfd]") == 0) return dump_timer(file, into);
    if (strcmp(name, "[signalfd]") == 0) {
        into->kind = DESCRIPTOR_SIGNAL;
        into->value = number_in(file->information, "sigmask", 16);
        return 0;
    }
    if (strcmp(name, "[eventpoll]") == 0) {
        into->kind = DESCRIPTOR_POLLER;
        return dump_polls(dump, file, f);
    }
    return refuse(file, "of a kind that cannot be restored", f);
}

static int dump_kind(struct dump *dump, const struct open_file *file, struct image_descriptor *into, struct failure *f) {
    if (strncmp(file->target, "anon_inode:", 11) == 0) return dump_anonymous(dump, file, into, f);
    switch (file->status.st_mode & S_IFMT) {
    case S_IFREG: return dump_regular(dump, file, into, f);
    case S_IFDIR:
        if (file->status.st_nlink == 0) return refuse(file, "a directory that has been deleted", f);
        return dump_path(dump, file, into, f);
    case S_IFCHR: return dump_path(dump, file, into, f);
    case S_IFIFO: return dump_pipe(dump, file, into, f);
    case S_IFSOCK: return dump_socket(dump, file->copy, into, f);
    default: return refuse(file, "of a kind that cannot be restored", f);
    }
}

// ---- one after the other ----

// The earlier descriptor that is the same open file, with the same position, as the last one; or -1.
static int64_t same_as(const struct dump *dump, const uint64_t *inodes, uint32_t index) {
    const struct image_descriptor *all = dump->table.descriptors;
    for (uint32_t i = 0; i < index; i++) {
        if (inodes[i] != inodes[index] || all[i].kind == DESCRIPTOR_SAME) continue;
        if (syscall(SYS_kcmp, dump->process, dump->process, KCMP_FILE, all[i].number, all[index].number) == 0)
            return all[i].number;
    }
    return -1;
}

static int dump_one(struct dump *dump, uint32_t number, uint64_t *inodes, struct failure *f) {
    static struct open_file file;
    file.number = number;
    if (look_at(dump, &file, f)) return -1;
    struct image_descriptor *made = add_descriptor(&dump->table, f), into = {.number = number};
    int result = made ? 0 : -1;
    if (result == 0) {
        uint32_t index = dump->table.header.descriptors - 1;
        made->number = number;
        inodes[index] = file.status.st_ino;
        uint64_t flags = number_in(file.information, "flags", 8);
        into.flags = (uint32_t)flags & ~(uint32_t)O_CLOEXEC;
        into.closes_at_exec = (flags & O_CLOEXEC) != 0;
        int64_t same = same_as(dump, inodes, index);
        if (same >= 0) into.other = (uint32_t)same;
        else result = dump_kind(dump, &file, &into, f);
        dump->table.descriptors[index] = into;
    }
    close(file.copy);
    return result;
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static int list_descriptors(const struct dump *dump, uint32_t *numbers, size_t *count, struct failure *f) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)dump->process);
    DIR *list = opendir(path);
    if (!list) return fail(f, JAILER_E_FAILED, errno, "list the open files");
    *count = 0;
    for (struct dirent *entry; (entry = readdir(list));) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
        if (*count == IMAGE_MAX_DESCRIPTORS) {
            closedir(list);
            return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: more than %d open files", IMAGE_MAX_DESCRIPTORS);
        }
        numbers[(*count)++] = (uint32_t)strtoul(entry->d_name, NULL, 10);
    }
    closedir(list);
    qsort(numbers, *count, sizeof *numbers, compare);
    return 0;
}

// The two ends of each pipe have one inode.
static int pair_pipes(struct dump *dump, const uint64_t *inodes, struct failure *f) {
    struct image_descriptor *all = dump->table.descriptors;
    for (uint32_t i = 0; i < dump->table.header.descriptors; i++) {
        if (all[i].kind != DESCRIPTOR_PIPE) continue;
        uint32_t other = i + 1;
        while (other < dump->table.header.descriptors
            && !(inodes[other] == inodes[i] && all[other].kind == DESCRIPTOR_PIPE)) other++;
        if (other == dump->table.header.descriptors)
            return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: descriptor %u is one end of a pipe", all[i].number);
        bool reads_first = (all[i].flags & O_ACCMODE) == O_RDONLY;
        if (reads_first == ((all[other].flags & O_ACCMODE) == O_RDONLY))
            return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: descriptor %u is a pipe opened twice",
                all[i].number);
        all[i].other = all[other].number;
        all[other].kind = DESCRIPTOR_OTHER_END;
        all[other].other = all[i].number;
    }
    return 0;
}

int dump_descriptors(struct dump *dump, struct failure *f) {
    static uint32_t numbers[IMAGE_MAX_DESCRIPTORS];
    static uint64_t inodes[IMAGE_MAX_DESCRIPTORS];
    size_t count;
    if (list_descriptors(dump, numbers, &count, f)) return -1;
    for (size_t i = 0; i < count; i++)
        if (dump_one(dump, numbers[i], inodes, f)) return -1;
    return pair_pipes(dump, inodes, f) || pair_sockets(dump, inodes, f) ? -1 : 0;
}
