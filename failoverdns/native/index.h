/* A hash index by linear hashing, which grows and shrinks by one bucket at a time.
 *
 * An item is in an arena and begins with a `chain`.  Each operation touches only a few items, so
 * that no query has to wait for a resize.  Callers compare items themselves. */
#ifndef FAILOVERDNS_INDEX_H
#define FAILOVERDNS_INDEX_H

#include "arena.h"

typedef struct chain {
    uint32_t next; /* the next item in the same bucket */
    uint32_t hash;
} chain;

typedef struct hash_index {
    arena *things;
    uint32_t *buckets;
    uint32_t count, capacity; /* buckets in use, and room for them */
    uint32_t size;            /* items */
} hash_index;

/* Return the bucket of a hash. */
static inline uint32_t *index_bucket(const hash_index *x, uint32_t hash)
{
    /* The largest power of two up to the count: the buckets from it on come from splits. */
    const uint32_t low = 1u << (31 - __builtin_clz(x->count));
    uint32_t at = hash & (2 * low - 1);
    if (at >= x->count)
        at -= low;
    return &x->buckets[at];
}

/* Create an empty index; return 0, or -1 if there is no memory. */
int index_begin(hash_index *x, arena *things);
void index_end(hash_index *x);

/* Add an item whose `chain.hash` is set; return 0, or -1 if there is no memory. */
int index_add(hash_index *x, uint32_t reference);

/* Remove an item, which must be in the index. */
void index_remove(hash_index *x, uint32_t reference);

#endif
