// SPDX-License-Identifier: Apache-2.0
//
// See netlink.h.
#define _GNU_SOURCE
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// Room for `size` bytes, zeroed and aligned as all parts are; NULL when there is none.
static void *take_room(struct netlink *n, size_t size) {
    size_t aligned = NLMSG_ALIGN(size);
    if (n->overflowed || sizeof n->bytes - n->length < aligned) {
        n->overflowed = true;
        return NULL;
    }
    char *start = n->bytes + n->length;
    memset(start, 0, aligned);
    n->length += aligned;
    ((struct nlmsghdr *)(n->bytes + n->message))->nlmsg_len = (uint32_t)(n->length - n->message);
    return start;
}

void netlink_begin(struct netlink *n, uint16_t type, uint16_t flags, const void *head, size_t size) {
    if (n->overflowed || sizeof n->bytes - n->length < sizeof(struct nlmsghdr)) {
        n->overflowed = true;
        return;
    }
    n->message = n->length;
    struct nlmsghdr *header = take_room(n, sizeof *header);
    header->nlmsg_type = type;
    header->nlmsg_flags = NLM_F_REQUEST | flags;
    if (flags & NLM_F_ACK) header->nlmsg_seq = ++n->asked;
    void *room = take_room(n, size);
    if (room) memcpy(room, head, size);
}

void netlink_put(struct netlink *n, uint16_t attribute, const void *value, size_t size) {
    struct nlattr *room = take_room(n, NLA_HDRLEN + size);
    if (!room) return;
    room->nla_type = attribute;
    room->nla_len = (uint16_t)(NLA_HDRLEN + size);
    memcpy((char *)room + NLA_HDRLEN, value, size);
}

void netlink_put_u8(struct netlink *n, uint16_t attribute, uint8_t value) {
    netlink_put(n, attribute, &value, sizeof value);
}

void netlink_put_u32(struct netlink *n, uint16_t attribute, uint32_t value) {
    netlink_put(n, attribute, &value, sizeof value);
}

void netlink_put_be32(struct netlink *n, uint16_t attribute, uint32_t value) {
    netlink_put_u32(n, attribute, htonl(value));
}

void netlink_put_string(struct netlink *n, uint16_t attribute, const char *text) {
    netlink_put(n, attribute, text, strlen(text) + 1);
}

size_t netlink_open(struct netlink *n, uint16_t attribute) {
    size_t opened = n->length;
    netlink_put(n, attribute | NLA_F_NESTED, "", 0);
    return opened;
}

void netlink_close(struct netlink *n, size_t opened) {
    if (!n->overflowed) ((struct nlattr *)(n->bytes + opened))->nla_len = (uint16_t)(n->length - opened);
}

// Counts the answers in what was received, and finds the first that is a refusal.
static int count_answers(const char *bytes, size_t length, uint32_t *answered) {
    while (length >= sizeof(struct nlmsghdr)) {
        struct nlmsghdr header;
        int error;
        memcpy(&header, bytes, sizeof header);
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > length) return EPROTO;
        if (header.nlmsg_type == NLMSG_ERROR && header.nlmsg_len >= sizeof header + sizeof error) {
            memcpy(&error, bytes + sizeof header, sizeof error);
            if (error != 0) return -error;
            (*answered)++;
        }
        size_t step = NLMSG_ALIGN(header.nlmsg_len);
        if (step >= length) break;
        bytes += step;
        length -= step;
    }
    return 0;
}

static int exchange(int channel, const struct netlink *n) {
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    char bytes[8192];
    if (sendto(channel, n->bytes, n->length, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0) return errno;
    for (uint32_t answered = 0; answered < n->asked;) {
        ssize_t got = recv(channel, bytes, sizeof bytes, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno;
        int error = count_answers(bytes, (size_t)got, &answered);
        if (error) return error;
    }
    return 0;
}

int netlink_send(struct netlink *n, int protocol) {
    if (n->overflowed) {
        errno = EMSGSIZE;
        return -1;
    }
    int channel = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (channel < 0) return -1;
    errno = exchange(channel, n);
    int error = errno;
    close(channel);
    errno = error;
    return error ? -1 : 0;
}
