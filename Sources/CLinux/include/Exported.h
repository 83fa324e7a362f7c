// SPDX-License-Identifier: Apache-2.0
//
// System calls on files below a directory that is shown to somebody else.
#pragma once
#include <linux/stat.h>
#include <stddef.h>
#include <stdint.h>

/// Opens `path` below `directory`, an empty path being the directory itself. Neither `..` nor a link leads anywhere: a
/// link on the way is ELOOP, one at the end, too, unless it is only named (O_PATH). Mounts are crossed. Returns the
/// descriptor, or minus errno.
int32_t martlet_open_beneath(int32_t directory, const char *path, int32_t flags);

/// What the kernel knows of an open file, O_PATH or not. Returns 0, or minus errno.
int32_t martlet_file_status(int32_t descriptor, struct statx *status);

/// Reads the target of a link that is open by O_PATH, without a zero byte. Returns its length, or minus errno.
int64_t martlet_read_link(int32_t descriptor, char *buffer, size_t size);

/// Reads entries of an open directory, as getdents64(2). Returns the bytes, 0 at the end, or minus errno.
int64_t martlet_read_entries(int32_t directory, void *buffer, size_t size);

/// Reads an extended attribute of an open file, or the list of their names where `name` is NULL. With a size of 0 it
/// tells the size only. Returns the bytes, or minus errno.
int64_t martlet_read_attribute(int32_t descriptor, const char *name, void *buffer, size_t size);
