// SPDX-License-Identifier: Apache-2.0
//
// The open files of a copy, at the numbers that they have in the image.
#define _GNU_SOURCE
#include "restore.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

int move_up(struct restore *r, int *descriptor, struct failure *f) {
    int moved = fcntl(*descriptor, F_DUPFD, r->base);
    if (moved < 0) return fail(f, JAILER_E_SPECIFICATION, errno,
        "hold the files of the image, beside those that it has open");
    close(*descriptor);
    *descriptor = moved;
    return 0;
}

// Puts a new descriptor, which it closes, at its number.
static int place(struct restore *r, int made, const struct image_descriptor *d, const char *what, struct failure *f) {
    if (made < 0) return fail(f, JAILER_E_FAILED, errno, "open descriptor %u again (%s)", d->number, what);
    if (made == (int)d->number) return fcntl(made, F_SETFD, 0);
    if (dup3(made, (int)d->number, 0) < 0) return fail(f, JAILER_E_FAILED, errno, "number descriptor %u", d->number);
    // Those that are needed for longer lie high.
    if (made < r->base) close(made);
    return 0;
}

// ---- kinds ----

static int open_path(const struct restore *r, const struct image_descriptor *d) {
    int flags = (int)d->flags & ~(O_CREAT | O_EXCL | O_TRUNC);
    int made = open(r->table.text + d->text, flags | O_NOCTTY | O_CLOEXEC);
    // The position of a directory's list is the file system's own; it begins again.
    struct stat status;
    bool has_position = made >= 0 && !(flags & O_PATH) && fstat(made, &status) == 0 && S_ISREG(status.st_mode);
    if (has_position && lseek(made, (off_t)d->value, SEEK_SET) < 0) {
        close(made);
        return -1;
    }
    return made;
}

static int make_timer(const struct image_descriptor *d) {
    uint64_t numbers[5];
    memcpy(numbers, d->address, sizeof numbers);
    struct itimerspec times = {
        .it_interval = {.tv_sec = (time_t)numbers[1], .tv_nsec = (long)numbers[2]},
        .it_value = {.tv_sec = (time_t)numbers[3], .tv_nsec = (long)numbers[4]},
    };
    int made = timerfd_create((int)numbers[0], (int)d->flags & TFD_NONBLOCK);
    if (made >= 0 && (numbers[3] || numbers[4]) && timerfd_settime(made, 0, &times, NULL)) {
        close(made);
        return -1;
    }
    return made;
}

static int make_memory(const struct restore *r, const struct image_descriptor *d) {
    char block[65536];
    uint64_t position;
    int made = d->other ? open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : memfd_create(r->table.text + d->text,
        MFD_CLOEXEC);
    for (uint64_t done = 0; made >= 0 && done < d->value;) {
        size_t size = d->value - done < sizeof block ? d->value - done : sizeof block;
        ssize_t got = pread(r->memory, block, size, (off_t)(d->offset + done));
        if (got <= 0 || write(made, block, (size_t)got) != got) {
            close(made);
            return -1;
        }
        done += (uint64_t)got;
    }
    memcpy(&position, d->address, sizeof position);
    if (made >= 0) lseek(made, (off_t)position, SEEK_SET);
    return made;
}

static int make_signal(const struct image_descriptor *d) {
    uint64_t mask = d->value;
    return (int)syscall(SYS_signalfd4, -1, &mask, sizeof mask, (int)d->flags & SFD_NONBLOCK);
}

