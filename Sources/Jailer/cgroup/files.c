// SPDX-License-Identifier: Apache-2.0
//
// Small reads and writes in the directories of control groups.
#define _GNU_SOURCE
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int write_control(int directory, const char *file, const char *value) {
    int descriptor = openat(directory, file, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) return -1;
    ssize_t written = write(descriptor, value, strlen(value));
    int error = errno;
    close(descriptor);
    errno = error;
    return written < 0 ? -1 : 0;
}

int write_at(const struct tree *tree, const char *id, const char *file, const char *value) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", id, file);
    return write_control(tree->parent, path, value);
}

int write_number(const struct tree *tree, const char *id, const char *file, uint64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return write_at(tree, id, file, text);
}

ssize_t read_at(int directory, const char *path, char *into, size_t size) {
    int descriptor = openat(directory, path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return -1;
    ssize_t got = read(descriptor, into, size - 1);
    close(descriptor);
    if (got < 0) return -1;
    into[got] = 0;
    return got;
}

uint64_t read_figure(const struct tree *tree, const char *id, const struct figure *figure) {
    char path[256], text[4096];
    snprintf(path, sizeof path, "%s/%s", id, figure->file);
    if (read_at(tree->parent, path, text, sizeof text) < 0) return 0;
    if (!figure->key) return strtoull(text, NULL, 10);
    size_t length = strlen(figure->key);
    for (char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, figure->key, length) == 0 && line[length] == ' ') return strtoull(line + length, NULL, 10);
    }
    return 0;
}
