// SPDX-License-Identifier: Apache-2.0
//
// x86-64.
#if defined(__x86_64__)
#define _GNU_SOURCE
#include "machine.h"
#include "plan.h"

#include <asm/prctl.h>
#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ucontext.h>

// Of the vector state: where the list of present parts stands, and the parts that belong to AMX, which a thread has
// to ask for and which no frame has room for then.
enum { LEGACY_BYTES = 512, HEADER_BYTES = 64, AMX = 3 << 17, MAGIC_BYTES = 4, FIRST_EXTENDED = 2 };

// What the kernel reports to itself of an interrupted call, and no program ever sees.
enum { RESTART_SYS = -512, RESTART_NO_INTERRUPT = -513, RESTART_NO_HANDLER = -514, RESTART_BLOCK = -516 };

bool machine_is_known(void) { return true; }

static int get_registers(pid_t thread, struct user_regs_struct *registers, struct failure *f) {
    struct iovec part = {registers, sizeof *registers};
    if (ptrace(PTRACE_GETREGSET, thread, (void *)NT_PRSTATUS, &part)) return fail(f, JAILER_E_FAILED, errno,
        "read a thread's registers");
    if (part.iov_len != sizeof *registers || registers->cs != 0x33)
        return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: a thread of another architecture");
    return 0;
}

// A call that the stop has interrupted is made again: nothing of it has happened, and no handler has run. The kernel
// does the same with most; for those that wait with a timeout it would go on with what is left of that.
static void rewind_call(struct user_regs_struct *registers) {
    long result = (long)registers->rax, call = (long)registers->orig_rax;
    bool interrupted = result == RESTART_SYS || result == RESTART_NO_INTERRUPT || result == RESTART_NO_HANDLER
        || result == RESTART_BLOCK || result == -EINTR;
    if (call < 0 || !interrupted) return;
    registers->rax = registers->orig_rax;
    registers->rip -= 2;
}

int machine_capture(pid_t thread, struct image_thread *into, struct failure *f) {
    struct user_regs_struct registers;
    _Static_assert(sizeof registers <= sizeof into->registers, "room for the registers");
    if (get_registers(thread, &registers, f)) return -1;
    rewind_call(&registers);
    registers.orig_rax = (unsigned long)-1;
    memcpy(into->registers, &registers, sizeof registers);
    struct iovec part = {into->state, sizeof into->state};
    if (ptrace(PTRACE_GETREGSET, thread, (void *)NT_X86_XSTATE, &part)) return fail(f, JAILER_E_HOST_LACKS, errno,
        "read a thread's vector registers");
    uint64_t present;
    memcpy(&present, into->state + LEGACY_BYTES, sizeof present);
    if (present & AMX) return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: a thread that uses AMX");
    into->state_bytes = (uint32_t)part.iov_len;
    return 0;
}

uint64_t machine_stack(const struct image_thread *thread) {
    struct user_regs_struct registers;
    memcpy(&registers, thread->registers, sizeof registers);
    return registers.rsp;
}

long machine_find_gate(const uint8_t *code, size_t bytes) {
    for (size_t i = 0; i + 1 < bytes; i++)
        if (code[i] == 0x0f && code[i + 1] == 0x05) return (long)i;
    return -1;
}

// Lets the thread run to the next boundary of a system call.
static int run_to_boundary(pid_t thread, struct failure *f) {
    for (int attempt = 0; attempt < 16; attempt++) {
        int status;
        if (ptrace(PTRACE_SYSCALL, thread, NULL, NULL)) return fail(f, JAILER_E_FAILED, errno, "move a thread");
        if (waitpid(thread, &status, __WALL) != thread || !WIFSTOPPED(status))
            return fail(f, JAILER_E_FAILED, 0, "move a thread: it has ended");
        if (status >> 8 == (SIGTRAP | 0x80)) return 0;
        // A second notice of the stop is nothing; a signal would be lost.
        if (status >> 16 == 0)
            return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: signal %d has come", WSTOPSIG(status));
    }
    return fail(f, JAILER_E_FAILED, 0, "move a thread");
}

