// SPDX-License-Identifier: Apache-2.0
//
// The last step of a process that was made ready before its command, or what it becomes a copy of, was known. It runs as
// the function's user, without privileges and under the filter, and holds nothing of any function: what it reads is its
// own.
#define _GNU_SOURCE
#include "jailer.h"
#include "snapshot/restore.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

// Ends quietly when the server hangs up: it does not want this sandbox any more.
static bool read_all(int socket, char *bytes, size_t size) {
    while (size > 0) {
        ssize_t got = read(socket, bytes, size);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        bytes += got;
        size -= (size_t)got;
    }
    return true;
}

// The number that comes first, and what descriptors come with it. False when the server hangs up.
static bool read_word(int claim, uint32_t *word, int *descriptors, size_t *count) {
    ssize_t got = receive_message(claim, word, sizeof *word, descriptors, count, 0);
    return got > 0 && (got == sizeof *word || read_all(claim, (char *)word + got, sizeof *word - (size_t)got));
}

static int take_command(int claim, uint32_t length, struct spec *spec, struct failure *f) {
    static char message[JAILER_MAX_MESSAGE];
    if (length > sizeof message) return fail(f, JAILER_E_PROTOCOL, 0, "read a command of %u bytes", length);
    if (!read_all(claim, message, length)) _exit(0);
    struct reader reader = {.at = message, .left = length};
    if (read_command(&reader, spec, f)) return -1;
    if (!read_ended(&reader)) return fail(f, JAILER_E_PROTOCOL, 0, "read the command to its end");
    return judge_command(spec, f);
}

static int execute_command(int claim, uint32_t length, struct failure *f) {
    static struct spec spec;
    if (take_command(claim, length, &spec, f)) return -1;
    if (chdir(spec.directory))
        return fail(f, JAILER_E_SPECIFICATION, errno, "enter the working directory %.200s", spec.directory);
    execve(spec.command[0], spec.command, spec.environment);
    return fail(f, JAILER_E_CANNOT_EXECUTE, errno, "execute %.200s", spec.command[0]);
}

static void tell(int claim, const struct failure *failure) {
    struct writer body = {0};
    write_u32(&body, (uint32_t)failure->code);
    write_u32(&body, (uint32_t)failure->error);
    write_string(&body, failure->text);
    (void)!write(claim, body.bytes, body.length);
}

void execute_late(int claim, int output) {
    struct failure failure = {0};
    uint32_t word;
    int descriptors[3];
    size_t count = 3;
    if (!read_word(claim, &word, descriptors, &count)) _exit(0);
    struct image_files image = {descriptors[0], descriptors[1], descriptors[2]};
    if (word != JAILER_LATE_IMAGE) execute_command(claim, word, &failure);
    else if (count != 3) fail(&failure, JAILER_E_PROTOCOL, 0, "take an image: it has three files");
    else become_copy(&image, output, &claim, &failure);
    tell(claim, &failure);
    _exit(127);
}
