/* The fast path of one query: answer it from the table, or leave it to the slow path in Python.
 *
 * The replies are those of failoverdns/answering/responding.py, byte for byte.  A query is answered
 * here if it has a header, a question, and at most an OPT record without options or with a cookie
 * (RFC 9018), and if one name decides the answer: records, NODATA or NXDOMAIN.
 * Allocates no memory, keeps no state, and reads and writes only within the given bounds. */
#ifndef FAILOVERDNS_ANSWER_H
#define FAILOVERDNS_ANSWER_H

#include "limiter.h"
#include "table.h"

#define SECRETS_MOST 3u
#define UDP_MOST 1232u

/* The input of an answer beside table and query: cookie secrets and the time. */
typedef struct answer_settings {
    unsigned secrets; /* number of cookie secrets, the first makes cookies; 0: no cookies */
    uint8_t secret[SECRETS_MOST][16];
    uint32_t now; /* seconds since 1970 */
} answer_settings;

/* The DNS client that asks. */
typedef struct asker {
    bool udp;
    uint8_t size; /* of the address: 4 or 16 */
    uint8_t address[16];
} asker;

/* A query whose name was read, so that the memory for `table_find` can be prefetched. */
typedef struct query {
    wanted name;
    unsigned size; /* of the name, in bytes; 0: the query takes the slow path */
} query;

/* What rate limiting needs to know about a reply. */
typedef struct answered {
    reply_kind kind;
    unsigned account_size;               /* of what distinguishes replies of this kind, in bytes */
    uint8_t account[ACCOUNT_NAME_MOST];
    unsigned opt_size;                   /* of the OPT record that ends the reply; 0: no EDNS */
    bool has_cookie;
    bool has_valid_cookie; /* the client has proven its address */
} answered;

/* Read the name of a query, and prefetch the bucket that it is looked up in. */
void prepare(const table *t, query *q, const uint8_t *packet, size_t size);

/* Prefetch the name that a query asks for, and then its RRsets.
 * With a million names most time is spent waiting for memory: in a batch the work for one query
 * fills the wait of another. */
void fetch_name(const table *t, const query *q);
void fetch_rrsets(const table *t, const query *q);

/* Write the reply to `reply`, of `room` bytes; return its size, or 0 for the slow path.
 * Describe the reply in `about`, unless that is NULL. */
size_t answer(
    const table *t, const answer_settings *settings, const asker *asker, const query *q,
    const uint8_t *packet, size_t size, uint8_t *reply, size_t room, answered *about);

/* Return whether a packet may have a valid cookie: whether one is in it, wherever.
 * It looks at the first few only, so that the work is bounded. */
bool has_proof(
    const answer_settings *settings, const asker *asker, const uint8_t *packet, size_t size);

/* Replace a reply by what a client over the limit gets; return its size.
 * That is a truncated reply without records; or BADCOOKIE, with the cookie, for a query with one. */
size_t truncate_reply(const query *q, const answered *about, uint8_t *reply, size_t size);

#endif
