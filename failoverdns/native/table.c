#include "table.h"

#include <stdlib.h>
#include <string.h>

enum { NS = 2, CNAME = 5 };

const char no_memory[] = "there is not enough memory";

static size_t name_bytes(size_t size)
{
    return offsetof(name, wire) + size;
}

static size_t rrsets_bytes(size_t size)
{
    return offsetof(rrsets, bytes) + size;
}

/* Names as they are looked for. */

static uint64_t fold(uint64_t a, uint64_t b)
{
    const unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_bytes(const table *t, uint64_t hash, const uint8_t *bytes, size_t size)
{
    uint64_t word;
    for (; size >= 8; size -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        hash = fold(hash ^ word, t->seed[1]);
    }
    word = 0;
    memcpy(&word, bytes, size);
    return fold(hash ^ word, t->seed[1] ^ size << 32);
}

/* Put eight letters at a time into lower case: bytes over 127 have their high bit kept apart. */
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
    lower(w->wire, w->size); /* safe for lengths too: none of them is a letter */
    uint64_t hash = w->hash[labels] = t->seed[0];
    while (labels-- > 0) {
        const unsigned begin = w->offset[labels];
        hash = w->hash[labels] = hash_bytes(t, hash, w->wire + begin, w->offset[labels + 1] - begin);
    }
    return w->size;
}

static uint32_t find(const table *t, const wanted *w, unsigned label)
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
    const uint32_t reference = find(t, w, label);
    return reference ? arena_at(&t->arena, reference) : NULL;
}

