// SPDX-License-Identifier: Apache-2.0
//
// Messages to the kernel's network configuration, as few kinds of them as egress.c needs.
#pragma once
#include "jailer.h"

// Messages that are put together in their order and sent at once.
struct netlink {
    size_t length;
    size_t message;                 // where the last one begins
    bool overflowed;
    uint32_t asked;                 // messages that will be answered
    char bytes[4096] __attribute__((aligned(8)));
};

void netlink_begin(struct netlink *n, uint16_t type, uint16_t flags, const void *head, size_t size);
void netlink_put(struct netlink *n, uint16_t attribute, const void *value, size_t size);
void netlink_put_u8(struct netlink *n, uint16_t attribute, uint8_t value);
void netlink_put_u32(struct netlink *n, uint16_t attribute, uint32_t value);
void netlink_put_string(struct netlink *n, uint16_t attribute, const char *text);
// Numbers of nf_tables are in network order.
void netlink_put_be32(struct netlink *n, uint16_t attribute, uint32_t value);
size_t netlink_open(struct netlink *n, uint16_t attribute);
void netlink_close(struct netlink *n, size_t opened);
// Sends everything and waits for the kernel's word on each message that asks for it. 0, or -1 with errno.
int netlink_send(struct netlink *n, int protocol);
