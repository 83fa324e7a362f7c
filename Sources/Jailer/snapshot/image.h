// SPDX-License-Identifier: Apache-2.0
//
// The image of a sandbox's process on disk: three files in one folder.
//
// `memory`   the pages, a sparse file; which range of addresses lies where is said by the table
// `files`    what lay in /tmp and /dev/shm, as tree.c writes it
// `table`    everything else: an image_header, then its lists, in the order of their counts there
//
// It is written by the photographer (dump_*.c), out of what the kernel says of a process that a tenant controls, and
// read by the process that becomes a copy (restore_*.c), when that has no privileges any more. Nobody else reads it.
// Numbers are in the machine's byte order: an image lives as long as the boot that made it.
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    IMAGE_VERSION = 1,
    IMAGE_PAGE = 4096,
    IMAGE_MAX_AREAS = 65536,
    IMAGE_MAX_FILLS = 65536,
    IMAGE_MAX_FILES = 1024,
    IMAGE_MAX_THREADS = 512,
    IMAGE_MAX_DESCRIPTORS = 1024,
    IMAGE_MAX_POLLS = 4096,
    IMAGE_MAX_TEXT = 16 << 20,
    IMAGE_MAX_TABLE = 64 << 20,
    IMAGE_SIGNALS = 64,
    IMAGE_LIMITS = 16,
    IMAGE_SPECIALS = 4,             // [vvar], [vvar_vclock], [vdso] and one more that a later kernel may have
    IMAGE_REGISTERS = 32,
    IMAGE_STATE_BYTES = 4096,       // of the floating-point and vector registers
    IMAGE_AUXILIARY = 64,
    IMAGE_PATH_BYTES = 4096,
};

#define IMAGE_MAGIC "martlet\1"
// The part of the address space that images may use: what mmap gives without being asked for more.
#define IMAGE_TOP 0x7ffffffff000ULL

struct image_span {
    uint64_t start, end;
};

struct image_action {               // as rt_sigaction has it
    uint64_t handler, flags, restorer, mask;
};

struct image_limit {
    uint64_t soft, hard;
};

struct image_header {
    char magic[8];
    uint32_t version, machine;
    uint32_t areas, fills, files, threads, descriptors, polls, text;
    uint32_t process;               // its number in its sandbox
    uint32_t mask;                  // umask
    uint32_t directory;             // text
    uint32_t specials, code;        // spans that the kernel has made; which of them is the vdso
    uint32_t auxiliary_bytes;
    uint32_t barriers;              // what membarrier was asked to be ready for
    struct image_span special[IMAGE_SPECIALS];
    uint64_t memory[11];            // struct prctl_mm_map up to `auxv`
    uint64_t auxiliary[IMAGE_AUXILIARY];
    struct image_action actions[IMAGE_SIGNALS];
    struct image_limit limits[IMAGE_LIMITS];
    uint64_t timers[3][4];          // struct itimerval, of each kind
};

// A piece of the address space. In ascending order, none overlaps the next.
enum image_kind {
    AREA_EMPTY,                     // zeros
    AREA_IMAGE,                     // the memory file's pages at `offset`, copied when written to
    AREA_FILE,                      // a file of the sandbox at `offset`, copied when written to
    AREA_FILE_SHARED,               // the same, written through
    AREA_COPIED,                    // zeros, over which fills are read
    AREA_SHARED,                    // the same, and shared with processes that are forked from this one
};
enum {
    AREA_GROWS_DOWN = 1,
    AREA_NO_RESERVE = 2,
    AREA_NOT_FORKED = 4,
    AREA_WIPED_IN_FORK = 8,
    AREA_HUGE = 16,
    AREA_NOT_HUGE = 32,
    AREA_NOT_DUMPED = 64,
    AREA_FLAGS = 127,
};
struct image_area {
    uint64_t start, end, offset;
    uint32_t kind, protection, flags, file;
};

// Bytes to be read from the memory file.
struct image_fill {
    uint64_t start, bytes, offset;
};

// A mapped file. It must still be the one that it was.
struct image_file {
    uint32_t path, is_written;
    uint64_t bytes;
    int64_t seconds, nanoseconds;   // when it was last changed
};

struct image_thread {
    uint32_t number, state_bytes;
    uint32_t rseq_bytes, rseq_signature;
    uint64_t rseq, robust, cleared; // cleared: set to zero and woken when the thread ends
    uint64_t mask;
    uint64_t stack[3];              // for signals, as sigaltstack has it
    char name[16];
    uint64_t registers[IMAGE_REGISTERS];
    uint8_t state[IMAGE_STATE_BYTES];
};

enum image_descriptor_kind {
    DESCRIPTOR_SAME,                // as `value`
    DESCRIPTOR_OUTPUT,              // the sandbox's
    DESCRIPTOR_PATH,                // a file, directory or device
    DESCRIPTOR_CONNECTION,          // TCP or Unix: now broken
    DESCRIPTOR_SOCKET,              // not connected; perhaps bound or listening
    DESCRIPTOR_PIPE,                // `other` is its other end
    DESCRIPTOR_PAIR,                // of Unix sockets; `other` is the second
    DESCRIPTOR_OTHER_END,           // of a pipe or pair that stands before
    DESCRIPTOR_EVENT,
    DESCRIPTOR_TIMER,
    DESCRIPTOR_SIGNAL,
    DESCRIPTOR_POLLER,
    DESCRIPTOR_MEMORY,              // a memfd, or (`other` is 1) a file of /tmp whose name has been deleted: `value` bytes
                                    // at `offset` of the memory file
};
struct image_descriptor {
    uint32_t number, kind, flags, closes_at_exec;
    uint32_t text, other;
    uint64_t value, offset;
    uint32_t domain, type, protocol, backlog;      // of a socket; backlog 0: does not listen
    uint32_t address_bytes, reserved;
    uint8_t address[128];           // bound to; of a timer: clock, then struct itimerspec
};

struct image_poll {
    uint32_t poller, target, events, reserved;
    uint64_t data;
};
