// SPDX-License-Identifier: Apache-2.0
//
// The way out of a machine: what a guest's sandbox connects to is connected to from the sandbox around the machine, which has a
// way out itself. So the connections arrive at the server as those of any sandbox do, and what may be reached is decided
// there. This runs beside the machine's monitor, with no more rights than that.
#define _GNU_SOURCE
#include "guest.h"
#include "Jailer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CALLERS = 128, CALLER_SECONDS = 10 };

// Somebody who has not said yet what is wanted, or waits for an answer to a lookup.
struct caller {
    enum { NOBODY, SAYS, ASKS, WAITS } stage;
    int inside, outside;
    time_t since;
    size_t have;
    uint8_t said[sizeof(struct way_out_request) + 2 + WAY_OUT_DATAGRAM];
};

static struct caller callers[MAX_CALLERS];

static time_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

static void dismiss(struct caller *caller) {
    close(caller->inside);
    if (caller->stage == WAITS) close(caller->outside);
    caller->stage = NOBODY;
}

static void welcome(int inside) {
    for (size_t i = 0; i < MAX_CALLERS; i++) {
        if (callers[i].stage != NOBODY && now() - callers[i].since <= CALLER_SECONDS) continue;
        if (callers[i].stage != NOBODY) dismiss(&callers[i]);
        callers[i].stage = SAYS;
        callers[i].inside = inside;
        callers[i].since = now();
        callers[i].have = 0;
        return;
    }
    close(inside);
}

// A socket that is being connected; -1 when that cannot be begun.
static int begin(int type, uint32_t address, uint16_t port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = port, .sin_addr = {address}};
    int made = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0) return -1;
    if (connect(made, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS) return made;
    close(made);
    return -1;
}

static void lead(struct caller *caller, const struct way_out_request *request) {
    int outside = begin(SOCK_STREAM, request->address, request->port);
    if (outside < 0) {
        dismiss(caller);
        return;
    }
    relay(caller->inside, outside, false);
    caller->stage = NOBODY;
}

static void look_up(struct caller *caller) {
    const uint8_t *question = caller->said + sizeof(struct way_out_request);
    size_t have = caller->have - sizeof(struct way_out_request);
    size_t length = have < 2 ? 0 : (size_t)question[0] << 8 | question[1];
    if (have >= 2 && length > WAY_OUT_DATAGRAM) {
        dismiss(caller);
        return;
    }
    if (have < 2 || have - 2 < length) return;
    caller->outside = begin(SOCK_DGRAM, htonl(INADDR_LOOPBACK), htons(WAY_OUT_NAME_PORT));
    if (caller->outside < 0) {
        dismiss(caller);
        return;
    }
    caller->stage = WAITS;
    if (send(caller->outside, question + 2, length, MSG_NOSIGNAL) < 0) dismiss(caller);
}

static void hear(struct caller *caller) {
    struct way_out_request request;
    // Of a stream, what follows is not ours to read.
    size_t most = caller->stage == SAYS ? sizeof request : sizeof caller->said;
    ssize_t got = read(caller->inside, caller->said + caller->have, most - caller->have);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        dismiss(caller);
        return;
    }
    caller->have += (size_t)got;
    if (caller->have < sizeof request) return;
    memcpy(&request, caller->said, sizeof request);
    if (caller->stage == ASKS) look_up(caller);
    else if (request.kind == WAY_OUT_STREAM) lead(caller, &request);
    else if (request.kind == WAY_OUT_LOOKUP) caller->stage = ASKS;
    else dismiss(caller);
}

static void pass_answer(struct caller *caller) {
    uint8_t told[2 + WAY_OUT_DATAGRAM];
    ssize_t got = recv(caller->outside, told + 2, WAY_OUT_DATAGRAM, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    told[0] = (uint8_t)(got >> 8);
    told[1] = (uint8_t)got;
    // Its first bytes, so there is room. Who has not read them by then asks again.
    if (got > 0) (void)!send(caller->inside, told, 2 + (size_t)got, MSG_NOSIGNAL | MSG_DONTWAIT);
    dismiss(caller);
}

void martlet_way_out(int listener) {
    static struct pollfd polled[1 + MAX_CALLERS + 2 * MAX_RELAYS];
    fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) | O_NONBLOCK);
    for (;;) {
        struct pollfd *heard = polled + 1, *relays = heard + MAX_CALLERS;
        polled[0] = (struct pollfd){.fd = relays_have_room() ? listener : -1, .events = POLLIN};
        for (size_t i = 0; i < MAX_CALLERS; i++) {
            int descriptor = callers[i].stage == WAITS ? callers[i].outside : callers[i].inside;
            heard[i] = (struct pollfd){.fd = callers[i].stage == NOBODY ? -1 : descriptor, .events = POLLIN};
        }
        relays_want(relays);
        if (poll(polled, sizeof polled / sizeof *polled, -1) < 0) continue;
        relays_carry(relays);
        for (size_t i = 0; i < MAX_CALLERS; i++) {
            if (!heard[i].revents || callers[i].stage == NOBODY) continue;
            if (callers[i].stage == WAITS) pass_answer(&callers[i]);
            else hear(&callers[i]);
        }
        int inside = polled[0].revents ? accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;
        if (inside >= 0) welcome(inside);
    }
}
