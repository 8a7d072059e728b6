/* Send very many queries to a name server on loopback, and print the results as JSON.
 *
 *   load --port P --groups N [--core C] [--sockets S] [--seconds T] [--zone TEXT]
 *        [--window W | --rate R] [--nxdomain PERCENT] [--opt HEX] [--seed N]
 *
 * The names are those of failoverdns: <label>, primary.<label>, backup.<label> in the zone, where
  * a label is nine digits below N as 000-000-000.  Each is queried for A or AAAA, at random from the
  * same seed every time.  Names for NXDOMAIN have labels that begin with 999-.
  * --opt is an OPT record in hexadecimal, appended to each query.
  *
  *   --window W   keep W queries in flight, on all sockets together, to measure the capacity
  *   --rate R     send R queries a second, at times from a Poisson process that do not depend on
  *                the answers, to measure latencies, which count from when a query was due
  *
  * It polls without waiting, so that a server pays for no wake-up of the load generator.
  * The run is bounded in time; answers that come TIMEOUT after the last query are lost.
  */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
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

enum {
    BATCH = 64,
    SIZE = 512,
    MAX_SOCKETS = 64,
    MAX_OPT = 256,
    MAX_MICROSECONDS = 1 << 20,
    MAX_SECONDS = 600,
};
static const int64_t TIMEOUT = 200000000; /* nanoseconds */

struct asker {
    int sock;
    uint16_t next;          /* id of the next question */
    int64_t in_flight;
    int64_t heard;          /* time of the last answer */
    int64_t *asked;         /* by id: due time of the query; 0 if answered */
};

static struct asker askers[MAX_SOCKETS];
static uint8_t packets[BATCH][SIZE];
static struct mmsghdr messages[BATCH];
static struct iovec parts[BATCH];
static int64_t due[BATCH];
static uint32_t histogram[MAX_MICROSECONDS];

static int port, sockets = 8, core = -1;
static long groups = 3333, window, rate;
static double run_seconds = 1.0, nxdomain;
static const char *zone = "failover.test";
static uint8_t tail[MAX_OPT], suffix[256];
static size_t tail_size, suffix_size;

static uint64_t sent, answered, lost, strays, refused, empty, truncated, late, rcodes[16], bytes;

static void three_digits(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)('0' + value / 100 % 10);
    at[1] = (uint8_t)('0' + value / 10 % 10);
    at[2] = (uint8_t)('0' + value % 10);
}

/* Write a query with an id into a packet; return its size. */
static size_t question(uint8_t *packet, uint16_t id)
{
    static const char *const prefixes[] = {"", "\7primary", "\6backup"};
    uint64_t dice = draw();
    unsigned number = (unsigned)((dice >> 20) % (uint64_t)groups);
    const char *prefix = prefixes[dice % 3];
    size_t length = strlen(prefix);
    int absent = nxdomain > 0 && (double)(draw() >> 11) * 0x1p-53 * 100.0 < nxdomain;
    uint8_t *at = packet;
    *at++ = (uint8_t)(id >> 8);
    *at++ = (uint8_t)id;
    memcpy(at, "\0\0\0\1\0\0\0\0\0", 10);
    at[9] = tail_size > 0;
    at += 10;
    memcpy(at, prefix, length);
    at += length;
    *at++ = 11;
    three_digits(at, absent ? 999 : number / 1000000);
    at[3] = '-';
    three_digits(at + 4, number / 1000 % 1000);
    at[7] = '-';
    three_digits(at + 8, number % 1000);
    at += 11;
    memcpy(at, suffix, suffix_size);
    at += suffix_size;
    *at++ = 0; /* the root; then the type */
    *at++ = 0;
    *at++ = dice >> 8 & 1 ? 28 : 1;
    *at++ = 0;
    *at++ = 1;
    memcpy(at, tail, tail_size);
    return (size_t)(at - packet) + tail_size;
}

