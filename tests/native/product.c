/* Compare both ways to multiply: every pair of special numbers, and a million random pairs. */
#include "product.h"

#include <stdio.h>

#ifndef __SIZEOF_INT128__
#error this compiler has nothing to compare with
#endif

static int differ(uint64_t a, uint64_t b)
{
    if (fold(a, b) == fold_in_halves(a, b))
        return 0;
    printf("%016llx * %016llx\n", (unsigned long long)a, (unsigned long long)b);
    return 1;
}

int main(void)
{
    uint64_t special[64 * 3], state = 0x9e3779b97f4a7c15u;
    int wrong = 0;
    for (int bit = 0; bit < 64; bit++) {
        special[3 * bit] = (uint64_t)1 << bit;
        special[3 * bit + 1] = special[3 * bit] - 1;
        special[3 * bit + 2] = ~special[3 * bit + 1];
    }
    for (int i = 0; i < 64 * 3; i++)
        for (int j = 0; j < 64 * 3; j++)
            wrong |= differ(special[i], special[j]);
    for (int i = 0; i < 1000000; i++) {
        const uint64_t before = state;
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        wrong |= differ(before, state);
    }
    return wrong;
}
