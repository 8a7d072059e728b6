/* Flood a name server on loopback from one network, while honest clients of other networks ask it,
 * and print what both got as JSON.
 *
 *   flood --port P --groups N [--kind K] [--rate R] [--honest H] [--networks M] [--seconds T]
 *         [--core C] [--network X] [--hear 1]
 *
 * The flood comes from four ports of 127.0.X.1 (X is 2), R queries a second.  Its questions, by kind:
 *
 *   same     one name that exists, A
 *   random   names that do not exist
 *   names    names that exist
 *   types    one name that exists, and ever new types that it has no records of
 *   origin   the same for the origin of the zone
 *   other    random names of a zone that the server does not have
 *
 * Honest clients ask for random existing names, H queries a second in turn from M networks of
 * 127.0.0.0/8.  An honest query is answered if a reply with a record comes within WAIT.
 * With --hear the replies to the flood are read and counted; this takes CPU, so it is for low rates.
 * If the rate cannot be reached, nothing is made up for later, and "sent" shows it. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "drawing.h"

enum { BATCH = 64, SIZE = 2048, PORTS = 4, BACKLOG = 4096, MAX_SECONDS = 120, MAX_NETWORKS = 200 };
static const int64_t WAIT = 500000000; /* nanoseconds */

static uint8_t packets[BATCH][SIZE], control[CMSG_SPACE(sizeof(struct in_pktinfo))];
static struct mmsghdr messages[BATCH];
static struct iovec parts[BATCH];
static int flooding[PORTS], honest_socket;
static struct sockaddr_in server = {.sin_family = AF_INET};
static int64_t asked[65536]; /* by id: when an honest query was sent; 0 if it is answered */

static int port, core = -1, hear, network = 2, networks = 30;
static long groups = 3333, rate, honest;
static double run_seconds = 1.0;
static const char *kind = "random";

static uint64_t sent, sent_bytes, full, truncated, heard_bytes;
static uint64_t honest_sent, honest_answered, honest_truncated;

static uint8_t *append(uint8_t *at, const char *text, size_t size)
{
    memcpy(at, text, size);
    return at + size;
}

static uint8_t *label(uint8_t *at, unsigned number)
{
    char text[16];
    snprintf(text, sizeof text, "\13%03u-%03u-%03u", number / 1000000 % 1000,
             number / 1000 % 1000, number % 1000);
    return append(at, text, 12);
}

static size_t finish(uint8_t *packet, uint8_t *at, const char *zone, size_t size, unsigned type)
{
    at = append(at, zone, size);
    *at++ = (uint8_t)(type >> 8);
    *at++ = (uint8_t)type;
    at = append(at, "\0\1", 2);
    return (size_t)(at - packet);
}

/* Write a query; a zone in the text form of C has a final zero, which is the root label. */
static size_t question(uint8_t *packet, const char *of, uint16_t id)
{
    static const char ours[] = "\10failover\4test", other[] = "\5other\7example";
    static unsigned type = 256;
    uint8_t *at = packet;
    *at++ = (uint8_t)(id >> 8);
    *at++ = (uint8_t)id;
    at = append(at, "\0\0\0\1\0\0\0\0\0\0", 10);
    if (++type > 60000)
        type = 300;
    switch (of[0]) {
    case 's': return finish(packet, label(at, 0), ours, sizeof ours, 1);
    case 'r': return finish(packet, label(at, 999000000 + (unsigned)(draw() % 1000000)), ours,
                            sizeof ours, 1);
    case 't': return finish(packet, label(at, 0), ours, sizeof ours, type);
    case 'n': return finish(packet, label(at, (unsigned)(draw() % (uint64_t)groups)), ours,
                            sizeof ours, 1);
    case 'o':
        if (of[1] == 'r')
            return finish(packet, at, ours, sizeof ours, type);
        return finish(packet, label(at, (unsigned)(draw() % 1000000)), other, sizeof other, 1);
    default: fail("flood", "unknown kind");
    }
    return 0;
}

static void send_flood(int count)
{
    static int turn;
    for (int i = 0; i < count; i++) {
        parts[i].iov_len = question(packets[i], kind, (uint16_t)draw());
        sent_bytes += parts[i].iov_len;
    }
    const int done = sendmmsg(flooding[turn++ % PORTS], messages, (unsigned)count, 0);
    if (done < 0 && errno != EAGAIN && errno != ECONNREFUSED && errno != ENOBUFS)
        fail("flood", strerror(errno));
    sent += (uint64_t)count; /* what the kernel dropped counts, too */
}

static void send_honest(void)
{
    uint8_t packet[SIZE];
    const uint16_t id = (uint16_t)honest_sent;
    struct iovec part = {packet, question(packet, "names", id)};
    struct msghdr message = {.msg_name = &server, .msg_namelen = sizeof server, .msg_iov = &part,
                             .msg_iovlen = 1, .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    struct in_pktinfo from = {0};
    const uint32_t of = 10 + (uint32_t)(honest_sent % (uint64_t)networks);
    from.ipi_spec_dst.s_addr = htonl(0x7f000001u | of << 8);
    header->cmsg_level = IPPROTO_IP;
    header->cmsg_type = IP_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof from);
    memcpy(CMSG_DATA(header), &from, sizeof from);
    asked[id] = now();
    honest_sent++;
    sendmsg(honest_socket, &message, 0);
}

