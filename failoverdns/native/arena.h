/* Memory for many small things that live long: units of 16 bytes, named by 32-bit references.
 *
 * Reference 0 is nothing.  What is given back is used again for things of the same size.
 * Refuses to know what the things are. */
#ifndef FAILOVERDNS_ARENA_H
#define FAILOVERDNS_ARENA_H

#include <stddef.h>
#include <stdint.h>

#define ARENA_UNIT 16u
#define ARENA_CHUNK_BITS 17u /* units of a chunk: 2 MiB, a huge page */
#define ARENA_CLASSES 4096u  /* sizes, in units, that are kept for reuse */
#define ARENA_MOST ((size_t)ARENA_UNIT << ARENA_CHUNK_BITS) /* bytes of one thing */

typedef struct arena {
    uint8_t **chunks;
    uint32_t count, capacity; /* chunks, and room for their addresses */
    uint32_t holes;           /* chunks that are none: what they held was given back */
    uint32_t next, end;       /* units of the last chunk that nobody has yet */
    size_t used;              /* bytes that are in use */
    uint32_t free[ARENA_CLASSES + 1];
} arena;

/* Return a reference to `size` bytes, or 0 if there is no memory. */
uint32_t arena_take(arena *a, size_t size);

/* Give `size` bytes back. */
void arena_give(arena *a, uint32_t reference, size_t size);

/* Give everything back. */
void arena_clear(arena *a);

/* Return where a reference leads. */
static inline void *arena_at(const arena *a, uint32_t reference)
{
    return a->chunks[reference >> ARENA_CHUNK_BITS] +
           (size_t)(reference & ((1u << ARENA_CHUNK_BITS) - 1)) * ARENA_UNIT;
}

#endif
