// SPDX-License-Identifier: Apache-2.0
//
// The first program of a microVM's guest: loads the kernel's modules, mounts what the host shares, and becomes the
// martlet executable, which lies in there. It stands on no C library, since before that there is none to stand on.
// scripts/guest-init compiles it to a few kilobytes, which are committed and travel inside the executable.
//
// It reads what the server has written into the initial file system, and nothing of a function's:
//   /modules/00 …    kernel modules, in the order of loading
//   /outward/00 …    those for a guest with a way out: when MARTLET_WAY_OUT is in the environment
//   /shares          a line for each share: its tag, a space, where it is mounted
#include <stddef.h>
#include <stdint.h>

enum { O_RDONLY = 0, O_RDWR = 2 };
enum { MS_RDONLY = 1, MS_NOSUID = 2, MS_NODEV = 4, MS_NOEXEC = 8, MS_BIND = 4096, MS_MOVE = 8192, MS_REC = 16384 };
enum { ENOEXEC = 8, EEXIST = 17, EINVAL = 22 };
// The vsock at whose other end files are served: the host, at 9P's port.
enum { AF_VSOCK = 40, SOCK_STREAM = 1, VMADDR_CID_HOST = 2, FILE_PORT = 564, SO_VM_SOCKETS_CONNECT_TIMEOUT = 6 };

#if !defined(__x86_64__)
#error "the guest is an x86-64 machine"
#endif
enum { SYS_read = 0, SYS_write = 1, SYS_open = 2, SYS_close = 3, SYS_dup2 = 33, SYS_socket = 41, SYS_connect = 42,
    SYS_setsockopt = 54, SYS_execve = 59, SYS_chdir = 80, SYS_chroot = 161, SYS_mount = 165, SYS_reboot = 169, SYS_finit_module = 313 };

static long call(long number, long a, long b, long c, long d, long e) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
        : "rcx", "r11", "memory");
    return result;
}

static size_t length(const char *text) {
    size_t n = 0;
    while (text[n]) n++;
    return n;
}

static void say(const char *text) { call(SYS_write, 2, (long)text, (long)length(text), 0, 0); }

static void say_number(long number) {
    char digits[24];
    size_t at = sizeof digits - 1;
    digits[at] = 0;
    do digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    say(digits + at);
}

// Says what could not be done, and restarts: to the host, the machine's end.
static void give_up(const char *what, long error) __attribute__((noreturn));
static void give_up(const char *what, long error) {
    say("martlet-init: cannot ");
    say(what);
    say(": error ");
    say_number(-error);
    say("\n");
    for (;;) call(SYS_reboot, (long)0xfee1dead, 672274793, 0x01234567, 0, 0);
}

static void check(const char *what, long result) {
    if (result < 0) give_up(what, result);
}

static long mount(const char *source, const char *target, const char *type, long flags, const char *options) {
    return call(SYS_mount, (long)source, (long)target, (long)type, flags, (long)options);
}

// A kernel may have a module built in or may not have it at all; what is really missing shows at the mount that needs it.
static void load_modules(char path[12]) {
    for (int i = 0; i < 100; i++) {
        path[9] = (char)('0' + i / 10);
        path[10] = (char)('0' + i % 10);
        long file = call(SYS_open, (long)path, O_RDONLY, 0, 0, 0);
        if (file < 0) return;
        long result = call(SYS_finit_module, file, (long)"", 0, 0, 0);
        // MODULE_INIT_COMPRESSED_FILE, as distributions ship them.
        if (result == -ENOEXEC || result == -EINVAL) result = call(SYS_finit_module, file, (long)"", 4, 0, 0);
        call(SYS_close, file, 0, 0, 0, 0);
        if (result == 0 || result == -EEXIST) continue;
        say("martlet-init: module ");
        say(path);
        say(": error ");
        say_number(-result);
        say("\n");
    }
}

static char shares[4096];

// Cuts the text at `end`. Returns what follows, or NULL at the end of all.
static char *cut(char *text, char end) {
    while (*text && *text != end) text++;
    if (!*text) return NULL;
    *text = 0;
    return text + 1;
}

