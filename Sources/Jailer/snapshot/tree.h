// SPDX-License-Identifier: Apache-2.0
//
// Trees of files in one file: what lay in /tmp and /dev/shm. Both sides run without privileges, inside the sandbox.
#pragma once
#include "../jailer.h"

enum { TREE_MAX_ENTRIES = 100000, TREE_MAX_DEPTH = 64 };

// Writes the directories and what is in them. `limit`: bytes of all files together, holes included.
int pack_trees(int into, uint64_t limit, struct failure *f);
int unpack_trees(int from, struct failure *f);
