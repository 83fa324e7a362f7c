// SPDX-License-Identifier: Apache-2.0
//
// /proc, read as text. A process can choose its name and the names of its files; the kernel escapes line ends in both,
// so a line that begins with a field's name is the kernel's.
#define _GNU_SOURCE
#include "dump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ssize_t read_proc(pid_t process, const char *name, char *into, size_t size) {
    char path[128];
    size_t done = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)process, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    while (done < size - 1) {
        ssize_t got = read(file, into + done, size - 1 - done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        done += (size_t)got;
    }
    close(file);
    into[done] = 0;
    return (ssize_t)done;
}

bool find_field(const char *text, const char *name, char *into, size_t size) {
    size_t length = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, name, length) || line[length] != ':') continue;
        line += length + 1;
        line += strspn(line, " \t");
        size_t end = strcspn(line, "\n");
        snprintf(into, size, "%.*s", (int)(end < size ? end : size - 1), line);
        return true;
    }
    return false;
}

uint64_t number_in(const char *text, const char *name, int base) {
    char value[64];
    return find_field(text, name, value, sizeof value) ? strtoull(value, NULL, base) : 0;
}
