// SPDX-License-Identifier: Apache-2.0
//
// The way out of a sandbox that is given one: every TCP connection that its processes make to another address than
// their own loopback arrives at a socket of the server, which was made in here, and which makes the connection outside
// where that is allowed. Names are looked up the same way. Nothing of the host's network is in the sandbox, and the
// host's configuration is not touched: all of this lives and ends with the sandbox's network namespace, which its
// processes, without capabilities, cannot change.
#define _GNU_SOURCE
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOPBACK_INDEX = 1, OUTWARD_TABLE = 100, OUTWARD_PRIORITY = 32000, NAME_PORT = 53 };

// ---- routes ----

static void add_route(struct netlink *n, uint8_t type, uint32_t network, uint8_t bits) {
    struct rtmsg route = {.rtm_family = AF_INET, .rtm_dst_len = bits, .rtm_table = OUTWARD_TABLE,
        .rtm_protocol = RTPROT_BOOT, .rtm_type = type,
        .rtm_scope = type == RTN_UNICAST ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE};
    uint32_t destination = htonl(network), source = htonl(INADDR_LOOPBACK);
    netlink_begin(n, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &route, sizeof route);
    if (bits > 0) netlink_put(n, RTA_DST, &destination, sizeof destination);
    if (type != RTN_UNICAST) return;
    netlink_put_u32(n, RTA_OIF, LOOPBACK_INDEX);
    netlink_put(n, RTA_PREFSRC, &source, sizeof source);
}

// Outwards leads a table of its own, and only TCP there: everything else is told at once that the network is
// unreachable. So are link-local addresses, where clouds keep their machines' credentials.
static int add_routes(struct failure *f) {
    struct netlink n = {0};
    struct fib_rule_hdr rule = {.family = AF_INET, .table = OUTWARD_TABLE, .action = FR_ACT_TO_TBL};
    add_route(&n, RTN_UNICAST, 0, 0);
    add_route(&n, RTN_UNREACHABLE, 0xa9fe0000, 16);
    netlink_begin(&n, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &rule, sizeof rule);
    netlink_put_u32(&n, FRA_PRIORITY, OUTWARD_PRIORITY);
    netlink_put_u8(&n, FRA_IP_PROTO, IPPROTO_TCP);
    return netlink_send(&n, NETLINK_ROUTE) ? fail(f, JAILER_E_HOST_LACKS, errno,
        "route a sandbox's connections (policy routing, ip rule, is needed)") : 0;
}

// ---- the turn to the server's socket ----

static void begin_filter(struct netlink *n, uint16_t type, uint16_t flags) {
    struct nfgenmsg head = {.nfgen_family = NFPROTO_IPV4, .version = NFNETLINK_V0};
    netlink_begin(n, NFNL_SUBSYS_NFTABLES << 8 | type, flags | NLM_F_ACK, &head, sizeof head);
}

static void batch(struct netlink *n, uint16_t type) {
    struct nfgenmsg head = {.version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)};
    netlink_begin(n, type, 0, &head, sizeof head);
}

struct expression {
    size_t element, data;
};

static struct expression begin_expression(struct netlink *n, const char *name) {
    struct expression opened = {.element = netlink_open(n, NFTA_LIST_ELEM)};
    netlink_put_string(n, NFTA_EXPR_NAME, name);
    opened.data = netlink_open(n, NFTA_EXPR_DATA);
    return opened;
}

static void end_expression(struct netlink *n, struct expression opened) {
    netlink_close(n, opened.data);
    netlink_close(n, opened.element);
}

static void put_data(struct netlink *n, uint16_t attribute, const void *value, size_t size) {
    size_t opened = netlink_open(n, attribute);
    netlink_put(n, NFTA_DATA_VALUE, value, size);
    netlink_close(n, opened);
}

static void compare(struct netlink *n, uint32_t operation, uint8_t value) {
    struct expression opened = begin_expression(n, "cmp");
    netlink_put_be32(n, NFTA_CMP_SREG, NFT_REG_1);
    netlink_put_be32(n, NFTA_CMP_OP, operation);
    put_data(n, NFTA_CMP_DATA, &value, sizeof value);
    end_expression(n, opened);
}

static void load(struct netlink *n, uint32_t target, const void *value, size_t size) {
    struct expression opened = begin_expression(n, "immediate");
    netlink_put_be32(n, NFTA_IMMEDIATE_DREG, target);
    put_data(n, NFTA_IMMEDIATE_DATA, value, size);
    end_expression(n, opened);
}

