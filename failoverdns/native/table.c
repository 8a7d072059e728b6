#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "product.h"

const char no_memory[] = "there is not enough memory";

/* Names for look-ups. */

uint64_t table_hash(const table *t, uint64_t hash, const uint8_t *bytes, size_t size)
{
    uint64_t word;
    for (; size >= 8; size -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        hash = fold(hash ^ word, t->seed[1]);
    }
    word = 0;
    memcpy(&word, bytes, size);
    return fold(hash ^ word, t->seed[1] ^ (uint64_t)size << 32);
}

/* Make eight bytes at a time lower case; the high bits of bytes over 127 are masked out first. */
static void lower(uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, 8);
        const uint64_t high = word & 0x8080808080808080u, low = word & 0x7f7f7f7f7f7f7f7fu;
        const uint64_t from = low + 0x3f3f3f3f3f3f3f3fu; /* high bit: not below A */
        const uint64_t past = low + 0x2525252525252525u; /* high bit: above Z */
        word |= ((from & ~past & ~high) & 0x8080808080808080u) >> 2;
        memcpy(bytes + i, &word, 8);
    }
}

unsigned want(const table *t, wanted *w, const uint8_t *bytes, size_t size)
{
    unsigned at = 0, labels = 0;
    for (;;) {
        if (at >= size || at >= NAME_MOST)
            return 0;
        const unsigned length = bytes[at];
        if (length == 0)
            break;
        if (length > 63 || labels == LABELS_MOST)
            return 0;
        w->offset[labels++] = (uint8_t)at;
        at += 1 + length;
    }
    w->size = at + 1;
    w->labels = labels;
    w->offset[labels] = (uint8_t)at;
    memcpy(w->wire, bytes, w->size);
    memset(w->wire + w->size, 0, 8);
    lower(w->wire, w->size); /* also safe for length bytes: none of them is a letter */
    uint64_t hash = w->hash[labels] = t->seed[0];
    while (labels-- > 0) {
        const unsigned begin = w->offset[labels];
        hash = w->hash[labels] = table_hash(t, hash, w->wire + begin, w->offset[labels + 1] - begin);
    }
    return w->size;
}

uint32_t table_reference(const table *t, const wanted *w, unsigned label)
{
    const uint32_t hash = (uint32_t)w->hash[label];
    const unsigned begin = w->offset[label], size = w->size - begin;
    uint32_t reference = *index_bucket(&t->names, hash);
    while (reference != 0) {
        const name *n = arena_at(&t->arena, reference);
        if (n->chain.hash == hash && n->size == size && memcmp(n->wire, w->wire + begin, size) == 0)
            break;
        reference = n->chain.next;
    }
    return reference;
}

const name *table_find(const table *t, const wanted *w, unsigned label)
{
    const uint32_t reference = table_reference(t, w, label);
    return reference ? arena_at(&t->arena, reference) : NULL;
}

const zone *table_apex(const table *t, const name *n)
{
    const zone *z = &t->zones[n->zone];
    if (z->size == n->size)
        return z;
    for (uint32_t i = 0; i < t->zone_count; i++) /* rare: a zone below the origin of another one */
        if (t->zones[i].exists && arena_at(&t->arena, t->zones[i].apex) == n)
            return &t->zones[i];
    return NULL;
}

const zone *table_zone(const table *t, const wanted *w, unsigned label)
{
    for (; label <= w->labels; label++) {
        const name *n = table_find(t, w, label);
        if (n != NULL && n->flags & APEX)
            return table_apex(t, n);
    }
    return NULL;
}

const name *table_cut(const table *t, const wanted *w, unsigned label, unsigned size)
{
    const name *found = NULL;
    if (t->cuts != 0) {
        for (; label <= w->labels && w->size - w->offset[label] > size; label++) {
            const name *n = table_find(t, w, label);
            if (n != NULL && n->flags & CUT)
                found = n;
        }
    }
    return found;
}

const uint8_t *rrsets_find(const rrsets *r, unsigned type, unsigned *records, uint32_t *size)
{
    const uint8_t *at = r->bytes, *end = r->bytes + r->size;
    while (at < end) {
        const uint32_t length = read32(at + 4);
        if (read16(at) == type) {
            *records = read16(at + 2);
            *size = length;
            return at + 8;
        }
        at += 8 + length;
    }
    return NULL;
}

/* Creation and destruction. */

const char *table_begin(table *t, const uint64_t seed[2])
{
    memset(t, 0, sizeof *t);
    t->seed[0] = seed[0];
    t->seed[1] = seed[1] | 1;
    if (index_begin(&t->names, &t->arena) < 0 || index_begin(&t->shared, &t->arena) < 0) {
        table_end(t);
        return no_memory;
    }
    return NULL;
}

void table_end(table *t)
{
    for (uint32_t i = 0; i < t->zone_count; i++)
        free(t->zones[i].soa);
    free(t->zones);
    free(t->staged);
    free(t->later);
    index_end(&t->names);
    index_end(&t->shared);
    arena_clear(&t->arena);
    memset(t, 0, sizeof *t);
}

size_t table_memory(const table *t)
{
    return sizeof *t + t->arena.used + t->zone_count * sizeof *t->zones +
           sizeof *t->names.buckets * ((size_t)t->names.capacity + t->shared.capacity);
}