int machine_call(pid_t thread, uint64_t gate, long number, const uint64_t *arguments, int64_t *result,
    struct failure *f) {
    struct user_regs_struct registers;
    struct iovec part = {&registers, sizeof registers};
    if (get_registers(thread, &registers, f)) return -1;
    registers.rip = gate;
    registers.rax = (unsigned long)number;
    registers.orig_rax = (unsigned long)-1;     // else the kernel would first make the interrupted call again
    registers.rdi = arguments[0];
    registers.rsi = arguments[1];
    registers.rdx = arguments[2];
    registers.r10 = arguments[3];
    registers.r8 = arguments[4];
    registers.r9 = arguments[5];
    if (ptrace(PTRACE_SETREGSET, thread, (void *)NT_PRSTATUS, &part)) return fail(f, JAILER_E_FAILED, errno,
        "set a thread's registers");
    if (run_to_boundary(thread, f) || run_to_boundary(thread, f) || get_registers(thread, &registers, f)) return -1;
    *result = (int64_t)registers.rax;
    return 0;
}

// ---- the frame ----

static uint64_t enabled_parts(void) {
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32 | low) & ~(uint64_t)AMX;
}

// The size that the kernel gives the vector state of a process that has not asked for AMX.
static uint32_t state_bytes(void) {
    uint32_t end = LEGACY_BYTES + HEADER_BYTES, size, offset, unused1, unused2;
    uint64_t parts = enabled_parts();
    for (uint32_t part = FIRST_EXTENDED; part < 63; part++) {
        if (!(parts >> part & 1)) continue;
        __cpuid_count(0xd, part, size, offset, unused1, unused2);
        if (offset + size > end) end = offset + size;
    }
    return end < IMAGE_STATE_BYTES ? end : IMAGE_STATE_BYTES;
}

enum { STATE_OFFSET = 1024 };       // behind the context, on a boundary of 64

size_t machine_frame_bytes(void) { return STATE_OFFSET + IMAGE_STATE_BYTES + 64; }

// As the kernel would have written it for a handler. See `struct _fpx_sw_bytes` in its headers.
static void write_state(const struct image_thread *thread, char *at) {
    uint32_t bytes = state_bytes(), magic_1 = 0x46505853, magic_2 = 0x46505845, extended = bytes + MAGIC_BYTES;
    uint64_t parts = enabled_parts(), present;
    memcpy(at, thread->state, bytes < thread->state_bytes ? bytes : thread->state_bytes);
    memcpy(&present, at + LEGACY_BYTES, sizeof present);
    present &= parts;
    memcpy(at + LEGACY_BYTES, &present, sizeof present);
    memset(at + LEGACY_BYTES + 8, 0, HEADER_BYTES - 8);
    memset(at + 464, 0, 48);
    memcpy(at + 464, &magic_1, 4);
    memcpy(at + 468, &extended, 4);
    memcpy(at + 472, &parts, 8);
    memcpy(at + 480, &bytes, 4);
    memcpy(at + bytes, &magic_2, 4);
}

uint64_t machine_frame(const struct image_thread *thread, char *at, uint64_t address) {
    struct user_regs_struct from;
    ucontext_t context;
    _Static_assert(sizeof context + 8 <= STATE_OFFSET, "room for the context");
    memcpy(&from, thread->registers, sizeof from);
    memset(&context, 0, sizeof context);
    context.uc_flags = 7;           // extended state; the stack segment, taken as it stands
    context.uc_stack.ss_sp = (void *)(uintptr_t)thread->stack[0];
    context.uc_stack.ss_flags = (int)(uint32_t)thread->stack[1];
    context.uc_stack.ss_size = thread->stack[2];
    greg_t *to = context.uc_mcontext.gregs;
    to[REG_R8] = (greg_t)from.r8, to[REG_R9] = (greg_t)from.r9, to[REG_R10] = (greg_t)from.r10;
    to[REG_R11] = (greg_t)from.r11, to[REG_R12] = (greg_t)from.r12, to[REG_R13] = (greg_t)from.r13;
    to[REG_R14] = (greg_t)from.r14, to[REG_R15] = (greg_t)from.r15, to[REG_RDI] = (greg_t)from.rdi;
    to[REG_RSI] = (greg_t)from.rsi, to[REG_RBP] = (greg_t)from.rbp, to[REG_RBX] = (greg_t)from.rbx;
    to[REG_RDX] = (greg_t)from.rdx, to[REG_RAX] = (greg_t)from.rax, to[REG_RCX] = (greg_t)from.rcx;
    to[REG_RSP] = (greg_t)from.rsp, to[REG_RIP] = (greg_t)from.rip, to[REG_EFL] = (greg_t)from.eflags;
    to[REG_CSGSFS] = (greg_t)(from.cs | from.ss << 48);
    context.uc_mcontext.fpregs = (void *)(uintptr_t)(address + STATE_OFFSET);
    memcpy(&context.uc_sigmask, &thread->mask, sizeof thread->mask);
    memcpy(at + 8, &context, sizeof context);
    write_state(thread, at + STATE_OFFSET);
    return address + 8;
}