// meta l4proto tcp, ip daddr != 127.0.0.0/8, dnat to 127.0.0.1:port
static void put_expressions(struct netlink *n, uint16_t port) {
    uint32_t address = htonl(INADDR_LOOPBACK);
    uint16_t target = htons(port);
    struct expression opened = begin_expression(n, "meta");
    netlink_put_be32(n, NFTA_META_KEY, NFT_META_L4PROTO);
    netlink_put_be32(n, NFTA_META_DREG, NFT_REG_1);
    end_expression(n, opened);
    compare(n, NFT_CMP_EQ, IPPROTO_TCP);
    opened = begin_expression(n, "payload");
    netlink_put_be32(n, NFTA_PAYLOAD_DREG, NFT_REG_1);
    netlink_put_be32(n, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
    netlink_put_be32(n, NFTA_PAYLOAD_OFFSET, 16);
    netlink_put_be32(n, NFTA_PAYLOAD_LEN, 1);
    end_expression(n, opened);
    compare(n, NFT_CMP_NEQ, 127);
    load(n, NFT_REG_1, &address, sizeof address);
    load(n, NFT_REG_2, &target, sizeof target);
    opened = begin_expression(n, "nat");
    netlink_put_be32(n, NFTA_NAT_TYPE, NFT_NAT_DNAT);
    netlink_put_be32(n, NFTA_NAT_FAMILY, NFPROTO_IPV4);
    netlink_put_be32(n, NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
    netlink_put_be32(n, NFTA_NAT_REG_PROTO_MIN, NFT_REG_2);
    end_expression(n, opened);
}

static int turn_connections(uint16_t port, struct failure *f) {
    static const char table[] = "martlet", chain[] = "out";
    struct netlink n = {0};
    batch(&n, NFNL_MSG_BATCH_BEGIN);
    begin_filter(&n, NFT_MSG_NEWTABLE, NLM_F_CREATE);
    netlink_put_string(&n, NFTA_TABLE_NAME, table);
    begin_filter(&n, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    netlink_put_string(&n, NFTA_CHAIN_TABLE, table);
    netlink_put_string(&n, NFTA_CHAIN_NAME, chain);
    size_t hook = netlink_open(&n, NFTA_CHAIN_HOOK);
    netlink_put_be32(&n, NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT);
    netlink_put_be32(&n, NFTA_HOOK_PRIORITY, (uint32_t)-100);
    netlink_close(&n, hook);
    netlink_put_string(&n, NFTA_CHAIN_TYPE, "nat");
    begin_filter(&n, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    netlink_put_string(&n, NFTA_RULE_TABLE, table);
    netlink_put_string(&n, NFTA_RULE_CHAIN, chain);
    size_t list = netlink_open(&n, NFTA_RULE_EXPRESSIONS);
    put_expressions(&n, port);
    netlink_close(&n, list);
    batch(&n, NFNL_MSG_BATCH_END);
    return netlink_send(&n, NETLINK_NETFILTER) ? fail(f, JAILER_E_HOST_LACKS, errno,
        "turn a sandbox's connections (the kernel's nf_tables with nat is needed: modprobe nft_chain_nat)") : 0;
}

// ---- sockets ----

static int open_name_socket(struct failure *f) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(NAME_PORT),
        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int made = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0) return fail(f, JAILER_E_FAILED, errno, "make a socket for names");
    if (bind(made, (struct sockaddr *)&address, sizeof address) == 0) return made;
    int error = errno;
    close(made);
    return fail(f, JAILER_E_FAILED, error, "take 127.0.0.1:%d for names", NAME_PORT);
}

int open_egress(int *sockets, struct failure *f) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    memset(sockets, -1, JAILER_EGRESS_SOCKETS * sizeof *sockets);
    // The kernel chooses the port, out of the way of what a function may want to listen on.
    sockets[0] = open_listener(0, f);
    sockets[1] = sockets[0] < 0 ? -1 : open_listener(NAME_PORT, f);
    sockets[2] = sockets[1] < 0 ? -1 : open_name_socket(f);
    if (sockets[2] < 0) return -1;
    if (getsockname(sockets[0], (struct sockaddr *)&address, &size))
        return fail(f, JAILER_E_FAILED, errno, "ask for a port");
    return add_routes(f) || turn_connections(ntohs(address.sin_port), f) ? -1 : 0;
}
