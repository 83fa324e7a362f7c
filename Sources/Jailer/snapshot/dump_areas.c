// SPDX-License-Identifier: Apache-2.0
//
// The address space, as /proc/PID/smaps lists it: what each area is made of again.
#define _GNU_SOURCE
#include "dump.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// One area of smaps, complete when its last line, VmFlags, has been read.
struct listed {
    struct image_area area;         // without its kind
    bool is_shared, is_heading_read;
    uint64_t inode, own_kib;        // own: pages of the process's alone
    char path[IMAGE_PATH_BYTES];
    char flags[256];                // of two letters each
};

static bool has_flag(const struct listed *listed, const char *flag) {
    for (const char *at = listed->flags; *at; at += strspn(at, " ")) {
        if (at[0] == flag[0] && at[1] == flag[1]) return true;
        at += strcspn(at, " ");
    }
    return false;
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static int refuse(const struct listed *listed, const char *what, struct failure *f) {
    return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: %s at %llx (%.100s)", what,
        (unsigned long long)listed->area.start, listed->path);
}

// ---- files ----

int find_file(struct dump *dump, const char *path, bool is_written, uint32_t *index, struct failure *f) {
    struct table *table = &dump->table;
    for (uint32_t i = table->header.files; i-- > 0;) {
        if (table->files[i].is_written != is_written || strcmp(table->text + table->files[i].path, path)) continue;
        *index = i;
        return 0;
    }
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    struct stat status;
    int found = (int)syscall(SYS_openat2, dump->root, path, &how, sizeof how);
    int result = found < 0 ? -1 : fstat(found, &status);
    if (found >= 0) close(found);
    if (result) return fail(f, JAILER_E_SPECIFICATION, errno, "cannot snapshot: find the mapped file %.200s", path);
    struct image_file *file = add_file(table, f);
    uint32_t text = file ? add_text(table, path, f) : 0;
    if (!text) return -1;
    *file = (struct image_file){text, is_written, (uint64_t)status.st_size, status.st_mtim.tv_sec,
        status.st_mtim.tv_nsec};
    *index = table->header.files - 1;
    return 0;
}

// ---- one area ----

static int add_special(struct dump *dump, const struct listed *listed, struct failure *f) {
    struct image_header *header = &dump->table.header;
    if (header->specials == IMAGE_SPECIALS) return refuse(listed, "one area of the kernel's too many", f);
    if (strcmp(listed->path, "[vdso]") == 0) header->code = header->specials;
    header->special[header->specials++] = (struct image_span){listed->area.start, listed->area.end};
    return 0;
}

static int add_whole(struct dump *dump, const struct listed *listed, enum image_kind kind, struct failure *f) {
    struct image_area *made = add_area(&dump->table, f);
    if (!made) return -1;
    *made = listed->area;
    made->kind = kind;
    return 0;
}

// A file that is gone has its last copy in memory, and one without a name has no other. All of it goes along.
static int add_unnamed(struct dump *dump, const struct listed *listed, struct failure *f) {
    if (!listed->is_shared) return add_whole(dump, listed, AREA_IMAGE, f);
    if (strncmp(listed->path, "/SYSV", 5) == 0) return refuse(listed, "System V shared memory", f);
    for (uint64_t at = listed->area.start; at < listed->area.end; at += 1 << 30) {
        struct image_fill *fill = add_fill(&dump->table, f);
        if (!fill) return -1;
        fill->start = at;
        fill->bytes = listed->area.end - at < 1 << 30 ? listed->area.end - at : 1 << 30;
    }
    return add_whole(dump, listed, AREA_SHARED, f);
}

static int add_listed(struct dump *dump, struct listed *listed, struct failure *f) {
    static const char *const names[] = {"gd", "nr", "dc", "wf", "hg", "nh", "dd"};
    static const char *const foreign[] = {"ht", "pf", "io", "mm", "um", "uw", "ui"};
    struct image_area *area = &listed->area;
    if (strcmp(listed->path, "[vsyscall]") == 0) return 0;
    if (area->end > IMAGE_TOP) return refuse(listed, "memory beyond 47 bits", f);
    if (strcmp(listed->path, "[vdso]") == 0 || strncmp(listed->path, "[vvar", 5) == 0)
        return add_special(dump, listed, f);
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (has_flag(listed, foreign[i])) return refuse(listed, "memory of a special kind", f);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (has_flag(listed, names[i])) area->flags |= 1U << i;
    bool has_file = listed->inode != 0;
    if (has_file && (listed->path[0] != '/' || ends_with(listed->path, " (deleted)")))
        return add_unnamed(dump, listed, f);
    if (has_file && find_file(dump, listed->path, listed->is_shared && has_flag(listed, "mw"), &area->file, f)) return -1;
    if (listed->is_shared) return add_whole(dump, listed, AREA_FILE_SHARED, f);
    // What must not be in two processes (the state of a random generator) is wiped in a fork, and a copy is one more.
    if (!has_file && (has_flag(listed, "wf") || has_flag(listed, "dp"))) return add_whole(dump, listed, AREA_EMPTY, f);
    if (listed->own_kib == 0) return add_whole(dump, listed, has_file ? AREA_FILE : AREA_EMPTY, f);
    return add_pieces(dump, area, has_file, f);
}

// ---- the list ----

static bool read_heading(const char *line, struct listed *listed) {
    unsigned long long start, end, offset, inode;
    char permissions[8];
    int name = 0;
    if (sscanf(line, "%llx-%llx %7s %llx %*x:%*x %llu %n", &start, &end, permissions, &offset, &inode, &name) != 5)
        return false;
    memset(listed, 0, sizeof *listed);
    listed->area.start = start;
    listed->area.end = end;
    listed->area.offset = inode ? offset : 0;
    listed->inode = inode;
    listed->is_heading_read = true;
    listed->area.protection = (permissions[0] == 'r' ? PROT_READ : 0) | (permissions[1] == 'w' ? PROT_WRITE : 0)
        | (permissions[2] == 'x' ? PROT_EXEC : 0);
    listed->is_shared = permissions[3] == 's';
    if (name > 0) snprintf(listed->path, sizeof listed->path, "%s", line + name);
    listed->path[strcspn(listed->path, "\n")] = 0;
    return true;
}

int dump_areas(struct dump *dump, struct failure *f) {
    static struct listed listed;
    char path[64], line[IMAGE_PATH_BYTES + 256];
    int result = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps", (int)dump->process);
    FILE *file = fopen(path, "re");
    if (!file) return fail(f, JAILER_E_FAILED, errno, "list the process's memory");
    while (result == 0 && fgets(line, sizeof line, file)) {
        unsigned long long kib;
        if (sscanf(line, "Anonymous: %llu kB", &kib) == 1 || sscanf(line, "Swap: %llu kB", &kib) == 1) {
            listed.own_kib += kib;
        } else if (strncmp(line, "VmFlags:", 8) == 0 && listed.is_heading_read) {
            snprintf(listed.flags, sizeof listed.flags, "%s", line + 8 + strspn(line + 8, " "));
            listed.flags[strcspn(listed.flags, "\n")] = 0;
            listed.is_heading_read = false;
            result = add_listed(dump, &listed, f);
        } else {
            read_heading(line, &listed);
        }
    }
    fclose(file);
    if (result == 0 && dump->table.header.specials == 0) return fail(f, JAILER_E_HOST_LACKS, 0, "find the vdso");
    return result;
}
