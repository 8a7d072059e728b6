/* libFuzzer: the size of the first (2 bytes), and any bytes, as two deltas.
 *
 * Each is applied; then the first is staged, and applied with the second.
 * Nothing is read or written out of bounds, what is refused changes nothing, and the table never
 * contradicts itself. */
#include <string.h>

#include "consistency.h"

static const uint64_t seed[2] = {0x9e3779b97f4a7c15u, 0xd1342543de82ef95u};

/* Take a delta in two parts, the first of them staged, and require what it gives in one. */
static void stage(const uint8_t *delta, const size_t sizes[2])
{
    table parts, whole;
    require(table_begin(&parts, seed) == NULL, "a table begins");
    require(table_begin(&whole, seed) == NULL, "and another one");
    /* What there is before is the first part itself: so some of it finds its names there. */
    if (table_apply(&parts, delta, sizes[0]) == NULL &&
        table_stage(&parts, delta, sizes[0]) == NULL) {
        require_consistent(&parts);
        if (table_apply(&parts, delta + sizes[0], sizes[1]) == NULL) {
            require(table_apply(&whole, delta, sizes[0]) == NULL, "it was taken before");
            require(table_apply(&whole, delta, sizes[0] + sizes[1]) == NULL, "and as a whole");
            require(whole.names.size == parts.names.size, "as many names, in parts as in one");
            require(whole.cuts == parts.cuts, "as many zone cuts");
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
                    "what is refused changes nothing");
            require_consistent(&t);
        }
        stage(parts[0], sizes);
    }
    table_end(&t);
    return 0;
}
