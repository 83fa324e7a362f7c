// SPDX-License-Identifier: Apache-2.0
//
// An image's table in memory, while it is made and after it has been read.
#pragma once
#include "../jailer.h"
#include "image.h"

struct table {
    struct image_header header;
    struct image_area *areas;
    struct image_fill *fills;
    struct image_file *files;
    struct image_thread *threads;
    struct image_descriptor *descriptors;
    struct image_poll *polls;
    char *text;                     // strings, each with its zero; the first is empty
};

// ---- making it ----

void table_begin(struct table *table);
// Each gives a new, empty entry at the end, or NULL with a failure. Pointers to others are void after it.
struct image_area *add_area(struct table *table, struct failure *f);
struct image_fill *add_fill(struct table *table, struct failure *f);
struct image_file *add_file(struct table *table, struct failure *f);
struct image_thread *add_thread(struct table *table, struct failure *f);
struct image_descriptor *add_descriptor(struct table *table, struct failure *f);
struct image_poll *add_poll(struct table *table, struct failure *f);
// Where the text stands, 0 with a failure.
uint32_t add_text(struct table *table, const char *text, struct failure *f);
int table_write(const struct table *table, int file, struct failure *f);

// ---- reading it ----

// Reads and judges it: after this, counts, positions and kinds are within their bounds, areas are in order and do not
// overlap, and every text ends. What the numbers mean to the kernel is the kernel's to judge.
int table_read(struct table *table, int file, struct failure *f);
