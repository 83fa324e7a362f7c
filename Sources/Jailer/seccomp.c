// SPDX-License-Identifier: Apache-2.0
//
// Which system calls a function may make: those that are listed here. What is left out answers ENOSYS, as an older
// kernel would, so that a C library falls back to what is listed; what is known and forbidden answers EPERM.
//
// The filter is compiled once, to BPF, and handed to the kernel for each sandbox.
#define _GNU_SOURCE
#include "jailer.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct sock_fprog program;

// By name, since not every machine and not every libseccomp knows them all; an unknown one is skipped.
static const char *const allowed[] = {
    // files
    "access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat", "dup", "dup2", "dup3",
    "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown",
    "fchownat", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock", "fremovexattr", "fsetxattr", "fstat",
    "fstatfs", "fsync", "ftruncate", "futimesat", "getcwd", "getdents", "getdents64", "getxattr",
    "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "ioctl", "lchown", "lgetxattr",
    "link", "linkat", "listxattr", "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat", "mkdir", "mkdirat",
    "mknod", "mknodat", "newfstatat", "open", "openat", "openat2", "pipe", "pipe2", "pread64", "preadv", "preadv2",
    "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv", "removexattr",
    "rename", "renameat", "renameat2", "rmdir", "sendfile", "setxattr", "splice", "stat", "statfs", "statx",
    "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "tee", "truncate", "umask", "unlink", "unlinkat",
    "utime", "utimensat", "utimes", "vmsplice", "write", "writev",
    // memory
    "brk", "cachestat", "get_mempolicy", "madvise", "mbind", "membarrier", "memfd_create", "mincore", "mlock",
    "mlock2", "mlockall", "mmap", "mprotect", "mremap", "mseal", "msync", "munlock", "munlockall", "munmap",
    "pkey_alloc", "pkey_free", "pkey_mprotect", "remap_file_pages", "set_mempolicy",
    // processes and threads
    "arch_prctl", "capget", "capset", "execve", "execveat", "exit", "exit_group", "fork", "futex", "futex_requeue",
    "futex_wait", "futex_waitv", "futex_wake", "get_robust_list", "get_thread_area", "getcpu", "getpgid", "getpgrp",
    "getpid", "getppid", "getpriority", "getrlimit", "getrusage", "getsid", "gettid", "ioprio_get", "ioprio_set",
    "kill", "pause", "pidfd_open", "pidfd_send_signal", "prctl", "prlimit64", "riscv_flush_icache", "rseq",
    "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam",
    "sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity", "sched_setattr", "sched_setparam",
    "sched_setscheduler", "sched_yield", "set_robust_list", "set_thread_area", "set_tid_address", "setpgid",
    "setpriority", "setrlimit", "setsid", "sysinfo", "tgkill", "times", "tkill", "uname", "vfork", "wait4",
    "waitid",
    // users: they can only become what they are
    "getegid", "geteuid", "getgid", "getgroups", "getresgid", "getresuid", "getuid", "setfsgid", "setfsuid",
    "setgid", "setgroups", "setregid", "setresgid", "setresuid", "setreuid", "setuid",
    // signals and time
    "alarm", "clock_getres", "clock_gettime", "clock_nanosleep", "getitimer", "gettimeofday", "nanosleep",
    "restart_syscall", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
    "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo", "setitimer", "sigaltstack", "signalfd", "signalfd4",
    "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime", "timerfd_create",
    "timerfd_gettime", "timerfd_settime",
    // waiting and sockets
    "accept", "accept4", "bind", "connect", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old",
    "epoll_pwait", "epoll_pwait2", "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "getpeername",
    "getrandom", "getsockname", "getsockopt", "io_cancel", "io_destroy", "io_getevents", "io_pgetevents",
    "io_setup", "io_submit", "listen", "poll", "ppoll", "pselect6", "recvfrom", "recvmmsg", "recvmsg", "select",
    "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown", "socketpair",
    // System V and POSIX communication, in a namespace of their own
    "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink", "msgctl", "msgget",
    "msgrcv", "msgsnd", "semctl", "semget", "semop", "semtimedop", "shmat", "shmctl", "shmdt", "shmget",
    // Landlock only ever takes rights away
    "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "seccomp",
};

// Known, and not for functions. They would mostly fail for want of a capability; here they fail before the kernel has
// run any code of theirs.
static const char *const forbidden[] = {
    "_sysctl", "acct", "add_key", "adjtimex", "bpf", "chroot", "clock_adjtime", "clock_settime", "create_module",
    "delete_module", "fanotify_init", "fanotify_mark", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick",
    "get_kernel_syms", "init_module", "io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm", "iopl",
    "kcmp", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie", "migrate_pages", "modify_ldt", "mount",
    "mount_setattr", "move_mount", "move_pages", "name_to_handle_at", "nfsservctl", "open_by_handle_at",
    "open_tree", "perf_event_open", "pidfd_getfd", "pivot_root", "process_madvise", "process_mrelease",
    "process_vm_readv", "process_vm_writev", "ptrace", "query_module", "quotactl", "quotactl_fd", "reboot",
    "request_key", "setdomainname", "sethostname", "setns", "settimeofday", "swapoff", "swapon", "syslog", "umount",
    "umount2", "unshare", "uselib", "userfaultfd", "ustat", "vhangup", "memfd_secret", "statmount", "listmount",
    "lsm_set_self_attr", "lsm_get_self_attr", "lsm_list_modules", "map_shadow_stack", "set_mempolicy_home_node",
};

