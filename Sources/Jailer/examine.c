// SPDX-License-Identifier: Apache-2.0
//
// What `martlet doctor` asks: does this host have what sandboxes need? Each answer comes from trying, in a child that
// ends afterwards, since what a sysctl or a security module forbids is seen best by its refusal.
#define _GNU_SOURCE
#include "jailer.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

struct check {
    uint32_t result;
    const char *item;
    char detail[512];
};

// Runs `attempt` in a child and brings its failure back. True when it succeeded.
static bool try_in_child(int (*attempt)(struct failure *), struct failure *f) {
    int channel[2];
    if (pipe(channel) < 0) return false;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGTERM, SIG_DFL);
        attempt(f);
        (void)!write(channel[1], f, sizeof *f);
        _exit(0);
    }
    close(channel[1]);
    ssize_t got = child < 0 ? -1 : read(channel[0], f, sizeof *f);
    close(channel[0]);
    if (child > 0) waitpid(child, NULL, 0);
    if (got != (ssize_t)sizeof *f) fail(f, JAILER_E_FAILED, 0, "The attempt ended without an answer");
    return f->code == 0;
}

static int try_user_namespace(struct failure *f) {
    if (geteuid() != 0) return enter_user_namespace(f);
    return unshare(CLONE_NEWUSER) ? fail(f, JAILER_E_HOST_LACKS, errno, "make a user namespace") : 0;
}

static int try_mounts(struct failure *f) {
    host.rootless = geteuid() != 0;
    if (host.rootless && enter_user_namespace(f)) return -1;
    return workshop_open(f);
}

static void report_failure(struct check *check, uint32_t result, const struct failure *f) {
    check->result = result;
    snprintf(check->detail, sizeof check->detail, "%s%s%s", f->text, f->error ? ": " : "",
        f->error ? strerror(f->error) : "");
}

static void examine_kernel(struct check *check) {
    struct utsname name;
    int major = 0, minor = 0;
    if (uname(&name) == 0) sscanf(name.release, "%d.%d", &major, &minor);
    bool recent = major > 5 || (major == 5 && minor >= 12);
    check->result = recent ? JAILER_CHECK_PRESENT : JAILER_CHECK_MISSING;
    snprintf(check->detail, sizeof check->detail,
        recent ? "Linux %s" : "Linux %s; 5.12 or later is needed (mount_setattr)", name.release);
}

static void examine_user_namespaces(struct check *check) {
    struct failure failure = {0};
    if (try_in_child(try_user_namespace, &failure)) {
        snprintf(check->detail, sizeof check->detail, "can be made by user %d", (int)geteuid());
        return;
    }
    // Root's jailer gives functions a user of their own instead.
    report_failure(check, geteuid() == 0 ? JAILER_CHECK_DEGRADED : JAILER_CHECK_MISSING, &failure);
}

static void examine_mounts(struct check *check) {
    struct failure failure = {0};
    if (try_in_child(try_mounts, &failure)) snprintf(check->detail, sizeof check->detail,
        "a root of its own can be put together");
    else report_failure(check, JAILER_CHECK_MISSING, &failure);
}

static int try_egress(struct failure *f) {
    int sockets[JAILER_EGRESS_SOCKETS];
    if (geteuid() != 0 && enter_user_namespace(f)) return -1;
    if (unshare(CLONE_NEWNET)) return fail(f, JAILER_E_HOST_LACKS, errno, "make a network namespace");
    return raise_loopback(f) || open_egress(sockets, f) ? -1 : 0;
}

static void examine_egress(struct check *check) {
    struct failure failure = {0};
    if (try_in_child(try_egress, &failure)) snprintf(check->detail, sizeof check->detail,
        "sandboxes can be given a way out (--network egress)");
    else report_failure(check, JAILER_CHECK_DEGRADED, &failure);
}

static int try_seccomp(struct failure *f) {
    return seccomp_prepare(f) || seccomp_apply(f) ? -1 : 0;
}

static void examine_seccomp(struct check *check) {
    struct failure failure = {0};
    if (try_in_child(try_seccomp, &failure)) snprintf(check->detail, sizeof check->detail, "filters can be installed");
    else report_failure(check, JAILER_CHECK_MISSING, &failure);
}

// The answer of try_cgroups that is not a failure travels in the text.
static int try_cgroups(struct failure *f) {
    char summary[400] = "";
    int result = cgroups_open(false, false, summary, sizeof summary, f);
    cgroups_close();
    if (result == 0) snprintf(f->text, sizeof f->text, "%s", summary);
    return result;
}

static void examine_cgroups(struct check *check) {
    struct failure failure = {0};
    if (try_in_child(try_cgroups, &failure)) snprintf(check->detail, sizeof check->detail, "%s", failure.text);
    else report_failure(check, JAILER_CHECK_MISSING, &failure);
}

static void examine_overlay(struct check *check) {
    FILE *file = fopen("/proc/filesystems", "re");
    char line[128];
    bool found = false;
    while (file && fgets(line, sizeof line, file)) found = found || strstr(line, "\toverlay\n");
    if (file) fclose(file);
    check->result = found ? JAILER_CHECK_PRESENT : JAILER_CHECK_DEGRADED;
    snprintf(check->detail, sizeof check->detail,
        found ? "for functions from images" : "not loaded; functions from images need it (modprobe overlay)");
}

static void examine_landlock(struct check *check) {
    int version = landlock_version();
    check->result = version ? JAILER_CHECK_PRESENT : JAILER_CHECK_DEGRADED;
    if (version) snprintf(check->detail, sizeof check->detail, "version %d; only the process driver needs it", version);
    else snprintf(check->detail, sizeof check->detail, "not there; only the process driver would use it");
}

static void (*const examinations[])(struct check *) = {
    examine_kernel, examine_user_namespaces, examine_mounts, examine_seccomp, examine_cgroups, examine_overlay,
        examine_landlock, examine_egress,
};
static const char *const items[] = {"kernel", "user namespaces", "mounts", "seccomp", "cgroups", "overlayfs",
    "landlock", "egress"};

void examine_host(struct writer *w) {
    uint32_t count = sizeof examinations / sizeof *examinations;
    write_u32(w, count);
    for (uint32_t i = 0; i < count; i++) {
        struct check check = {.result = JAILER_CHECK_PRESENT, .item = items[i]};
        examinations[i](&check);
        write_u32(w, check.result);
        write_string(w, check.item);
        write_string(w, check.detail);
    }
}
