/* libFuzzer: the size of the first (2 bytes), and any bytes, as two deltas.
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
    }
    table_end(&t);
    return 0;
}
