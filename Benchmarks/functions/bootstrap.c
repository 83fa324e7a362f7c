// SPDX-License-Identifier: Apache-2.0
// The smallest custom runtime: one keep-alive connection, every event answered with itself.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static char buffer[8 << 20];

static int connect_to(const char *api) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[64];
    unsigned port;
    if (sscanf(api, "%63[^:]:%u", host, &port) != 2 || inet_pton(AF_INET, host, &address.sin_addr) != 1) exit(2);
    address.sin_port = htons((unsigned short)port);
    int connection = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0) exit(3);
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return connection;
}

static void send_all(int connection, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t count = write(connection, bytes, length);
        if (count <= 0) exit(4);
        bytes += count;
        length -= (size_t)count;
    }
}

// Reads one answer. The body's start and length.
static char *receive(int connection, size_t *body_length) {
    size_t length = 0;
    for (;;) {
        ssize_t count = read(connection, buffer + length, sizeof buffer - length - 1);
        if (count <= 0) exit(5);
        length += (size_t)count;
        buffer[length] = 0;
        char *end = strstr(buffer, "\r\n\r\n");
        if (!end) continue;
        const char *field = strcasestr(buffer, "\r\ncontent-length:");
        *body_length = field && field < end ? strtoul(field + 17, NULL, 10) : 0;
        if (length >= (size_t)(end + 4 - buffer) + *body_length) return end + 4;
    }
}

int main(void) {
    const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
    if (!api) return 1;
    int connection = connect_to(api);
    char next[256], id[64], head[512];
    int next_length = snprintf(next, sizeof next, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n", api);
    for (;;) {
        size_t length, ignored;
        send_all(connection, next, (size_t)next_length);
        char *event = receive(connection, &length);
        const char *field = strcasestr(buffer, "lambda-runtime-aws-request-id:");
        if (!field || sscanf(field + 30, " %63[0-9a-f-]", id) != 1) return 6;
        int head_length = snprintf(
            head, sizeof head, "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n\r\n",
            id, api, length);
        // One write: the answer is small.
        memmove(buffer + head_length, event, length);
        memcpy(buffer, head, (size_t)head_length);
        send_all(connection, buffer, (size_t)head_length + length);
        receive(connection, &ignored);
    }
}
