// SPDX-License-Identifier: Apache-2.0
//
// Memory that somebody else writes to while we read it: each value is loaded once, by one instruction, and in the order
// that is asked for. Swift's own loads promise neither.
#pragma once
#include <stddef.h>
#include <stdint.h>

static inline uint16_t martlet_load_16(const void *from) { return __atomic_load_n((const uint16_t *)from, __ATOMIC_RELAXED); }
static inline uint32_t martlet_load_32(const void *from) { return __atomic_load_n((const uint32_t *)from, __ATOMIC_RELAXED); }
static inline uint64_t martlet_load_64(const void *from) { return __atomic_load_n((const uint64_t *)from, __ATOMIC_RELAXED); }

/// Nothing that is read afterwards is read before it.
static inline uint16_t martlet_acquire_16(const void *from) { return __atomic_load_n((const uint16_t *)from, __ATOMIC_ACQUIRE); }

static inline void martlet_store_16(void *to, uint16_t value) { __atomic_store_n((uint16_t *)to, value, __ATOMIC_RELAXED); }
static inline void martlet_store_32(void *to, uint32_t value) { __atomic_store_n((uint32_t *)to, value, __ATOMIC_RELAXED); }

/// Everything that was written before is seen by whoever sees it.
static inline void martlet_release_16(void *to, uint16_t value) { __atomic_store_n((uint16_t *)to, value, __ATOMIC_RELEASE); }

/// Neither reads nor writes pass it, in either direction.
static inline void martlet_full_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

/// memcpy, but in a file of its own: the compiler cannot see through it and read the source a second time.
void martlet_copy_once(void *to, const void *from, size_t size);
