/* A delta as bytes (failoverdns/protocol/table/deltas.py), read operation by operation, and checked.
 *
 * Refuses to know what a table makes of it (`apply.c`). */
#ifndef FAILOVERDNS_DELTA_H
#define FAILOVERDNS_DELTA_H

#include "table.h"

/* One operation of a delta. */
typedef struct operation {
    uint8_t kind;
    const uint8_t *name;
    size_t room; /* from the name to the end of the delta */
    unsigned origin;
    const uint8_t *negative_ttl, *data;
    uint32_t size;
} operation;

/* Read an operation, and the name in it; return its size in bytes, or 0 and why. */
size_t delta_next(
    const table *t, wanted *w, operation *o, const uint8_t *delta, size_t size, const char **fault);

/* Return NULL if all of a delta is well-formed, or what is wrong with it. */
const char *delta_check(const table *t, const uint8_t *delta, size_t size);

#endif
