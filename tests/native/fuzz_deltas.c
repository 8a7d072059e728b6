/* libFuzzer: any bytes as two deltas, one after the other.
 *
 * Nothing is read or written out of bounds, what is refused changes nothing, and the table never
 * contradicts itself. */
#include <string.h>

#include "consistency.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t seed[2] = {1, 2};
    table t;
    require(table_begin(&t, seed) == NULL, "a table begins");
    if (size > 1) {
        const size_t first = data[0] * (size - 1) / 256;
        const uint8_t *parts[2] = {data + 1, data + 1 + first};
        const size_t sizes[2] = {first, size - 1 - first};
        for (int i = 0; i < 2; i++) {
            const uint32_t names = t.names.size, shared = t.shared.size;
            const size_t used = t.arena.used;
            if (table_apply(&t, parts[i], sizes[i]) != NULL)
                require(
                    names == t.names.size && shared == t.shared.size && used == t.arena.used,
                    "what is refused changes nothing");
            require_consistent(&t);
        }
    }
    table_end(&t);
    return 0;
}
