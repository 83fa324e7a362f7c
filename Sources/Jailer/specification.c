// SPDX-License-Identifier: Apache-2.0
//
// A START or CLAIM request, read and judged before anything is done for it.
#include "jailer.h"

#include <string.h>

static int bad(struct failure *f, const char *what, const char *value) {
    return fail(f, JAILER_E_SPECIFICATION, 0, "%s: “%.200s”", what, value);
}

// Absolute, and without a `..` that would leave the directory it seems to lie in.
static bool is_plain_path(const char *path) {
    if (path[0] != '/' || strlen(path) >= 4096) return false;
    for (const char *part = path; *part;) {
        while (*part == '/') part++;
        size_t length = strcspn(part, "/");
        if (length == 2 && part[0] == '.' && part[1] == '.') return false;
        part += length;
    }
    return true;
}

// The id becomes a directory name, so it is checked here as well as in the server.
static bool is_id(const char *id) {
    size_t length = strlen(id);
    if (length < 1 || length > JAILER_ID_BYTES) return false;
    for (const char *c = id; *c; c++) {
        bool allowed = *c == '-' || (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z');
        if (!allowed) return false;
    }
    return true;
}

int read_limits(struct reader *r, struct limits *limits, struct failure *f) {
    limits->memory = read_u64(r);
    limits->temporary = read_u64(r);
    limits->processes = read_u32(r);
    limits->open_files = read_u32(r);
    limits->cpu = read_u32(r);
    if (r->bad) return fail(f, JAILER_E_PROTOCOL, 0, "read the limits");
    // Below this not even the init process and an interpreter's first page fit; above, arithmetic in the kernel
    // overflows.
    if (limits->memory < (4 << 20) || limits->memory > ((uint64_t)1 << 50))
        return bad(f, "the memory limit is out of range", "");
    if (limits->temporary < 4096 || limits->temporary > ((uint64_t)1 << 50))
        return bad(f, "the size of /tmp is out of range", "");
    if (limits->processes < 1 || limits->processes > 1000000) return bad(f, "the process limit is out of range", "");
    if (limits->open_files < 4 || limits->open_files > 1000000)
        return bad(f, "the open-files limit is out of range", "");
    if (limits->cpu > 1000 * 100000) return bad(f, "the CPU share is out of range", "");
    return 0;
}

int read_mounts(struct reader *r, struct mount_spec *mounts, uint32_t *count, struct failure *f) {
    *count = read_count(r, JAILER_MAX_MOUNTS);
    for (uint32_t i = 0; i < *count; i++) {
        mounts[i].flags = read_u32(r);
        mounts[i].source = read_string(r);
        mounts[i].target = read_string(r);
        if (r->bad) return fail(f, JAILER_E_PROTOCOL, 0, "read a mount");
        if (mounts[i].flags & ~(uint32_t)(JAILER_MOUNT_WRITABLE | JAILER_MOUNT_OWNED)
            || mounts[i].flags == JAILER_MOUNT_OWNED)
            return fail(f, JAILER_E_PROTOCOL, 0, "read a mount's flags");
        if (!is_plain_path(mounts[i].source))
            return bad(f, "a mount's source is not an absolute path", mounts[i].source);
        if (!is_plain_path(mounts[i].target) || strspn(mounts[i].target, "/") == strlen(mounts[i].target))
            return bad(f, "a mount's target is not an absolute path below the root", mounts[i].target);
    }
    return 0;
}

static int read_strings(struct reader *r, char **into, uint32_t limit, struct failure *f, const char *what) {
    uint32_t count = read_count(r, limit);
    for (uint32_t i = 0; i < count; i++) into[i] = read_string(r);
    into[count] = NULL;
    return r->bad ? fail(f, JAILER_E_PROTOCOL, 0, "read the %s", what) : 0;
}

static int read_ports(struct reader *r, struct spec *spec, struct failure *f) {
    spec->port_count = read_count(r, JAILER_MAX_LISTENERS);
    for (uint32_t i = 0; i < spec->port_count; i++) {
        uint32_t port = read_u32(r);
        if (port > 65535) return bad(f, "a listener's port is out of range", "");
        spec->ports[i] = (uint16_t)port;
    }
    return 0;
}

int read_command(struct reader *r, struct spec *spec, struct failure *f) {
    spec->directory = read_string(r);
    if (read_strings(r, spec->command, JAILER_MAX_ARGUMENTS, f, "command")) return -1;
    return read_strings(r, spec->environment, JAILER_MAX_ENVIRONMENT, f, "environment");
}

int judge_command(const struct spec *spec, struct failure *f) {
    if (!spec->command[0] || !is_plain_path(spec->command[0]))
        return bad(f, "the command is not an absolute path", spec->command[0] ? spec->command[0] : "");
    if (!is_plain_path(spec->directory))
        return bad(f, "the working directory is not an absolute path", spec->directory);
    return 0;
}

int read_companion(struct reader *r, struct spec *spec, struct failure *f) {
    if (read_command(r, spec, f)) return -1;
    if (read_mounts(r, spec->mounts, &spec->mount_count, f)) return -1;
    if (!read_ended(r)) return fail(f, JAILER_E_PROTOCOL, 0, "read the request to its end");
    return judge_command(spec, f);
}

int read_spec(struct reader *r, struct spec *spec, struct failure *f) {
    spec->id = read_string(r);
    spec->flags = read_u32(r);
    if (r->bad) return fail(f, JAILER_E_PROTOCOL, 0, "read the request");
    if (!is_id(spec->id)) return bad(f, "the sandbox's id has a character or length that is not allowed", spec->id);
    if (spec->flags & ~(uint32_t)(JAILER_START_AWAITS_CLAIM | JAILER_START_HOST_NETWORK | JAILER_START_EXECUTES_LATE
        | JAILER_START_ATTENDED | JAILER_START_KVM | JAILER_START_EGRESS | JAILER_START_VSOCK))
        return fail(f, JAILER_E_PROTOCOL, 0, "read the flags");
    if (spec->flags & JAILER_START_HOST_NETWORK && spec->flags & JAILER_START_EGRESS)
        return fail(f, JAILER_E_PROTOCOL, 0, "read the flags: the host's network needs no way out");
    if (spec->flags & JAILER_START_VSOCK && (spec->flags & JAILER_START_HOST_NETWORK || host.plain))
        return fail(f, JAILER_E_PROTOCOL, 0, "read the flags: a vsock wants a sandbox of its own");
    bool executes_late = spec->flags & JAILER_START_EXECUTES_LATE;
    if (executes_late && !(spec->flags & JAILER_START_AWAITS_CLAIM))
        return fail(f, JAILER_E_PROTOCOL, 0, "read the flags: a late command comes with a claim");
    if (read_limits(r, &spec->limits, f)) return -1;
    spec->root = read_string(r);
    if (read_command(r, spec, f)) return -1;
    if (read_mounts(r, spec->mounts, &spec->mount_count, f)) return -1;
    if (read_ports(r, spec, f)) return -1;
    if (!read_ended(r)) return fail(f, JAILER_E_PROTOCOL, 0, "read the request to its end");
    if (!executes_late && judge_command(spec, f)) return -1;
    if (spec->root[0] && !is_plain_path(spec->root)) return bad(f, "the root is not an absolute path", spec->root);
    return 0;
}
