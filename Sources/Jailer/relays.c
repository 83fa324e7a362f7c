// SPDX-License-Identifier: Apache-2.0
//
// Bytes between the sandbox in a guest and its host. A relay holds little and waits for the slower side, so a function
// that writes faster than the server reads is slowed, not kept.
#define _GNU_SOURCE
#include "guest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

// One direction: from `ends[i]` to the other end.
struct flow {
    size_t from, to;                // what of `bytes` waits to be written
    bool ended;                     // nothing more will be read
    bool told;                      // and the other end knows
    char bytes[RELAY_BYTES];
};

struct relay_pair {
    int ends[2];                    // inside, outside
    bool one_way;
    bool awaits_port;
    bool is_outward;
    struct flow flows[2];
};

static struct relay_pair *pairs[MAX_RELAYS];

bool relays_have_room(void) {
    for (size_t i = 0; i < MAX_RELAYS; i++)
        if (!pairs[i]) return true;
    return false;
}

static struct relay_pair *add(int inside, int outside) {
    for (size_t i = 0; i < MAX_RELAYS; i++) {
        if (pairs[i]) continue;
        struct relay_pair *pair = calloc(1, sizeof *pair);
        if (!pair) break;
        pair->ends[0] = inside;
        pair->ends[1] = outside;
        return pairs[i] = pair;
    }
    close(inside);
    close(outside);
    return NULL;
}

void relay(int inside, int outside, bool one_way) {
    struct relay_pair *pair = add(inside, outside);
    if (pair) pair->one_way = pair->flows[1].ended = pair->flows[1].told = one_way;
}

void relay_outwards(int inside, int outside) {
    struct relay_pair *pair = add(inside, outside);
    if (pair) pair->is_outward = true;
}

void relay_to_port(int inside, int outside) {
    struct relay_pair *pair = add(inside, outside);
    if (pair) pair->awaits_port = true;
}

static void end(size_t place) {
    close(pairs[place]->ends[0]);
    close(pairs[place]->ends[1]);
    free(pairs[place]);
    pairs[place] = NULL;
}

// ---- one direction ----

static bool would_block(void) { return errno == EAGAIN || errno == EINTR; }

// Reads what there is room for. False when the end is broken.
static bool fill(struct flow *flow, int from) {
    if (flow->ended || flow->to == RELAY_BYTES) return true;
    ssize_t got = read(from, flow->bytes + flow->to, RELAY_BYTES - flow->to);
    if (got > 0) flow->to += (size_t)got;
    if (got == 0) flow->ended = true;
    return got >= 0 || would_block();
}

// Writes what waits, and then, once, that no more will come. False when the end is broken.
static bool drain(struct flow *flow, int into, bool one_way) {
    if (flow->from < flow->to) {
        ssize_t put = send(into, flow->bytes + flow->from, flow->to - flow->from, MSG_NOSIGNAL);
        if (put < 0) return would_block();
        flow->from += (size_t)put;
    }
    if (flow->from < flow->to) return true;
    flow->from = flow->to = 0;
    if (flow->ended && !flow->told) {
        flow->told = true;
        if (!one_way) shutdown(into, SHUT_WR);
    }
    return true;
}

// The server writes the port at once, so it comes whole or is none.
static bool hear_port(struct relay_pair *pair) {
    uint32_t port;
    ssize_t got = recv(pair->ends[1], &port, sizeof port, MSG_DONTWAIT);
    if (got < 0 && would_block()) return true;
    if (got != sizeof port) return false;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    pair->awaits_port = false;
    return connect(pair->ends[0], (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS;
}

// Whether the other end has ended and takes nothing any more, although there may be more for it: what an error there looks
// like here. A vsock says so even of no bytes.
static bool is_broken(const struct relay_pair *pair) {
    if (!pair->is_outward || !pair->flows[1].ended || pair->flows[0].told) return false;
    return send(pair->ends[1], "", 0, MSG_NOSIGNAL) < 0 && !would_block();
}

static void reset(int connection) {
    struct linger at_once = {.l_onoff = 1};
    setsockopt(connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static bool carry(struct relay_pair *pair) {
    if (pair->awaits_port) return hear_port(pair);
    for (int i = 0; i < 2; i++) {
        struct flow *flow = &pair->flows[i];
        // Twice, so that what was just read is on its way before anything that the function does next.
        if (!drain(flow, pair->ends[1 - i], pair->one_way) || !fill(flow, pair->ends[i])) return false;
        // Before the function is told of an orderly end.
        if (i == 1 && !flow->told && is_broken(pair)) {
            reset(pair->ends[0]);
            return false;
        }
        if (!drain(flow, pair->ends[1 - i], pair->one_way)) return false;
    }
    return !(pair->flows[0].told && pair->flows[1].told);
}

// ---- all of them ----

static short wishes(const struct relay_pair *pair, int i) {
    const struct flow *out = &pair->flows[i], *in = &pair->flows[1 - i];
    if (pair->awaits_port) return i == 1 ? POLLIN : 0;
    return (short)((!out->ended && out->to < RELAY_BYTES ? POLLIN : 0) | (in->from < in->to ? POLLOUT : 0));
}

void relays_want(struct pollfd *polled) {
    for (size_t i = 0; i < 2 * MAX_RELAYS; i++) {
        const struct relay_pair *pair = pairs[i / 2];
        short events = pair ? wishes(pair, i % 2) : 0;
        // An end of which nothing is wanted would else report its hang-up for ever.
        polled[i] = (struct pollfd){.fd = events ? pair->ends[i % 2] : -1, .events = events};
    }
}

void relays_carry(const struct pollfd *polled) {
    // Outputs first: what a function has written before it answered arrives before the answer.
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < MAX_RELAYS; i++) {
            if (!pairs[i] || pairs[i]->one_way != (pass == 0)) continue;
            bool ready = polled[2 * i].revents || polled[2 * i + 1].revents;
            if (ready && !carry(pairs[i])) end(i);
        }
    }
}
