// SPDX-License-Identifier: Apache-2.0
//
// Sockets. A connection to another process cannot be copied: the copy's is broken, as after a failure of the network.
// Two that the process has connected with each other are connected again.
#define _GNU_SOURCE
#include "dump.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int option(int socket, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(socket, SOL_SOCKET, name, &value, &size) ? -1 : value;
}

static bool is_connected(int socket) {
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    if (getpeername(socket, (struct sockaddr *)&peer, &size) == 0) return true;
    // One that was connected, or is about to be, and has no peer (any more).
    struct tcp_info information = {0};
    size = sizeof information;
    return getsockopt(socket, IPPROTO_TCP, TCP_INFO, &information, &size) == 0 && information.tcpi_state != TCP_CLOSE
        && information.tcpi_state != TCP_LISTEN;
}

int dump_socket(struct dump *dump, int socket, struct image_descriptor *into, struct failure *f) {
    (void)dump;
    struct sockaddr_storage own;
    socklen_t size = sizeof own;
    into->domain = (uint32_t)option(socket, SO_DOMAIN);
    into->type = (uint32_t)option(socket, SO_TYPE);
    into->protocol = (uint32_t)option(socket, SO_PROTOCOL);
    if (into->domain != AF_UNIX && into->domain != AF_INET && into->domain != AF_INET6 && into->domain != AF_NETLINK)
        return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: descriptor %u is a socket of family %u",
            into->number, into->domain);
    bool is_stream = into->type == SOCK_STREAM || into->type == SOCK_SEQPACKET;
    into->kind = is_stream && is_connected(socket) ? DESCRIPTOR_CONNECTION : DESCRIPTOR_SOCKET;
    // A pair of datagram sockets is a pair all the same.
    if (into->domain == AF_UNIX && is_connected(socket)) into->kind = DESCRIPTOR_CONNECTION;
    if (into->kind == DESCRIPTOR_CONNECTION) {
        int waiting = 0;            // what has not been read is lost with a connection, but not with a pair
        into->backlog = into->domain == AF_UNIX && ioctl(socket, FIONREAD, &waiting) == 0 && waiting > 0;
        return 0;
    }
    if (getsockname(socket, (struct sockaddr *)&own, &size)) return fail(f, JAILER_E_FAILED, errno,
        "ask for the address of descriptor %u", into->number);
    into->backlog = option(socket, SO_ACCEPTCONN) == 1 ? 128 : 0;
    if (into->domain == AF_UNIX && size > sizeof(sa_family_t))
        return fail(f, JAILER_E_SPECIFICATION, 0, "cannot snapshot: descriptor %u is a Unix socket with a name",
            into->number);
    bool is_bound = into->domain == AF_INET ? ((struct sockaddr_in *)&own)->sin_port != 0
        : into->domain == AF_INET6 ? ((struct sockaddr_in6 *)&own)->sin6_port != 0 : false;
    if (into->domain == AF_NETLINK) is_bound = ((struct sockaddr_nl *)&own)->nl_pid != 0;
    if (!is_bound) return 0;
    if (into->domain == AF_NETLINK) {
        struct sockaddr_nl *address = (struct sockaddr_nl *)&own;
        address->nl_pid = 0;        // the kernel's choice, again
    }
    into->address_bytes = size <= sizeof into->address ? (uint32_t)size : 0;
    memcpy(into->address, &own, into->address_bytes);
    return 0;
}

// ---- pairs ----

