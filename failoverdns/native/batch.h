/* Batches of packets at a UDP socket: receive, answer on the fast path (`answer.h`), limit, send.
 *
 * Packets without a ready answer are passed to the caller with their source and destination.
 * Nothing here blocks. */
#ifndef FAILOVERDNS_BATCH_H
#define FAILOVERDNS_BATCH_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "answer.h"
#include "limiter.h"

#define BATCH 64u
#define BATCHES_MOST 8u /* per call, so that other sockets get their turn; fewer if many are left */
#define PACKET_MOST 4096u
#define CONTROL_MOST 64u

typedef struct packet {
    uint8_t data[PACKET_MOST];
    struct sockaddr_storage sender;
    union { /* the destination address, on a socket that is bound to all addresses */
        uint8_t data[CONTROL_MOST];
        struct cmsghdr aligned;
    } control;
    query query;
    asker asker;
    client client; /* if replies are limited */
    bool is_refused; /* it gets no reply */
    uint8_t reply[UDP_MOST];
} packet;

typedef struct batch {
    packet packets[BATCH];
    struct mmsghdr received[BATCH], sent[BATCH];
    struct iovec in[BATCH], out[BATCH];
} batch;

/* Called with each packet that the caller has to answer. */
typedef void leave(
    void *caller, const uint8_t *data, size_t size, const struct msghdr *message);

#define RCODES 16u /* of the header; BADCOOKIE, which needs EDNS, counts as 7 */

/* Counts of packets and replies, which only grow. */
typedef struct tally {
    uint64_t answered, unsent; /* replies that were sent, and that could not be */
    uint64_t ignored;          /* packets from where nobody is answered */
    uint64_t truncated;        /* replies with TC */
    uint64_t rcodes[RCODES];   /* replies by RCODE */
} tally;

/* The accounts that replies are counted by, and the time: nanoseconds of the monotonic clock. */
typedef struct limits {
    limiter *limiter; /* NULL: every reply is sent */
    int64_t now;
} limits;

/* Answer the packets that wait at a non-blocking socket; `own` is its address.
 * Return 0 when no packet waits any longer, 1 when there may be more. */
int answer_batches(
    batch *b, const table *t, const answer_settings *settings, const limits *limits, int fd,
    const struct sockaddr_storage *own, tally *count, leave *leave, void *caller);

/* Return whether services at this port answer anything, so that a reply to it may never end.
 * The same ports as in failoverdns/answering/udp.py. */
bool is_reflecting(unsigned port);

#endif