/* Count the replies at a socket; those to honest clients by the time that they took. */
static void listen_to(int sock)
{
    for (int i = 0; i < BATCH; i++)
        parts[i].iov_len = SIZE;
    const int taken = recvmmsg(sock, messages, BATCH, MSG_DONTWAIT, NULL);
    const int64_t at = now();
    for (int i = 0; i < taken; i++) {
        const uint8_t *packet = packets[i];
        if (messages[i].msg_len < 12 || !(packet[2] & 0x80))
            continue;
        const int is_truncated = packet[2] >> 1 & 1;
        if (sock != honest_socket) {
            heard_bytes += messages[i].msg_len;
            truncated += (uint64_t)is_truncated;
            full += (uint64_t)!is_truncated;
            continue;
        }
        int64_t *slot = &asked[packet[0] << 8 | packet[1]];
        if (*slot == 0 || at - *slot > WAIT)
            continue;
        *slot = 0;
        honest_truncated += (uint64_t)is_truncated;
        honest_answered += !is_truncated && packet[7] > 0;
    }
}

static int socket_at(uint32_t address, int buffer)
{
    const int sock = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    if (sock < 0 || bind(sock, (struct sockaddr *)&here, sizeof here))
        fail("flood", strerror(errno));
    setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    return sock;
}

static void open_sockets(void)
{
    server.sin_port = htons((uint16_t)port);
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < PORTS; i++) {
        flooding[i] = socket_at(0x7f000001u | (uint32_t)network << 8, hear ? 4 << 20 : 1);
        if (connect(flooding[i], (struct sockaddr *)&server, sizeof server))
            fail("flood", strerror(errno));
    }
    honest_socket = socket_at(INADDR_ANY, 4 << 20);
    for (int i = 0; i < BATCH; i++) {
        parts[i].iov_base = packets[i];
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
}

static void read_options(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (!strcmp(name, "--port")) port = atoi(value);
        else if (!strcmp(name, "--groups")) groups = atol(value);
        else if (!strcmp(name, "--kind")) kind = value;
        else if (!strcmp(name, "--rate")) rate = atol(value);
        else if (!strcmp(name, "--honest")) honest = atol(value);
        else if (!strcmp(name, "--networks")) networks = atoi(value);
        else if (!strcmp(name, "--seconds")) run_seconds = atof(value);
        else if (!strcmp(name, "--core")) core = atoi(value);
        else if (!strcmp(name, "--network")) network = atoi(value);
        else if (!strcmp(name, "--hear")) hear = atoi(value);
        else fail("flood", "unknown option");
    }
    if (argc % 2 == 0 || port <= 0 || port > 65535 || groups < 1 || groups > 998999999 ||
        rate < 0 || rate > 10000000 || honest < 0 || honest > 10000 || networks < 1 ||
        networks > MAX_NETWORKS || network < 0 || network > 255 || run_seconds <= 0 ||
        run_seconds > MAX_SECONDS)
        fail("flood", "bad options");
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    alarm(MAX_SECONDS + 60);
    if (core >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(core, &set);
        sched_setaffinity(0, sizeof set, &set);
    }
    open_sockets();
    const int64_t begin = now(), until = begin + (int64_t)(run_seconds * 1e9);
    uint64_t skipped = 0;
    int64_t at;
    while ((at = now()) < until + (honest > 0 || hear ? WAIT : 0)) {
        const double passed = (double)(at - begin) / 1e9;
        if (at < until) {
            int64_t due = (int64_t)(passed * (double)rate) - (int64_t)(sent + skipped);
            if (due > BACKLOG) {
                skipped += (uint64_t)(due - BACKLOG);
                due = BACKLOG;
            }
            if (due > 0)
                send_flood(due < BATCH ? (int)due : BATCH);
            if ((uint64_t)(passed * (double)honest) > honest_sent)
                send_honest();
        }
        listen_to(honest_socket);
        for (int i = 0; hear && i < PORTS; i++)
            listen_to(flooding[i]);
    }
    printf("{\"sent\": %llu, \"per_second\": %.0f, \"bytes\": %llu, \"full\": %llu, "
           "\"truncated\": %llu, \"heard_bytes\": %llu, ",
           (unsigned long long)sent, (double)sent / run_seconds, (unsigned long long)sent_bytes,
           (unsigned long long)full, (unsigned long long)truncated,
           (unsigned long long)heard_bytes);
    printf("\"honest\": %llu, \"honest_answered\": %llu, \"honest_truncated\": %llu}\n",
           (unsigned long long)honest_sent, (unsigned long long)honest_answered,
           (unsigned long long)honest_truncated);
    return 0;
}