// Adds a rule for `name`, with up to one condition. A name that this machine does not have is nothing to fail about.
static int rule(scmp_filter_ctx filter, uint32_t action, const char *name, const struct scmp_arg_cmp *condition) {
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) return 0;
    int result = condition ? seccomp_rule_add_array(filter, action, number, 1, condition) : seccomp_rule_add(filter,
        action, number, 0);
    return result == -EDOM || result == -EINVAL ? 0 : result;
}

// A process may clone, but not into new namespaces. The flags of clone3 lie in memory, where no filter can look, so
// that call does not exist; C libraries then use clone.
static int add_clone_rules(scmp_filter_ctx filter) {
    const scmp_datum_t namespaces =
        CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
#if defined(__s390x__)
    struct scmp_arg_cmp none = SCMP_A1(SCMP_CMP_MASKED_EQ, namespaces, 0);
#else
    struct scmp_arg_cmp none = SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces, 0);
#endif
    return rule(filter, SCMP_ACT_ALLOW, "clone", &none);
}

// Only the families that programs use: no packet, vsock (which would reach a hypervisor), ALG, XDP, Bluetooth and so
// on, each a large piece of kernel. Netlink's other subsystems have nothing to say in an empty network namespace.
static int add_socket_rules(scmp_filter_ctx filter) {
    const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    int result = 0;
    for (size_t i = 0; i < sizeof families / sizeof families[0] && result == 0; i++) {
        struct scmp_arg_cmp family = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]);
        result = rule(filter, SCMP_ACT_ALLOW, "socket", &family);
    }
    // EAFNOSUPPORT is what a kernel without the family says, and what programs expect.
    for (int family = 0; family < AF_NETLINK && result == 0; family++) {
        if (family == AF_UNIX || family == AF_INET || family == AF_INET6) continue;
        struct scmp_arg_cmp other = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family);
        result = rule(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", &other);
    }
    struct scmp_arg_cmp higher = SCMP_A0(SCMP_CMP_GT, AF_NETLINK);
    if (result == 0) result = rule(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", &higher);
    return result;
}

// Execution domains other than Linux's own change how the kernel treats a process, and switch off address
// randomisation.
static int add_personality_rules(scmp_filter_ctx filter) {
    const scmp_datum_t domains[] = {PER_LINUX, PER_LINUX32, UNAME26, PER_LINUX32 | UNAME26, 0xffffffff};
    for (size_t i = 0; i < sizeof domains / sizeof domains[0]; i++) {
        struct scmp_arg_cmp domain = SCMP_A0(SCMP_CMP_EQ, domains[i]);
        int result = rule(filter, SCMP_ACT_ALLOW, "personality", &domain);
        if (result) return result;
    }
    return 0;
}

static int add_rules(scmp_filter_ctx filter) {
    int result = 0;
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0] && result == 0; i++) result = rule(filter,
        SCMP_ACT_ALLOW, allowed[i], NULL);
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0] && result == 0; i++) result = rule(filter,
        SCMP_ACT_ERRNO(EPERM), forbidden[i], NULL);
    if (result == 0) result = add_clone_rules(filter);
    if (result == 0) result = add_socket_rules(filter);
    if (result == 0) result = add_personality_rules(filter);
    // A tree instead of a list: a dozen comparisons for any call instead of up to three hundred.
    if (result == 0) seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    return result;
}

// libseccomp can write the program to a file only, so a file in memory it is.
static int export_program(scmp_filter_ctx filter, struct failure *f) {
    int file = memfd_create("filter", MFD_CLOEXEC);
    if (file < 0) return fail(f, JAILER_E_FAILED, errno, "make a file in memory");
    struct stat status;
    int result = seccomp_export_bpf(filter, file);
    if (result < 0 || fstat(file, &status) < 0 || status.st_size == 0) {
        close(file);
        return fail(f, JAILER_E_FAILED, result < 0 ? -result : errno, "write the seccomp filter");
    }
    size_t size = (size_t)status.st_size;
    program.len = (unsigned short)(size / sizeof(struct sock_filter));
    program.filter = malloc(size);
    bool complete = program.filter && pread(file, program.filter, size, 0) == (ssize_t)size;
    close(file);
    return complete ? 0 : fail(f, JAILER_E_FAILED, ENOMEM, "read the seccomp filter");
}

int seccomp_prepare(struct failure *f) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (!filter) return fail(f, JAILER_E_FAILED, ENOMEM, "begin the seccomp filter");
    // Programs of another architecture (32-bit ones) do not run.
    seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    int result = add_rules(filter);
    if (result == 0) result = export_program(filter, f);
    else fail(f, JAILER_E_FAILED, -result, "make the seccomp filter");
    seccomp_release(filter);
    return result;
}

int seccomp_apply(struct failure *f) {
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0) return 0;
    return fail(f, JAILER_E_HOST_LACKS, errno, "install the seccomp filter");
}
