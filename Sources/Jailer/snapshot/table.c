// SPDX-License-Identifier: Apache-2.0
//
// The table of an image: its lists as they grow, and what is believed of one that is read.
#define _GNU_SOURCE
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- making it ----

void table_begin(struct table *table) {
    memset(table, 0, sizeof *table);
    memcpy(table->header.magic, IMAGE_MAGIC, sizeof table->header.magic);
    table->header.version = IMAGE_VERSION;
#if defined(__x86_64__)
    table->header.machine = 62;     // EM_X86_64
#endif
}

// Makes room for `more` entries of `size` in the list of `count`. Lists double, so a power of two is a full one.
static int make_room(void **list, uint32_t count, uint32_t more, uint32_t limit, size_t size, const char *what,
    struct failure *f) {
    if (more > limit || count > limit - more)
        return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: more than %u %s", limit, what);
    size_t room = 16;
    while (room < count) room *= 2;
    if (*list && count + more <= room) return 0;
    while (room < (size_t)count + more) room *= 2;
    void *larger = realloc(*list, room * size);
    if (!larger) return fail(f, JAILER_E_BUSY, ENOMEM, "hold the list of %s", what);
    *list = larger;
    return 0;
}

#define ADD(list, limit, what)                                                                                        \
    if (make_room((void **)&table->list, table->header.list, 1, limit, sizeof *table->list, what, f)) return NULL;     \
    memset(&table->list[table->header.list], 0, sizeof *table->list);                                                 \
    return &table->list[table->header.list++]

struct image_area *add_area(struct table *table, struct failure *f) { ADD(areas, IMAGE_MAX_AREAS, "areas of memory"); }
struct image_fill *add_fill(struct table *table, struct failure *f) { ADD(fills, IMAGE_MAX_FILLS, "copied pieces"); }
struct image_file *add_file(struct table *table, struct failure *f) { ADD(files, IMAGE_MAX_FILES, "mapped files"); }
struct image_thread *add_thread(struct table *table, struct failure *f) { ADD(threads, IMAGE_MAX_THREADS, "threads"); }
struct image_descriptor *add_descriptor(struct table *table, struct failure *f) {
    ADD(descriptors, IMAGE_MAX_DESCRIPTORS, "open files");
}
struct image_poll *add_poll(struct table *table, struct failure *f) { ADD(polls, IMAGE_MAX_POLLS, "polled files"); }

uint32_t add_text(struct table *table, const char *text, struct failure *f) {
    uint32_t length = (uint32_t)strnlen(text, IMAGE_PATH_BYTES) + 1, at = table->header.text;
    if (length > IMAGE_PATH_BYTES) {
        fail(f, JAILER_E_SPECIFICATION, ENAMETOOLONG, "cannot snapshot: a path");
        return 0;
    }
    // Position 0 is the empty text, so that it can mean none.
    if (at == 0) length++;
    if (make_room((void **)&table->text, at, length, IMAGE_MAX_TEXT, 1, "bytes of paths", f)) return 0;
    if (at == 0) table->text[at++] = 0;
    memcpy(table->text + at, text, table->header.text + length - at);
    table->header.text += length;
    return at;
}

// The lists in the order in which they lie in the file.
struct part {
    void **list;
    uint32_t count, limit;
    size_t size;
};

enum { PARTS = 7 };

static void list_parts(struct table *t, struct part *parts) {
    struct part all[PARTS] = {
        {(void **)&t->areas, t->header.areas, IMAGE_MAX_AREAS, sizeof *t->areas},
        {(void **)&t->fills, t->header.fills, IMAGE_MAX_FILLS, sizeof *t->fills},
        {(void **)&t->files, t->header.files, IMAGE_MAX_FILES, sizeof *t->files},
        {(void **)&t->threads, t->header.threads, IMAGE_MAX_THREADS, sizeof *t->threads},
        {(void **)&t->descriptors, t->header.descriptors, IMAGE_MAX_DESCRIPTORS, sizeof *t->descriptors},
        {(void **)&t->polls, t->header.polls, IMAGE_MAX_POLLS, sizeof *t->polls},
        {(void **)&t->text, t->header.text, IMAGE_MAX_TEXT, 1},
    };
    memcpy(parts, all, sizeof all);
}

static int write_all(int file, const void *bytes, size_t size, struct failure *f) {
    for (size_t done = 0; done < size;) {
        ssize_t written = write(file, (const char *)bytes + done, size - done);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return fail(f, JAILER_E_FAILED, written < 0 ? errno : ENOSPC, "write the image's table");
        done += (size_t)written;
    }
    return 0;
}

int table_write(const struct table *table, int file, struct failure *f) {
    struct table copy = *table;
    struct part parts[PARTS];
    list_parts(&copy, parts);
    if (write_all(file, &table->header, sizeof table->header, f)) return -1;
    for (int i = 0; i < PARTS; i++)
        if (write_all(file, *parts[i].list, parts[i].size * parts[i].count, f)) return -1;
    return 0;
}

// ---- reading it ----

static int broken(struct failure *f, const char *what) {
    return fail(f, JAILER_E_SPECIFICATION, 0, "the image is broken: %s", what);
}