/* Send queries, a batch with one call; their due times are in `due`. */
static void ask(struct asker *asker, int count)
{
    for (int i = 0; i < count; i++) {
        parts[i].iov_len = question(packets[i], (uint16_t)(asker->next + i));
    }
    int done = sendmmsg(asker->sock, messages, (unsigned)count, 0);
    if (done < 0) {
        if (errno != EAGAIN && errno != ECONNREFUSED && errno != ENOBUFS)
            fail("load", strerror(errno));
        refused += errno == ECONNREFUSED;
        done = 0;
    }
    for (int i = 0; i < done; i++) {
        int64_t *slot = &asker->asked[(uint16_t)(asker->next + i)];
        if (*slot != 0) { /* 65,536 queries ago, and not answered */
            lost++;
            asker->in_flight--;
        }
        *slot = due[i];
    }
    asker->next = (uint16_t)(asker->next + done);
    asker->in_flight += done;
    sent += (uint64_t)done;
    if (rate > 0 && done < count) /* the open loop does not retry */
        lost += (uint64_t)(count - done), sent += (uint64_t)(count - done);
}

/* Receive the waiting answers; return their number. */
static int hear(struct asker *asker)
{
    for (int i = 0; i < BATCH; i++)
        parts[i].iov_len = SIZE;
    int taken = recvmmsg(asker->sock, messages, BATCH, MSG_DONTWAIT, NULL);
    if (taken < 0) {
        if (errno != EAGAIN && errno != ECONNREFUSED)
            fail("load", strerror(errno));
        refused += errno == ECONNREFUSED;
        return 0;
    }
    int64_t at = now();
    for (int i = 0; i < taken; i++) {
        uint8_t *packet = packets[i];
        int64_t *slot = &asker->asked[packet[0] << 8 | packet[1]];
        if (messages[i].msg_len < 12 || !(packet[2] & 0x80) || *slot == 0) {
            strays++;
            continue;
        }
        if (rate > 0) {
            int64_t micro = (at - *slot) / 1000;
            histogram[micro < MAX_MICROSECONDS ? micro : MAX_MICROSECONDS - 1]++;
        }
        *slot = 0;
        asker->in_flight--;
        answered++;
        bytes += messages[i].msg_len;
        rcodes[packet[3] & 15]++;
        truncated += packet[2] >> 1 & 1;
        empty += packet[6] == 0 && packet[7] == 0;
    }
    if (taken > 0)
        asker->heard = at;
    return taken;
}

static void give_up(struct asker *asker)
{
    for (int id = 0; id < 65536; id++)
        if (asker->asked[id] != 0) {
            asker->asked[id] = 0;
            lost++;
        }
    asker->in_flight = 0;
}

static void saturate(int64_t until)
{
    int64_t each = window / sockets > 0 ? window / sockets : 1, at;
    while ((at = now()) < until) {
        for (int s = 0; s < sockets; s++) {
            struct asker *asker = &askers[s];
            while (hear(asker) == BATCH)
                ;
            if (asker->in_flight > 0 && at - asker->heard > TIMEOUT)
                give_up(asker);
            int64_t room = each - asker->in_flight;
            if (asker->in_flight <= 0)
                asker->heard = at;
            while (room > 0) {
                int count = room < BATCH ? (int)room : BATCH;
                for (int i = 0; i < count; i++)
                    due[i] = at;
                ask(asker, count);
                room -= count;
            }
        }
    }
}

static double gap(void)
{
    double even = ((double)(draw() >> 11) + 0.5) * 0x1p-53;
    return -log(even) * 1e9 / (double)rate;
}

static void pace(int64_t begin, int64_t until)
{
    double next = (double)begin + gap();
    int turn = 0, at_socket = 0;
    while (next < (double)until) {
        int64_t at = now();
        int count = 0;
        while (count < BATCH && next <= (double)at && next < (double)until) {
            due[count++] = (int64_t)next;
            late += (double)at - next > 100000.0;
            next += gap();
        }
        if (count > 0) {
            ask(&askers[at_socket], count);
            at_socket = (at_socket + 1) % sockets;
        }
        hear(&askers[turn]);
        turn = (turn + 1) % sockets;
    }
}

static void drain(void)
{
    int64_t until = now() + TIMEOUT;
    for (int waiting = 1; waiting && now() < until;) {
        waiting = 0;
        for (int s = 0; s < sockets; s++) {
            hear(&askers[s]);
            waiting |= askers[s].in_flight > 0;
        }
    }
    for (int s = 0; s < sockets; s++)
        give_up(&askers[s]);
}

