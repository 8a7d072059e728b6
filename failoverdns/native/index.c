#include "index.h"

#include <stdlib.h>
#include <string.h>

#define FEWEST 16u

static chain *at(const hash_index *x, uint32_t reference)
{
    return arena_at(x->things, reference);
}

int index_begin(hash_index *x, arena *things)
{
    memset(x, 0, sizeof *x);
    x->things = things;
    x->buckets = calloc(2 * FEWEST, sizeof *x->buckets);
    if (x->buckets == NULL)
        return -1;
    x->count = FEWEST;
    x->capacity = 2 * FEWEST;
    return 0;
}

void index_end(hash_index *x)
{
    free(x->buckets);
    memset(x, 0, sizeof *x);
}

/* Add a bucket, and move into it what belongs there of the one that it is split from. */
static int grow(hash_index *x)
{
    if (x->count == x->capacity) {
        if (x->capacity > UINT32_MAX / 2)
            return -1;
        /* Large ones are not copied: the pages move (mremap). */
        uint32_t *buckets = realloc(x->buckets, 2 * (size_t)x->capacity * sizeof *buckets);
        if (buckets == NULL)
            return -1;
        x->buckets = buckets;
        x->capacity *= 2;
    }
    const uint32_t fresh = x->count, low = 1u << (31 - __builtin_clz(fresh));
    uint32_t *old = &x->buckets[fresh - low], *new = &x->buckets[fresh];
    *new = 0;
    x->count++;
    while (*old != 0) {
        chain *thing = at(x, *old);
        if ((thing->hash & (2 * low - 1)) == fresh) {
            const uint32_t reference = *old;
            *old = thing->next;
            thing->next = *new;
            *new = reference;
        } else {
            old = &thing->next;
        }
    }
    return 0;
}

/* Take the last bucket away, and put what is in it back into the one that it was split from. */
static void shrink(hash_index *x)
{
    const uint32_t last = x->count - 1, low = 1u << (31 - __builtin_clz(last));
    uint32_t *end = &x->buckets[last - low];
    while (*end != 0)
        end = &at(x, *end)->next;
    *end = x->buckets[last];
    x->count--;
    if (x->count < x->capacity / 4) {
        uint32_t *buckets = realloc(x->buckets, x->capacity / 2 * sizeof *buckets);
        if (buckets != NULL) {
            x->buckets = buckets;
            x->capacity /= 2;
        }
    }
}

int index_add(hash_index *x, uint32_t reference)
{
    /* Two buckets a thing: most of what is looked for is the first in its bucket. */
    for (int i = 0; i < 2; i++)
        if (x->count < 2 * (uint64_t)(x->size + 1) && grow(x) < 0)
            return -1;
    chain *thing = at(x, reference);
    uint32_t *bucket = index_bucket(x, thing->hash);
    thing->next = *bucket;
    *bucket = reference;
    x->size++;
    return 0;
}

void index_remove(hash_index *x, uint32_t reference)
{
    uint32_t *place = index_bucket(x, at(x, reference)->hash);
    while (*place != reference)
        place = &at(x, *place)->next;
    *place = at(x, reference)->next;
    x->size--;
    for (int i = 0; i < 4; i++)
        if (x->count > FEWEST && x->count > 4 * (uint64_t)x->size + FEWEST)
            shrink(x);
}