static long connect_to_files(void) {
    struct { uint16_t family, reserved; uint32_t port, cid; uint8_t flags, zero[3]; } host = {
        .family = AF_VSOCK, .port = FILE_PORT, .cid = VMADDR_CID_HOST};
    long connection = call(SYS_socket, AF_VSOCK, SOCK_STREAM, 0, 0, 0);
    check("make a vsock", connection);
    // Linux' own patience, two seconds, is less than a busy host may need.
    long patience[2] = {60, 0};
    call(SYS_setsockopt, connection, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, (long)patience, sizeof patience);
    check("reach the files", call(SYS_connect, connection, (long)&host, sizeof host, 0, 0));
    return connection;
}

static char *append(char *to, const char *text) {
    while (*text) *to++ = *text++;
    *to = 0;
    return to;
}

// A connection for each: one that reads much does not hold the others up.
static void mount_share(const char *tag, const char *target) {
    char options[256];
    long connection = connect_to_files();
    if (length(tag) > 64 || connection > 9) give_up("understand /shares", 0);
    char digit[] = {(char)('0' + connection), 0}, *end = append(options, "trans=fd,rfdno=");
    end = append(append(append(end, digit), ",wfdno="), digit);
    end = append(end, ",version=9p2000.L,cache=loose,access=any,noxattr,msize=524288,aname=");
    append(end, tag);
    check(target, mount("host", target, "9p", MS_RDONLY | MS_NOSUID | MS_NODEV, options));
    call(SYS_close, connection, 0, 0, 0, 0);
}

static void mount_shares(void) {
    long file = call(SYS_open, (long)"/shares", O_RDONLY, 0, 0, 0);
    check("open /shares", file);
    long size = call(SYS_read, file, (long)shares, sizeof shares - 1, 0, 0);
    check("read /shares", size);
    shares[size] = 0;
    call(SYS_close, file, 0, 0, 0, 0);
    for (char *line = shares; line && *line;) {
        char *next = cut(line, '\n'), *target = cut(line, ' ');
        if (!target) give_up("understand /shares", 0);
        mount_share(line, target);
        line = next;
    }
}

// The initial file system cannot be pivoted away from; a bind mount of it can, and sandboxes do.
static void leave_initial_root(void) {
    check("bind the root", mount("/", "/newroot", NULL, MS_BIND | MS_REC, NULL));
    check("enter the root", call(SYS_chdir, (long)"/newroot", 0, 0, 0, 0));
    check("move the root", mount(".", "/", NULL, MS_MOVE, NULL));
    check("change the root", call(SYS_chroot, (long)".", 0, 0, 0, 0));
    check("enter the root", call(SYS_chdir, (long)"/", 0, 0, 0, 0));
}

// The kernel makes variables of the words of its command line that it does not know.
static int is_set(char **environment, const char *name) {
    for (; *environment; environment++) {
        size_t i = 0;
        while (name[i] && (*environment)[i] == name[i]) i++;
        if (!name[i] && (*environment)[i] == '=') return 1;
    }
    return 0;
}

__attribute__((noreturn, used)) void start(long *stack) {
    char **environment = (char **)(stack + 1 + stack[0] + 1);
    char *arguments[] = {"martlet-guest", NULL};
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    long console = call(SYS_open, (long)"/dev/console", O_RDWR, 0, 0, 0);
    for (long i = 0; console >= 0 && i < 3; i++) call(SYS_dup2, console, i, 0, 0, 0);
    if (console > 2) call(SYS_close, console, 0, 0, 0, 0);
    char always[] = "/modules/00", outward[] = "/outward/00";
    load_modules(always);
    if (is_set(environment, "MARTLET_WAY_OUT")) load_modules(outward);
    mount_shares();
    leave_initial_root();
    // A Swift program learns its own name from here.
    check("mount /proc", mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
    give_up("execute /share/martlet", call(SYS_execve, (long)"/share/martlet", (long)arguments, (long)environment, 0, 0));
}

__asm__(".globl _start\n_start:\n    xor %ebp, %ebp\n    mov %rsp, %rdi\n    and $-16, %rsp\n    call start\n");

// The digest of the sources, by which scripts/guest-init --check knows the compiled file.
__attribute__((used)) const char sources_digest[] = "Sources-Digest: " DIGEST;
