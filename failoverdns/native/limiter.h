/* Response rate limiting: how many replies a second a client network gets.
 *
 * Gives the same treatments as failoverdns/answering/limiting.py, which explains the accounts.
 * The table of accounts has a fixed size; nothing is allocated after its creation.
 * Time is an argument: nanoseconds of a monotonic clock. */
#ifndef FAILOVERDNS_LIMITER_H
#define FAILOVERDNS_LIMITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kind of a reply, which selects its rate; `KIND_ALL` counts every reply of a network. */
typedef enum reply_kind {
    KIND_ANSWER,
    KIND_NODATA,
    KIND_NXDOMAIN,
    KIND_REFERRAL,
    KIND_ERROR,
    KIND_ALL,
    KINDS,
} reply_kind;

/* What is done with a reply: send it, send it truncated, or drop it. */
typedef enum treatment { SEND, SLIP, DROP } treatment;

#define ACCOUNT_NAME_MOST 257u /* bytes that distinguish replies of a kind: a name and a type */
#define RATE_MOST 10000000u    /* replies a second */
#define WINDOW_MOST 3600u      /* seconds */
#define WAYS_MOST 8u           /* accounts of a set */

/* A rate in nanoseconds: from one reply to the next, of a second's worth, of the largest debt. */
typedef struct rate {
    int64_t interval; /* 0: no limit */
    int64_t burst, debt;
} rate;

typedef struct account {
    uint32_t tag; /* from the hash of its key; 0: unused */
    uint32_t limited; /* replies over the limit, modulo `slip` */
    int64_t zero_at; /* when the balance is 0: in the future for a network in debt */
} account;

/* A network whose clients are not limited: its address, in 4 or 16 bytes, and its mask. */
typedef struct exempt_network {
    uint8_t size;
    uint8_t address[16], mask[16];
} exempt_network;

typedef struct limiter {
    uint8_t secret[16];
    rate rates[KINDS];
    uint32_t slip;
    uint8_t mask4[4], mask6[16]; /* the bits of an address that identify its network */
    account *accounts;
    uint32_t sets, ways;
    uint32_t used; /* number of accounts */
    exempt_network *exempt;
    size_t exempt_count;
    uint64_t truncated, dropped; /* replies, since the creation */
} limiter;

/* The settings of a limiter. */
typedef struct limiter_settings {
    uint8_t secret[16];
    uint32_t per_second[KINDS]; /* at most RATE_MOST; 0: no limit */
    uint32_t window;            /* seconds, 1 to WINDOW_MOST */
    uint32_t slip;              /* 0: no reply over the limit is sent */
    uint8_t prefix4, prefix6;   /* bits */
    uint32_t most_accounts;     /* at least 1 */
} limiter_settings;

/* The network of a client, as far as it is the same for all its accounts. */
typedef struct client {
    bool is_exempt;
    uint8_t size;        /* of the network, in bytes */
    uint8_t network[17]; /* the size of the address, and the address of the network */
    uint64_t everything; /* the hash of the account for all replies */
} client;

/* Create a limiter; return 0, or -1 if there is no memory.
 * `exempt` is from malloc, and belongs to the limiter if it was created. */
int limiter_begin(
    limiter *l, const limiter_settings *settings, exempt_network *exempt, size_t exempt_count);
void limiter_end(limiter *l);

/* Write the mask of a prefix of `bits`. */
void prefix_mask(uint8_t *mask, size_t size, unsigned bits);

/* Return what is known about a client from its address of 4 or 16 bytes. */
client limiter_client(const limiter *l, const uint8_t *address, size_t size);

/* Count a reply to a client, and return its treatment.
 * `name` distinguishes replies of a kind, in at most ACCOUNT_NAME_MOST bytes.
 * A reply that cannot be truncated is dropped instead. */
treatment limiter_treat(
    limiter *l, const client *c, reply_kind kind, const uint8_t *name, size_t name_size,
    bool can_truncate, int64_t now);

/* Return whether the next reply to a client is over the limit for all replies. */
bool limiter_is_over(const limiter *l, const client *c, int64_t now);

/* Return whether any reply to a client would be dropped, and if so count one. */
bool limiter_refuses(limiter *l, const client *c, int64_t now);

/* Return whether a UDP packet is a query, so that it has a reply. */
static inline bool is_query(const uint8_t *packet, size_t size)
{
    return size >= 12 && !(packet[2] & 0x80);
}

#endif
