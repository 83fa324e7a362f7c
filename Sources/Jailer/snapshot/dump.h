// SPDX-License-Identifier: Apache-2.0
//
// The photographer: a child of the jailer that stops a sandbox's process, writes its image and ends. The process ends
// with it. dump.c tells the order.
#pragma once
#include "table.h"

// What it is sent for.
struct picture {
    pid_t init;                     // process 1 of the sandbox
    int first;                      // pidfd of its process
    const int *kept;                // its namespaces
    int control;                    // to the jailer
    int folder;
    uint64_t output;                // the inode of its output pipe
    uint64_t memory, files;         // bytes that the image may have
    uint32_t host_id;
};

struct dump {
    const struct picture *picture;
    pid_t process;
    int memory, pages;              // /proc/PID/mem and /proc/PID/pagemap
    int root;                       // the sandbox's
    int image;                      // the memory file
    uint64_t image_bytes;           // of it that are real
    uint64_t gate, scratch;         // where the process can be made to call the kernel, and have its answer put
    pid_t threads[IMAGE_MAX_THREADS];   // as the photographer sees them, in the table's order
    struct table table;
};

void take_picture(const struct picture *picture) __attribute__((noreturn));

// dump_proc.c: what the kernel tells in text
ssize_t read_proc(pid_t process, const char *name, char *into, size_t size);    // terminated; -1 with errno
bool find_field(const char *text, const char *name, char *into, size_t size);   // of a `status` or `fdinfo`
uint64_t number_in(const char *text, const char *name, int base);

// dump_threads.c
int stop_threads(struct dump *dump, struct failure *f);
int dump_threads(struct dump *dump, struct failure *f);
// Has the first thread call the kernel. The result may be an error.
int call_inside(struct dump *dump, uint32_t thread, long number, const uint64_t *arguments, int64_t *result,
    struct failure *f);
int read_inside(const struct dump *dump, uint64_t address, void *into, size_t size, struct failure *f);

// dump_process.c
int check_alone(const struct dump *dump, struct failure *f);
int dump_process(struct dump *dump, struct failure *f);

// dump_areas.c, dump_pages.c
int dump_areas(struct dump *dump, struct failure *f);
// Adds the pieces of one private area, some of whose pages are its own.
int add_pieces(struct dump *dump, const struct image_area *whole, bool has_file, struct failure *f);
int dump_pages(struct dump *dump, struct failure *f);
// The file's place in the table's list. Its contents are the sandbox's; only its size and time are looked at.
int find_file(struct dump *dump, const char *path, bool is_written, uint32_t *index, struct failure *f);

// dump_descriptors.c, dump_sockets.c
int dump_descriptors(struct dump *dump, struct failure *f);
int dump_socket(struct dump *dump, int socket, struct image_descriptor *into, struct failure *f);
int pair_sockets(struct dump *dump, const uint64_t *inodes, struct failure *f);
// Appends `bytes` of a file to the memory file.
int append_file(struct dump *dump, int file, uint64_t bytes, uint64_t *offset, struct failure *f);
