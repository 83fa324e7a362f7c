// SPDX-License-Identifier: Apache-2.0
//
// Pages: which of them are the process's own, and their bytes into the memory file.
//
// Own memory is mapped from the image in every copy, and copied by the kernel when it is written to. Where a program
// makes such memory longer (mremap), it sees the file go on; so behind each run of it the file has a wide hole, which
// reads as zeros, as new memory does. What else could show the difference is forbidden to copies: see restore.c.
#define _GNU_SOURCE
#include "dump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PRESENT (1ULL << 63)
#define SWAPPED (1ULL << 62)
#define OF_FILE (1ULL << 61)
#define GUARD (1ULL << 58)

// Fewer empty pages than these between own ones stay in one area with them, so that it can still be moved as a whole
// (mremap). More of them are left to the kernel's zeros, which cost no file.
enum { SMALL_GAP = 4096, BLOCK = 1 << 20 };
// The most memory of which it is looked at each page.
#define MAX_SCANNED (256ULL << 30)
#define WIDEST_GAP (16ULL << 30)
#define WIDEST_FILE (8ULL << 40)
#define SLACK (64ULL << 20)

enum page { NOT_OWN, OWN, GUARDED };

// ---- which ----

static enum page kind_of(uint64_t entry, bool has_file) {
    if (entry & GUARD) return GUARDED;
    return (entry & (PRESENT | SWAPPED)) && !(has_file && (entry & OF_FILE)) ? OWN : NOT_OWN;
}

struct run {
    uint64_t start, end;
    enum page kind;
};

static int add_run(struct dump *dump, const struct image_area *whole, const struct run *run, bool has_file,
    struct failure *f) {
    if (run->start == run->end) return 0;
    struct image_area *made = add_area(&dump->table, f);
    if (!made) return -1;
    *made = *whole;
    made->start = run->start;
    made->end = run->end;
    made->kind = run->kind == OWN ? AREA_IMAGE : has_file && run->kind == NOT_OWN ? AREA_FILE : AREA_EMPTY;
    made->offset = made->kind == AREA_FILE ? whole->offset + (run->start - whole->start) : 0;
    if (made->kind == AREA_IMAGE) made->flags |= AREA_NO_RESERVE;
    // As good as a guard: touching it is an error.
    if (run->kind == GUARDED) made->protection = PROT_NONE;
    return 0;
}

// Memory that must be the process's from the beginning gets its bytes read in: a stack that grows, and code (the folder
// of images may forbid execution).
static int add_copied(struct dump *dump, const struct run *run, struct failure *f) {
    for (uint64_t at = run->start; run->kind == OWN && at < run->end; at += 1 << 30) {
        struct image_fill *fill = add_fill(&dump->table, f);
        if (!fill) return -1;
        fill->start = at;
        fill->bytes = run->end - at < 1 << 30 ? run->end - at : 1 << 30;
    }
    return 0;
}

static bool is_copied(const struct image_area *whole, bool has_file) {
    return !has_file && ((whole->flags & AREA_GROWS_DOWN) || (whole->protection & PROT_EXEC));
}

// Takes the next page; runs that end are added. A short empty run is joined to what surrounds it.
static int take_page(struct dump *dump, const struct image_area *whole, struct run *last, struct run *run,
    uint64_t address, enum page kind, bool has_file, struct failure *f) {
    bool copied = is_copied(whole, has_file);
    if (kind == run->kind) {
        run->end = address + IMAGE_PAGE;
        return 0;
    }
    bool is_small = !has_file && !copied && run->kind == NOT_OWN && kind == OWN
        && run->end - run->start < SMALL_GAP * IMAGE_PAGE && (last->end == last->start || last->kind == OWN);
    if (is_small) {
        run->start = last->end == last->start ? run->start : last->start;
        run->kind = OWN;
        run->end = address + IMAGE_PAGE;
        *last = (struct run){run->start, run->start, OWN};
        return 0;
    }
    if (copied ? add_copied(dump, last, f) : add_run(dump, whole, last, has_file, f)) return -1;
    *last = *run;
    *run = (struct run){address, address + IMAGE_PAGE, kind};
    return 0;
}

static int scan(struct dump *dump, const struct image_area *whole, bool has_file, struct failure *f) {
    uint64_t entries[4096];
    struct run last = {whole->start, whole->start, NOT_OWN}, run = last;
    for (uint64_t at = whole->start; at < whole->end;) {
        size_t count = (whole->end - at) / IMAGE_PAGE;
        if (count > sizeof entries / sizeof *entries) count = sizeof entries / sizeof *entries;
        if (pread(dump->pages, entries, count * 8, (off_t)(at / IMAGE_PAGE * 8)) != (ssize_t)(count * 8))
            return fail(f, JAILER_E_FAILED, errno, "read which pages are in use");
        for (size_t i = 0; i < count; i++, at += IMAGE_PAGE)
            if (take_page(dump, whole, &last, &run, at, kind_of(entries[i], has_file), has_file, f)) return -1;
    }
    bool copied = is_copied(whole, has_file);
    bool is_small = !has_file && !copied && run.kind == NOT_OWN && last.kind == OWN && last.end > last.start
        && run.end - run.start < SMALL_GAP * IMAGE_PAGE;
    if (is_small) last.end = run.start = run.end;
    if (copied ? add_copied(dump, &last, f) || add_copied(dump, &run, f)
        : add_run(dump, whole, &last, has_file, f) || add_run(dump, whole, &run, has_file, f))
        return -1;
    return 0;
}

