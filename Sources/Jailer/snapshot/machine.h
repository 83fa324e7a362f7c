// SPDX-License-Identifier: Apache-2.0
//
// What differs from processor to processor: registers, the way into the kernel, the frame from which a thread goes on.
#pragma once
#include "image.h"
#include "../jailer.h"

bool machine_is_known(void);

// ---- for the photographer; the thread is stopped ----

// Its registers, as they have to be for it to go on: a system call that was interrupted is about to be made again.
int machine_capture(pid_t thread, struct image_thread *into, struct failure *f);
uint64_t machine_stack(const struct image_thread *thread);
// Finds an instruction that enters the kernel in `bytes` of code. Its position, or -1.
long machine_find_gate(const uint8_t *code, size_t bytes);
// Has the thread call the kernel from `gate`. Its registers are spoilt.
int machine_call(pid_t thread, uint64_t gate, long number, const uint64_t *arguments, int64_t *result,
    struct failure *f);

// ---- for the copy ----

// The few instructions that follow a plan (plan.h): position-independent, without a stack, made of system calls.
extern const char restorer_begin[], restorer_end[];

size_t machine_frame_bytes(void);
// Writes a signal frame into `at`, which will lie at `address`, a multiple of 64. Returns the stack pointer with which
// rt_sigreturn finds it.
uint64_t machine_frame(const struct image_thread *thread, char *at, uint64_t address);

struct plan;
// Adds the steps for registers that no frame holds.
int machine_add_steps(struct plan *plan, const struct image_thread *thread, struct failure *f);
