// SPDX-License-Identifier: Apache-2.0
//
// What the agent of a microVM's guest shares among its files, and with the way out of the machine's own sandbox.
#pragma once
#include "jailer.h"

#include <netinet/in.h>
#include <poll.h>

enum {
    MAX_RELAYS = 256,               // connections and outputs at a time
    RELAY_BYTES = 32 * 1024,        // that wait in one direction of one
};

// A connection to a port of the host, non-blocking; -1 with errno.
int connect_to_host(uint16_t port);

// Carries bytes between `inside` and `outside` until both ends are done; then closes both. One way: only what is read
// from `inside`. Where there is no room for another, closes both at once.
void relay(int inside, int outside, bool one_way);
// As `relay`, both ways; where `outside` ends in both directions at once, `inside` is reset.
void relay_outwards(int inside, int outside);
// As `relay`, once a u32 has come from `outside`: the port of the loopback to which `inside` is connected then.
void relay_to_port(int inside, int outside);
bool relays_have_room(void);
// Fills in what the relays wait for, `2 * MAX_RELAYS` places, and carries on with what has come of it. In between, none
// may be added.
void relays_want(struct pollfd *polled);
void relays_carry(const struct pollfd *polled);

// ---- outwards, in the guest ----

enum { MAX_LOOKUPS = 64, LOOKUP_SECONDS = 6 };

// Takes the socket at which the sandbox's lookups arrive.
void serve_names(int socket);
// Carries `inside`, a connection that the sandbox has made, on to where it was meant to go.
void lead_outwards(int inside, const struct sockaddr_in *to);
// As `relays_want` and `relays_carry`, with `1 + MAX_LOOKUPS` places.
void names_want(struct pollfd *polled);
void names_carry(const struct pollfd *polled);
