// SPDX-License-Identifier: Apache-2.0
//
// Outwards from a guest: each connection of the sandbox's to another host, and each lookup of a name, becomes a connection
// to the host's way out, which begins with where it is meant to go. What may be reached is decided there.
#define _GNU_SOURCE
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct lookup {
    bool waits;
    int outside;
    time_t since;
    struct sockaddr_in who;
    size_t have;
    uint8_t answer[2 + WAY_OUT_DATAGRAM];
};

static int names = -1;
static struct lookup lookups[MAX_LOOKUPS];

static time_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

static int open_way(uint32_t kind, const struct sockaddr_in *to) {
    struct way_out_request request = {.kind = kind, .address = to->sin_addr.s_addr, .port = to->sin_port};
    int outside = connect_to_host(GUEST_WAY_OUT_PORT);
    if (outside < 0) return -1;
    // The first bytes of a connection have room.
    if (send(outside, &request, sizeof request, MSG_NOSIGNAL) == sizeof request) return outside;
    close(outside);
    return -1;
}

void lead_outwards(int inside, const struct sockaddr_in *to) {
    int outside = open_way(WAY_OUT_STREAM, to);
    if (outside < 0) close(inside);
    else relay_outwards(inside, outside);
}

// ---- lookups ----

void serve_names(int socket) {
    if (names >= 0) close(names);
    names = socket;
}

static void forget(struct lookup *lookup) {
    close(lookup->outside);
    lookup->waits = false;
}

// A free one, or that of whoever will have asked again by now. NULL where all are younger: the question is dropped, as a
// busy name server does.
static struct lookup *free_lookup(void) {
    for (size_t i = 0; i < MAX_LOOKUPS; i++)
        if (!lookups[i].waits) return &lookups[i];
    for (size_t i = 0; i < MAX_LOOKUPS; i++) {
        if (now() - lookups[i].since < LOOKUP_SECONDS) continue;
        forget(&lookups[i]);
        return &lookups[i];
    }
    return NULL;
}

static void ask(void) {
    uint8_t question[2 + WAY_OUT_DATAGRAM];
    struct sockaddr_in who, nobody = {0};
    socklen_t size = sizeof who;
    ssize_t got = recvfrom(names, question + 2, WAY_OUT_DATAGRAM, MSG_DONTWAIT, (struct sockaddr *)&who, &size);
    struct lookup *lookup = got > 0 ? free_lookup() : NULL;
    if (!lookup) return;
    lookup->outside = open_way(WAY_OUT_LOOKUP, &nobody);
    if (lookup->outside < 0) return;
    question[0] = (uint8_t)(got >> 8);
    question[1] = (uint8_t)got;
    lookup->waits = true;
    lookup->since = now();
    lookup->who = who;
    lookup->have = 0;
    if (send(lookup->outside, question, 2 + (size_t)got, MSG_NOSIGNAL) != 2 + got) forget(lookup);
}

static void hear_answer(struct lookup *lookup) {
    ssize_t got = read(lookup->outside, lookup->answer + lookup->have, sizeof lookup->answer - lookup->have);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    lookup->have += got > 0 ? (size_t)got : 0;
    size_t length = lookup->have < 2 ? 0 : (size_t)lookup->answer[0] << 8 | lookup->answer[1];
    if (lookup->have >= 2 && lookup->have - 2 >= length)
        sendto(names, lookup->answer + 2, length, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&lookup->who,
            sizeof lookup->who);
    else if (got > 0 && lookup->have < sizeof lookup->answer) return;
    forget(lookup);
}

void names_want(struct pollfd *polled) {
    polled[0] = (struct pollfd){.fd = names, .events = POLLIN};
    for (size_t i = 0; i < MAX_LOOKUPS; i++)
        polled[1 + i] = (struct pollfd){.fd = lookups[i].waits ? lookups[i].outside : -1, .events = POLLIN};
}

void names_carry(const struct pollfd *polled) {
    for (size_t i = 0; i < MAX_LOOKUPS; i++)
        if (polled[1 + i].revents && lookups[i].waits && lookups[i].outside == polled[1 + i].fd) hear_answer(&lookups[i]);
    if (polled[0].revents) ask();
}
