// SPDX-License-Identifier: Apache-2.0
// Clients of one SQS queue, each sending, receiving and deleting in a loop over a connection of its own: one thread, one
// epoll, the next call as soon as the answer is there.
//
// usage: loops PORT CLIENTS SECONDS BATCH BODY_BYTES PATH
//
// PATH is the queue's: /000000000000/name. With BATCH above 1 a loop sends, receives and deletes that many messages by the
// batch operations. Prints loops, messages, failures, seconds, then for send, receive, delete and the whole loop the median
// and the 99th percentile in microseconds. A receive that finds nothing is tried again.
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

enum { MAX_CLIENTS = 500, BYTES = 4 << 20, MAX_SAMPLES = 1 << 20, MAX_BATCH = 10, KINDS = 4 };
enum step { SEND, RECEIVE, DELETE };

struct client {
    int socket;
    enum step step;
    char *request, *answer;
    size_t request_length, length;
    double sent_at, began_at;
    int held;
    char *handles[MAX_BATCH];
};

static float *samples[KINDS];
static size_t counts[KINDS], messages, failures;
static int batch, port;
static size_t body_bytes;
static const char *path;

static void fail(const char *what) {
    fprintf(stderr, "loops: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static void note(int kind, double since) {
    if (counts[kind] < MAX_SAMPLES) samples[kind][counts[kind]] = (float)(now_us() - since);
    counts[kind]++;
}

static char *text(char *at, const char *more) { return stpcpy(at, more); }

static char *filler(char *at) {
    memset(at, 'x', body_bytes);
    return at + body_bytes;
}

static char *url(char *at) { return at + sprintf(at, "{\"QueueUrl\":\"http://127.0.0.1:%d%s\"", port, path); }

static char *send_body(char *at) {
    at = url(at);
    if (batch == 1) return text(filler(text(at, ",\"MessageBody\":\"")), "\"}");
    at = text(at, ",\"Entries\":[");
    for (int index = 0; index < batch; index++) {
        at += sprintf(at, "%s{\"Id\":\"%d\",\"MessageBody\":\"", index ? "," : "", index);
        at = text(filler(at), "\"}");
    }
    return text(at, "]}");
}

static char *receive_body(char *at) {
    at = url(at);
    return at + sprintf(at, ",\"MaxNumberOfMessages\":%d}", batch);
}

static char *delete_body(char *at, const struct client *client) {
    at = url(at);
    if (batch == 1) return at + sprintf(at, ",\"ReceiptHandle\":\"%s\"}", client->handles[0]);
    at = text(at, ",\"Entries\":[");
    for (int index = 0; index < client->held; index++)
        at += sprintf(at, "%s{\"Id\":\"%d\",\"ReceiptHandle\":\"%s\"}", index ? "," : "", index, client->handles[index]);
    return text(at, "]}");
}

static void send_request(struct client *client) {
    static char body[BYTES];
    static const char *const names[] = {"SendMessage", "ReceiveMessage", "DeleteMessage"};
    char *end = client->step == SEND ? send_body(body)
        : client->step == RECEIVE ? receive_body(body) : delete_body(body, client);
    const char *suffix = batch > 1 && client->step != RECEIVE ? "Batch" : "";
    size_t head = (size_t)sprintf(client->request,
        "POST / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-Amz-Target: AmazonSQS.%s%s\r\nContent-Type: application/x-amz-json-1.0\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=test/20240101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0\r\n"
        "Content-Length: %zu\r\n\r\n", port, names[client->step], suffix, (size_t)(end - body));
    memcpy(client->request + head, body, (size_t)(end - body));
    client->request_length = head + (size_t)(end - body);
    client->length = 0;
    client->sent_at = now_us();
    for (size_t done = 0; done < client->request_length;) {
        ssize_t count = write(client->socket, client->request + done, client->request_length - done);
        if (count < 0) fail("write");
        done += (size_t)count;
    }
}

static int is_complete(struct client *client) {
    ssize_t count = read(client->socket, client->answer + client->length, BYTES - client->length - 1);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (count <= 0) fail("read");
    client->length += (size_t)count;
    client->answer[client->length] = 0;
    char *end = strstr(client->answer, "\r\n\r\n");
    if (!end) return 0;
    char *length = strcasestr(client->answer, "\r\ncontent-length:");
    return !length || length > end || client->length >= (size_t)(end + 4 - client->answer) + strtoul(length + 17, NULL, 10);
}

// The handles of an answer stay where they are until the next request is made of them.
static void take_handles(struct client *client) {
    client->held = 0;
    for (char *at = client->answer; client->held < MAX_BATCH && (at = strstr(at, "\"ReceiptHandle\":\"")); client->held++) {
        client->handles[client->held] = at + 17;
        at = strchr(at + 17, '"');
        if (!at) break;
        *at++ = 0;
    }
}

// What comes next; 0 when the client is done.
static int advance(struct client *client, double end) {
    if (client->answer[9] != '2') failures++;
    switch (client->step) {
    case SEND: note(SEND, client->sent_at); client->step = RECEIVE; break;
    case RECEIVE:
        take_handles(client);
        if (client->held == 0) break;
        note(RECEIVE, client->sent_at);
        client->step = DELETE;
        break;
    case DELETE:
        note(DELETE, client->sent_at);
        note(3, client->began_at);
        messages += (size_t)client->held;
        if (now_us() >= end) return 0;
        client->step = SEND;
        client->began_at = now_us();
    }
    // With too little sent, or a batch taken apart by others, the last ones might wait for ever.
    if (now_us() >= end + 2e6) return 0;
    send_request(client);
    return 1;
}

static int by_value(const void *left, const void *right) {
    float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

int main(int count, char **arguments) {
    if (count != 7) { fprintf(stderr, "usage: loops PORT CLIENTS SECONDS BATCH BODY_BYTES PATH\n"); return 2; }
    port = atoi(arguments[1]);
    int width = atoi(arguments[2]);
    batch = atoi(arguments[4]);
    body_bytes = strtoul(arguments[5], NULL, 10);
    path = arguments[6];
    if (width < 1 || width > MAX_CLIENTS || batch < 1 || batch > MAX_BATCH || body_bytes * (size_t)batch > BYTES / 2) return 2;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    for (int kind = 0; kind < KINDS; kind++) samples[kind] = malloc(MAX_SAMPLES * sizeof(float));
    static struct client clients[MAX_CLIENTS];
    int poll = epoll_create1(EPOLL_CLOEXEC);
    for (int index = 0; index < width; index++) {
        struct client *client = &clients[index];
        client->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int one = 1;
        setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (connect(client->socket, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
        client->request = malloc(BYTES);
        client->answer = malloc(BYTES);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, client->socket, &event) != 0) fail("epoll_ctl");
    }
    double began = now_us(), end = began + atof(arguments[3]) * 1e6;
    for (int index = 0; index < width; index++) {
        clients[index].began_at = now_us();
        send_request(&clients[index]);
    }
    for (int open = width; open > 0;) {
        struct epoll_event events[64];
        int ready = epoll_wait(poll, events, 64, 30000);
        if (ready == 0) { errno = ETIMEDOUT; fail("no answer for 30 seconds"); }
        for (int index = 0; index < ready; index++) {
            struct client *client = events[index].data.ptr;
            if (is_complete(client) && !advance(client, end)) open--;
        }
    }
    printf("%zu %zu %zu %.3f", counts[3], messages, failures, (now_us() - began) / 1e6);
    for (int kind = 0; kind < KINDS; kind++) {
        size_t kept = counts[kind] < MAX_SAMPLES ? counts[kind] : MAX_SAMPLES;
        qsort(samples[kind], kept, sizeof(float), by_value);
        if (kept) printf(" %.0f %.0f", samples[kind][kept / 2], samples[kind][kept * 99 / 100]);
        else printf(" 0 0");
    }
    printf("\n");
    return 0;
}
