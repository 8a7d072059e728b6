/* Things found by hash: linear hashing, which grows and shrinks by one bucket at a time.
 *
 * A thing lies in an arena and begins with a `chain`.  No operation costs more than a few things,
 * so that nothing that is answered meanwhile waits.
 * Refuses to know what makes two things equal. */
#ifndef FAILOVERDNS_INDEX_H
#define FAILOVERDNS_INDEX_H

#include "arena.h"

typedef struct chain {
    uint32_t next; /* in the same bucket */
    uint32_t hash;
} chain;

typedef struct hash_index {
    arena *things;
    uint32_t *buckets;
    uint32_t count, capacity; /* buckets in use, and room for them */
    uint32_t size;            /* things */
} hash_index;

/* Return the bucket of a hash. */
static inline uint32_t *index_bucket(const hash_index *x, uint32_t hash)
{
    /* The largest power of two that is not above the count: buckets from it on were split. */
    const uint32_t low = 1u << (31 - __builtin_clz(x->count));
    uint32_t at = hash & (2 * low - 1);
    if (at >= x->count)
        at -= low;
    return &x->buckets[at];
}

/* Return 0, or -1 if there is no memory. */
int index_begin(hash_index *x, arena *things);
void index_end(hash_index *x);

/* Add a thing, of which `chain.hash` is set; return 0, or -1 if there is no memory. */
int index_add(hash_index *x, uint32_t reference);

/* Take a thing out that is in. */
void index_remove(hash_index *x, uint32_t reference);

#endif
