/* Be many clients of an HTTP server on loopback, and print what they got as JSON.
 *
 *   http_clients --port P --file F --kind K [--connections N] [--rate R] [--seconds T] [--networks M]
 *
 * F has the bytes that a client sends.  They come from M addresses 127.1.0.1, 127.1.0.2, ... in turn
 * (M is 1).  A connection that the server closes is opened again, at the rate at most.  Kinds:
 *
 *   requests  R times a second, a connection that waits for nothing sends F, and reads the response
 *   deaf      each of N connections sends F once, and never reads
 *   drip      R times a second, one of N connections sends the next byte of F
 *   once      R connections a second are opened, send F, and are closed at the first bytes back
 *
 * It takes little CPU, so that a flood can run on the machine of the server.  If the rate cannot be
 * reached, nothing is made up for later, and "sent" shows it. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

enum { MAX_FILE = 65536, MAX_CONNECTIONS = 16384, MAX_HEADERS = 8192, BUFFER = 262144, EVENTS = 256 };

/* A connection: closed, being opened, waiting for nothing, or waiting for a response. */
enum state { CLOSED, OPENING, IDLE, ASKING };

struct connection {
    int sock;
    enum state state;
    size_t sent;               /* bytes of the file that were sent */
    char headers[MAX_HEADERS]; /* of the response, as far as they have come */
    size_t headers_size;
    int in_body;
    long left;     /* bytes of the body that are missing; -1 if it comes in chunks */
    char tail[5];  /* the last bytes of a body in chunks */
};

static struct connection connections[MAX_CONNECTIONS];
static int idle[MAX_CONNECTIONS], idle_count; /* connections that may send */
static uint8_t file[MAX_FILE];
static size_t file_size;
static char buffer[BUFFER];
static int epoll, port, count = 1, networks = 1;
static double rate = 1.0, run_seconds = 1.0;
static const char *const kinds[] = {"requests", "deaf", "drip", "once"};
static enum kind { REQUESTS, DEAF, DRIP, ONCE } kind = REQUESTS;
static uint64_t opened, sent, closed, failed, received, statuses[6];

static void fail(const char *why)
{
    fprintf(stderr, "http_clients: %s\n", why);
    exit(2);
}

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void open_one(int number)
{
    struct connection *one = &connections[number];
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    struct epoll_event event = {.events = EPOLLOUT, .data.u32 = (uint32_t)number};
    const int yes = 1, little = 4096;
    const uint32_t network = (uint32_t)(opened % (uint64_t)networks);
    one->sock = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (one->sock < 0)
        fail("no socket");
    if (kind == DEAF) /* what is not read stays with the server */
        setsockopt(one->sock, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    from.sin_addr.s_addr = htonl(0x7f010001u + network);
    setsockopt(one->sock, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    if (bind(one->sock, (struct sockaddr *)&from, sizeof from))
        fail("cannot bind");
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)port);
    opened++;
    one->state = OPENING;
    one->sent = 0;
    if (connect(one->sock, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) {
        close(one->sock);
        one->state = CLOSED;
        failed++;
        return;
    }
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, one->sock, &event))
        fail("epoll");
}

static void close_one(int number)
{
    struct connection *one = &connections[number];
    close(one->sock); /* this takes it out of epoll, too */
    for (int i = 0; one->state == IDLE && i < idle_count; i++)
        if (idle[i] == number) {
            idle[i] = idle[--idle_count];
            break;
        }
    one->state = CLOSED;
}

static void rest(int number)
{
    connections[number].state = IDLE;
    idle[idle_count++] = number;
}

/* Send `size` bytes of the file from where the connection is; return whether it is still open. */
static int send_bytes(int number, size_t size)
{
    struct connection *one = &connections[number];
    const ssize_t done = send(one->sock, file + one->sent, size, MSG_NOSIGNAL);
    if (done < 0 && errno != EAGAIN) {
        close_one(number);
        failed++;
        return 0;
    }
    one->sent += done > 0 ? (size_t)done : 0;
    sent += one->sent == file_size;
    return 1;
}

/* Read the headers of a response, which are complete: count its status, find how its body ends. */
static void begin_body(struct connection *one)
{
    const char *length;
    one->headers[one->headers_size] = 0;
    const int hundreds = one->headers_size > 9 ? one->headers[9] - '0' : 0;
    statuses[hundreds > 0 && hundreds < 6 ? hundreds : 0]++;
    one->in_body = 1;
    one->left = -1;
    memset(one->tail, 0, sizeof one->tail);
    length = strcasestr(one->headers, "\r\ncontent-length:");
    if (length != NULL)
        one->left = strtol(length + 17, NULL, 10);
    else if (!memcmp(one->headers + 9, "304", 3))
        one->left = 0;
}

/* Take bytes of a response; return whether it is complete. */
static int take(struct connection *one, const char *at, size_t size)
{
    while (!one->in_body && size > 0) {
        if (one->headers_size == MAX_HEADERS - 1)
            fail("the headers of a response are too long");
        one->headers[one->headers_size++] = *at++;
        size--;
        if (one->headers_size >= 4 && !memcmp(one->headers + one->headers_size - 4, "\r\n\r\n", 4))
            begin_body(one);
    }
    if (!one->in_body)
        return 0;
    if (one->left >= 0) {
        one->left -= (long)size;
        return one->left <= 0;
    }
    for (size_t i = size > 5 ? size - 5 : 0; i < size; i++) {
        memmove(one->tail, one->tail + 1, 4);
        one->tail[4] = at[i];
    }
    return !memcmp(one->tail, "0\r\n\r\n", 5);
}

