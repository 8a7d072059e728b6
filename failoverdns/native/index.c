#define _GNU_SOURCE
#include "index.h"

#include <string.h>
#include <sys/mman.h>

#define FEWEST 16u
#define PAGE_BUCKETS 1024u

static chain *at(const hash_index *x, uint32_t reference)
{
    return arena_at(x->things, reference);
}

int index_begin(hash_index *x, arena *things)
{
    memset(x, 0, sizeof *x);
    x->things = things;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    void *pages =
        mmap(NULL, PAGE_BUCKETS * sizeof *x->buckets, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (pages == MAP_FAILED)
        return -1;
    x->buckets = pages; /* which the kernel zeroed */
    x->count = FEWEST;
    x->capacity = PAGE_BUCKETS;
    return 0;
}

void index_end(hash_index *x)
{
    if (x->buckets != NULL)
        munmap(x->buckets, x->capacity * sizeof *x->buckets);
    memset(x, 0, sizeof *x);
}

/* Change the room for buckets; mremap moves the pages without copying their content. */
static int resize(hash_index *x, uint32_t capacity)
{
    const size_t size = sizeof *x->buckets;
    void *pages = mremap(x->buckets, x->capacity * size, capacity * size, MREMAP_MAYMOVE);
    if (pages == MAP_FAILED)
        return -1;
    x->buckets = pages;
    x->capacity = capacity;
    return 0;
}

/* Add a bucket, and move its items into it from the bucket that is split. */
static int grow(hash_index *x)
{
    if (x->count == x->capacity) {
        if (x->capacity > UINT32_MAX / 2 || resize(x, 2 * x->capacity) < 0)
            return -1;
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

/* Remove the last bucket, and move its items back into the bucket that it was split from. */
static void shrink(hash_index *x)
{
    const uint32_t last = x->count - 1, low = 1u << (31 - __builtin_clz(last));
    uint32_t *end = &x->buckets[last - low];
    while (*end != 0)
        end = &at(x, *end)->next;
    *end = x->buckets[last];
    x->count--;
    if (x->count < x->capacity / 4 && x->capacity > PAGE_BUCKETS)
        resize(x, x->capacity / 2);
}

int index_add(hash_index *x, uint32_t reference)
{
    /* Two buckets per item, so that most items are the first in their bucket. */
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
