/* The product of two 64-bit numbers, in 128 bits. */
#ifndef FAILOVERDNS_PRODUCT_H
#define FAILOVERDNS_PRODUCT_H

#include <stdint.h>

/* Return both halves of the product, combined with XOR; for processors with 32-bit registers. */
static inline uint64_t fold_in_halves(uint64_t a, uint64_t b)
{
    const uint64_t a_low = (uint32_t)a, a_high = a >> 32, b_low = (uint32_t)b, b_high = b >> 32;
    const uint64_t low = a_low * b_low, high = a_high * b_high;
    const uint64_t cross = a_high * b_low + (low >> 32); /* at most (2^32 - 1) * 2^32 */
    const uint64_t middle = a_low * b_high + (uint32_t)cross;
    return ((uint32_t)low | middle << 32) ^ (high + (cross >> 32) + (middle >> 32));
}

/* Return both halves of the product, combined with XOR. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
    const unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    return fold_in_halves(a, b);
#endif
}

#endif
