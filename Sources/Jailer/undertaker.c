// SPDX-License-Identifier: Apache-2.0
//
// Who buries the sandboxes of a jailer that was killed. Each process 1 hears of that death by a signal, but one that is
// frozen, with all of its sandbox, hears nothing; it would stand there, with its memory, until the next jailer's start.
// So a process outside of the groups waits for the jailer's end, and then does what that start would do.
#define _GNU_SOURCE
#include "jailer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void bury(pid_t jailer, int poller) __attribute__((noreturn));
static void bury(pid_t jailer, int poller) {
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, jailer, 0), .events = POLLIN};
    prctl(PR_SET_NAME, "martlet-burial", 0, 0, 0);
    setsid();
    signal(SIGTERM, SIG_IGN);
    // The server must see the jailer's end by the end of its socket.
    close(JAILER_SOCKET);
    close(poller);
    // With the descriptor open, that number is the jailer's or nobody's, and it was the parent or has died before.
    while (end.fd >= 0 && getppid() == jailer && poll(&end, 1, -1) < 0 && errno == EINTR) continue;
    // Twice: what was frozen in one hierarchy keeps its groups in the others until it is thawed there.
    cgroups_close();
    cgroups_close();
    _exit(0);
}

static pid_t undertaker;

int undertaker_start(int poller, struct failure *f) {
    pid_t jailer = getpid();
    if (!cgroups_any()) return 0;
    undertaker = fork();
    if (undertaker == 0) bury(jailer, poller);
    return undertaker < 0 ? fail(f, JAILER_E_BUSY, errno, "fork") : 0;
}

void undertaker_dismiss(void) {
    if (undertaker <= 0) return;
    kill(undertaker, SIGKILL);
    waitpid(undertaker, NULL, 0);
}
