/* Memory for many small, long-lived items: units of 16 bytes, addressed by 32-bit references.
 *
 * Reference 0 stands for nothing.  Freed memory is reused for items of the same size. */
#ifndef FAILOVERDNS_ARENA_H
#define FAILOVERDNS_ARENA_H

#include <stddef.h>
#include <stdint.h>

#define ARENA_UNIT 16u
#define ARENA_CHUNK_BITS 17u /* units of a chunk: 2 MiB, a huge page */
#define ARENA_CLASSES 4096u  /* the largest size, in units, that is kept for reuse when freed */
#define ARENA_MOST ((size_t)ARENA_UNIT << ARENA_CHUNK_BITS) /* the most bytes of one item */

typedef struct arena {
    uint8_t **chunks;
    uint32_t count, capacity; /* chunks, and room for their addresses */
    uint32_t holes;           /* chunk numbers below `count` whose memory was freed */
    uint32_t next, end;       /* the units of the last chunk that were never used */
    size_t used;              /* bytes that are in use */
    uint32_t free[ARENA_CLASSES + 1];
} arena;

/* Return a reference to `size` bytes, or 0 if there is no memory. */
uint32_t arena_take(arena *a, size_t size);

/* Free the `size` bytes of a reference. */
void arena_give(arena *a, uint32_t reference, size_t size);

/* Free everything. */
void arena_clear(arena *a);

/* Return the address of a reference. */
static inline void *arena_at(const arena *a, uint32_t reference)
{
    return a->chunks[reference >> ARENA_CHUNK_BITS] +
           (size_t)(reference & ((1u << ARENA_CHUNK_BITS) - 1)) * ARENA_UNIT;
}

#endif
