// SPDX-License-Identifier: Apache-2.0
//
// What guest.c and relays.c share: the agent of a microVM's guest.
#pragma once
#include "jailer.h"

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
// As `relay`, once a u32 has come from `outside`: the port of the loopback to which `inside` is connected then.
void relay_to_port(int inside, int outside);
bool relays_have_room(void);
// Fills in what the relays wait for, `2 * MAX_RELAYS` places, and carries on with what has come of it. In between, none
// may be added.
void relays_want(struct pollfd *polled);
void relays_carry(const struct pollfd *polled);
