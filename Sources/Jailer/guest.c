// SPDX-License-Identifier: Apache-2.0
//
// The agent of a microVM's guest: process 1 there, this executable under another name. It furnishes the guest, starts a
// jailer in it, the same as on a host, and stands between that jailer and the server: requests in, answers and notices
// out, and for each descriptor of an answer a connection to the host. So a function in a microVM is also in a sandbox
// of the guest's, and the agent is out of its reach.
//
// When the server or the jailer has gone, it ends the machine.
#define _GNU_SOURCE
#include "guest.h"
#include "Jailer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int control = -1, jailer = -1;
enum { MAX_DOORS = JAILER_MAX_LISTENERS + JAILER_EGRESS_SOCKETS };

static int listeners[MAX_DOORS];
static uint16_t ports[MAX_DOORS];
static size_t listener_count;
static uint32_t streams;
static char message[sizeof(struct jailer_header) + JAILER_MAX_MESSAGE];

// Restarting is what an emulator takes for the end; a machine without firmware cannot switch itself off.
static void end_machine(const char *why) __attribute__((noreturn));
static void end_machine(const char *why) {
    if (why) fprintf(stderr, "martlet-guest: %s: %s\n", why, strerror(errno));
    for (;;) {
        reboot(RB_AUTOBOOT);
        sleep(1);
    }
}

// ---- the guest's furniture ----

static void mount_kernel_files(void) {
    bool mounted = mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0
        && mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;
    if (!mounted) end_machine("mount /sys and cgroups");
}

int connect_to_host(uint16_t port) {
    struct sockaddr_vm host_address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port};
    int connection = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0) return -1;
    // Linux' own patience, two seconds, is less than a busy host may need.
    struct timeval patience = {.tv_sec = 60};
    setsockopt(connection, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &patience, sizeof patience);
    if (connect(connection, (struct sockaddr *)&host_address, sizeof host_address) == 0
        && fcntl(connection, F_SETFL, O_NONBLOCK) == 0)
        return connection;
    int error = errno;
    close(connection);
    errno = error;
    return -1;
}

static void start_jailer(void) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) end_machine("make a socket pair");
    pid_t process = fork();
    if (process < 0) end_machine("fork");
    if (process == 0) {
        char *arguments[] = {"martlet-jailer", NULL};
        if (dup2(pair[1], JAILER_SOCKET) < 0) _exit(1);
        for (int i = JAILER_SOCKET + 1; i < 64; i++) close(i);
        exit(martlet_jailer_main(1, arguments));
    }
    close(pair[1]);
    jailer = pair[0];
}

// ---- from the server to the jailer ----

// The server's messages are whole or the end of all, so a blocking read of the rest waits for what is on its way.
static void read_fully(char *into, size_t size) {
    while (size > 0) {
        ssize_t got = read(control, into, size);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) end_machine(got < 0 ? "read from the server" : NULL);
        into += got;
        size -= (size_t)got;
    }
}

static void set_clock(const char *body, size_t size) {
    uint64_t now;
    if (size != sizeof now) return;
    memcpy(&now, body, sizeof now);
    struct timespec time = {.tv_sec = (time_t)(now / 1000000000), .tv_nsec = (long)(now % 1000000000)};
    clock_settime(CLOCK_REALTIME, &time);
}

static void hear_server(void) {
    struct jailer_header header;
    read_fully(message, sizeof header);
    memcpy(&header, message, sizeof header);
    errno = EMSGSIZE;
    if (header.length > JAILER_MAX_MESSAGE) end_machine("read a message");
    read_fully(message + sizeof header, header.length);
    if (header.operation == GUEST_TIME) set_clock(message + sizeof header, header.length);
    else if (send(jailer, message, sizeof header + header.length, MSG_NOSIGNAL) < 0) end_machine("ask the jailer");
    explicit_bzero(message, sizeof header + header.length);
}

// ---- from the jailer to the server ----

static void write_fully(const void *bytes, size_t size) {
    for (const char *at = bytes; size > 0;) {
        ssize_t put = send(control, at, size, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) end_machine("write to the server");
        at += put;
        size -= (size_t)put;
    }
}

