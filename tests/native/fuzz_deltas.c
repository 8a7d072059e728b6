/* A libFuzzer target: the input is the size of the first delta (2 bytes), then two deltas.
 *
 * Both are applied; then the first is staged and applied with the second.  No access is out of
 * bounds, a rejected delta changes nothing, and the table keeps its invariants. */
#include <string.h>

#include "consistency.h"

static const uint64_t seed[2] = {0x9e3779b97f4a7c15u, 0xd1342543de82ef95u};

/* Apply a delta of two parts, the first of them staged; require the same result as in one. */
static void stage(const uint8_t *delta, const size_t sizes[2])
{
    table parts, whole;
    require(table_begin(&parts, seed) == NULL, "a table begins");
    require(table_begin(&whole, seed) == NULL, "another table begins");
    /* The table has the first part already, so that the delta also changes existing names. */
    if (table_apply(&parts, delta, sizes[0]) == NULL &&
        table_stage(&parts, delta, sizes[0]) == NULL) {
        require_consistent(&parts);
        if (table_apply(&parts, delta + sizes[0], sizes[1]) == NULL) {
            require(table_apply(&whole, delta, sizes[0]) == NULL, "the first part applies alone");
            require(table_apply(&whole, delta, sizes[0] + sizes[1]) == NULL, "both parts apply as one");
            require(whole.names.size == parts.names.size, "the same number of names");
            require(whole.cuts == parts.cuts, "the same number of zone cuts");
        }
        require_consistent(&parts);
    }
    table_end(&parts);
    table_end(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    table t;
    require(table_begin(&t, seed) == NULL, "a table begins");
    if (size > 2) {
        const size_t first = read16(data) % (size - 1);
        const uint8_t *parts[2] = {data + 2, data + 2 + first};
        const size_t sizes[2] = {first, size - 2 - first};
        for (int i = 0; i < 2; i++) {
            const uint32_t names = t.names.size, shared = t.shared.size;
            const size_t used = t.arena.used;
            if (table_apply(&t, parts[i], sizes[i]) != NULL)
                require(
                    names == t.names.size && shared == t.shared.size && used == t.arena.used,
                    "a rejected delta changes nothing");
            require_consistent(&t);
        }
        stage(parts[0], sizes);
    }
    table_end(&t);
    return 0;
}