static double percentile(double share)
{
    uint64_t rank = (uint64_t)ceil((double)answered * share), seen = 0;
    for (int i = 0; i < MAX_MICROSECONDS; i++)
        if ((seen += histogram[i]) >= rank)
            return i + 0.5;
    return MAX_MICROSECONDS;
}

/* Return the share of its time that this process was ready but another had its core. */
static double waited(void)
{
    double ran = 0, ready = 0;
    FILE *file = fopen("/proc/self/schedstat", "r");
    if (file != NULL) {
        if (fscanf(file, "%lf %lf", &ran, &ready) != 2)
            ran = ready = 0;
        fclose(file);
    }
    return ran + ready > 0 ? ready / (ran + ready) : 0;
}

static void open_sockets(void)
{
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int s = 0; s < sockets; s++) {
        int buffer = 4 << 20;
        askers[s].sock = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        askers[s].asked = calloc(65536, sizeof *askers[s].asked);
        askers[s].heard = now();
        if (askers[s].sock < 0 || askers[s].asked == NULL)
            fail("load", "no socket");
        setsockopt(askers[s].sock, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
        if (connect(askers[s].sock, (struct sockaddr *)&server, sizeof server))
            fail("load", strerror(errno));
    }
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
        else if (!strcmp(name, "--core")) core = atoi(value);
        else if (!strcmp(name, "--sockets")) sockets = atoi(value);
        else if (!strcmp(name, "--seconds")) run_seconds = atof(value);
        else if (!strcmp(name, "--zone")) zone = value;
        else if (!strcmp(name, "--window")) window = atol(value);
        else if (!strcmp(name, "--rate")) rate = atol(value);
        else if (!strcmp(name, "--nxdomain")) nxdomain = atof(value);
        else if (!strcmp(name, "--seed")) state += strtoull(value, NULL, 10) * 0xbf58476d1ce4e5b9u;
        else if (!strcmp(name, "--opt")) {
            tail_size = strlen(value) / 2;
            if (tail_size > MAX_OPT)
                fail("load", "the OPT record is too long");
            for (size_t n = 0; n < tail_size; n++)
                if (sscanf(value + 2 * n, "%2hhx", &tail[n]) != 1)
                    fail("load", "the OPT record is not hexadecimal");
        } else fail("load", "unknown option");
    }
    if (argc % 2 == 0 || port <= 0 || port > 65535 || sockets < 1 || sockets > MAX_SOCKETS ||
        groups < 1 || groups > 998999999 || (window > 0) == (rate > 0) || window > 65536 ||
        run_seconds <= 0 || run_seconds > MAX_SECONDS || strlen(zone) > 200)
        fail("load", "bad options");
    for (const char *label = zone; *label;) {
        size_t length = strcspn(label, ".");
        if (length == 0 || length > 63)
            fail("load", "bad zone");
        suffix[suffix_size++] = (uint8_t)length;
        memcpy(suffix + suffix_size, label, length);
        suffix_size += length;
        label += length + (label[length] == '.');
    }
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
    int64_t begin = now(), until = begin + (int64_t)(run_seconds * 1e9);
    if (rate > 0)
        pace(begin, until);
    else
        saturate(until);
    double took = (double)(now() - begin) / 1e9;
    drain();
    printf("{\"seconds\": %.6f, \"sent\": %lu, \"answered\": %lu, \"lost\": %lu, \"strays\": %lu, "
           "\"refused\": %lu, \"empty\": %lu, \"truncated\": %lu, \"late\": %lu, \"bytes\": %lu, ",
           took, sent, answered, lost, strays, refused, empty, truncated, late, bytes);
    printf("\"waited\": %.4f, \"rcodes\": {", waited());
    for (int i = 0, first = 1; i < 16; i++)
        if (rcodes[i]) {
            printf("%s\"%d\": %lu", first ? "" : ", ", i, rcodes[i]);
            first = 0;
        }
    printf("}");
    if (rate > 0 && answered > 0)
        printf(", \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f",
               percentile(0.5), percentile(0.99), percentile(0.999), percentile(1.0));
    printf("}\n");
    return 0;
}
