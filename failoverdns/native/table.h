/* The compact table: all names that are served, as bytes.
 *
 * It does what protocol/table/python_table.py does, byte for byte; its only input is a delta
 * (protocol/table/deltas.py), which is checked as a whole before anything is changed.
 * Names that answer alike share what they answer.
 * Refuses to know packets (`answer.h`) and Python (`module.c`). */
#ifndef FAILOVERDNS_TABLE_H
#define FAILOVERDNS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "index.h"

/* Types, class and response code of DNS, as failoverdns/model/numbers.py names them. */
enum { NS = 2, CNAME = 5, SOA = 6, OPT = 41, IN = 1, NXDOMAIN = 3 };

#define NAME_MOST 255u
#define LABELS_MOST 127u

/* What is served at a name: RRsets as a delta has them. */
typedef struct rrsets {
    chain chain;
    uint32_t users; /* names */
    uint32_t size;
    uint32_t cname; /* where the CNAME RRset's answer section begins; 0: there is none */
    uint8_t has_ns;
    uint8_t bytes[];
} rrsets;

enum {
    RESERVED = 1, /* it was put in, not made by a name below it */
    APEX = 2,     /* the origin of a zone */
    CUT = 4,      /* where a zone is delegated */
};

typedef struct name {
    chain chain;
    uint32_t rrsets;   /* 0: none */
    uint32_t zone;     /* its number */
    uint32_t children; /* names directly below */
    uint8_t negative_ttl[4];
    uint8_t flags;
    uint8_t size;
    uint8_t wire[]; /* in lower case */
} name;

typedef struct zone {
    bool exists;
    uint32_t apex; /* a name */
    uint8_t size;  /* of the origin, which is the apex's name */
    uint32_t soa_size;
    uint8_t *soa; /* an answer section of one record */
} zone;

/* A name and what it is to serve, until the rest of a delta is there. */
typedef struct staged {
    uint32_t name, rrsets;
    uint8_t negative_ttl[4];
} staged;

typedef struct table {
    arena arena;
    hash_index names, shared;
    zone *zones;
    uint32_t zone_count;
    uint32_t cuts; /* names with CUT */
    uint64_t seed[2];
    staged *staged; /* of the parts of a delta that came so far */
    uint32_t staged_count, staged_room;
    uint8_t *later; /* operations of these parts that are carried out with the rest */
    size_t later_size, later_room;
    bool has_removed; /* one of them takes names out: then none is staged */
} table;

/* A name as it is looked for: in lower case, with the hash of each name that it ends in. */
typedef struct wanted {
    unsigned size, labels;
    uint8_t offset[LABELS_MOST + 1];
    uint64_t hash[LABELS_MOST + 1];
    uint8_t wire[NAME_MOST + 9];
} wanted;

static inline size_t name_bytes(size_t size)
{
    return offsetof(name, wire) + size;
}

static inline size_t rrsets_bytes(size_t size)
{
    return offsetof(rrsets, bytes) + size;
}

/* Return NULL, or why not. */
const char *table_begin(table *t, const uint64_t seed[2]);
void table_end(table *t);

/* What table_apply returns when there is not enough memory. */
extern const char no_memory[];

/* Apply a delta; return NULL, or what is wrong with it, and then nothing was changed.
 * If it is `no_memory`, a part of it was applied: the table is sound, but is to be filled anew. */
const char *table_apply(table *t, const uint8_t *delta, size_t size);

/* Take a part of a delta ahead of the rest, which `table_apply` gets, so that applying it is short.
 * Nothing is visible before.  Return NULL, or what is wrong; then the table is of no use any more. */
const char *table_stage(table *t, const uint8_t *part, size_t size);

/* Read an uncompressed name; return its size in bytes, or 0 if it is none. */
unsigned want(const table *t, wanted *w, const uint8_t *bytes, size_t size);

/* Hash bytes, going on from the hash of what comes after them. */
uint64_t table_hash(const table *t, uint64_t hash, const uint8_t *bytes, size_t size);

/* Return a reference to the name from label `label` on, if it exists, else 0. */
uint32_t table_reference(const table *t, const wanted *w, unsigned label);

/* Return the name from label `label` on, if it exists, else NULL. */
const name *table_find(const table *t, const wanted *w, unsigned label);

/* Return the zone that the name from label `label` on is in, or NULL. */
const zone *table_zone(const table *t, const wanted *w, unsigned label);

/* Return the highest zone cut from label `label` on and below an origin of `size` bytes, or NULL. */
const name *table_cut(const table *t, const wanted *w, unsigned label, unsigned size);

/* Return the zone that a name is the apex of. */
const zone *table_apex(const table *t, const name *n);

/* Return bytes that are in use. */
size_t table_memory(const table *t);

/* Walk RRsets: find the one of a type.  Return its answer section, or NULL. */
const uint8_t *rrsets_find(
    const rrsets *r, unsigned type, unsigned *records, uint32_t *size);

static inline unsigned read16(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static inline uint32_t read32(const uint8_t *bytes)
{
    return (uint32_t)read16(bytes) << 16 | read16(bytes + 2);
}

#endif