int add_pieces(struct dump *dump, const struct image_area *whole, bool has_file, struct failure *f) {
    if (whole->end - whole->start > MAX_SCANNED)
        return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: an area of %llu GiB",
            (unsigned long long)(whole->end - whole->start) >> 30);
    if (is_copied(whole, has_file)) {
        struct image_area *made = add_area(&dump->table, f);
        if (!made) return -1;
        *made = *whole;
        made->kind = AREA_COPIED;
    }
    return scan(dump, whole, has_file, f);
}

// ---- where they go ----

static bool goes_on(const struct table *table, uint32_t i) {
    return i > 0 && table->areas[i - 1].kind == AREA_IMAGE && table->areas[i - 1].end == table->areas[i].start;
}

// Gives every run of pages its place in a file of `size` bytes at most. Returns the size that is used.
static uint64_t place(struct table *table, uint64_t size) {
    uint64_t runs = 1, bytes = 0, at = 0;
    for (uint32_t i = 0; i < table->header.areas; i++) {
        if (table->areas[i].kind != AREA_IMAGE) continue;
        runs += !goes_on(table, i);
        bytes += table->areas[i].end - table->areas[i].start;
    }
    for (uint32_t i = 0; i < table->header.fills; i++) {
        table->fills[i].offset = at;
        at += table->fills[i].bytes;
    }
    uint64_t gap = size > at + bytes ? (size - at - bytes) / runs : 0;
    if (gap > WIDEST_GAP) gap = WIDEST_GAP;
    gap -= gap % IMAGE_PAGE;
    for (uint32_t i = 0; i < table->header.areas; i++) {
        struct image_area *area = &table->areas[i];
        if (area->kind != AREA_IMAGE) continue;
        if (!goes_on(table, i)) at += gap;
        area->offset = at;
        at += area->end - area->start;
    }
    return at + gap;
}

// File systems differ in how large a file may be; most take the first.
static int make_image_room(struct dump *dump, struct failure *f) {
    for (uint64_t size = WIDEST_FILE; size >= WIDEST_GAP; size /= 2)
        if (ftruncate(dump->image, (off_t)place(&dump->table, size)) == 0) return 0;
    return fail(f, JAILER_E_HOST_LACKS, errno, "make a sparse file for the image");
}

// ---- bytes ----

static bool is_zero(const uint64_t *page) {
    uint64_t seen = 0;
    for (size_t i = 0; i < IMAGE_PAGE / sizeof seen; i++) seen |= page[i];
    return seen == 0;
}

static int write_at(struct dump *dump, const char *bytes, size_t size, uint64_t offset, struct failure *f) {
    dump->image_bytes += size;
    if (dump->image_bytes > dump->picture->memory + SLACK)
        return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: more memory than the sandbox's limit");
    for (size_t done = 0; done < size;) {
        ssize_t written = pwrite(dump->image, bytes + done, size - done, (off_t)(offset + done));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return fail(f, JAILER_E_FAILED, written < 0 ? errno : ENOSPC, "write the image");
        done += (size_t)written;
    }
    return 0;
}

// Pages of zeros stay holes.
static int write_block(struct dump *dump, const char *block, size_t size, uint64_t offset, struct failure *f) {
    for (size_t at = 0; at < size;) {
        size_t end = at;
        while (end < size && !is_zero((const uint64_t *)(block + end))) end += IMAGE_PAGE;
        if (end > at && write_at(dump, block + at, end - at, offset + at, f)) return -1;
        at = end + (end < size ? IMAGE_PAGE : 0);
    }
    return 0;
}

static int copy_pages(struct dump *dump, uint64_t start, uint64_t bytes, uint64_t offset, struct failure *f) {
    static char block[BLOCK] __attribute__((aligned(IMAGE_PAGE)));
    for (uint64_t done = 0; done < bytes;) {
        size_t size = bytes - done < BLOCK ? bytes - done : BLOCK;
        ssize_t got = pread(dump->memory, block, size, (off_t)(start + done));
        if (got <= 0 || got % IMAGE_PAGE) return fail(f, JAILER_E_SPECIFICATION, errno,
            "cannot snapshot: memory at %llx cannot be read", (unsigned long long)(start + done));
        if (write_block(dump, block, (size_t)got, offset + done, f)) return -1;
        done += (uint64_t)got;
    }
    return 0;
}

int dump_pages(struct dump *dump, struct failure *f) {
    struct table *table = &dump->table;
    if (make_image_room(dump, f)) return -1;
    for (uint32_t i = 0; i < table->header.areas; i++) {
        struct image_area *area = &table->areas[i];
        if (area->kind == AREA_IMAGE && copy_pages(dump, area->start, area->end - area->start, area->offset, f)) return -1;
    }
    for (uint32_t i = 0; i < table->header.fills; i++)
        if (copy_pages(dump, table->fills[i].start, table->fills[i].bytes, table->fills[i].offset, f)) return -1;
    return 0;
}

int append_file(struct dump *dump, int file, uint64_t bytes, uint64_t *offset, struct failure *f) {
    static char block[BLOCK] __attribute__((aligned(IMAGE_PAGE)));
    off_t end = lseek(dump->image, 0, SEEK_END);
    if (end < 0) return fail(f, JAILER_E_FAILED, errno, "find the end of the image");
    *offset = (uint64_t)end;
    for (uint64_t done = 0; done < bytes;) {
        ssize_t got = pread(file, block, sizeof block, (off_t)done);
        if (got <= 0) return fail(f, JAILER_E_FAILED, errno, "read a file in memory");
        if (write_at(dump, block, (size_t)got, (uint64_t)end + done, f)) return -1;
        done += (uint64_t)got;
    }
    return 0;
}
