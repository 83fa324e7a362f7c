// SPDX-License-Identifier: Apache-2.0
//
// The sandboxes: the table of them, what is told about each, and how it is buried. How one is born: start.c.
#define _GNU_SOURCE
#include "sandboxes.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { START_PATIENCE_MS = 20000, PICTURE_PATIENCE_MS = 600000, REMOVE_ATTEMPTS = 400, REMOVE_PAUSE_MS = 5 };

static struct sandbox sandboxes[JAILER_MAX_SANDBOXES];
static int used_count;              // places from here on have never been used: not looked at, so not in memory
static int poller = -1;
static int dead_count, starting_count, alive_count, lingering_count;

// What an epoll event is about: the server (0), or a sandbox's process or control socket. The sandbox is named by
// index and generation, since an event may be older than the sandbox that now has its place.
enum { ABOUT_PROCESS = 1, ABOUT_CONTROL = 2 };
enum { ABOUT_SHIFT = 56, GENERATION_SHIFT = 32, GENERATION_MASK = 0xffffff };

static uint64_t now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static int watch(int descriptor, uint64_t about, struct sandbox *sandbox) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = about << ABOUT_SHIFT};
    if (sandbox) {
        event.data.u64 |= (uint64_t)(sandbox->generation & GENERATION_MASK) << GENERATION_SHIFT;
        event.data.u64 |= (uint64_t)(sandbox - sandboxes);
    }
    return epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event);
}

// Closing alone would not do: a child that is just being born has a copy of the descriptor.
static void unwatch(int descriptor) {
    if (descriptor >= 0) epoll_ctl(poller, EPOLL_CTL_DEL, descriptor, NULL);
}

void close_if_open(int *descriptor) {
    if (*descriptor >= 0) close(*descriptor);
    *descriptor = -1;
}

// ---- the table ----

static uint64_t handle_of(const struct sandbox *sandbox) {
    return (uint64_t)sandbox->generation << 32 | (uint64_t)(sandbox - sandboxes);
}

struct sandbox *with_handle(uint64_t handle, struct failure *f) {
    uint32_t index = (uint32_t)handle, generation = (uint32_t)(handle >> 32);
    if (index < JAILER_MAX_SANDBOXES && sandboxes[index].state == RUNNING && sandboxes[index].generation == generation
        && !sandboxes[index].home)
        return &sandboxes[index];
    fail(f, JAILER_E_ENDED, 0, "The sandbox has ended");
    return NULL;
}

static struct sandbox *free_slot(const char *id, struct failure *f) {
    struct sandbox *found = NULL;
    for (int i = 0; i < used_count; i++) {
        if (sandboxes[i].state == FREE) {
            if (!found) found = &sandboxes[i];
        } else if (id && strcmp(sandboxes[i].id, id) == 0) {
            fail(f, JAILER_E_SPECIFICATION, 0, "there is a sandbox %s already", id);
            return NULL;
        }
    }
    if (!found && used_count < JAILER_MAX_SANDBOXES) found = &sandboxes[used_count++];
    if (!found) fail(f, JAILER_E_BUSY, 0, "There are %d sandboxes already, and no more can be", JAILER_MAX_SANDBOXES);
    return found;
}

// `id` is NULL for a companion, which has its sandbox's.
struct sandbox *take_place(const char *id, uint32_t request, struct failure *f) {
    struct sandbox *sandbox = free_slot(id, f);
    if (!sandbox) return NULL;
    uint32_t generation = sandbox->generation;
    *sandbox = (struct sandbox){.generation = generation, .pidfd = -1, .control = -1, .output = -1, .claim = -1,
        .mounts = -1, .request = request, .born = now_ms()};
    memset(sandbox->kept, -1, sizeof sandbox->kept);
    return sandbox;
}

uint32_t host_id_of(const struct sandbox *sandbox) {
    return host.rootless ? 0 : FIRST_HOST_UID + (uint32_t)(sandbox - sandboxes);
}

// ---- the life of a child ----

static void started(struct sandbox *sandbox, const int *listeners, size_t count) {
    struct writer body = {0};
    int descriptors[JAILER_MAX_DESCRIPTORS] = {sandbox->output};
    memcpy(descriptors + 1, listeners, count * sizeof(int));
    count++;
    if (sandbox->claim >= 0) descriptors[count++] = sandbox->claim;
    int peak = sandbox->home ? -1 : cgroups_peak_file(sandbox->id);
    if (peak >= 0) descriptors[count++] = peak;
    sandbox->state = RUNNING;
    sandbox->was_answered = true;
    sandbox->was_started = true;
    starting_count--;
    write_u32(&body, JAILER_OK);
    write_u64(&body, handle_of(sandbox));
    write_u32(&body, peak >= 0);
    answer(sandbox->request, &body, descriptors, count);
    close_if_open(&peak);
    close_if_open(&sandbox->output);
    close_if_open(&sandbox->claim);
}

