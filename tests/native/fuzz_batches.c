/* A libFuzzer target: the input is packets, which arrive at sockets of loopback together.
 *
 * The first byte selects a socket (IPv4 or IPv6, bound to one address or to all) and limits; each
 * packet is after its size (2 bytes).  No access is out of bounds, every packet is answered, left
 * to the caller or dropped, and replies belong to their queries.
 * The table is the delta in the file that FAILOVERDNS_DELTA names. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch.h"
#include "consistency.h"

enum { SOCKETS = 4, LIMITED = 4, COOKIES = 8, MOST = 80 };

static table served;
static batch room;
static int servers[SOCKETS], clients[2];
static struct sockaddr_storage own[SOCKETS];
static limiter limiting;
static int64_t now = 1000000000;

static int bound(int family, bool wildcard)
{
    const int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    const int on = 1;
    require(fd >= 0, "there is a socket");
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6,
        .sin6_addr = wildcard ? (struct in6_addr)IN6ADDR_ANY_INIT
                              : (struct in6_addr)IN6ADDR_LOOPBACK_INIT,
    };
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    v4.sin_addr.s_addr = htonl(wildcard ? INADDR_ANY : INADDR_LOOPBACK);
    if (family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        if (wildcard)
            setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
        require(bind(fd, (struct sockaddr *)&v6, sizeof v6) == 0, "an IPv6 socket is bound");
    } else {
        if (wildcard)
            setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
        require(bind(fd, (struct sockaddr *)&v4, sizeof v4) == 0, "an IPv4 socket is bound");
    }
    return fd;
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    (void)count, (void)arguments;
    require_filled(&served);
    for (int i = 0; i < SOCKETS; i++) {
        servers[i] = bound(i & 1 ? AF_INET6 : AF_INET, i & 2);
        socklen_t length = sizeof own[i];
        require(getsockname(servers[i], (struct sockaddr *)&own[i], &length) == 0, "an address");
    }
    clients[0] = bound(AF_INET, false);
    clients[1] = bound(AF_INET6, false);
    limiter_settings s = {.window = 15, .slip = 2, .prefix4 = 24, .prefix6 = 56};
    for (int kind = 0; kind < KINDS; kind++)
        s.per_second[kind] = kind == KIND_ALL ? 100 : 20;
    s.most_accounts = 64;
    require(limiter_begin(&limiting, &s, NULL, 0) == 0, "a limiter begins");
    return 0;
}

static void count_left(
    void *caller, const uint8_t *data, size_t size, const struct msghdr *message)
{
    require(size <= PACKET_MOST && message->msg_namelen > 0, "a packet has a sender");
    uint8_t sum = 0; /* every byte can be read */
    for (size_t i = 0; i < size; i++)
        sum ^= data[i];
    for (size_t i = 0; i < message->msg_controllen; i++)
        sum ^= ((const uint8_t *)message->msg_control)[i];
    *(unsigned *)caller += 1 + (sum & 0);
}

/* Send the packets of an input to a server; return their number. */
static unsigned send_packets(int client, int which, const uint8_t *data, size_t size)
{
    struct sockaddr_storage to = own[which];
    unsigned count = 0;
    if (to.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&to)->sin6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
    else
        ((struct sockaddr_in *)&to)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const socklen_t length =
        to.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    for (; size >= 2 && count < MOST; count++) {
        size_t part = read16(data);
        data += 2, size -= 2;
        part = part < size ? part : size;
        if (sendto(client, data, part, 0, (struct sockaddr *)&to, length) != (ssize_t)part)
            return count;
        data += part, size -= part;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const int which = data[0] % SOCKETS, client = clients[which & 1];
    const answer_settings settings = {
        .secrets = data[0] & COOKIES ? 1 : 0, .secret = {"0123456789abcdef"}, .now = 1};
    const limits limits = {.limiter = data[0] & LIMITED ? &limiting : NULL, .now = now};
    now += (int64_t)data[0] * 1000000;
    const uint64_t before = limiting.dropped;
    const unsigned sent = send_packets(client, which, data + 1, size - 1);
    unsigned left = 0;
    tally tally_ = {0};
    while (answer_batches(
        &room, &served, &settings, &limits, servers[which], &own[which], &tally_, count_left, &left))
        continue;
    const uint64_t dropped = limiting.dropped - before;
    require(tally_.unsent == 0, "every reply can be sent");
    require(tally_.answered + left + dropped == sent, "no packet is forgotten");
    uint8_t reply[UDP_MOST + 1];
    uint64_t replies = 0;
    for (ssize_t got; (got = recv(client, reply, sizeof reply, 0)) >= 0; replies++) {
        require(got >= 12 && (size_t)got <= UDP_MOST, "a reply fits");
        require(reply[2] & 0x80, "a reply is a response");
    }
    require(replies == tally_.answered, "every reply arrives");
    return 0;
}
