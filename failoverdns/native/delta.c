#include "delta.h"

/* Return whether bytes are one whole name, which ends in the root label. */
static bool is_name(const uint8_t *bytes, size_t size)
{
    size_t at = 0;
    while (at < size && bytes[at] != 0 && bytes[at] < 64)
        at += 1u + bytes[at];
    return size <= NAME_MOST && at + 1 == size && bytes[at] == 0;
}

/* Return whether bytes are `records` whole records, at least one, each with a pointer as its owner.
 * The data of a CNAME record must be one whole name. */
static bool is_section(const uint8_t *bytes, size_t size, unsigned records, unsigned type)
{
    size_t at = 0;
    bool is_right = records != 0;
    while (at + 12 <= size && records) {
        const size_t length = read16(bytes + at + 10);
        if (length > size - at - 12)
            return false;
        is_right = is_right && (type != CNAME || is_name(bytes + at + 12, length));
        at += 12 + length;
        records--;
    }
    return is_right && at == size && !records;
}

static const char *check_rrsets(const uint8_t *bytes, size_t size)
{
    size_t at = 0;
    while (at < size) {
        if (size - at < 8)
            return "RRsets cut short";
        const size_t length = read32(bytes + at + 4);
        const unsigned type = read16(bytes + at), records = read16(bytes + at + 2);
        if (length > size - at - 8 || !is_section(bytes + at + 8, length, records, type))
            return "an RRset that does not match its record count";
        at += 8 + length;
    }
    if (rrsets_bytes(size) > ARENA_MOST)
        return "more than 2 MiB at one name";
    return NULL;
}

size_t delta_next(
    const table *t, wanted *w, operation *o, const uint8_t *delta, size_t size, const char **fault)
{
    o->kind = delta[0];
    o->name = delta + 1;
    o->room = size - 1;
    size_t at = 1 + want(t, w, o->name, o->room);
    *fault = "an invalid domain name";
    if (at == 1)
        return 0;
    *fault = "cut short";
    switch (o->kind) {
    case 'N':
        if (size - at < 9)
            return 0;
        o->origin = delta[at];
        o->negative_ttl = delta + at + 1;
        o->size = read32(delta + at + 5);
        at += 9;
        break;
    case 'Z':
        if (size - at < 4)
            return 0;
        o->size = read32(delta + at);
        at += 4;
        break;
    case 'R':
    case 'D':
        return at;
    default:
        *fault = "an operation of unknown kind";
        return 0;
    }
    if (o->size > size - at)
        return 0;
    o->data = delta + at;
    return at + o->size;
}

const char *delta_check(const table *t, const uint8_t *delta, size_t size)
{
    wanted w;
    for (size_t at = 0; at < size;) {
        operation o;
        const char *fault;
        const size_t step = delta_next(t, &w, &o, delta + at, size - at, &fault);
        if (step == 0)
            return fault;
        if (o.kind == 'N') {
            unsigned label = 0;
            while (label <= w.labels && w.size - w.offset[label] != o.origin)
                label++;
            if (label > w.labels)
                return "a name that is not in its zone";
            fault = check_rrsets(o.data, o.size);
            if (fault != NULL)
                return fault;
        } else if (o.kind == 'Z' && (o.size < 12 || !is_section(o.data, o.size, 1, SOA))) {
            return "an SOA that is not one record";
        }
        at += step;
    }
    return NULL;
}
