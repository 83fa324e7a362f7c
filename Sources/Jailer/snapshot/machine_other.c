// SPDX-License-Identifier: Apache-2.0
//
// Processors on which there are no snapshots yet.
#if !defined(__x86_64__)
#include "machine.h"

static int unknown(struct failure *f) {
    return fail(f, JAILER_E_HOST_LACKS, 0, "take or start snapshots on this processor");
}

bool machine_is_known(void) { return false; }
const char restorer_begin[1], restorer_end[1];

int machine_capture(pid_t thread, struct image_thread *into, struct failure *f) {
    (void)thread, (void)into;
    return unknown(f);
}

uint64_t machine_stack(const struct image_thread *thread) {
    (void)thread;
    return 0;
}

long machine_find_gate(const uint8_t *code, size_t bytes) {
    (void)code, (void)bytes;
    return -1;
}

int machine_call(pid_t thread, uint64_t gate, long number, const uint64_t *arguments, int64_t *result,
    struct failure *f) {
    (void)thread, (void)gate, (void)number, (void)arguments, (void)result;
    return unknown(f);
}

size_t machine_frame_bytes(void) { return 0; }

uint64_t machine_frame(const struct image_thread *thread, char *at, uint64_t address) {
    (void)thread, (void)at;
    return address;
}

int machine_add_steps(struct plan *plan, const struct image_thread *thread, struct failure *f) {
    (void)plan, (void)thread;
    return unknown(f);
}
#endif
