// SPDX-License-Identifier: Apache-2.0
//
// The photographer. It is forked from the jailer, because taking an image takes longer than the jailer may be away,
// and because what it reads is a tenant's: whatever that does to it, it ends with the picture.
//
// It stops the sandbox's process for good, asks the kernel about it, and writes the image. The files of /tmp are
// packed by a child of its own, inside the sandbox and without privileges, since their names are the tenant's.
#define _GNU_SOURCE
#include "dump.h"
#include "machine.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- what is needed ----

static int open_of(pid_t process, const char *name, int flags, struct failure *f) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)process, name);
    int opened = open(path, flags | O_CLOEXEC);
    return opened < 0 ? fail(f, JAILER_E_HOST_LACKS, errno, "open the process's %s", name) : opened;
}

static int find_process(struct dump *dump, struct failure *f) {
    char name[32], text[1024];
    snprintf(name, sizeof name, "fdinfo/%d", dump->picture->first);
    if (read_proc(getpid(), name, text, sizeof text) < 0) return fail(f, JAILER_E_HOST_LACKS, errno,
        "look up the process");
    int64_t number = (int64_t)number_in(text, "Pid", 10);
    if (number <= 0 || number > INT32_MAX) return fail(f, JAILER_E_ENDED, 0, "The sandbox has ended");
    dump->process = (pid_t)number;
    dump->memory = open_of(dump->process, "mem", O_RDONLY, f);
    dump->pages = dump->memory < 0 ? -1 : open_of(dump->process, "pagemap", O_RDONLY, f);
    dump->root = dump->pages < 0 ? -1 : open_of(dump->process, "root", O_PATH | O_DIRECTORY, f);
    return dump->root < 0 ? -1 : 0;
}

// A way into the kernel is in the vdso, which is the kernel's own page and mapped in every process.
static int find_gate(struct dump *dump, struct failure *f) {
    static uint8_t code[65536];
    char line[512], path[64];
    struct image_span span = {0, 0};
    snprintf(path, sizeof path, "/proc/%d/maps", (int)dump->process);
    FILE *list = fopen(path, "re");
    while (list && fgets(line, sizeof line, list)) {
        unsigned long long start, end;
        char name[16] = "";
        // A line of a file has a device that is not 00:00, and so can pretend nothing.
        if (sscanf(line, "%llx-%llx r-xp 00000000 00:00 0 %15s", &start, &end, name) == 3 && strcmp(name, "[vdso]") == 0)
            span = (struct image_span){start, end};
    }
    if (list) fclose(list);
    size_t size = span.end - span.start;
    if (size == 0 || size > sizeof code || read_inside(dump, span.start, code, size, f))
        return fail(f, JAILER_E_HOST_LACKS, 0, "find the vdso of the process");
    long at = machine_find_gate(code, size);
    if (at < 0) return fail(f, JAILER_E_HOST_LACKS, 0, "find a system call in the vdso");
    dump->gate = span.start + (uint64_t)at;
    return 0;
}

static int create(int folder, const char *name, struct failure *f) {
    int made = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return made < 0 ? fail(f, JAILER_E_FAILED, errno, "make the image's %s", name) : made;
}

// ---- the files ----

// In the child: becomes what the function is, and packs.
static int pack_inside(const struct picture *picture, int files, int way, struct failure *f) {
    uint32_t user = host.user_namespaces ? FUNCTION_UID : picture->host_id;
    uint32_t group = host.user_namespaces ? FUNCTION_GID : picture->host_id;
    if (setns(picture->kept[KEPT_OTHERS], CLONE_NEWNS)) return fail(f, JAILER_E_FAILED, errno, "enter the sandbox");
    if (!host.rootless) syscall(SYS_setgroups, 0, NULL);
    if (picture->kept[KEPT_USER] >= 0 && setns(picture->kept[KEPT_USER], CLONE_NEWUSER))
        return fail(f, JAILER_E_FAILED, errno, "enter the user namespace");
    if (become_powerless(user, group, f)) return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return fail(f, JAILER_E_HOST_LACKS, errno, "set no_new_privs");
    if (seccomp_apply(f)) return -1;
    // It has no use for the photographer's other files, of the process's memory above all.
    const int kept[] = {files, way};
    if (close_all_but(kept, 2)) return fail(f, JAILER_E_FAILED, errno, "close the other files");
    return pack_trees(files, picture->files, f);
}

static int pack(const struct picture *picture, struct failure *f) {
    int way[2], files = create(picture->folder, "files", f);
    if (files < 0) return -1;
    if (pipe2(way, O_CLOEXEC)) return fail(f, JAILER_E_FAILED, errno, "make a pipe");
    pid_t packer = fork();
    if (packer == 0) {
        int result = pack_inside(picture, files, way[1], f);
        if (result) (void)!write(way[1], f, sizeof *f);
        _exit(result != 0);
    }
    close(way[1]);
    close(files);
    struct failure told;
    ssize_t got = packer < 0 ? -1 : read(way[0], &told, sizeof told);
    int status = 1;
    close(way[0]);
    if (packer < 0 || waitpid(packer, &status, __WALL) != packer) return fail(f, JAILER_E_BUSY, errno, "fork");
    if (got == (ssize_t)sizeof told) {
        *f = told;
        f->text[sizeof f->text - 1] = 0;
        return -1;
    }
    return status ? fail(f, JAILER_E_FAILED, 0, "pack the files of /tmp") : 0;
}

// ---- all of it ----

static int write_table(struct dump *dump, struct failure *f) {
    int file = create(dump->picture->folder, "table.new", f);
    int result = file < 0 ? -1 : table_write(&dump->table, file, f);
    if (file >= 0) close(file);
    // Only a whole image has a table.
    if (result == 0 && renameat(dump->picture->folder, "table.new", dump->picture->folder, "table"))
        result = fail(f, JAILER_E_FAILED, errno, "name the image's table");
    return result;
}

static uint64_t bytes_of(int folder) {
    static const char *const names[] = {"memory", "files", "table"};
    uint64_t bytes = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct stat status;
        if (fstatat(folder, names[i], &status, AT_SYMLINK_NOFOLLOW) == 0) bytes += (uint64_t)status.st_blocks * 512;
    }
    return bytes;
}

static int photograph(struct dump *dump, struct failure *f) {
    if (!machine_is_known()) return fail(f, JAILER_E_HOST_LACKS, 0, "take snapshots on this processor");
    if (find_process(dump, f) || stop_threads(dump, f) || check_alone(dump, f)) return -1;
    if (find_gate(dump, f) || dump_threads(dump, f) || dump_process(dump, f)) return -1;
    dump->image = create(dump->picture->folder, "memory", f);
    if (dump->image < 0 || dump_areas(dump, f) || dump_pages(dump, f) || dump_descriptors(dump, f)) return -1;
    return pack(dump->picture, f) || write_table(dump, f) ? -1 : 0;
}

void take_picture(const struct picture *picture) {
    static struct dump dump;
    struct birth_report told = {.kind = BORN_FAILED};
    // Nobody is to look into it or to write into it, should it and the function be the same user.
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    signal(SIGTERM, SIG_DFL);
    dump.picture = picture;
    table_begin(&dump.table);
    if (photograph(&dump, &told.failure) == 0) {
        told.kind = BORN_PICTURED;
        told.bytes = bytes_of(picture->folder);
    }
    struct writer body = {.length = sizeof told};
    memcpy(body.bytes, &told, sizeof told);
    send_message(picture->control, 0, 0, &body, NULL, 0);
    _exit(0);
}