const zone *table_apex(const table *t, const name *n)
{
    const zone *z = &t->zones[n->zone];
    if (z->size == n->size)
        return z;
    for (uint32_t i = 0; i < t->zone_count; i++) /* a zone inside another one's names: rare */
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

/* Begin and end. */

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

/* A delta, checked. */

/* Tell whether bytes are so many whole records, each with its owner a pointer. */
static bool is_section(const uint8_t *bytes, size_t size, unsigned records)
{
    size_t at = 0;
    while (at + 12 <= size && records) {
        at += 12 + read16(bytes + at + 10);
        records--;
    }
    return at == size && !records;
}

static const char *check_rrsets(const uint8_t *bytes, size_t size)
{
    size_t at = 0;
    while (at < size) {
        if (size - at < 8)
            return "RRsets cut short";
        const size_t length = read32(bytes + at + 4);
        if (length > size - at - 8 || !is_section(bytes + at + 8, length, read16(bytes + at + 2)))
            return "an RRset that is not so many records";
        if (read16(bytes + at) == CNAME && length <= 12)
            return "an RRset that is not so many records";
        at += 8 + length;
    }
    if (rrsets_bytes(size) > ARENA_MOST)
        return "more than 2 MiB at one name";
    return NULL;
}

/* One operation of a delta. */
typedef struct operation {
    uint8_t kind;
    const uint8_t *name;
    size_t room; /* from the name to the end of the delta */
    unsigned origin;
    const uint8_t *negative_ttl, *data;
    uint32_t size;
} operation;

/* Read an operation; return its size, or 0 and why. */
static size_t next(
    const table *t, wanted *w, operation *o, const uint8_t *delta, size_t size, const char **fault)
{
    o->kind = delta[0];
    o->name = delta + 1;
    o->room = size - 1;
    size_t at = 1 + want(t, w, o->name, o->room);
    *fault = "what is no domain name";
    if (at == 1)
        return 0;
    *fault = "cut short";
    switch (o->kind) {
    case 'N':
        if (size - at < 9)
            return 0;
        o->origin = delta[at];
        o->negative_ttl = delta + at + 1;
        o->size = read32(delta + at + 5);
        at += 9;
        break;
    case 'Z':
        if (size - at < 4)
            return 0;
        o->size = read32(delta + at);
        at += 4;
        break;
    case 'R':
    case 'D':
        return at;
    default:
        *fault = "an operation of unknown kind";
        return 0;
    }
    if (o->size > size - at)
        return 0;
    o->data = delta + at;
    return at + o->size;
}

static const char *check(const table *t, const uint8_t *delta, size_t size)
{
    wanted w;
    for (size_t at = 0; at < size;) {
        operation o;
        const char *fault;
        const size_t step = next(t, &w, &o, delta + at, size - at, &fault);
        if (step == 0)
            return fault;
        if (o.kind == 'N') {
            unsigned label = 0;
            while (label <= w.labels && w.size - w.offset[label] != o.origin)
                label++;
            if (label > w.labels)
                return "a name that is not in its zone";
            fault = check_rrsets(o.data, o.size);
            if (fault != NULL)
                return fault;
        } else if (o.kind == 'Z' && (o.size < 12 || !is_section(o.data, o.size, 1))) {
            return "an SOA that is not one record";
        }
        at += step;
    }
    return NULL;
}

/* A delta, applied. */

static void let_go(table *t, uint32_t reference)
{
    if (reference == 0)
        return;
    rrsets *r = arena_at(&t->arena, reference);
    if (--r->users == 0) {
        index_remove(&t->shared, reference);
        arena_give(&t->arena, reference, rrsets_bytes(r->size));
    }
}

/* Return RRsets that names share; 0 for none, or if there is no memory. */
static uint32_t share(table *t, const uint8_t *bytes, uint32_t size)
{
    if (size == 0)
        return 0;
    const uint32_t hash = (uint32_t)hash_bytes(t, t->seed[0], bytes, size);
    for (uint32_t found = *index_bucket(&t->shared, hash); found != 0;) {
        rrsets *r = arena_at(&t->arena, found);
        if (r->chain.hash == hash && r->size == size && memcmp(r->bytes, bytes, size) == 0) {
            r->users++;
            return found;
        }
        found = r->chain.next;
    }
    const uint32_t reference = arena_take(&t->arena, rrsets_bytes(size));
    if (reference == 0)
        return 0;
    rrsets *r = arena_at(&t->arena, reference);
    *r = (rrsets){.chain = {.hash = hash}, .users = 1, .size = size};
    memcpy(r->bytes, bytes, size);
    unsigned records;
    uint32_t length;
    const uint8_t *cname = rrsets_find(r, CNAME, &records, &length);
    r->cname = cname ? (uint32_t)(cname - r->bytes) : 0;
    r->has_ns = rrsets_find(r, NS, &records, &length) != NULL;
    if (index_add(&t->shared, reference) < 0) {
        arena_give(&t->arena, reference, rrsets_bytes(size));
        return 0;
    }
    return reference;
}

/* Set what is served at a name, and whether that makes it a zone cut. */
static void serve(table *t, name *n, uint32_t reference)
{
    const uint32_t old = n->rrsets;
    n->rrsets = reference;
    let_go(t, old);
    const bool was_cut = n->flags & CUT;
    const rrsets *r = reference ? arena_at(&t->arena, reference) : NULL;
    const bool is_cut = r != NULL && r->has_ns && n->size != t->zones[n->zone].size;
    n->flags = (uint8_t)((n->flags & ~CUT) | (is_cut ? CUT : 0));
    t->cuts += (uint32_t)is_cut - (uint32_t)was_cut;
}

/* Make a name, and the empty non-terminals above it; return 0 if there is no memory. */
static uint32_t create(table *t, const wanted *w, unsigned label, uint32_t zone)
{
    const unsigned begin = w->offset[label], size = w->size - begin;
    const uint32_t reference = arena_take(&t->arena, name_bytes(size));
    if (reference == 0)
        return 0;
    name *n = arena_at(&t->arena, reference);
    *n = (name){.chain = {.hash = (uint32_t)w->hash[label]}, .zone = zone, .size = (uint8_t)size};
    memcpy(n->wire, w->wire + begin, size);
    if (index_add(&t->names, reference) < 0) {
        arena_give(&t->arena, reference, name_bytes(size));
        return 0;
    }
    if (size > t->zones[zone].size) {
        uint32_t parent = find(t, w, label + 1);
        if (parent == 0)
            parent = create(t, w, label + 1, zone);
        if (parent == 0) {
            index_remove(&t->names, reference);
            arena_give(&t->arena, reference, name_bytes(size));
            return 0;
        }
        ((name *)arena_at(&t->arena, parent))->children++;
    }
    return reference;
}

static void destroy(table *t, uint32_t reference)
{
    name *n = arena_at(&t->arena, reference);
    serve(t, n, 0);
    index_remove(&t->names, reference);
    arena_give(&t->arena, reference, name_bytes(n->size));
}

static void take_out(table *t, const wanted *w)
{
    unsigned label = 0;
    uint32_t reference = find(t, w, label);
    if (reference == 0)
        return;
    name *n = arena_at(&t->arena, reference);
    const unsigned origin = t->zones[n->zone].size;
    serve(t, n, 0);
    n->flags &= (uint8_t)~RESERVED;
    while (!(n->flags & (RESERVED | APEX)) && n->children == 0 && n->size > origin) {
        destroy(t, reference);
        reference = find(t, w, ++label);
        if (reference == 0)
            return;
        n = arena_at(&t->arena, reference);
        n->children--;
    }
}

/* Return the number of the zone of an origin, which begins at a label; -1 if there is none. */
static int64_t zone_at(const table *t, const wanted *w, unsigned label)
{
    const name *n = table_find(t, w, label);
    const zone *z = n != NULL && n->flags & APEX ? table_apex(t, n) : NULL;
    return z != NULL ? z - t->zones : -1;
}

static const char *put(table *t, const wanted *w, const operation *o)
{
    unsigned label = 0;
    while (w->size - w->offset[label] != o->origin)
        label++;
    const int64_t zone = zone_at(t, w, label);
    if (zone < 0)
        return NULL; /* its zone has gone */
    const uint32_t shared = share(t, o->data, o->size);
    if (o->size != 0 && shared == 0)
        return no_memory;
    uint32_t reference = find(t, w, 0);
    if (reference == 0)
        reference = create(t, w, 0, (uint32_t)zone);
    if (reference == 0) {
        let_go(t, shared);
        return no_memory;
    }
    name *n = arena_at(&t->arena, reference);
    n->flags |= RESERVED;
    memcpy(n->negative_ttl, o->negative_ttl, sizeof n->negative_ttl);
    serve(t, n, shared);
    return NULL;
}

static const char *put_zone(table *t, const wanted *w, const operation *o)
{
    uint8_t *soa = malloc(o->size);
    if (soa == NULL)
        return no_memory;
    memcpy(soa, o->data, o->size);
    int64_t number = zone_at(t, w, 0);
    if (number < 0) {
        for (number = 0; number < t->zone_count && t->zones[number].exists;)
            number++;
        if (number == t->zone_count) {
            zone *zones = realloc(t->zones, (t->zone_count + 1) * sizeof *zones);
            if (zones == NULL) {
                free(soa);
                return no_memory;
            }
            t->zones = zones;
            t->zone_count++;
        }
        t->zones[number] = (zone){.exists = true, .size = (uint8_t)w->size};
        uint32_t apex = find(t, w, 0);
        if (apex == 0)
            apex = create(t, w, 0, (uint32_t)number);
        if (apex == 0) {
            t->zones[number] = (zone){0};
            free(soa);
            return no_memory;
        }
        ((name *)arena_at(&t->arena, apex))->flags |= APEX;
        t->zones[number].apex = apex;
    }
    free(t->zones[number].soa);
    t->zones[number].soa = soa;
    t->zones[number].soa_size = o->size;
    return NULL;
}

static void end_zone(table *t, uint32_t number)
{
    free(t->zones[number].soa);
    t->zones[number] = (zone){0};
}

/* Tell whether a name is at or below another one. */
static bool is_within(const name *n, const wanted *w)
{
    if (n->size < w->size || memcmp(n->wire + n->size - w->size, w->wire, w->size) != 0)
        return false;
    unsigned at = 0;
    while (at + w->size < n->size)
        at += 1u + n->wire[at];
    return at + w->size == n->size;
}

/* Take out a zone and all at and below its origin, so that nothing is left of what was in it;
 * zones are configured, so rare. */
static void drop_zone(table *t, const wanted *w)
{
    if (zone_at(t, w, 0) < 0)
        return;
    /* From the last bucket on: when the index shrinks, its last bucket goes into an earlier one. */
    for (uint32_t bucket = t->names.count; bucket-- > 0;) {
        uint32_t reference = t->names.buckets[bucket];
        while (reference != 0) {
            const name *n = arena_at(&t->arena, reference);
            if (is_within(n, w)) {
                if (n->flags & APEX)
                    end_zone(t, (uint32_t)(table_apex(t, n) - t->zones));
                destroy(t, reference);
                if (bucket >= t->names.count)
                    bucket = t->names.count - 1;
                reference = t->names.buckets[bucket];
            } else {
                reference = n->chain.next;
            }
        }
    }
}

/* Carry out checked operations. */
static const char *carry_out(table *t, const uint8_t *delta, size_t size)
{
    wanted w;
    const char *fault = NULL;
    for (size_t at = 0; at < size && fault == NULL;) {
        operation o;
        const char *unused;
        at += next(t, &w, &o, delta + at, size - at, &unused);
        switch (o.kind) {
        case 'N':
            fault = put(t, &w, &o);
            break;
        case 'Z':
            fault = put_zone(t, &w, &o);
            break;
        case 'R':
            take_out(t, &w);
            break;
        default:
            drop_zone(t, &w);
        }
    }
    return fault;
}

/* Make room for one more of `size` bytes each; return NULL if there is no memory. */
static void *room(void *memory, size_t count, size_t *have, size_t size)
{
    if (count < *have)
        return memory;
    const size_t wanted_ = 2 * count + 64;
    void *more = realloc(memory, wanted_ * size);
    if (more != NULL)
        *have = wanted_;
    return more;
}

/* Keep an operation until the rest of the delta comes. */
static const char *postpone(table *t, const uint8_t *operation_, size_t size)
{
    if (t->later_room - t->later_size < size) {
        size_t have = 0;
        uint8_t *later = room(t->later, t->later_size + size, &have, 1);
        if (later == NULL)
            return no_memory;
        t->later = later;
        t->later_room = have;
    }
    memcpy(t->later + t->later_size, operation_, size);
    t->later_size += size;
    return NULL;
}

/* Look up a name that exists, in its zone, and share what it is to serve; false: it takes more. */
static bool stage(table *t, const wanted *w, const operation *o, const char **fault)
{
    const uint32_t reference = t->has_removed ? 0 : find(t, w, 0);
    if (reference == 0)
        return false;
    const name *n = arena_at(&t->arena, reference);
    if (t->zones[n->zone].size != o->origin)
        return false;
    size_t have = t->staged_room;
    staged *more = room(t->staged, t->staged_count, &have, sizeof *more);
    *fault = no_memory;
    if (more == NULL)
        return false;
    t->staged = more;
    t->staged_room = (uint32_t)have;
    const uint32_t shared = share(t, o->data, o->size);
    if (o->size != 0 && shared == 0)
        return false;
    *fault = NULL;
    staged *s = &t->staged[t->staged_count++];
    s->name = reference;
    s->rrsets = shared;
    memcpy(s->negative_ttl, o->negative_ttl, sizeof s->negative_ttl);
    return true;
}

const char *table_stage(table *t, const uint8_t *part, size_t size)
{
    const char *fault = check(t, part, size);
    wanted w;
    for (size_t at = 0; at < size && fault == NULL;) {
        operation o;
        const size_t step = next(t, &w, &o, part + at, size - at, &fault);
        fault = NULL;
        if (o.kind == 'D' || o.kind == 'R') {
            if (t->staged_count != 0)
                return "what goes, after what comes";
            t->has_removed = true;
        }
        if ((o.kind != 'N' || !stage(t, &w, &o, &fault)) && fault == NULL)
            fault = postpone(t, part + at, step);
        at += step;
    }
    return fault;
}

const char *table_apply(table *t, const uint8_t *delta, size_t size)
{
    const char *fault = check(t, delta, size);
    if (fault != NULL)
        return fault;
    for (uint32_t i = 0; i < t->staged_count; i++) {
        const staged *s = &t->staged[i];
        name *n = arena_at(&t->arena, s->name);
        n->flags |= RESERVED;
        memcpy(n->negative_ttl, s->negative_ttl, sizeof n->negative_ttl);
        serve(t, n, s->rrsets);
    }
    t->staged_count = 0;
    fault = carry_out(t, t->later, t->later_size);
    t->later_size = 0;
    t->has_removed = false;
    return fault != NULL ? fault : carry_out(t, delta, size);
}
