#define _GNU_SOURCE
#include "arena.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Tell AddressSanitizer which bytes are in use, so that it reports any use of the others. */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#endif
#ifdef SANITIZED
#include <sanitizer/asan_interface.h>
#define FORBID(at, size) __asan_poison_memory_region(at, size)
#define ALLOW(at, size) __asan_unpoison_memory_region(at, size)
#else
#define FORBID(at, size) ((void)(at), (void)(size))
#define ALLOW(at, size) ((void)(at), (void)(size))
#endif

#define CHUNK_UNITS (1u << ARENA_CHUNK_BITS)
#define CHUNK_BYTES ((size_t)CHUNK_UNITS * ARENA_UNIT)

static uint32_t units_of(size_t size)
{
    return (uint32_t)((size + ARENA_UNIT - 1) / ARENA_UNIT);
}

/* Return a chunk number that is not in use: that of a freed chunk, or the one after the last. */
static uint32_t free_number(const arena *a)
{
    uint32_t number = a->count ? a->count : 1; /* not 0, so that no reference is 0 */
    if (a->holes != 0)
        for (number = 1; a->chunks[number] != NULL;)
            number++;
    return number;
}

/* Add a chunk of `bytes` bytes; return its number, or 0 if there is no memory. */
static uint32_t add_chunk(arena *a, size_t bytes)
{
    const uint32_t number = free_number(a);
    if (number >= 1u << (32 - ARENA_CHUNK_BITS))
        return 0;
    if (number >= a->capacity) {
        const uint32_t capacity = 2 * number + 2;
        uint8_t **chunks = realloc(a->chunks, capacity * sizeof *chunks);
        if (chunks == NULL)
            return 0;
        a->chunks = chunks;
        a->capacity = capacity;
    }
    uint8_t *chunk = bytes < CHUNK_BYTES ? malloc(bytes) : aligned_alloc(CHUNK_BYTES, CHUNK_BYTES);
    if (chunk == NULL)
        return 0;
    if (bytes == CHUNK_BYTES)
        madvise(chunk, CHUNK_BYTES, MADV_HUGEPAGE); /* for fewer TLB misses; it may fail */
    FORBID(chunk, bytes);
    a->chunks[0] = NULL;
    a->chunks[number] = chunk;
    if (number < a->count)
        a->holes--;
    else
        a->count = number + 1;
    return number;
}

uint32_t arena_take(arena *a, size_t size)
{
    const uint32_t units = units_of(size);
    if (size > ARENA_MOST)
        return 0;
    if (units > ARENA_CLASSES) { /* rare: an allocation with a chunk of its own */
        const uint32_t chunk = add_chunk(a, (size_t)units * ARENA_UNIT);
        if (chunk == 0)
            return 0;
        a->used += (size_t)units * ARENA_UNIT;
        ALLOW(a->chunks[chunk], size);
        return chunk << ARENA_CHUNK_BITS;
    }
    uint32_t reference = a->free[units];
    if (reference != 0) {
        ALLOW(arena_at(a, reference), sizeof reference);
        memcpy(&a->free[units], arena_at(a, reference), sizeof reference);
    } else {
        if (a->end - a->next < units) {
            const uint32_t chunk = add_chunk(a, CHUNK_BYTES);
            if (chunk == 0)
                return 0;
            a->next = chunk << ARENA_CHUNK_BITS;
            a->end = a->next + (CHUNK_UNITS - 1); /* one unit less: `next` never overflows */
        }
        reference = a->next;
        a->next += units;
    }
    a->used += (size_t)units * ARENA_UNIT;
    ALLOW(arena_at(a, reference), size);
    return reference;
}

void arena_give(arena *a, uint32_t reference, size_t size)
{
    const uint32_t units = units_of(size);
    a->used -= (size_t)units * ARENA_UNIT;
    if (units > ARENA_CLASSES) {
        free(a->chunks[reference >> ARENA_CHUNK_BITS]);
        a->chunks[reference >> ARENA_CHUNK_BITS] = NULL;
        a->holes++;
        return;
    }
    memcpy(arena_at(a, reference), &a->free[units], sizeof reference);
    FORBID(arena_at(a, reference), (size_t)units * ARENA_UNIT);
    a->free[units] = reference;
}

void arena_clear(arena *a)
{
    for (uint32_t i = 1; i < a->count; i++)
        free(a->chunks[i]);
    free(a->chunks);
    memset(a, 0, sizeof *a);
}