static bool is_companion_of(const struct sandbox *companion, const struct sandbox *sandbox) {
    return companion->home == sandbox && companion->home_generation == sandbox->generation
        && (companion->state == STARTING || companion->state == RUNNING);
}

static void kill_companions(const struct sandbox *sandbox);

void kill_sandbox(struct sandbox *sandbox) {
    // A plain sandbox's supervisor kills the others, so it must not die before them.
    syscall(SYS_pidfd_send_signal, sandbox->pidfd, host.plain ? SIGTERM : SIGKILL, NULL, 0);
    // The group is the sandbox's, not its companion's.
    if (!sandbox->home) cgroups_kill(sandbox->id);
    if (host.plain) signal_descendants(sandbox->process, SIGKILL);
    kill_companions(sandbox);
}

static void kill_companions(const struct sandbox *sandbox) {
    for (int i = 0; sandbox->companions > 0 && i < used_count; i++)
        if (is_companion_of(&sandboxes[i], sandbox)) kill_sandbox(&sandboxes[i]);
}

void signal_plain(const struct sandbox *sandbox, int signal_number) {
    signal_descendants(sandbox->process, signal_number);
    for (int i = 0; sandbox->companions > 0 && i < used_count; i++)
        if (is_companion_of(&sandboxes[i], sandbox)) signal_descendants(sandboxes[i].process, signal_number);
}

// Takes what is kept off the end of the descriptors that came. False when not all of it has come.
static bool keep(struct sandbox *sandbox, uint32_t mask, const int *descriptors, size_t *count) {
    for (int i = KEPT - 1; i >= 0; i--) {
        if (!(mask & 1U << i)) continue;
        if (*count == 0) return false;
        sandbox->kept[i] = descriptors[--*count];
    }
    return true;
}

static void send_exit(struct sandbox *sandbox, uint32_t operation);

// The first process has ended.
static void first_ended(struct sandbox *sandbox, int32_t status) {
    uint64_t now;
    sandbox->has_status = true;
    sandbox->status = status;
    if (!sandbox->is_attended || sandbox->lingers_since) return;
    sandbox->lingers_since = now_ms();
    lingering_count++;
    if (sandbox->companions == 0) {
        kill_sandbox(sandbox);
        return;
    }
    sandbox->oom_kills = cgroups_oom_kills(sandbox->id);
    cgroups_usage(sandbox->id, &sandbox->peak, &now, &sandbox->cpu);
    send_exit(sandbox, JAILER_ENDING);
}

// Takes one report of a child. False when there is none.
static bool take_report(struct sandbox *sandbox) {
    struct {
        struct jailer_header header;
        struct birth_report report;
    } told;
    int descriptors[BORN_MAX_DESCRIPTORS];
    size_t count = BORN_MAX_DESCRIPTORS;
    ssize_t got = receive_message(sandbox->control, &told, sizeof told, descriptors, &count, MSG_DONTWAIT);
    if (got == (ssize_t)sizeof told && told.report.kind == BORN_STARTED && sandbox->state == STARTING) {
        bool has_all = !sandbox->is_attended || keep(sandbox, (uint32_t)told.report.value, descriptors, &count);
        if (sandbox->awaits_claim && count > 0) sandbox->mounts = descriptors[--count];
        if (has_all) started(sandbox, descriptors, count);
        else kill_sandbox(sandbox);     // no more files can be open; its end is the answer
    } else if (got == (ssize_t)sizeof told && told.report.kind == BORN_FAILED && sandbox->state == STARTING
        && !sandbox->was_answered) {
        told.report.failure.text[sizeof told.report.failure.text - 1] = 0;
        answer_failure(sandbox->request, &told.report.failure);
        sandbox->was_answered = true;
        kill_sandbox(sandbox);
    } else if (got == (ssize_t)sizeof told && told.report.kind == BORN_PICTURED && sandbox->is_photographer) {
        struct writer body = {0};
        write_u32(&body, JAILER_OK);
        write_u64(&body, told.report.bytes);
        answer(sandbox->request, &body, NULL, 0);
        sandbox->was_answered = true;
    } else if (got == (ssize_t)sizeof told && told.report.kind == BORN_EXITED) {
        first_ended(sandbox, told.report.value);
    }
    for (size_t i = 0; i < count; i++) close(descriptors[i]);
    return got > 0;
}

static void send_exit(struct sandbox *sandbox, uint32_t operation) {
    struct writer body = {0};
    // Without word from process 1, it was killed, and with it the rest.
    int status = sandbox->has_status ? sandbox->status : SIGKILL;
    bool signalled = WIFSIGNALED(status);
    write_u64(&body, handle_of(sandbox));
    write_u32(&body, signalled ? JAILER_SIGNALLED : JAILER_EXITED);
    write_u32(&body, (uint32_t)(signalled ? WTERMSIG(status) : WEXITSTATUS(status)));
    write_u32(&body, sandbox->oom_kills);
    write_u64(&body, sandbox->peak);
    write_u64(&body, sandbox->cpu);
    send_message(JAILER_SOCKET, operation, 0, &body, NULL, 0);
}

