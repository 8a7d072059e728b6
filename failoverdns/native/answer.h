/* One query and the table in, one answer out, or none: then it takes the slow path.
 *
 * What is answered is what failoverdns/answering/responding.py answers, byte for byte: queries that are
 * header, question, and at most an OPT record without options or with a cookie (RFC 9018); answers,
 * NODATA and NXDOMAIN that take one name.
 * Allocates nothing, keeps nothing, and reads and writes within the bounds it is given. */
#ifndef FAILOVERDNS_ANSWER_H
#define FAILOVERDNS_ANSWER_H

#include "table.h"

#define SECRETS_MOST 3u
#define UDP_MOST 1232u

/* What an answer depends on beside the table: cookie secrets and the time. */
typedef struct answer_settings {
    unsigned secrets; /* of cookies: the first makes them; 0: there are no cookies */
    uint8_t secret[SECRETS_MOST][16];
    uint32_t now; /* seconds since 1970 */
} answer_settings;

/* Who asks. */
typedef struct asker {
    bool udp;
    uint8_t size; /* of the address: 4 or 16 */
    uint8_t address[16];
} asker;

/* A query whose name was read: `table_find` has something to fetch meanwhile. */
typedef struct query {
    wanted name;
    unsigned size; /* 0: it takes the slow path */
} query;

/* Read the name of a query, and have what it is looked up in fetched into the cache. */
void prepare(const table *t, query *q, const uint8_t *packet, size_t size);

/* Have the name that a query asks for fetched into the cache, and then what is served at it.
 * Among a million names most of the time goes into waiting for memory: in a batch the waits for one
 * query are the work for others. */
void fetch_name(const table *t, const query *q);
void fetch_rrsets(const table *t, const query *q);

/* Write the reply to a packet to `reply`, of `room` bytes; return its size, or 0. */
size_t answer(
    const table *t, const answer_settings *settings, const asker *asker, const query *q,
    const uint8_t *packet, size_t size, uint8_t *reply, size_t room);

#endif