int machine_add_steps(struct plan *plan, const struct image_thread *thread, struct failure *f) {
    struct user_regs_struct registers;
    memcpy(&registers, thread->registers, sizeof registers);
    if (add_step(plan, STEP_ZERO, SYS_arch_prctl, ARCH_SET_FS, registers.fs_base, 0, 0, 0, 0, f)) return -1;
    return registers.gs_base
        ? add_step(plan, STEP_ZERO, SYS_arch_prctl, ARCH_SET_GS, registers.gs_base, 0, 0, 0, 0, f) : 0;
}

// ---- the restorer ----

// Begins as a program's first instruction, so the stack holds argument count, arguments, environment and the auxiliary
// vector, which says (type 33) where the vdso is. The plan begins at the next page: a slip of 64 bytes for what goes
// wrong, then steps of 64 bytes: number, rule, six arguments, expected result.
__asm__(
    ".pushsection .text\n"
    ".globl restorer_begin\n.hidden restorer_begin\n"
    "restorer_begin:\n"
    "    mov (%rsp), %rax\n"
    "    lea 16(%rsp,%rax,8), %rsi\n"
    "1:  lodsq\n"
    "    test %rax, %rax\n"
    "    jnz 1b\n"
    "2:  lodsq\n"
    "    mov %rax, %rdx\n"
    "    lodsq\n"
    "    cmp $33, %rdx\n"
    "    je 3f\n"
    "    test %rdx, %rdx\n"
    "    jnz 2b\n"
    "    xor %eax, %eax\n"
    "3:  mov %rax, %r15\n"
    "    lea restorer_begin(%rip), %r12\n"
    "    and $-4096, %r12\n"
    "    add $4096, %r12\n"
    "    lea 64(%r12), %rbx\n"
    "4:  mov 0(%rbx), %eax\n"
    "    mov 4(%rbx), %ebp\n"
    "    mov 8(%rbx), %rdi\n"
    "    mov 16(%rbx), %rsi\n"
    "    mov 24(%rbx), %rdx\n"
    "    mov 32(%rbx), %r10\n"
    "    mov 40(%rbx), %r8\n"
    "    mov 48(%rbx), %r9\n"
    "    test $1, %ebp\n"           // STEP_FROM_CODE: the first argument counts from the vdso
    "    jz 5f\n"
    "    add %r15, %rdi\n"
    "5:  test $2, %ebp\n"           // STEP_LEAVE: the first argument is the stack pointer
    "    jz 6f\n"
    "    mov %rdi, %rsp\n"
    "6:  syscall\n"
    "    test $4, %ebp\n"           // STEP_CLONE: the new thread's stack says where its steps are
    "    jz 7f\n"
    "    test %rax, %rax\n"
    "    jnz 7f\n"
    "    pop %rbx\n"
    "    jmp 4b\n"
    "7:  test $8, %ebp\n"           // STEP_EXACT
    "    jz 8f\n"
    "    cmp 56(%rbx), %rax\n"
    "    jne 9f\n"
    "8:  add $64, %rbx\n"
    "    test $16, %ebp\n"          // STEP_CHECKED
    "    jz 4b\n"
    "    cmp $-4095, %rax\n"
    "    jb 4b\n"
    "    sub $64, %rbx\n"
    "9:  neg %eax\n"
    "    mov %eax, 4(%r12)\n"
    "    mov 0(%rbx), %ecx\n"
    "    mov %rcx, 32(%r12)\n"
    "    mov 8(%rbx), %rcx\n"
    "    mov %rcx, 40(%r12)\n"
    "    mov $1, %eax\n"
    "    mov 48(%r12), %edi\n"
    "    mov %r12, %rsi\n"
    "    mov $48, %edx\n"
    "    syscall\n"
    "    mov $231, %eax\n"
    "    mov $127, %edi\n"
    "    syscall\n"
    "    hlt\n"
    ".globl restorer_end\n.hidden restorer_end\n"
    "restorer_end:\n"
    ".popsection\n");
#endif
