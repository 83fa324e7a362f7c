// SPDX-License-Identifier: Apache-2.0
//
// Sockets of a copy.
#define _GNU_SOURCE
#include "restore.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int make_socket(const struct image_descriptor *d) {
    int made = socket((int)d->domain, (int)d->type | SOCK_CLOEXEC, (int)d->protocol), yes = 1;
    if (made < 0) return -1;
    setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    bool failed = d->address_bytes && bind(made, (const struct sockaddr *)d->address, d->address_bytes);
    failed = failed || (d->backlog && listen(made, (int)d->backlog));
    if (!failed) return made;
    int error = errno;
    close(made);
    errno = error;
    return -1;
}

// A pair whose other end is closed: reading gives the end, writing EPIPE.
static int make_broken_unix(const struct image_descriptor *d) {
    int ends[2];
    if (socketpair(AF_UNIX, (int)d->type | SOCK_CLOEXEC, 0, ends)) return -1;
    close(ends[1]);
    return ends[0];
}

// Accepts the connection and resets it, as a host does that has been started again.
static int reset_at(int listener) {
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    int other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (other < 0) return -1;
    int result = setsockopt(other, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(other);
    return result;
}

int make_broken(const struct image_descriptor *d) {
    if (d->domain == AF_UNIX) return make_broken_unix(d);
    // An IPv6 socket speaks to an IPv4 one in IPv4's corner of its addresses.
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6};
    socklen_t size = sizeof any;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), made = -1;
    bool is_ready = listener >= 0 && bind(listener, (struct sockaddr *)&any, sizeof any) == 0
        && listen(listener, 1) == 0 && getsockname(listener, (struct sockaddr *)&any, &size) == 0;
    bool is_6 = d->domain == AF_INET6;
    if (is_ready) made = socket(is_6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mapped.sin6_port = any.sin_port;
    mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xff;
    memcpy(mapped.sin6_addr.s6_addr + 12, &any.sin_addr, 4);
    const struct sockaddr *to = is_6 ? (struct sockaddr *)&mapped : (struct sockaddr *)&any;
    bool is_made = made >= 0 && connect(made, to, is_6 ? sizeof mapped : sizeof any) == 0 && reset_at(listener) == 0;
    int error = errno;
    if (listener >= 0) close(listener);
    if (!is_made && made >= 0) close(made);
    errno = error;
    return is_made ? made : -1;
}
