// SPDX-License-Identifier: Apache-2.0
//
// A process that becomes a copy of the one in an image. restore.c tells the order.
//
// All of this runs as the function's user, inside the new sandbox, without privileges and under the filter: whatever an
// image makes of it, that is no more than the function could do itself.
#pragma once
#include "plan.h"
#include "table.h"

struct restore {
    struct table table;
    struct plan plan;
    int memory, channel, output;    // at numbers from `base` on, which the image does not use
    int base;
    int files[IMAGE_MAX_FILES];
};

// Builds the copy out of `files`. Tells of its success by closing the channel; returns only by failing before that, and
// then `channel` is where it is now.
int become_copy(const struct image_files *files, int output, int *channel, struct failure *f);

// restore_descriptors.c
// Moves what is needed out of the way, and opens what the image has open.
int move_up(struct restore *restore, int *descriptor, struct failure *f);
int restore_descriptors(struct restore *restore, struct failure *f);
int open_mapped(struct restore *restore, struct failure *f);

// restore_sockets.c
int make_socket(const struct image_descriptor *d);     // or -1 with errno
// A connection whose other side has failed.
int make_broken(const struct image_descriptor *d);

// restore_memory.c
int plan_memory(struct restore *restore, struct failure *f);
// restore_threads.c
int plan_process(struct restore *restore, struct failure *f);
int plan_threads(struct restore *restore, struct failure *f);