static int read_whole(int file, char **bytes, size_t *size, struct failure *f) {
    struct stat status;
    if (fstat(file, &status)) return fail(f, JAILER_E_FAILED, errno, "look at the image's table");
    if (!S_ISREG(status.st_mode) || status.st_size < (off_t)sizeof(struct image_header)
        || status.st_size > IMAGE_MAX_TABLE)
        return broken(f, "the size of its table");
    *size = (size_t)status.st_size;
    *bytes = malloc(*size);
    if (!*bytes) return fail(f, JAILER_E_BUSY, ENOMEM, "hold the image's table");
    for (size_t done = 0; done < *size;) {
        ssize_t got = pread(file, *bytes + done, *size - done, (off_t)done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return fail(f, JAILER_E_FAILED, got < 0 ? errno : 0, "read the image's table");
        done += (size_t)got;
    }
    return 0;
}

static bool is_page(uint64_t number) { return number % IMAGE_PAGE == 0; }

static bool is_span(uint64_t start, uint64_t end) {
    return is_page(start) && is_page(end) && start < end && start >= 65536 && end <= IMAGE_TOP;
}

static int judge_areas(const struct table *t, struct failure *f) {
    uint64_t last = 0;
    for (uint32_t i = 0; i < t->header.areas; i++) {
        const struct image_area *a = &t->areas[i];
        if (!is_span(a->start, a->end) || a->start < last) return broken(f, "an area's place");
        last = a->end;
        bool has_file = a->kind == AREA_FILE || a->kind == AREA_FILE_SHARED;
        if (a->kind > AREA_SHARED || a->protection > 7 || (a->flags & ~(uint32_t)AREA_FLAGS)
            || (has_file && a->file >= t->header.files) || !is_page(a->offset) || a->offset > INT64_MAX)
            return broken(f, "an area");
    }
    for (uint32_t i = 0; i < t->header.fills; i++) {
        const struct image_fill *l = &t->fills[i];
        if (l->bytes > IMAGE_TOP || !is_span(l->start, l->start + l->bytes) || l->bytes > 1 << 30
            || l->offset > INT64_MAX)
            return broken(f, "a copied piece");
    }
    return 0;
}

static int judge_specials(const struct image_header *h, struct failure *f) {
    if (h->specials < 1 || h->specials > IMAGE_SPECIALS || h->code >= h->specials)
        return broken(f, "the kernel's own areas");
    for (uint32_t i = 0; i < h->specials; i++)
        if (!is_span(h->special[i].start, h->special[i].end) || h->special[i].end - h->special[i].start > 1 << 20)
            return broken(f, "one of the kernel's own areas");
    return 0;
}

static int judge_threads(const struct table *t, struct failure *f) {
    uint32_t last = 0;
    if (t->header.threads < 1 || t->threads[0].number != t->header.process) return broken(f, "its threads");
    for (uint32_t i = 0; i < t->header.threads; i++) {
        const struct image_thread *thread = &t->threads[i];
        if (thread->number <= last || thread->number > 1 << 22 || thread->state_bytes > IMAGE_STATE_BYTES)
            return broken(f, "a thread");
        last = thread->number;
    }
    return 0;
}

static int judge_descriptors(const struct table *t, struct failure *f) {
    int64_t last = -1;
    for (uint32_t i = 0; i < t->header.descriptors; i++) {
        const struct image_descriptor *d = &t->descriptors[i];
        if (d->number <= last || d->number >= 1 << 20 || d->kind > DESCRIPTOR_MEMORY || d->text >= t->header.text
            || d->address_bytes > sizeof d->address || d->other >= 1 << 20)
            return broken(f, "an open file");
        last = d->number;
    }
    for (uint32_t i = 0; i < t->header.files; i++)
        if (t->files[i].path >= t->header.text) return broken(f, "a mapped file");
    return 0;
}

int table_read(struct table *table, int file, struct failure *f) {
    char *bytes;
    size_t size, at = sizeof table->header;
    struct part parts[PARTS];
    memset(table, 0, sizeof *table);
    if (read_whole(file, &bytes, &size, f)) return -1;
    memcpy(&table->header, bytes, sizeof table->header);
    struct table blank;
    table_begin(&blank);
    if (memcmp(table->header.magic, blank.header.magic, sizeof table->header.magic)
        || table->header.version != IMAGE_VERSION || table->header.machine != blank.header.machine)
        return fail(f, JAILER_E_SPECIFICATION, 0, "the image is of another version or processor");
    list_parts(table, parts);
    for (int i = 0; i < PARTS; i++) {
        size_t length = parts[i].size * parts[i].count;
        if (parts[i].count > parts[i].limit || length > size - at) return broken(f, "a list is cut off");
        // Every record's size is a multiple of eight, but the text, which comes last.
        *parts[i].list = bytes + at;
        at += length;
    }
    if (at != size) return broken(f, "something is left over");
    if (table->header.text < 1 || table->text[table->header.text - 1] != 0) return broken(f, "a text without an end");
    if (table->header.directory >= table->header.text || table->header.auxiliary_bytes > sizeof table->header.auxiliary)
        return broken(f, "its head");
    return judge_specials(&table->header, f) || judge_areas(table, f) || judge_threads(table, f)
        || judge_descriptors(table, f) ? -1 : 0;
}
