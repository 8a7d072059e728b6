/* Read and check a delta (failoverdns/protocol/table/deltas.py), operation by operation.
 *
 * `apply.c` applies it to a table. */
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

/* Read an operation and its name; return its size in bytes, or 0 with the reason in `fault`. */
size_t delta_next(
    const table *t, wanted *w, operation *o, const uint8_t *delta, size_t size, const char **fault);

/* Check a whole delta; return NULL if it is well-formed, or the fault. */
const char *delta_check(const table *t, const uint8_t *delta, size_t size);

#endif
