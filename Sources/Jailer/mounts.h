// SPDX-License-Identifier: Apache-2.0
//
// What workshop.c, mounts.c and claim.c share.
//
// The *workshop* is a small file system that the jailer mounts, once, in a mount namespace of its own (so nobody else
// sees it), over /sys, which is always there and never a source. It holds what all sandboxes share, ready to be
// bound: the host's /usr and the like (read-only), an /etc and a /dev. A sandbox starts with a copy of that
// namespace, puts its root together at WORKSHOP/root, pivots into it and forgets the rest.
#pragma once
#include "jailer.h"

// <sys/mount.h> and <linux/mount.h> cannot both be included with every C library.
#include <linux/mount.h>
int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

#define WORKSHOP "/sys"
#define ROOT WORKSHOP "/root"

enum { DETACH = 2 };                // MNT_DETACH

// Directories of the host's root that a sandbox has too, where the host has them. Ends in NULL.
extern const char *const shared_directories[];

// Adds and takes away attributes (MOUNT_ATTR_…) of the mount at `path` below `tree`, and makes it private.
int set_attributes(int tree, const char *path, uint64_t set, uint64_t clear, bool deep);
// Binds a host path, with everything mounted below it, at `target` below `directory`. Attributes are only ever added.
int bind_host(const char *source, int directory, const char *target, uint64_t attributes);
// A copy of what is mounted at `source`, nowhere yet, with the attributes and the owner that `spec` asks for. `proc`
// is a proc file system in which this process sees its children; `host_id` the function's user.
int open_mount(const struct mount_spec *spec, const char *proc, uint32_t host_id, struct failure *f);

// Says which mount of the request has failed. Returns -1.
int blame_mount(uint32_t index, struct failure *f);
// Has the tree belong to the function: see owners.c.
int give_to_function(int tree, const char *proc, uint32_t host_id, struct failure *f);
// Opens `path` below `top`, having made what is missing of it. What exists may be a link, which stays inside `top`.
int make_directories(int top, const char *path, bool last_is_file);
// Also for what does not exist, so that a missing source is found when it is mounted.
bool is_directory(const char *path);
// Of a mount of the specification.
uint64_t attributes_of(const struct mount_spec *spec);
