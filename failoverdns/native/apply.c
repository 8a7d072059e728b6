/* Apply a delta to a table: check all of it, then carry it out, or stage it until the rest arrives.
 *
 * Names are created and removed here: reserved names, empty non-terminals, origins of zones. */
#include <stdlib.h>
#include <string.h>

#include "delta.h"

/* Give up one use of shared RRsets, and free them after the last one. */
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

/* Return a reference to RRsets, shared with other names; 0 for no RRsets, or without memory. */
static uint32_t share(table *t, const uint8_t *bytes, uint32_t size)
{
    if (size == 0)
        return 0;
    const uint32_t hash = (uint32_t)table_hash(t, t->seed[0], bytes, size);
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

/* Set the RRsets of a name, and whether it is a zone cut. */
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

/* Create a name, and the empty non-terminals above it; return 0 if there is no memory. */
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
        uint32_t parent = table_reference(t, w, label + 1);
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
    uint32_t reference = table_reference(t, w, label);
    if (reference == 0)
        return;
    name *n = arena_at(&t->arena, reference);
    const unsigned origin = t->zones[n->zone].size;
    serve(t, n, 0);
    n->flags &= (uint8_t)~RESERVED;
    while (!(n->flags & (RESERVED | APEX)) && n->children == 0 && n->size > origin) {
        destroy(t, reference);
        reference = table_reference(t, w, ++label);
        if (reference == 0)
            return;
        n = arena_at(&t->arena, reference);
        n->children--;
    }
}

/* Return the number of the zone whose origin begins at a label of a name, or -1. */
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
        return NULL; /* the zone was removed */
    const uint32_t shared = share(t, o->data, o->size);
    if (o->size != 0 && shared == 0)
        return no_memory;
    uint32_t reference = table_reference(t, w, 0);
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
        uint32_t apex = table_reference(t, w, 0);
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

/* Return whether a name is at or below another one. */
static bool is_within(const name *n, const wanted *w)
{
    if (n->size < w->size || memcmp(n->wire + n->size - w->size, w->wire, w->size) != 0)
        return false;
    unsigned at = 0;
    while (at + w->size < n->size)
        at += 1u + n->wire[at];
    return at + w->size == n->size;
}

/* Remove a zone and all names at and below its origin.
 * This walks the whole table, which is fine: zones change only with the configuration. */
static void drop_zone(table *t, const wanted *w)
{
    if (zone_at(t, w, 0) < 0)
        return;
    /* From the last bucket on: a shrinking index moves its last bucket into an earlier one. */
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

/* Carry out the operations of a delta that was checked; return NULL, or `no_memory`. */
static const char *carry_out(table *t, const uint8_t *delta, size_t size)
{
    wanted w;
    const char *fault = NULL;
    for (size_t at = 0; at < size && fault == NULL;) {
        operation o;
        const char *unused;
        at += delta_next(t, &w, &o, delta + at, size - at, &unused);
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

/* Make room for one more item of `size` bytes; return NULL if there is no memory. */
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

/* Store an operation until the rest of the delta arrives. */
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

/* Stage new RRsets for a name that exists already; false if the operation has to be postponed,
 * or failed. */
static bool stage(table *t, const wanted *w, const operation *o, const char **fault)
{
    const uint32_t reference = t->has_removed ? 0 : table_reference(t, w, 0);
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
    const char *fault = delta_check(t, part, size);
    wanted w;
    for (size_t at = 0; at < size && fault == NULL;) {
        operation o;
        const size_t step = delta_next(t, &w, &o, part + at, size - at, &fault);
        fault = NULL;
        if (o.kind == 'D' || o.kind == 'R') {
            if (t->staged_count != 0)
                return "a removal after a name that was set";
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
    const char *fault = delta_check(t, delta, size);
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