static void hear(int number)
{
    struct connection *one = &connections[number];
    const ssize_t size = recv(one->sock, buffer, sizeof buffer, 0);
    if (size < 0 && errno == EAGAIN)
        return;
    if (size <= 0) {
        close_one(number);
        closed++;
        return;
    }
    received += (uint64_t)size;
    if (kind == ONCE) {
        close_one(number);
    } else if (kind == REQUESTS && one->state == ASKING && take(one, buffer, (size_t)size)) {
        one->in_body = 0;
        one->headers_size = 0;
        rest(number);
    }
}

static void ready(int number)
{
    struct connection *one = &connections[number];
    struct epoll_event event = {.events = kind == DEAF ? 0 : EPOLLIN,
                                .data.u32 = (uint32_t)number};
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(one->sock, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        close_one(number);
        failed++;
        return;
    }
    one->in_body = 0;
    one->headers_size = 0;
    epoll_ctl(epoll, EPOLL_CTL_MOD, one->sock, &event);
    if (kind == REQUESTS || kind == DRIP) {
        rest(number);
    } else if (send_bytes(number, file_size)) {
        one->state = ASKING;
    }
}

/* Do what is due once more; return whether there was a connection for it. */
static int act(void)
{
    static int turn;
    if (kind == REQUESTS || kind == DRIP) {
        if (idle_count == 0)
            return 0;
        const int at = turn++ % idle_count, number = idle[at];
        struct connection *one = &connections[number];
        if (kind == REQUESTS) {
            idle[at] = idle[--idle_count];
            one->state = ASKING;
            one->sent = 0;
            send_bytes(number, file_size);
        } else if (one->sent < file_size) {
            send_bytes(number, 1);
        }
        return 1;
    }
    for (int i = 0; i < count; i++) {
        const int number = turn++ % count;
        if (connections[number].state == CLOSED) {
            open_one(number);
            return 1;
        }
    }
    return 0;
}

static void run(void)
{
    struct epoll_event events[EVENTS];
    const double begin = now();
    double last = begin, due = 0.0, reopen = 0.0;
    while (last < begin + run_seconds) {
        const double at = now();
        due += (at - last) * rate;
        reopen += (at - last) * (rate > 1000.0 ? rate : 1000.0);
        last = at;
        for (int i = 0; kind != ONCE && reopen >= 1.0 && i < count; i++)
            if (connections[i].state == CLOSED) {
                open_one(i);
                reopen -= 1.0;
            }
        while (due >= 1.0 && act())
            due -= 1.0;
        if (due > rate / 10 + 1)
            due = rate / 10 + 1;
        if (reopen > 1000.0)
            reopen = 1000.0;
        const int found = epoll_wait(epoll, events, EVENTS, 1);
        for (int i = 0; i < found; i++) {
            const int number = (int)events[i].data.u32;
            if (connections[number].state == OPENING)
                ready(number);
            else if (events[i].events & EPOLLIN)
                hear(number);
            else if (connections[number].state != CLOSED) { /* EPOLLHUP, EPOLLERR */
                close_one(number);
                closed++;
            }
        }
    }
}

static void read_file(const char *path)
{
    FILE *from = fopen(path, "rb");
    if (from == NULL)
        fail("cannot open the file");
    file_size = fread(file, 1, sizeof file, from);
    fclose(from);
}

static enum kind read_kind(const char *word)
{
    for (int i = REQUESTS; i <= ONCE; i++)
        if (!strcmp(word, kinds[i]))
            return (enum kind)i;
    fail("unknown kind");
    return REQUESTS;
}

int main(int argc, char **argv)
{
    struct rlimit files = {MAX_CONNECTIONS + 64, MAX_CONNECTIONS + 64};
    struct rusage used;
    int open_at_end = 0;
    setrlimit(RLIMIT_NOFILE, &files);
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (!strcmp(name, "--port")) port = atoi(value);
        else if (!strcmp(name, "--file")) read_file(value);
        else if (!strcmp(name, "--kind")) kind = read_kind(value);
        else if (!strcmp(name, "--connections")) count = atoi(value);
        else if (!strcmp(name, "--rate")) rate = atof(value);
        else if (!strcmp(name, "--seconds")) run_seconds = atof(value);
        else if (!strcmp(name, "--networks")) networks = atoi(value);
        else fail("unknown option");
    }
    if (port <= 0 || file_size == 0 || count < 1 || count > MAX_CONNECTIONS || networks < 1)
        fail("give --port and --file, and sensible numbers");
    epoll = epoll_create1(0);
    run();
    for (int i = 0; i < count; i++)
        open_at_end += connections[i].state == IDLE || connections[i].state == ASKING;
    getrusage(RUSAGE_SELF, &used);
    printf("{\"opened\": %llu, \"sent\": %llu, \"closed\": %llu, \"failed\": %llu, "
           "\"open_at_end\": %d, \"received\": %llu, \"2xx\": %llu, \"3xx\": %llu, \"4xx\": %llu, "
           "\"5xx\": %llu, \"other\": %llu, \"cpu\": %.2f}\n",
           (unsigned long long)opened, (unsigned long long)sent, (unsigned long long)closed,
           (unsigned long long)failed, open_at_end, (unsigned long long)received,
           (unsigned long long)statuses[2], (unsigned long long)statuses[3],
           (unsigned long long)statuses[4], (unsigned long long)statuses[5],
           (unsigned long long)(statuses[0] + statuses[1]),
           (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    return 0;
}
