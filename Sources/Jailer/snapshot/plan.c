// SPDX-License-Identifier: Apache-2.0
//
// Plans: made, and turned into a program of two segments in memory that is executed.
#define _GNU_SOURCE
#include "plan.h"
#include "machine.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif
enum { CODE_OFFSET = 512 };         // of the restorer in its page, behind the program's header

// ---- the place ----

static int compare(const void *a, const void *b) {
    const struct image_span *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

// The lowest place that is large enough, with a page to spare on both sides. What the kernel gives a new process (its
// stack, the vdso) lies high.
static uint64_t find_hole(const struct image_span *taken, size_t count, uint64_t size) {
    uint64_t at = 2 << 20;
    struct image_span *sorted = malloc((count + 1) * sizeof *sorted);
    if (!sorted) return 0;
    memcpy(sorted, taken, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    for (size_t i = 0; i < count; i++) {
        if (sorted[i].start > at && sorted[i].start - at >= size) break;
        if (sorted[i].end > at) at = sorted[i].end;
    }
    free(sorted);
    return at + size < IMAGE_TOP / 2 ? at + IMAGE_PAGE : 0;
}

int plan_begin(struct plan *plan, size_t size, size_t stash, const struct image_span *taken, size_t count,
    struct failure *f) {
    size = (size + IMAGE_PAGE - 1) / IMAGE_PAGE * IMAGE_PAGE;
    if (size > PLAN_MAX_BYTES) return fail(f, JAILER_E_SPECIFICATION, 0, "the image needs too many steps");
    uint64_t hole = find_hole(taken, count, size + stash + 3 * IMAGE_PAGE);
    if (!hole) return fail(f, JAILER_E_SPECIFICATION, 0, "the image leaves no room for its restorer");
    *plan = (struct plan){.bytes = calloc(1, size), .size = size, .front = sizeof(struct slip), .back = size,
        .base = hole + IMAGE_PAGE, .stash = hole + IMAGE_PAGE + size};
    return plan->bytes ? 0 : fail(f, JAILER_E_BUSY, ENOMEM, "make the plan");
}

// ---- steps and data ----

int add_step(struct plan *plan, uint32_t rule, long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
    uint64_t g, struct failure *f) {
    struct step step = {(uint32_t)number, rule, {a, b, c, d, e, g}, 0};
    if (plan->back - plan->front < sizeof step)
        return fail(f, JAILER_E_SPECIFICATION, 0, "make the plan: it is too long");
    memcpy(plan->bytes + plan->front, &step, sizeof step);
    plan->front += sizeof step;
    return 0;
}

void expect(struct plan *plan, uint64_t result) {
    if (plan->front >= sizeof(struct slip) + sizeof(struct step))
        memcpy(plan->bytes + plan->front - sizeof result, &result, sizeof result);
}

uint64_t next_step(const struct plan *plan) { return plan->base + plan->front; }

uint64_t add_data(struct plan *plan, const void *bytes, size_t size, struct failure *f) {
    size_t room = (size + 63) / 64 * 64;
    if (plan->back - plan->front < room) {
        fail(f, JAILER_E_SPECIFICATION, 0, "make the plan: it is too long");
        return 0;
    }
    plan->back -= room;
    if (bytes) memcpy(plan->bytes + plan->back, bytes, size);
    return plan->base + plan->back;
}

char *data_at(const struct plan *plan, uint64_t address) { return plan->bytes + (address - plan->base); }

// ---- the program ----

static void write_head(const struct plan *plan, char *page) {
    Elf64_Ehdr head = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
        .e_entry = plan->base - IMAGE_PAGE + CODE_OFFSET, .e_phoff = sizeof head, .e_ehsize = sizeof head,
        .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 3};
    Elf64_Phdr segments[3] = {
        {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = 0, .p_vaddr = plan->base - IMAGE_PAGE,
            .p_filesz = IMAGE_PAGE, .p_memsz = IMAGE_PAGE, .p_align = IMAGE_PAGE},
        {.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = IMAGE_PAGE, .p_vaddr = plan->base,
            .p_filesz = plan->size, .p_memsz = plan->size, .p_align = IMAGE_PAGE},
        {.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W, .p_align = 16},
    };
    memcpy(page, &head, sizeof head);
    memcpy(page + sizeof head, segments, sizeof segments);
    memcpy(page + CODE_OFFSET, restorer_begin, (size_t)(restorer_end - restorer_begin));
}

static int write_at(int file, const char *bytes, size_t size, off_t offset, struct failure *f) {
    for (size_t done = 0; done < size;) {
        ssize_t written = pwrite(file, bytes + done, size - done, offset + (off_t)done);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return fail(f, JAILER_E_FAILED, errno, "write the restorer");
        done += (size_t)written;
    }
    return 0;
}

// Steps lie at one end of the plan and data at the other; what is between stays a hole.
static int write_program(const struct plan *plan, const char *name, struct failure *f) {
    char page[IMAGE_PAGE] = {0};
    int file = memfd_create(name, MFD_CLOEXEC | MFD_EXEC);
    if (file < 0 && errno == EINVAL) file = memfd_create(name, MFD_CLOEXEC);
    if (file < 0) return fail(f, JAILER_E_HOST_LACKS, errno, "make a program in memory (see the sysctl vm.memfd_noexec)");
    write_head(plan, page);
    if (ftruncate(file, (off_t)(IMAGE_PAGE + plan->size))) return fail(f, JAILER_E_FAILED, errno, "write the restorer");
    if (write_at(file, page, sizeof page, 0, f) || write_at(file, plan->bytes, plan->front, IMAGE_PAGE, f)
        || write_at(file, plan->bytes + plan->back, plan->size - plan->back, (off_t)(IMAGE_PAGE + plan->back), f))
        return -1;
    return file;
}

int plan_execute(const struct plan *plan, const char *name, int channel, struct failure *f) {
    static char *const nothing[] = {NULL};
    struct slip slip = {.code = JAILER_E_SPECIFICATION, .text = "restore the image", .channel = (uint64_t)channel};
    _Static_assert(sizeof slip == sizeof(struct step) && offsetof(struct slip, channel) == SLIP_BYTES, "as the restorer");
    slip.text_bytes = (uint32_t)strlen(slip.text);
    memcpy(plan->bytes, &slip, sizeof slip);
    if ((size_t)(restorer_end - restorer_begin) > IMAGE_PAGE - CODE_OFFSET)
        return fail(f, JAILER_E_FAILED, 0, "fit the restorer into a page");
    int file = write_program(plan, name, f);
    if (file < 0) return -1;
    char *arguments[] = {(char *)name, NULL};
    syscall(SYS_execveat, file, "", arguments, nothing, AT_EMPTY_PATH);
    return fail(f, JAILER_E_HOST_LACKS, errno, "execute the restorer");
}