// The process is gone; now what was made for it.
static void try_to_remove(struct sandbox *sandbox) {
    bool is_removed = sandbox->home || (sandbox->companions == 0 && cgroups_remove(sandbox->id));
    if (!is_removed && ++sandbox->attempts < REMOVE_ATTEMPTS) return;
    remove_scratch(sandbox->scratch);
    if (sandbox->was_started) send_exit(sandbox, JAILER_EXIT);
    if (sandbox->home && sandbox->home->generation == sandbox->home_generation) sandbox->home->companions--;
    sandbox->state = FREE;
    sandbox->generation++;
    dead_count--;
}

static void ended(struct sandbox *sandbox) {
    uint64_t now;
    siginfo_t information;
    while (take_report(sandbox)) continue;
    waitid(P_PIDFD, (id_t)sandbox->pidfd, &information, WEXITED);
    if (sandbox->state == STARTING) {
        struct failure failure = {0};
        starting_count--;
        fail(&failure, JAILER_E_FAILED, 0,
            sandbox->is_photographer ? "The snapshot was not finished"
                : "The sandbox died while it was made, which a memory limit that is too low can cause");
        if (!sandbox->was_answered) answer_failure(sandbox->request, &failure);
    }
    if (sandbox->lingers_since) lingering_count--;
    if (!sandbox->home) {
        kill_companions(sandbox);
        cgroups_kill(sandbox->id);  // whoever is left; in a pid namespace nobody is
        cgroups_usage(sandbox->id, &sandbox->peak, &now, &sandbox->cpu);
    }
    sandbox->oom_kills = cgroups_oom_kills(sandbox->id);
    for (int i = 0; i < KEPT; i++) close_if_open(&sandbox->kept[i]);
    unwatch(sandbox->pidfd);
    unwatch(sandbox->control);
    close_if_open(&sandbox->pidfd);
    close_if_open(&sandbox->control);
    close_if_open(&sandbox->mounts);
    close_if_open(&sandbox->output);
    close_if_open(&sandbox->claim);
    sandbox->state = DEAD;
    alive_count--;
    dead_count++;
    try_to_remove(sandbox);
}

// From here on it is one of those that are looked after.
int begin_life(struct sandbox *sandbox, struct failure *f) {
    sandbox->state = STARTING;
    starting_count++;
    alive_count++;
    if (watch(sandbox->pidfd, ABOUT_PROCESS, sandbox) == 0 && watch(sandbox->control, ABOUT_CONTROL, sandbox) == 0)
        return 0;
    // Without being told of its death the jailer cannot have it.
    fail(f, JAILER_E_FAILED, errno, "watch the sandbox");
    sandbox->was_answered = true;   // by the caller, with this failure
    kill(sandbox->process, SIGKILL);
    ended(sandbox);
    return -1;
}

// ---- for the loop ----

int sandboxes_open(void) {
    return poller = epoll_create1(EPOLL_CLOEXEC);
}

int watch_server(int socket) {
    return watch(socket, 0, NULL);
}

bool any_sandbox(void) {
    return alive_count > 0 || dead_count > 0;
}

int sandboxes_pause(void) {
    return dead_count > 0 ? REMOVE_PAUSE_MS : starting_count > 0 || lingering_count > 0 ? 1000 : -1;
}

void kill_all(void) {
    for (int i = 0; i < used_count; i++)
        if (sandboxes[i].state == STARTING || sandboxes[i].state == RUNNING) kill_sandbox(&sandboxes[i]);
}

void look_after(void) {
    if (dead_count == 0 && starting_count == 0 && lingering_count == 0) return;
    uint64_t now = now_ms();
    for (int i = 0; i < used_count; i++) {
        struct sandbox *sandbox = &sandboxes[i];
        if (sandbox->state == DEAD) try_to_remove(sandbox);
        // What a companion has forked may outlive it, so its sandbox goes with it.
        uint64_t patience = sandbox->is_photographer ? PICTURE_PATIENCE_MS : START_PATIENCE_MS;
        if (sandbox->state == STARTING && now - sandbox->born > patience)
            kill_sandbox(sandbox->home ? sandbox->home : sandbox);
        if (sandbox->state == RUNNING && sandbox->lingers_since && now - sandbox->lingers_since > JAILER_LINGER_MS)
            kill_sandbox(sandbox);
    }
}

bool sandbox_event(uint64_t about) {
    if (about == 0) return false;
    struct sandbox *sandbox = &sandboxes[(uint32_t)about % JAILER_MAX_SANDBOXES];
    bool is_current = (about >> GENERATION_SHIFT & GENERATION_MASK) == (sandbox->generation & GENERATION_MASK);
    // Its death may have been in the same batch of events.
    if (!is_current || (sandbox->state != STARTING && sandbox->state != RUNNING)) return true;
    if (about >> ABOUT_SHIFT == ABOUT_PROCESS) ended(sandbox);
    else if (!take_report(sandbox)) unwatch(sandbox->control);
    return true;
}
