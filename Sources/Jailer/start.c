// SPDX-License-Identifier: Apache-2.0
//
// How a sandbox is born: its channels, its groups, and the clone that becomes its process 1.
#define _GNU_SOURCE
#include "sandboxes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Clones the child. Returns its pid to the jailer; the child does not come back.
static pid_t clone_child(struct birth *birth, int *pidfd) {
    const struct spec *spec = birth->spec;
    uint64_t namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
    if (!(spec->flags & JAILER_START_HOST_NETWORK)) namespaces |= CLONE_NEWNET;
    struct clone_args arguments = {.flags = CLONE_PIDFD | (host.plain ? 0 : namespaces), .pidfd = (uintptr_t)pidfd,
        .exit_signal = SIGCHLD};
    // Being born in the group is quicker than moving there.
    int group = cgroups_clone_target(spec->id);
    if (group >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = (uint64_t)group;
    }
    pid_t process = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (process == 0) run_init(birth);
    int error = errno;
    if (group >= 0) close(group);
    errno = error;
    return process;
}

int open_channels(int *control, int *output, uint32_t host_id, struct failure *f) {
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
        return fail(f, JAILER_E_FAILED, errno, "make a socket pair");
    if (pipe2(output, O_CLOEXEC) == 0) {
        // So that the function may open /dev/stdout and /dev/stderr.
        if (!host.plain && !host.rootless) (void)!fchown(output[1], host_id, host_id);
        return 0;
    }
    int error = errno;
    close(control[0]);
    close(control[1]);
    return fail(f, JAILER_E_FAILED, error, "make a pipe");
}

// Server's end first.
static int open_claim(int *claim, struct failure *f) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, claim) == 0) return 0;
    claim[0] = claim[1] = -1;
    return fail(f, JAILER_E_FAILED, errno, "make a socket pair for the claim");
}

static int launch(struct sandbox *sandbox, const struct spec *spec, const struct image_files *image,
    struct failure *f) {
    int control[2], output[2], claim[2] = {-1, -1}, result = 0;
    struct birth birth = {.spec = spec, .host_id = host_id_of(sandbox), .image = image};
    struct stat status;
    if (open_channels(control, output, birth.host_id, f)) return -1;
    birth.control = control[1];
    birth.output = output[1];
    if (host.plain) snprintf(birth.scratch, sizeof birth.scratch, "%s/%.64s", host.scratch, spec->id);
    memcpy(sandbox->scratch, birth.scratch, sizeof birth.scratch);
    if (host.plain && make_scratch(birth.scratch, f)) result = -1;
    if (sandbox->awaits_claim && open_claim(claim, f)) result = -1;
    birth.claim = claim[1];
    if (result == 0) {
        sandbox->process = clone_child(&birth, &sandbox->pidfd);
        if (sandbox->process < 0) {
            result = fail(f, errno == EAGAIN ? JAILER_E_BUSY : JAILER_E_HOST_LACKS, errno,
                "make the sandbox's namespaces");
            remove_scratch(birth.scratch);
        }
    }
    close(control[1]);
    close(output[1]);
    close_if_open(&claim[1]);
    if (result < 0) {
        close(control[0]);
        close(output[0]);
        close_if_open(&claim[0]);
        return -1;
    }
    if (fstat(output[0], &status) == 0) sandbox->output_inode = status.st_ino;
    sandbox->claim = claim[0];
    sandbox->control = control[0];
    sandbox->output = output[0];
    return 0;
}

int start_sandbox(uint32_t request, struct reader *r, const struct image_files *image, struct failure *f) {
    static struct spec spec;
    if (read_spec(r, &spec, f)) return -1;
    if (host.plain && (spec.root[0] || spec.flags & (JAILER_START_AWAITS_CLAIM | JAILER_START_EGRESS)))
        return fail(f, JAILER_E_HOST_LACKS, 0,
            "Without namespaces there are no images, no late mounts and no networks");
    if (image && spec.flags & JAILER_START_AWAITS_CLAIM)
        return fail(f, JAILER_E_PROTOCOL, 0, "read the flags: a copy awaits no claim");
    struct sandbox *sandbox = take_place(spec.id, request, f);
    if (!sandbox || cgroups_create(spec.id, &spec.limits, f)) return -1;
    strcpy(sandbox->id, spec.id);
    sandbox->awaits_claim = spec.flags & JAILER_START_AWAITS_CLAIM;
    sandbox->is_attended = spec.flags & JAILER_START_ATTENDED;
    sandbox->is_copy = image != NULL;
    sandbox->memory_limit = spec.limits.memory;
    sandbox->temporary_limit = spec.limits.temporary;
    sandbox->open_files = spec.limits.open_files;
    sandbox->process_limit = spec.limits.processes;
    if (launch(sandbox, &spec, image, f)) {
        cgroups_remove(spec.id);
        return -1;
    }
    return begin_life(sandbox, f);
}
