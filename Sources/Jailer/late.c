// SPDX-License-Identifier: Apache-2.0
//
// The last step of a process that was made ready before its command was known. It runs as the function's user, without
// privileges and under the filter, and holds nothing of any function: what it reads is its own.
#define _GNU_SOURCE
#include "jailer.h"

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

static int take_command(int claim, struct spec *spec, struct failure *f) {
    static char message[JAILER_MAX_MESSAGE];
    uint32_t length;
    if (!read_all(claim, (char *)&length, sizeof length)) _exit(0);
    if (length > sizeof message) return fail(f, JAILER_E_PROTOCOL, 0, "read a command of %u bytes", length);
    if (!read_all(claim, message, length)) _exit(0);
    struct reader reader = {.at = message, .left = length};
    if (read_command(&reader, spec, f)) return -1;
    if (!read_ended(&reader)) return fail(f, JAILER_E_PROTOCOL, 0, "read the command to its end");
    return judge_command(spec, f);
}

static void tell(int claim, const struct failure *failure) {
    struct writer body = {0};
    write_u32(&body, (uint32_t)failure->code);
    write_u32(&body, (uint32_t)failure->error);
    write_string(&body, failure->text);
    (void)!write(claim, body.bytes, body.length);
}

void execute_late(int claim) {
    static struct spec spec;
    struct failure failure = {0};
    if (take_command(claim, &spec, &failure) == 0) {
        if (chdir(spec.directory))
            fail(&failure, JAILER_E_SPECIFICATION, errno, "enter the working directory %.200s", spec.directory);
        else {
            execve(spec.command[0], spec.command, spec.environment);
            fail(&failure, JAILER_E_CANNOT_EXECUTE, errno, "execute %.200s", spec.command[0]);
        }
    }
    tell(claim, &failure);
    _exit(127);
}
