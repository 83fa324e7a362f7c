// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// posix_spawn and not fork: the server has many threads, and a forked copy of it could hold their locks for ever.
int32_t martlet_spawn_jailer(const char *path, char *const *arguments, int32_t socket) {
    char *const no_environment[] = {NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    pid_t process = -1;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", 0, 0);
    posix_spawn_file_actions_adddup2(&files, 2, 1);
    // Also right when the socket has that number already: dup2 onto itself clears close-on-exec here.
    posix_spawn_file_actions_adddup2(&files, socket, JAILER_SOCKET);
    posix_spawn_file_actions_addclosefrom_np(&files, JAILER_SOCKET + 1);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    int error = posix_spawn(&process, path, &files, &attributes, arguments, no_environment);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return error ? -error : process;
}

int32_t martlet_packet_pair(int32_t *first, int32_t *second) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) return -errno;
    *first = pair[0];
    *second = pair[1];
    return 0;
}

int32_t martlet_packet_send(int32_t socket, const struct jailer_header *header, const void *body) {
    struct iovec parts[2] = {{(void *)header, sizeof *header}, {(void *)body, header->length}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t sent;
    do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

int32_t martlet_send_descriptors(int32_t socket, uint32_t value, const int32_t *descriptors, size_t count) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * JAILER_MAX_DESCRIPTORS)];
    } control = {0};
    struct iovec part = {&value, sizeof value};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
        .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
    if (count > JAILER_MAX_DESCRIPTORS) return -EINVAL;
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(rights), descriptors, sizeof(int) * count);
    ssize_t sent;
    do sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent == sizeof value ? 0 : -EAGAIN;
}

int64_t martlet_packet_receive(int32_t socket, void *buffer, size_t size, int32_t *descriptors, size_t *count) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * JAILER_MAX_DESCRIPTORS)];
    } control;
    struct iovec part = {buffer, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
        .msg_controllen = sizeof control};
    size_t room = *count;
    ssize_t received;
    *count = 0;
    do received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0) return -errno;
    for (struct cmsghdr *item = CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item)) {
        if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
        size_t here = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(item) + i * sizeof(int), sizeof(int));
            if (*count < room) descriptors[(*count)++] = descriptor;
            else close(descriptor);
        }
    }
    return received;
}

void martlet_packet_patience(int32_t socket, int32_t seconds) {
    struct timeval time = {.tv_sec = seconds};
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
}

void martlet_packet_shut_down(int32_t socket) {
    shutdown(socket, SHUT_RDWR);
}

int32_t martlet_local_port(int32_t socket) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getsockname(socket, (struct sockaddr *)&address, &size) < 0) return -errno;
    if (address.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&address)->sin_port);
    if (address.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return -EAFNOSUPPORT;
}

int32_t martlet_listen_on_loopback(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0) return -errno;
    if (bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 128) == 0) return listener;
    int error = errno;
    close(listener);
    return -error;
}

int32_t martlet_accept(int32_t listener) {
    int connection;
    do connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    while (connection < 0 && errno == EINTR);
    return connection < 0 ? -errno : connection;
}

int32_t martlet_wait(int32_t process) {
    int status = 0;
    pid_t waited;
    do waited = waitpid(process, &status, 0);
    while (waited < 0 && errno == EINTR);
    return waited < 0 ? -errno : status;
}

struct errand {
    void (*body)(void *);
    void *context;
};

static void *run_errand(void *argument) {
    struct errand errand = *(struct errand *)argument;
    free(argument);
    errand.body(errand.context);
    return NULL;
}

int32_t martlet_detach_thread(const char *name, void (*body)(void *), void *context) {
    struct errand *errand = malloc(sizeof *errand);
    pthread_attr_t attributes;
    pthread_t thread;
    if (!errand) return -ENOMEM;
    *errand = (struct errand){body, context};
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 512 * 1024);
    int error = pthread_create(&thread, &attributes, run_errand, errand);
    pthread_attr_destroy(&attributes);
    if (error) {
        free(errand);
        return -error;
    }
    pthread_setname_np(thread, name);
    return 0;
}

int32_t martlet_open_in_root(int32_t directory, const char *path, int32_t flags) {
    struct open_how how = {
        .flags = (uint64_t)(uint32_t)flags | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    long descriptor = syscall(SYS_openat2, directory, path, &how, sizeof how);
    return descriptor < 0 ? -errno : (int32_t)descriptor;
}

int32_t martlet_sync_file_system(int32_t descriptor) { return syncfs(descriptor) < 0 ? -errno : 0; }

_Static_assert(MARTLET_O_PATH == O_PATH, "the Swift importer does not see O_PATH");

int32_t martlet_open_directory(const char *path) {
    int32_t descriptor = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

#if defined(__x86_64__)
static uint64_t nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_RAW, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

uint64_t martlet_time_stamp_khz(void) {
    struct timespec pause = {.tv_nsec = 20000000};
    uint64_t began = nanoseconds(), first = __builtin_ia32_rdtsc();
    nanosleep(&pause, NULL);
    uint64_t last = __builtin_ia32_rdtsc(), took = nanoseconds() - began;
    // A counter that has been set back in between is none to go by.
    return last > first && took > 0 ? (last - first) * 1000 / (took / 1000 + 1) : 0;
}
#else
uint64_t martlet_time_stamp_khz(void) { return 0; }
#endif

void martlet_copy_once(void *to, const void *from, size_t size) {
    memcpy(to, from, size);
}
