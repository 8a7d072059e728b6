/* The compact table: all served names, as bytes.
 *
 * It gives the same answers as protocol/table/python_table.py, byte for byte.  Its only input is a
 * delta (protocol/table/deltas.py), which is checked as a whole before anything changes.
 * Names with equal RRsets share them.
 * Packets are read in `answer.h`; Python's objects are known to `module.c` only. */
#ifndef FAILOVERDNS_TABLE_H
#define FAILOVERDNS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "index.h"

/* Types, class and response code of DNS, as failoverdns/model/numbers.py names them. */
enum { NS = 2, CNAME = 5, SOA = 6, OPT = 41, RRSIG = 46, NSEC = 47, IN = 1, NXDOMAIN = 3 };

#define NAME_MOST 255u
#define LABELS_MOST 127u

/* The RRsets of one or more names, as a delta has them. */
typedef struct rrsets {
    chain chain;
    uint32_t users; /* number of names with these RRsets */
    uint32_t size;
    uint32_t cname; /* offset of the CNAME RRset's answer section; 0: there is no CNAME */
    uint8_t has_ns;
    uint8_t bytes[];
} rrsets;

enum {
    RESERVED = 1, /* set by a delta, not only created for a name below it */
    APEX = 2,     /* the origin of a zone */
    CUT = 4,      /* a zone cut */
};

typedef struct name {
    chain chain;
    uint32_t rrsets;   /* 0: none */
    uint32_t zone;     /* the number of its zone */
    uint32_t children; /* number of names directly below */
    uint8_t negative_ttl[4];
    uint8_t flags;
    uint8_t size;
    uint8_t wire[]; /* in lower case */
} name;

typedef struct zone {
    bool exists;
    uint32_t apex; /* a reference to the name of the origin */
    uint8_t size;  /* of the origin, in bytes */
    uint32_t soa_size;
    uint8_t *soa; /* an answer section of one record */
} zone;

/* A name and its new RRsets, until the rest of a delta arrives. */
typedef struct staged {
    uint32_t name, rrsets;
    uint8_t negative_ttl[4];
} staged;

typedef struct table {
    arena arena;
    hash_index names, shared;
    zone *zones;
    uint32_t zone_count;
    uint32_t cuts; /* number of names with CUT */
    uint64_t seed[2];
    staged *staged; /* from the parts of a delta that arrived so far */
    uint32_t staged_count, staged_room;
    uint8_t *later; /* the other operations of these parts, for when the rest arrives */
    size_t later_size, later_room;
    bool has_removed; /* one of them removes names: then no further name is staged */
} table;

/* A name prepared for look-ups: in lower case, with the hash of each suffix. */
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

/* Create an empty table; return NULL, or `no_memory`. */
const char *table_begin(table *t, const uint64_t seed[2]);
void table_end(table *t);

/* The fault that is returned when there is not enough memory. */
extern const char no_memory[];

/* Apply a delta; return NULL, or its fault, and then nothing was changed.
 * If that is `no_memory`, a part was applied: the table is consistent, but must be filled again. */
const char *table_apply(table *t, const uint8_t *delta, size_t size);

/* Take a part of a delta before the rest, so that the following `table_apply` is short.
 * Nothing is visible before.  Return NULL, or the fault; then the table must not be used again. */
const char *table_stage(table *t, const uint8_t *part, size_t size);

/* Read an uncompressed name; return its size in bytes, or 0 if it is invalid. */
unsigned want(const table *t, wanted *w, const uint8_t *bytes, size_t size);

/* Hash bytes, starting from the hash of the bytes that follow them in a name. */
uint64_t table_hash(const table *t, uint64_t hash, const uint8_t *bytes, size_t size);

/* Return a reference to the suffix of a name from label `label` on if that exists, else 0. */
uint32_t table_reference(const table *t, const wanted *w, unsigned label);

/* Return the suffix of a name from label `label` on if that exists, else NULL. */
const name *table_find(const table *t, const wanted *w, unsigned label);

/* Return the zone of the suffix of a name from label `label` on, or NULL. */
const zone *table_zone(const table *t, const wanted *w, unsigned label);

/* Return the highest zone cut from label `label` on and below an origin of `size` bytes, or NULL. */
const name *table_cut(const table *t, const wanted *w, unsigned label, unsigned size);

/* Return the zone whose apex a name is. */
const zone *table_apex(const table *t, const name *n);

/* Return the bytes of memory in use. */
size_t table_memory(const table *t);

/* Find the RRset of a type; return its answer section, or NULL. */
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
