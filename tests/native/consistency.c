#include "consistency.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

static const zone *zone_of(const table *t, const name *n)
{
    require(n->zone < t->zone_count && t->zones[n->zone].exists, "a name is in a zone");
    return &t->zones[n->zone];
}

static void check_name(const table *t, const name *n)
{
    wanted w;
    require(want(t, &w, n->wire, n->size) == n->size, "a stored name is valid");
    require(table_find(t, &w, 0) == n, "a stored name is found");
    require(memcmp(w.wire, n->wire, n->size) == 0, "a stored name is in lower case");
    const zone *z = zone_of(t, n);
    require(z->size <= n->size, "a name is in its zone");
    if (n->flags & APEX) {
        const zone *own = table_apex(t, n);
        require(own != NULL && own->exists, "an origin belongs to a zone");
        require(arena_at(&t->arena, own->apex) == n, "the zone has that origin");
    }
    const rrsets *r = n->rrsets ? arena_at(&t->arena, n->rrsets) : NULL;
    require(r == NULL || (r->users > 0 && r->size > 0), "shared RRsets have users and a size");
    const bool is_cut = r != NULL && r->has_ns && n->size != z->size;
    require(is_cut == !!(n->flags & CUT), "NS below the origin is a zone cut");
}

void require_consistent(const table *t)
{
    size_t used = 0;
    uint32_t names = 0, cuts = 0, shared = 0, origins = 0;
    uint64_t served = 0, users = 0;
    for (uint32_t i = 0; i < t->names.count; i++) {
        for (uint32_t at = t->names.buckets[i]; at != 0;) {
            const name *n = arena_at(&t->arena, at);
            require(index_bucket(&t->names, n->chain.hash) == &t->names.buckets[i], "in its bucket");
            check_name(t, n);
            names++;
            cuts += !!(n->flags & CUT);
            origins += !!(n->flags & APEX);
            served += n->rrsets != 0;
            used += (offsetof(name, wire) + n->size + ARENA_UNIT - 1) / ARENA_UNIT * ARENA_UNIT;
            at = n->chain.next;
        }
    }
    for (uint32_t i = 0; i < t->shared.count; i++) {
        for (uint32_t at = t->shared.buckets[i]; at != 0;) {
            const rrsets *r = arena_at(&t->arena, at);
            require(index_bucket(&t->shared, r->chain.hash) == &t->shared.buckets[i], "in its bucket");
            shared++;
            users += r->users;
            used += (offsetof(rrsets, bytes) + r->size + ARENA_UNIT - 1) / ARENA_UNIT * ARENA_UNIT;
            at = r->chain.next;
        }
    }
    require(names == t->names.size, "the number of names is correct");
    require(shared == t->shared.size, "the number of shared RRsets is correct");
    require(cuts == t->cuts, "the number of zone cuts is correct");
    for (uint32_t i = 0; i < t->staged_count; i++)
        served += t->staged[i].rrsets != 0;
    require(users == served, "the number of users of shared RRsets is correct");
    require(used == t->arena.used, "all memory in use can be reached");
    for (uint32_t i = 0; i < t->zone_count; i++) {
        const zone *z = &t->zones[i];
        if (!z->exists)
            continue;
        const name *apex = arena_at(&t->arena, z->apex);
        require(apex->flags & APEX && apex->size == z->size, "a zone has its origin");
        require(z->soa != NULL && z->soa_size >= 12, "a zone has its SOA");
        origins--;
    }
    require(origins == 0, "every origin belongs to an existing zone");
}

void require_filled(table *t)
{
    static const uint64_t seed[2] = {0x9e3779b97f4a7c15u, 0xd1342543de82ef95u};
    static uint8_t delta[1 << 20];
    const char *path = getenv("FAILOVERDNS_DELTA");
    FILE *file = path != NULL ? fopen(path, "rb") : NULL;
    require(file != NULL, "FAILOVERDNS_DELTA names a file");
    const size_t size = fread(delta, 1, sizeof delta, file);
    fclose(file);
    require(table_begin(t, seed) == NULL, "a table begins");
    require(table_apply(t, delta, size) == NULL && t->names.size > 8, "it applies");
    require_consistent(t);
}