static int make_two(struct restore *r, const struct image_descriptor *d, struct failure *f) {
    int ends[2];
    bool is_pipe = d->kind == DESCRIPTOR_PIPE, reads_first = (d->flags & O_ACCMODE) == O_RDONLY;
    int result = is_pipe ? pipe2(ends, 0) : socketpair(AF_UNIX, (int)d->type, 0, ends);
    if (result) return fail(f, JAILER_E_FAILED, errno, "open descriptor %u again (a pair)", d->number);
    if (move_up(r, &ends[0], f) || move_up(r, &ends[1], f)) return -1;
    struct image_descriptor second = {.number = d->other};
    int mine = is_pipe && !reads_first ? ends[1] : ends[0], others = mine == ends[0] ? ends[1] : ends[0];
    if (place(r, mine, d, "a pair", f) || place(r, others, &second, "a pair", f)) return -1;
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static int restore_one(struct restore *r, const struct image_descriptor *d, struct failure *f) {
    switch (d->kind) {
    case DESCRIPTOR_SAME:
        return dup3((int)d->other, (int)d->number, 0) < 0 ? fail(f, JAILER_E_SPECIFICATION, errno,
            "open descriptor %u again", d->number) : 0;
    case DESCRIPTOR_OUTPUT: return place(r, r->output, d, "the output", f);
    case DESCRIPTOR_PATH: return place(r, open_path(r, d), d, r->table.text + d->text, f);
    case DESCRIPTOR_CONNECTION: return place(r, make_broken(d), d, "a connection", f);
    case DESCRIPTOR_SOCKET: return place(r, make_socket(d), d, "a socket", f);
    case DESCRIPTOR_PIPE:
    case DESCRIPTOR_PAIR: return make_two(r, d, f);
    case DESCRIPTOR_OTHER_END: return 0;
    case DESCRIPTOR_EVENT:
        return place(r, eventfd((unsigned)d->value, ((int)d->flags & EFD_NONBLOCK) | (d->other ? EFD_SEMAPHORE : 0)), d,
            "an eventfd", f);
    case DESCRIPTOR_TIMER: return place(r, make_timer(d), d, "a timer", f);
    case DESCRIPTOR_SIGNAL: return place(r, make_signal(d), d, "a signalfd", f);
    case DESCRIPTOR_POLLER: return place(r, epoll_create1(0), d, "an epoll", f);
    case DESCRIPTOR_MEMORY: return place(r, make_memory(r, d), d, "a memfd", f);
    default: return fail(f, JAILER_E_SPECIFICATION, 0, "open descriptor %u again", d->number);
    }
}

// ---- all ----

static int restore_flags(struct restore *r, struct failure *f) {
    for (uint32_t i = 0; i < r->table.header.descriptors; i++) {
        const struct image_descriptor *d = &r->table.descriptors[i];
        bool is_made = d->kind != DESCRIPTOR_SAME && d->kind != DESCRIPTOR_OUTPUT && d->kind != DESCRIPTOR_PATH;
        if (is_made && (d->flags & O_NONBLOCK) && fcntl((int)d->number, F_SETFL, O_NONBLOCK))
            return fail(f, JAILER_E_FAILED, errno, "open descriptor %u again", d->number);
    }
    return 0;
}

static int restore_polls(struct restore *r, struct failure *f) {
    for (uint32_t i = 0; i < r->table.header.polls; i++) {
        const struct image_poll *poll = &r->table.polls[i];
        struct epoll_event event = {.events = poll->events, .data.u64 = poll->data};
        if (epoll_ctl((int)poll->poller, EPOLL_CTL_ADD, (int)poll->target, &event))
            return fail(f, JAILER_E_SPECIFICATION, errno, "poll descriptor %u again", poll->target);
    }
    return 0;
}

int restore_descriptors(struct restore *r, struct failure *f) {
    uint32_t count = r->table.header.descriptors;
    r->base = count ? (int)r->table.descriptors[count - 1].number + 1 : 0;
    if (r->base < 3) r->base = 3;
    for (uint32_t i = 0; i < count; i++)
        if ((int)r->table.descriptors[i].other >= r->base && r->table.descriptors[i].kind != DESCRIPTOR_EVENT)
            return fail(f, JAILER_E_SPECIFICATION, 0, "the image is broken: an open file's other end");
    // The channel first, and all others behind it: it is the one that stays open to the end.
    if (move_up(r, &r->channel, f)) return -1;
    r->base = r->channel + 1;
    if (move_up(r, &r->memory, f)) return -1;
    int output = fcntl(r->output, F_DUPFD, r->base);
    if (output < 0) return fail(f, JAILER_E_SPECIFICATION, errno, "hold the output");
    r->output = output;
    if (syscall(SYS_close_range, 0, r->channel - 1, 0)) return fail(f, JAILER_E_FAILED, errno, "close the other files");
    for (uint32_t i = 0; i < count; i++)
        if (restore_one(r, &r->table.descriptors[i], f)) return -1;
    return restore_flags(r, f) || restore_polls(r, f) ? -1 : 0;
}

// ---- mapped files ----

static int open_same(struct restore *r, const struct image_file *file, struct failure *f) {
    const char *path = r->table.text + file->path;
    int opened = file->is_written ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (opened < 0) opened = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (opened < 0 || fstat(opened, &status)) return fail(f, JAILER_E_SPECIFICATION, errno, "open %.200s again", path);
    // What is written by the process itself comes with the image, and is new here.
    if (!file->is_written && ((uint64_t)status.st_size != file->bytes || status.st_mtim.tv_sec != file->seconds
        || status.st_mtim.tv_nsec != file->nanoseconds))
        return fail(f, JAILER_E_SPECIFICATION, 0, "the file %.200s has changed since the snapshot", path);
    if (move_up(r, &opened, f)) return -1;
    return opened;
}

int open_mapped(struct restore *r, struct failure *f) {
    for (uint32_t i = 0; i < r->table.header.files; i++) {
        r->files[i] = open_same(r, &r->table.files[i], f);
        if (r->files[i] < 0) return -1;
    }
    return 0;
}