// Asks the sandbox's network for the peers of its Unix sockets. The photographer does not come back from there.
static int open_diagnosis(const struct dump *dump, struct failure *f) {
    int network = dump->picture->kept[KEPT_NETWORK];
    if (network < 0 || setns(network, CLONE_NEWNET)) return fail(f, JAILER_E_FAILED, errno, "visit the sandbox's network");
    int asker = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    struct {
        struct nlmsghdr header;
        struct unix_diag_req body;
    } request = {
        .header = {.nlmsg_len = sizeof request, .nlmsg_type = SOCK_DIAG_BY_FAMILY,
            .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body = {.sdiag_family = AF_UNIX, .udiag_states = ~0U, .udiag_show = UDIAG_SHOW_PEER},
    };
    struct timeval patience = {.tv_sec = 5};
    if (asker >= 0) setsockopt(asker, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (asker < 0 || send(asker, &request, sizeof request, 0) < 0) return fail(f, JAILER_E_HOST_LACKS, errno,
        "ask which Unix sockets belong together (UNIX_DIAG)");
    return asker;
}

struct unix_socket {
    uint64_t inode, peer;
};

static void read_unix(const struct nlmsghdr *header, struct unix_socket *into) {
    const struct unix_diag_msg *body = NLMSG_DATA(header);
    int left = (int)(header->nlmsg_len - NLMSG_LENGTH(sizeof *body));
    *into = (struct unix_socket){.inode = body->udiag_ino};
    for (const struct rtattr *part = (const struct rtattr *)(body + 1); RTA_OK(part, left); part = RTA_NEXT(part, left)) {
        uint32_t number;
        memcpy(&number, RTA_DATA(part), sizeof number);
        if (part->rta_type == UNIX_DIAG_PEER) into->peer = number;
    }
}

static uint32_t find(const struct dump *dump, const uint64_t *inodes, uint64_t inode) {
    uint32_t i = 0;
    while (i < dump->table.header.descriptors && !(inodes[i] == inode && dump->table.descriptors[i].domain == AF_UNIX
        && dump->table.descriptors[i].kind == DESCRIPTOR_CONNECTION)) i++;
    return i;
}

static int connect_again(struct dump *dump, const uint64_t *inodes, const struct unix_socket *found,
    struct failure *f) {
    uint32_t one = find(dump, inodes, found->inode), other = find(dump, inodes, found->peer);
    struct image_descriptor *all = dump->table.descriptors;
    if (one == dump->table.header.descriptors || other == dump->table.header.descriptors || one == other) return 0;
    if (all[one].backlog || all[other].backlog) return fail(f, JAILER_E_SPECIFICATION, 0,
        "cannot snapshot: descriptor %u is a socket with bytes that have not been read", all[one].number);
    if (one > other) return 0;      // when its turn comes from the other side
    all[one].kind = DESCRIPTOR_PAIR;
    all[one].other = all[other].number;
    all[other].kind = DESCRIPTOR_OTHER_END;
    all[other].other = all[one].number;
    return 0;
}

static int read_diagnosis(int asker, struct dump *dump, const uint64_t *inodes, struct failure *f) {
    static char answer[32768] __attribute__((aligned(8)));
    for (;;) {
        ssize_t got = recv(asker, answer, sizeof answer, 0);
        if (got <= 0) return fail(f, JAILER_E_FAILED, errno, "hear which Unix sockets belong together");
        unsigned left = (unsigned)got;
        for (struct nlmsghdr *part = (struct nlmsghdr *)answer; NLMSG_OK(part, left); part = NLMSG_NEXT(part, left)) {
            struct unix_socket found;
            if (part->nlmsg_type == NLMSG_DONE) return 0;
            if (part->nlmsg_type == NLMSG_ERROR) return fail(f, JAILER_E_HOST_LACKS, 0,
                "hear which Unix sockets belong together (UNIX_DIAG)");
            read_unix(part, &found);
            if (connect_again(dump, inodes, &found, f)) return -1;
        }
    }
}

int pair_sockets(struct dump *dump, const uint64_t *inodes, struct failure *f) {
    bool has_any = false;
    for (uint32_t i = 0; i < dump->table.header.descriptors; i++)
        has_any = has_any || (dump->table.descriptors[i].domain == AF_UNIX
            && dump->table.descriptors[i].kind == DESCRIPTOR_CONNECTION);
    // Without a network of its own, the host's sockets would be listed; they stay broken.
    if (!has_any || dump->picture->kept[KEPT_NETWORK] < 0) return 0;
    int asker = open_diagnosis(dump, f);
    int result = asker < 0 ? -1 : read_diagnosis(asker, dump, inodes, f);
    if (asker >= 0) close(asker);
    return result;
}