static void set_blocking(int descriptor, bool blocking) {
    int flags = fcntl(descriptor, F_GETFL);
    fcntl(descriptor, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

static int open_stream(uint32_t number) {
    int outside = connect_to_host(GUEST_STREAM_PORT);
    if (outside < 0 || send(outside, &number, sizeof number, MSG_NOSIGNAL) != sizeof number) end_machine("open a stream");
    return outside;
}

static bool is_datagram(int descriptor) {
    int type = 0;
    socklen_t size = sizeof type;
    return getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM;
}

// What a descriptor of the jailer's is to the host.
static void pass_on(int descriptor, uint32_t told[2]) {
    struct stat status;
    int accepts = 0;
    socklen_t size = sizeof accepts;
    told[0] = GUEST_IS_NOTHING;
    told[1] = 0;
    if (fstat(descriptor, &status) < 0) {
        close(descriptor);
        return;
    }
    if (S_ISFIFO(status.st_mode)) {
        told[0] = GUEST_IS_STREAM;
        told[1] = ++streams;
        set_blocking(descriptor, false);
        relay(descriptor, open_stream(streams), true);
        return;
    }
    if (is_datagram(descriptor)) return serve_names(descriptor);
    if (getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size) == 0 && accepts
        && listener_count < MAX_DOORS) {
        struct sockaddr_in own = {0};
        size = sizeof own;
        getsockname(descriptor, (struct sockaddr *)&own, &size);
        listeners[listener_count] = descriptor;
        ports[listener_count++] = ntohs(own.sin_port);
        told[0] = GUEST_IS_LISTENER;
        told[1] = ntohs(own.sin_port);
        return;
    }
    // The answer to DIAL.
    if (S_ISSOCK(status.st_mode) && !accepts) {
        told[0] = GUEST_IS_STREAM;
        told[1] = ++streams;
        relay_to_port(descriptor, open_stream(streams));
        return;
    }
    close(descriptor);
}

static void hear_jailer(void) {
    struct jailer_header header;
    int descriptors[JAILER_MAX_DESCRIPTORS];
    uint32_t told[JAILER_MAX_DESCRIPTORS][2];
    size_t count = JAILER_MAX_DESCRIPTORS;
    ssize_t got = receive_message(jailer, message, sizeof message, descriptors, &count, 0);
    if (got < (ssize_t)sizeof header) end_machine("hear the jailer");
    for (size_t i = 0; i < count; i++) pass_on(descriptors[i], told[i]);
    memcpy(&header, message, sizeof header);
    header.length = (uint32_t)((size_t)got - sizeof header);
    header.descriptors = (uint32_t)count;
    memcpy(message, &header, sizeof header);
    write_fully(message, (size_t)got);
    write_fully(told, count * sizeof told[0]);
}

// ---- connections of the sandbox ----

// Whether the sandbox's kernel has turned the connection here from where it was meant to go.
static bool was_turned(int connection, uint16_t port, struct sockaddr_in *to) {
    struct sockaddr_in here = {0};
    socklen_t size = sizeof here, to_size = sizeof *to;
    if (getsockname(connection, (struct sockaddr *)&here, &size)) return false;
    if (port == WAY_OUT_NAME_PORT) {
        *to = here;
        return true;
    }
    if (getsockopt(connection, SOL_IP, 80 /* SO_ORIGINAL_DST */, to, &to_size)) return false;
    return to->sin_addr.s_addr != here.sin_addr.s_addr || to->sin_port != here.sin_port;
}

static void accept_at(size_t i) {
    struct sockaddr_in to;
    int inside = accept4(listeners[i], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), yes = 1;
    if (inside < 0) return;
    setsockopt(inside, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (was_turned(inside, ports[i], &to)) {
        lead_outwards(inside, &to);
        return;
    }
    int outside = connect_to_host(ports[i]);
    if (outside < 0) close(inside);
    else relay(inside, outside, false);
}

static void run(void) __attribute__((noreturn));
static void run(void) {
    static struct pollfd polled[2 + MAX_DOORS + 2 * MAX_RELAYS + 1 + MAX_LOOKUPS];
    for (;;) {
        struct pollfd *asked = polled + 2, *relays = asked + MAX_DOORS, *names = relays + 2 * MAX_RELAYS;
        polled[0] = (struct pollfd){.fd = control, .events = POLLIN};
        polled[1] = (struct pollfd){.fd = jailer, .events = POLLIN};
        for (size_t i = 0; i < MAX_DOORS; i++)
            asked[i] = (struct pollfd){.fd = i < listener_count && relays_have_room() ? listeners[i] : -1,
                .events = POLLIN};
        relays_want(relays);
        names_want(names);
        if (poll(polled, sizeof polled / sizeof *polled, -1) < 0) continue;
        relays_carry(relays);
        names_carry(names);
        for (size_t i = 0; i < listener_count; i++)
            if (asked[i].revents) accept_at(i);
        if (polled[1].revents) hear_jailer();
        if (polled[0].revents) hear_server();
        while (waitpid(-1, NULL, WNOHANG) > 0) continue;
    }
}

int martlet_guest_main(int argc, char **argv) {
    (void)argc, (void)argv;
    struct rlimit files = {.rlim_cur = 4096, .rlim_max = 1 << 20};
    if (getpid() != 1) {
        (void)!write(2, "martlet-guest is process 1 of a microVM, not a command.\n", 56);
        return 64;
    }
    setrlimit(RLIMIT_NOFILE, &files);
    mount_kernel_files();
    control = connect_to_host(GUEST_CONTROL_PORT);
    if (control < 0) end_machine("reach the server");
    set_blocking(control, true);
    start_jailer();
    run();
}
