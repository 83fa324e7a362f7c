// SPDX-License-Identifier: Apache-2.0
//
// Snapshots, as the loop sees them: a photographer is a companion of the sandbox whose image it takes, so it is looked
// after and ends with it; a copy is a sandbox that begins in another way.
#define _GNU_SOURCE
#include "sandboxes.h"
#include "snapshot/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_folder(const char *path, struct failure *f) {
    if (path[0] != '/') return fail(f, JAILER_E_SPECIFICATION, 0, "the image's folder is not an absolute path");
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder < 0 ? fail(f, JAILER_E_SPECIFICATION, errno, "open the image's folder %.200s", path) : folder;
}

// ---- taking one ----

static int judge_home(const struct sandbox *home, struct failure *f) {
    if (host.plain) return fail(f, JAILER_E_HOST_LACKS, 0, "Without namespaces there are no snapshots");
    if (!home->is_attended) return fail(f, JAILER_E_SPECIFICATION, 0, "the sandbox is not attended");
    if (home->lingers_since) return fail(f, JAILER_E_ENDED, 0, "The sandbox is ending");
    if (home->awaits_claim) return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: it has not been claimed yet");
    if (home->is_copy) return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: it began from a snapshot itself");
    if (home->companions) return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: it has companions");
    return 0;
}

static int launch(struct sandbox *photographer, int folder, struct failure *f) {
    struct sandbox *home = photographer->home;
    int control[2], pidfd = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control)) return fail(f, JAILER_E_FAILED, errno,
        "make a socket pair");
    struct picture picture = {.init = home->process, .first = home->kept[KEPT_FIRST], .kept = home->kept,
        .control = control[1], .folder = folder, .output = home->output_inode, .memory = home->memory_limit,
        .files = home->temporary_limit + home->memory_limit / 2,
        .host_id = host_id_of(home)};
    struct clone_args arguments = {.flags = CLONE_PIDFD, .pidfd = (uintptr_t)&pidfd, .exit_signal = SIGCHLD};
    photographer->process = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (photographer->process == 0) take_picture(&picture);
    int error = errno;
    close(control[1]);
    photographer->control = control[0];
    photographer->pidfd = pidfd;
    if (photographer->process > 0) return 0;
    close(control[0]);
    return fail(f, JAILER_E_BUSY, error, "fork");
}

int start_snapshot(uint32_t request, struct reader *r, struct failure *f) {
    struct failure ignored;
    struct sandbox *home = with_handle(read_u64(r), f);
    const char *path = read_string(r);
    if (!read_ended(r)) return fail(f, JAILER_E_PROTOCOL, 0, "read the request to its end");
    if (!home || judge_home(home, f)) return -1;
    int folder = open_folder(path, f);
    if (folder < 0) return -1;
    // A frozen process does not stop for anybody.
    if (cgroups_found() & JAILER_HAS_FREEZER) cgroups_freeze(home->id, false, &ignored);
    struct sandbox *photographer = take_place(NULL, request, f);
    int result = photographer ? 0 : -1;
    if (result == 0) {
        strcpy(photographer->id, home->id);
        photographer->home = home;
        photographer->home_generation = home->generation;
        photographer->is_photographer = true;
        result = launch(photographer, folder, f);
    }
    close(folder);
    if (result) return -1;
    home->companions++;
    return begin_life(photographer, f);
}

// ---- beginning from one ----

static int open_image(const char *path, struct image_files *image, struct failure *f) {
    static const char *const names[] = {"memory", "files", "table"};
    int folder = open_folder(path, f), opened[3] = {-1, -1, -1}, result = folder < 0 ? -1 : 0;
    for (int i = 0; i < 3 && result == 0; i++) {
        struct stat status;
        opened[i] = openat(folder, names[i], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (opened[i] < 0 || fstat(opened[i], &status)) result = fail(f, JAILER_E_SPECIFICATION, errno,
            "open the image's %s in %.200s", names[i], path);
        else if (!S_ISREG(status.st_mode)) result = fail(f, JAILER_E_SPECIFICATION, 0,
            "open the image's %s: it is no file", names[i]);
    }
    if (folder >= 0) close(folder);
    *image = (struct image_files){opened[0], opened[1], opened[2]};
    return result;
}

int start_copy(uint32_t request, struct reader *r, struct failure *f) {
    const char *path = read_string(r);
    struct image_files image = {-1, -1, -1};
    if (r->bad) return fail(f, JAILER_E_PROTOCOL, 0, "read the request");
    int result = host.plain ? fail(f, JAILER_E_HOST_LACKS, 0, "Without namespaces there are no snapshots")
        : open_image(path, &image, f);
    if (result == 0) result = start_sandbox(request, r, &image, f);
    if (image.memory >= 0) close(image.memory);
    if (image.files >= 0) close(image.files);
    if (image.table >= 0) close(image.table);
    return result;
}
