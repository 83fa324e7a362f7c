// SPDX-License-Identifier: Apache-2.0
//
// Messages. Everything that arrives here is treated as hostile, although only the server can send: a length is believed
// after it has been compared with what is left, and a string after its end has been seen.
#define _GNU_SOURCE
#include "jailer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int fail(struct failure *f, int code, int error, const char *format, ...) {
    f->code = code;
    f->error = error;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(f->text, sizeof f->text, format, arguments);
    va_end(arguments);
    return -1;
}

// Takes `size` bytes off the front, or marks the reader bad.
static char *take(struct reader *r, size_t size) {
    if (r->bad || r->left < size) {
        r->bad = true;
        return NULL;
    }
    char *start = r->at;
    r->at += size;
    r->left -= size;
    return start;
}

uint32_t read_u32(struct reader *r) {
    uint32_t value = 0;
    char *bytes = take(r, sizeof value);
    if (bytes) memcpy(&value, bytes, sizeof value);
    return value;
}

uint64_t read_u64(struct reader *r) {
    uint64_t value = 0;
    char *bytes = take(r, sizeof value);
    if (bytes) memcpy(&value, bytes, sizeof value);
    return value;
}

char *read_string(struct reader *r) {
    static char nothing[1];
    size_t length = read_u32(r);
    // `length` is at most 2^32-1 and size_t has 64 bits, so the addition cannot wrap.
    char *text = take(r, length + 1);
    if (text && (text[length] != 0 || memchr(text, 0, length) != NULL)) r->bad = true;
    return r->bad || !text ? nothing : text;
}

uint32_t read_count(struct reader *r, uint32_t limit) {
    uint32_t count = read_u32(r);
    if (count > limit) r->bad = true;
    return r->bad ? 0 : count;
}

bool read_ended(const struct reader *r) {
    return !r->bad && r->left == 0;
}

static void put(struct writer *w, const void *bytes, size_t size) {
    if (sizeof w->bytes - w->length < size) return;
    memcpy(w->bytes + w->length, bytes, size);
    w->length += size;
}

void write_u32(struct writer *w, uint32_t value) {
    put(w, &value, sizeof value);
}

void write_u64(struct writer *w, uint64_t value) {
    put(w, &value, sizeof value);
}

void write_string(struct writer *w, const char *text) {
    size_t room = sizeof w->bytes - w->length;
    size_t length = strlen(text);
    if (room < sizeof(uint32_t) + 1) return;
    if (length > room - sizeof(uint32_t) - 1) length = room - sizeof(uint32_t) - 1;
    write_u32(w, (uint32_t)length);
    put(w, text, length);
    put(w, "", 1);
}

int send_message(int socket, uint32_t operation, uint32_t request, const struct writer *body, const int *descriptors,
    size_t count) {
    struct jailer_header header = {operation, request, (uint32_t)body->length, (uint32_t)count};
    struct iovec parts[2] = {{&header, sizeof header}, {(void *)body->bytes, body->length}};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * BORN_MAX_DESCRIPTORS)];
    } control = {0};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (count > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(rights), descriptors, sizeof(int) * count);
    }
    ssize_t sent;
    do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

// Collects the descriptors of a received message; what exceeds the room is closed, so none can pile up in here.
static void collect(struct msghdr *message, int *descriptors, size_t *count) {
    size_t room = *count;
    *count = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        size_t received = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < received; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
            if (*count < room) descriptors[(*count)++] = descriptor;
            else close(descriptor);
        }
    }
}

ssize_t receive_message(int socket, void *buffer, size_t size, int *descriptors, size_t *count, int flags) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * 64)];
    } control;
    struct iovec part = {buffer, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
        .msg_controllen = sizeof control};
    ssize_t received;
    do received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | flags);
    while (received < 0 && errno == EINTR);
    if (received < 0) {
        *count = 0;
        return -1;
    }
    collect(&message, descriptors, count);
    if (message.msg_flags & MSG_TRUNC) {
        errno = EMSGSIZE;
        return -1;
    }
    return received;
}

// ---- answers ----

void answer(uint32_t request, const struct writer *body, const int *descriptors, size_t count) {
    // A server that does not listen any more is noticed at the other end of the loop.
    send_message(JAILER_SOCKET, JAILER_ANSWER, request, body, descriptors, count);
}

void answer_failure(uint32_t request, const struct failure *failure) {
    struct writer body = {0};
    write_u32(&body, (uint32_t)failure->code);
    write_u32(&body, (uint32_t)failure->error);
    write_string(&body, failure->text);
    answer(request, &body, NULL, 0);
}

void answer_done(uint32_t request) {
    struct writer body = {0};
    write_u32(&body, JAILER_OK);
    answer(request, &body, NULL, 0);
}
