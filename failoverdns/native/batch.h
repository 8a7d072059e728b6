/* Packets in batches: received, answered where the answer lies ready, and sent, from a UDP socket.
 *
 * What does not lie ready is left to the caller, with where it came from and where it went to.
 * Refuses to know what is answered (`answer.h`), and waits for nothing. */
#ifndef FAILOVERDNS_BATCH_H
#define FAILOVERDNS_BATCH_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "answer.h"

#define BATCH 64u
#define BATCHES_MOST 8u /* in one go: others get their turn in between; fewer if much is left */
#define PACKET_MOST 4096u
#define CONTROL_MOST 64u

typedef struct packet {
    uint8_t data[PACKET_MOST];
    struct sockaddr_storage sender;
    union { /* where it was sent to, on a socket that is bound to all addresses */
        uint8_t data[CONTROL_MOST];
        struct cmsghdr aligned;
    } control;
    query query;
    asker asker;
    uint8_t reply[UDP_MOST];
} packet;

typedef struct batch {
    packet packets[BATCH];
    struct mmsghdr received[BATCH], sent[BATCH];
    struct iovec in[BATCH], out[BATCH];
} batch;

/* A packet that the caller has to answer. */
typedef void leave(
    void *caller, const uint8_t *data, size_t size, const struct msghdr *message);

/* What became of packets. */
typedef struct tally {
    uint64_t answered, unsent;
} tally;

/* Answer what waits at a socket that does not block; `own` is its address.
 * Return 0 when nothing waits any more, 1 when there may be more. */
int answer_batches(
    batch *b, const table *t, const answer_settings *settings, int fd,
    const struct sockaddr_storage *own, tally *count, leave *leave, void *caller);

#endif
