// SPDX-License-Identifier: Apache-2.0
//
// The steps that make the address space.
#define _GNU_SOURCE
#include "restore.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

// The kernel's own areas are at random places in each process, and at the image's must they be: programs keep pointers
// into the vdso. They wait behind the plan while everything else goes.
static int plan_specials(struct restore *r, bool is_out, struct failure *f) {
    const struct image_header *h = &r->table.header;
    uint64_t code = h->special[h->code].start, stash = r->plan.stash;
    for (uint32_t i = 0; i < h->specials; i++) {
        uint64_t start = h->special[i].start, size = h->special[i].end - start;
        // Their distances to each other are the same as long as the kernel is.
        if (add_step(&r->plan, STEP_EXACT | (is_out ? STEP_FROM_CODE : 0), SYS_mremap, is_out ? start - code : stash,
            size, size, MREMAP_MAYMOVE | MREMAP_FIXED, is_out ? stash : start, 0, f))
            return -1;
        expect(&r->plan, is_out ? stash : start);
        stash += size;
    }
    return 0;
}

static int plan_clearing(struct restore *r, struct failure *f) {
    const struct image_header *h = &r->table.header;
    uint64_t begin = r->plan.base - IMAGE_PAGE, end = r->plan.stash;
    for (uint32_t i = 0; i < h->specials; i++) end += h->special[i].end - h->special[i].start;
    return add_step(&r->plan, STEP_ZERO, SYS_munmap, 0, begin, 0, 0, 0, 0, f)
        || add_step(&r->plan, STEP_ZERO, SYS_munmap, end, IMAGE_TOP - end, 0, 0, 0, 0, f) ? -1 : 0;
}

// ---- areas ----

static int map(struct restore *r, const struct image_area *a, struct failure *f) {
    uint64_t flags = MAP_FIXED | (a->flags & AREA_NO_RESERVE ? MAP_NORESERVE : 0), file = (uint64_t)-1, offset = 0;
    uint64_t protection = a->protection;
    switch (a->kind) {
    case AREA_IMAGE: file = (uint64_t)r->memory, offset = a->offset, flags |= MAP_PRIVATE; break;
    case AREA_FILE: file = (uint64_t)r->files[a->file], offset = a->offset, flags |= MAP_PRIVATE; break;
    case AREA_FILE_SHARED: file = (uint64_t)r->files[a->file], offset = a->offset, flags |= MAP_SHARED; break;
    case AREA_SHARED: flags |= MAP_SHARED | MAP_ANONYMOUS, protection |= PROT_WRITE; break;
    case AREA_COPIED: flags |= MAP_PRIVATE | MAP_ANONYMOUS, protection |= PROT_WRITE; break;
    default: flags |= MAP_PRIVATE | MAP_ANONYMOUS; break;
    }
    if ((flags & MAP_ANONYMOUS) && (flags & MAP_PRIVATE) && (a->flags & AREA_GROWS_DOWN)) flags |= MAP_GROWSDOWN;
    if (add_step(&r->plan, STEP_EXACT, SYS_mmap, a->start, a->end - a->start, protection, flags, file, offset, f))
        return -1;
    expect(&r->plan, a->start);
    return 0;
}

static int advise(struct restore *r, const struct image_area *a, struct failure *f) {
    static const struct {
        uint32_t flag;
        int advice;
    } advices[] = {
        {AREA_NOT_FORKED, MADV_DONTFORK}, {AREA_WIPED_IN_FORK, MADV_WIPEONFORK}, {AREA_HUGE, MADV_HUGEPAGE},
        {AREA_NOT_HUGE, MADV_NOHUGEPAGE}, {AREA_NOT_DUMPED, MADV_DONTDUMP},
    };
    for (size_t i = 0; i < sizeof advices / sizeof *advices; i++) {
        if (!(a->flags & advices[i].flag)) continue;
        // What is said of huge pages is a wish.
        bool must = advices[i].flag == AREA_NOT_FORKED || advices[i].flag == AREA_WIPED_IN_FORK;
        if (add_step(&r->plan, must ? STEP_ZERO : STEP_ANY, SYS_madvise, a->start, a->end - a->start,
            (uint64_t)advices[i].advice, 0, 0, 0, f))
            return -1;
    }
    return 0;
}

static int plan_areas(struct restore *r, struct failure *f) {
    for (uint32_t i = 0; i < r->table.header.areas; i++)
        if (map(r, &r->table.areas[i], f)) return -1;
    for (uint32_t i = 0; i < r->table.header.fills; i++) {
        const struct image_fill *fill = &r->table.fills[i];
        if (add_step(&r->plan, STEP_EXACT, SYS_pread64, (uint64_t)r->memory, fill->start, fill->bytes, fill->offset, 0, 0,
            f))
            return -1;
        expect(&r->plan, fill->bytes);
    }
    for (uint32_t i = 0; i < r->table.header.areas; i++) {
        const struct image_area *a = &r->table.areas[i];
        bool is_opened = (a->kind == AREA_COPIED || a->kind == AREA_SHARED) && !(a->protection & PROT_WRITE);
        if (is_opened && add_step(&r->plan, STEP_ZERO, SYS_mprotect, a->start, a->end - a->start, a->protection, 0, 0, 0,
            f))
            return -1;
        if (advise(r, a, f)) return -1;
    }
    return 0;
}

// ---- what the kernel believes ----

static int plan_places(struct restore *r, struct failure *f) {
    const struct image_header *h = &r->table.header;
    struct prctl_mm_map places;
    memcpy(&places, h->memory, sizeof h->memory);
    places.auxv = NULL;
    places.auxv_size = h->auxiliary_bytes;
    places.exe_fd = (uint32_t)-1;
    uint64_t vector = add_data(&r->plan, h->auxiliary, sizeof h->auxiliary, f);
    if (!vector) return -1;
    places.auxv = (void *)(uintptr_t)vector;
    uint64_t at = add_data(&r->plan, &places, sizeof places, f);
    // The length of the heap and the arguments that `ps` shows. It needs no privilege; kernels without
    // CHECKPOINT_RESTORE do not know it, and a heap that cannot grow makes C libraries map memory instead.
    return at ? add_step(&r->plan, STEP_ANY, SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, at, sizeof places, 0, 0, f) : -1;
}

int plan_memory(struct restore *r, struct failure *f) {
    return plan_specials(r, true, f) || plan_clearing(r, f) || plan_areas(r, f) || plan_specials(r, false, f)
        || plan_places(r, f) ? -1 : 0;
}
