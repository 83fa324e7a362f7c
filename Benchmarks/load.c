// SPDX-License-Identifier: Apache-2.0
// A lean HTTP/1.1 load client: one thread, one epoll, keep-alive connections, the next request as soon as the answer is there.
//
// usage: load HOST PORT CONNECTIONS SECONDS [NUMBERS] <request
//
// The request is sent as it is read, headers and all; a run of eight @ in it becomes a number that counts up, and begins
// anew after NUMBERS. Prints
// one line: answers, failures (another status than 2xx, or a function error), seconds, then the median and the 99th
// percentile in microseconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 1000, REQUEST_BYTES = 1 << 20, ANSWER_BYTES = 1 << 20, MAX_SAMPLES = 4 << 20, DIGITS = 8 };

struct connection {
    int socket;
    char *answer;
    size_t length;
    double sent_at;
};

static char request[REQUEST_BYTES];
static size_t request_length;
static char *counter_at;
static unsigned counter, numbers = 100000000u;
static float samples[MAX_SAMPLES];
static size_t answers, failures;

static void fail(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static void read_request(void) {
    ssize_t count;
    while ((count = read(0, request + request_length, sizeof request - request_length)) > 0) request_length += (size_t)count;
    counter_at = memmem(request, request_length, "@@@@@@@@", DIGITS);
}

static void send_request(struct connection *connection) {
    if (counter_at) {
        char digits[16];
        snprintf(digits, sizeof digits, "%08u", counter++ % numbers);
        memcpy(counter_at, digits, DIGITS);
    }
    connection->length = 0;
    connection->sent_at = now_us();
    for (size_t done = 0; done < request_length;) {
        ssize_t count = write(connection->socket, request + done, request_length - done);
        if (count < 0) fail("write");
        done += (size_t)count;
    }
}

// The length of the whole answer, 0 while it is not all there.
static size_t answer_length(const struct connection *connection) {
    const char *end = memmem(connection->answer, connection->length, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head = (size_t)(end - connection->answer) + 4;
    for (const char *line = connection->answer; line < end; line = strstr(line, "\r\n") + 2) {
        if (strncasecmp(line, "content-length:", 15) == 0) {
            size_t length = head + strtoul(line + 15, NULL, 10);
            return connection->length >= length ? length : 0;
        }
        if (strncasecmp(line, "transfer-encoding: chunked", 26) == 0)
            return connection->length >= head + 5 && memcmp(connection->answer + connection->length - 5, "0\r\n\r\n", 5) == 0
                ? connection->length : 0;
    }
    return head;
}

static void count_answer(const struct connection *connection) {
    if (answers < MAX_SAMPLES) samples[answers] = (float)(now_us() - connection->sent_at);
    answers++;
    if (connection->answer[9] != '2' || strcasestr(connection->answer, "\r\nx-amz-function-error:")) failures++;
}

// Reads what is there; true when the answer is complete.
static int receive(struct connection *connection) {
    ssize_t count = read(connection->socket, connection->answer + connection->length, ANSWER_BYTES - connection->length - 1);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (count < 0) fail("read");
    if (count == 0) { errno = ECONNRESET; fail("the server closed a connection"); }
    connection->length += (size_t)count;
    connection->answer[connection->length] = 0;
    return answer_length(connection) > 0;
}

static void open_connection(struct connection *connection, const struct sockaddr_in *address, int poll) {
    connection->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(connection->socket, (const struct sockaddr *)address, sizeof *address) != 0) fail("connect");
    connection->answer = malloc(ANSWER_BYTES);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, connection->socket, &event) != 0) fail("epoll_ctl");
}

static int by_value(const void *left, const void *right) {
    float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

int main(int count, char **arguments) {
    if (count < 5 || count > 6) {
        fprintf(stderr, "usage: load HOST PORT CONNECTIONS SECONDS [NUMBERS] <request\n");
        return 2;
    }
    if (count == 6 && atoi(arguments[5]) > 0 && (unsigned)atoi(arguments[5]) < numbers) numbers = (unsigned)atoi(arguments[5]);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(arguments[2]))};
    if (inet_pton(AF_INET, arguments[1], &address.sin_addr) != 1) { fprintf(stderr, "load: not an IPv4 address\n"); return 2; }
    int width = atoi(arguments[3]);
    if (width < 1 || width > MAX_CONNECTIONS) { fprintf(stderr, "load: 1 to %d connections\n", MAX_CONNECTIONS); return 2; }
    read_request();
    static struct connection connections[MAX_CONNECTIONS];
    int poll = epoll_create1(EPOLL_CLOEXEC);
    for (int index = 0; index < width; index++) open_connection(&connections[index], &address, poll);
    double began = now_us(), end = began + atof(arguments[4]) * 1e6;
    for (int index = 0; index < width; index++) send_request(&connections[index]);
    for (int open = width; open > 0;) {
        struct epoll_event events[64];
        int ready = epoll_wait(poll, events, 64, 30000);
        if (ready == 0) { errno = ETIMEDOUT; fail("no answer for 30 seconds"); }
        for (int index = 0; index < ready; index++) {
            struct connection *connection = events[index].data.ptr;
            if (!receive(connection)) continue;
            count_answer(connection);
            if (now_us() < end) send_request(connection);
            else open--;
        }
    }
    double seconds = (now_us() - began) / 1e6;
    size_t kept = answers < MAX_SAMPLES ? answers : MAX_SAMPLES;
    qsort(samples, kept, sizeof *samples, by_value);
    printf("%zu %zu %.3f %.1f %.1f\n", answers, failures, seconds, samples[kept / 2], samples[kept * 99 / 100]);
    return 0;
}
