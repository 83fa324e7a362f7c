// SPDX-License-Identifier: Apache-2.0
//
// A plan: the system calls by which a fresh process becomes a copy, one after the other. It is made in ordinary C, and
// followed by a program of some fifty instructions (the restorer) that lies, with the plan, at addresses at which the
// image has nothing; so it can take everything else away and put the image's memory in its place.
#pragma once
#include "../jailer.h"
#include "image.h"

enum {
    STEP_FROM_CODE = 1,             // the first argument counts from where the kernel has put the vdso
    STEP_LEAVE = 2,                 // set the stack pointer to the first argument: for rt_sigreturn, which ends the plan
    STEP_CLONE = 4,                 // a new thread goes on where the top of its stack points
    STEP_EXACT = 8,                 // the result must be the expected one
    STEP_CHECKED = 16,              // the result must not be an error
    STEP_ANY = 0,
    STEP_ZERO = STEP_EXACT,         // with the expected result that add_step gives
};

struct step {
    uint32_t number, rule;
    uint64_t arguments[6];
    uint64_t expected;
};

// What the restorer writes to descriptor `channel` when a step fails. It begins as a failure that is told to the server.
struct slip {
    uint32_t code;                  // JAILER_E_…
    int32_t error;
    uint32_t text_bytes;
    char text[20];
    uint64_t number;                // of the system call
    uint64_t argument;              // its first
    uint64_t channel;
    uint64_t unused;
};
enum { SLIP_BYTES = 48 };           // that are written: up to `channel`

struct plan {
    char *bytes;                    // a slip, then steps from the front and data from the back
    size_t size, front, back;
    uint64_t base;                  // where `bytes` will lie; the page before it holds the restorer
    uint64_t stash;                 // behind it: where the kernel's own areas wait
};

enum { PLAN_MAX_BYTES = 64 << 20 };

// Finds room for a plan of `size` bytes, and for `stash` more, between what the image has.
int plan_begin(struct plan *plan, size_t size, size_t stash, const struct image_span *taken, size_t count,
    struct failure *f);
int add_step(struct plan *plan, uint32_t rule, long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
    uint64_t g, struct failure *f);
void expect(struct plan *plan, uint64_t result);        // of the step that was added last
// Where the next step will lie.
uint64_t next_step(const struct plan *plan);
// Copies `size` bytes into the plan. Where they will lie, a multiple of 64; 0 with a failure.
uint64_t add_data(struct plan *plan, const void *bytes, size_t size, struct failure *f);
// The same bytes while the plan is made.
char *data_at(const struct plan *plan, uint64_t address);
// Executes it; returns only by failing.
int plan_execute(const struct plan *plan, const char *name, int channel, struct failure *f);
