#define _GNU_SOURCE
#include "answer.h"

#include <string.h>

#include "siphash.h"

enum { HEADER = 12, QUESTION = 4, OPT_SIZE = 11 };
enum { COOKIE_CODE = 10, COOKIE_HALF = 8, COOKIE = 24, COOKIE_OPTION = 4 + COOKIE };
enum { BADCOOKIE = 23 };
enum { MAX_AGE = 3600, MAX_AHEAD = 300, RENEWED_AFTER = 1800 };

#define LINE 64u /* bytes of a cache line */
#define PLAIN_UDP 512u
#define TCP_MOST 65535u
#define PROOFS_MOST 4 /* as in failoverdns/answering/responding.py */

/* The records of a reply, and where they are copied from. */
typedef struct sections {
    unsigned answers, authorities, rcode;
    const uint8_t *answer;
    uint32_t answer_size;
    const zone *soa;     /* whose SOA is in the authority section */
    const uint8_t *ttl; /* of the SOA, 4 bytes */
} sections;

static void write16(uint8_t *bytes, unsigned value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

void prepare(const table *t, query *q, const uint8_t *packet, size_t size)
{
    q->size = 0;
    /* QUERY, any RD, AD and CD ignored, one question, at most one additional record. */
    if (size < HEADER + 1 + QUESTION || packet[2] & 0xfe || packet[3] & 0xcf ||
        memcmp(packet + 4, "\0\1\0\0\0\0\0", 7) != 0 || packet[11] > 1)
        return;
    q->size = want(t, &q->name, packet + HEADER, size - HEADER);
    if (q->size != 0)
        __builtin_prefetch(index_bucket(&t->names, (uint32_t)q->name.hash[0]));
}

/* Return the first name in the bucket of a query, or NULL. */
static const name *first_of(const table *t, const query *q)
{
    const uint32_t reference = *index_bucket(&t->names, (uint32_t)q->name.hash[0]);
    return reference ? arena_at(&t->arena, reference) : NULL;
}

void fetch_name(const table *t, const query *q)
{
    const name *n = q->size != 0 ? first_of(t, q) : NULL;
    if (n != NULL) {
        __builtin_prefetch(n);
        __builtin_prefetch((const uint8_t *)n + LINE); /* computes an address, reads no byte */
    }
}

void fetch_rrsets(const table *t, const query *q)
{
    const name *n = q->size != 0 ? first_of(t, q) : NULL;
    if (n == NULL)
        return;
    const bool is_it = n->chain.hash == (uint32_t)q->name.hash[0];
    const uint32_t reference = is_it ? n->rrsets : n->chain.next;
    if (reference != 0) {
        const uint8_t *there = arena_at(&t->arena, reference);
        __builtin_prefetch(there);
        __builtin_prefetch(there + LINE);
    }
}

/* Return whether a name in an RRset ends in an origin, ignoring case. */
static bool ends_like(const uint8_t *bytes, uint32_t size, const uint8_t *origin, unsigned length)
{
    if (size < length)
        return false;
    bytes += size - length;
    for (unsigned i = 0; i < length; i++) {
        const uint8_t byte = bytes[i] >= 'A' && bytes[i] <= 'Z' ? bytes[i] | 32 : bytes[i];
        if (byte != origin[i])
            return false;
    }
    return true;
}

static const uint8_t *origin_of(const table *t, const zone *z)
{
    return ((const name *)arena_at(&t->arena, z->apex))->wire;
}

/* Answer negatively, with the SOA of a zone; false for the root zone, which gets no pointer. */
static bool nothing(sections *s, const zone *z, const uint8_t *ttl, unsigned rcode)
{
    s->authorities = 1;
    s->rcode = rcode;
    s->soa = z;
    s->ttl = ttl != NULL ? ttl : z->soa + 6;
    return z->size > 1;
}

/* Answer from a name that exists; false if it takes the slow path. */
static bool from_name(const table *t, const name *n, unsigned type, bool ordinary, sections *s)
{
    const rrsets *r = n->rrsets ? arena_at(&t->arena, n->rrsets) : NULL;
    const zone *z = &t->zones[n->zone];
    if (type == SOA && n->flags & APEX) {
        const zone *own = table_apex(t, n);
        s->answers = 1;
        s->answer = own->soa;
        s->answer_size = own->soa_size;
        return true;
    }
    if (r != NULL) {
        s->answer = rrsets_find(r, type, &s->answers, &s->answer_size);
        if (s->answer != NULL)
            return true;
    }
    if (!ordinary)
        return false;
    if (r != NULL && r->cname && type != RRSIG && type != NSEC) { /* as in table/lookup.py */
        s->answer = r->bytes + r->cname;
        s->answers = read16(r->bytes + r->cname - 6);
        s->answer_size = read32(r->bytes + r->cname - 4);
        return !ends_like(s->answer + 12, s->answer_size - 12, origin_of(t, z), z->size);
    }
    return nothing(s, z, n->flags & RESERVED ? n->negative_ttl : NULL, 0);
}

/* Answer NXDOMAIN from the closest name above; false if a wildcard or a cut is there. */
static bool from_above(const table *t, const wanted *w, sections *s)
{
    for (unsigned label = 1; label <= w->labels; label++) {
        if (table_find(t, w, label) == NULL)
            continue;
        const zone *z = table_zone(t, w, label);
        if (z == NULL || table_cut(t, w, label, z->size) != NULL)
            return false;
        wanted wildcard;
        uint8_t bytes[NAME_MOST + 2] = "\1*";
        const unsigned size = w->size - w->offset[label];
        memcpy(bytes + 2, w->wire + w->offset[label], size);
        if (want(t, &wildcard, bytes, size + 2) && table_find(t, &wildcard, 0) != NULL)
            return false;
        return nothing(s, z, NULL, NXDOMAIN);
    }
    return false;
}

/* Cookies: RFC 9018 section 4. */

static void mac(
    uint8_t out[8], const uint8_t secret[16], const uint8_t head[16], const asker *asker)
{
    uint8_t bytes[32];
    memcpy(bytes, head, 16);
    memcpy(bytes + 16, asker->address, asker->size);
    const uint64_t hash = siphash(secret, bytes, 16u + asker->size);
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(hash >> (8 * i));
}

static bool is_same(const uint8_t *a, const uint8_t *b)
{
    uint8_t differ = 0; /* all bytes are compared, in constant time */
    for (int i = 0; i < 8; i++)
        differ |= a[i] ^ b[i];
    return differ == 0;
}

/* Return whether a cookie was made with one of the secrets, and recently. */
static bool is_valid(
    const uint8_t *cookie, unsigned size, const answer_settings *settings, const asker *asker)
{
    if (size != COOKIE || cookie[8] != 1)
        return false;
    const int32_t age = (int32_t)(settings->now - read32(cookie + 12));
    bool valid = false;
    for (unsigned i = 0; i < settings->secrets && age >= -MAX_AHEAD && age <= MAX_AGE; i++) {
        uint8_t right[8];
        mac(right, settings->secret[i], cookie, asker);
        valid |= is_same(right, cookie + 16);
    }
    return valid;
}

bool has_proof(
    const answer_settings *settings, const asker *asker, const uint8_t *packet, size_t size)
{
    const uint8_t *at = packet, *end = packet + size;
    for (int i = 0; settings->secrets != 0 && i < PROOFS_MOST; i++) {
        at = memmem(at, (size_t)(end - at), "\0\x0a\0\x18", 4); /* COOKIE, of 24 bytes */
        if (at == NULL || end - at < COOKIE_OPTION)
            return false;
        if (is_valid(at + 4, COOKIE, settings, asker))
            return true;
        at += 4;
    }
    return false;
}

/* Write the cookie for the reply: that of the query while valid and young, else a new one. */
static void write_cookie(
    uint8_t *out, const uint8_t *cookie, unsigned size, const answer_settings *settings,
    const asker *asker)
{
    if (size == COOKIE && cookie[8] == 1) {
        const int32_t age = (int32_t)(settings->now - read32(cookie + 12));
        uint8_t right[8];
        mac(right, settings->secret[0], cookie, asker);
        if (age >= -MAX_AHEAD && age <= RENEWED_AFTER && is_same(right, cookie + 16)) {
            memcpy(out, cookie, COOKIE);
            return;
        }
    }
    memcpy(out, cookie, COOKIE_HALF);
    memcpy(out + 8, "\1\0\0\0", 4);
    write16(out + 12, settings->now >> 16);
    write16(out + 14, settings->now & 0xffff);
    mac(out + 16, settings->secret[0], out, asker);
}

/* Set kind and account of a reply, as failoverdns/answering/accounts.py does. */
static void note_account(answered *about, const table *t, const sections *s, const query *q)
{
    const wanted *w = &q->name;
    if (s->soa != NULL) {
        about->kind = s->rcode == NXDOMAIN ? KIND_NXDOMAIN : KIND_NODATA;
        about->account_size = s->soa->size;
        memcpy(about->account, origin_of(t, s->soa), s->soa->size);
    } else { /* not the type that was asked for: each type would lead to the same CNAME RRset */
        about->kind = KIND_ANSWER;
        about->account_size = w->size + 2;
        memcpy(about->account, w->wire, w->size);
        memcpy(about->account + w->size, s->answer + 2, 2);
    }
}

size_t truncate_reply(const query *q, const answered *about, uint8_t *reply, size_t size)
{
    const size_t end = HEADER + q->size + QUESTION;
    uint8_t *opt = reply + end;
    memmove(opt, reply + size - about->opt_size, about->opt_size);
    reply[2] = (uint8_t)(0x80 | (reply[2] & 1));
    if (about->has_cookie) {
        reply[3] = BADCOOKIE & 0xf;
        opt[5] = BADCOOKIE >> 4;
    } else {
        reply[2] |= 2; /* TC */
        reply[3] = 0;
    }
    memset(reply + 6, 0, 4);
    return end + about->opt_size;
}

size_t answer(
    const table *t, const answer_settings *settings, const asker *asker, const query *q,
    const uint8_t *packet, size_t size, uint8_t *reply, size_t room, answered *about)
{
    if (q->size == 0)
        return 0;
    const size_t end = HEADER + q->size + QUESTION;
    const bool edns = packet[11] == 1;
    const uint8_t *opt = packet + end;
    unsigned cookie = 0; /* size of the cookie in the query, in bytes */
    if (!edns) {
        if (size != end)
            return 0;
    } else {
        if (size < end + OPT_SIZE || memcmp(opt, "\0\0\x29", 3) != 0 || read16(opt + 5) != 0)
            return 0;
        const size_t options = size - end - OPT_SIZE;
        if (read16(opt + 9) != options)
            return 0;
        if (options != 0) {
            if (settings->secrets == 0 || options < 4 || read16(opt + 11) != COOKIE_CODE)
                return 0;
            cookie = read16(opt + 13);
            if ((cookie != COOKIE_HALF && cookie != COOKIE) || options != cookie + 4)
                return 0;
        }
    }
    const unsigned type = read16(packet + end - 4);
    if (read16(packet + end - 2) != IN)
        return 0;
    const bool ordinary = type >= 1 && type < 128 && type != OPT;

    sections s = {0};
    const wanted *w = &q->name;
    const name *n = table_find(t, w, 0);
    if (n != NULL) {
        if (t->cuts != 0 && table_cut(t, w, 0, t->zones[n->zone].size) != NULL)
            return 0;
        if (!from_name(t, n, type, ordinary, &s))
            return 0;
    } else if (!ordinary || !from_above(t, w, &s)) {
        return 0;
    }

    const size_t soa_size = s.soa != NULL ? s.soa->soa_size : 0;
    const size_t opt_size = !edns ? 0 : OPT_SIZE + (cookie ? COOKIE_OPTION : 0u);
    const size_t total = end + s.answer_size + soa_size + opt_size;
    if (total > room)
        return 0;
    if (total > PLAIN_UDP) {
        const size_t payload = edns ? read16(opt + 3) : PLAIN_UDP;
        if (total > (asker->udp ? (payload < UDP_MOST ? payload : UDP_MOST) : TCP_MOST))
            return 0;
    }

    memcpy(reply, packet, end);
    reply[2] = (uint8_t)(0x84 | packet[2]);
    reply[3] = (uint8_t)s.rcode;
    write16(reply + 6, s.answers);
    write16(reply + 8, s.authorities);
    uint8_t *at = reply + end;
    if (s.answer != NULL) {
        memcpy(at, s.answer, s.answer_size);
        at += s.answer_size;
    }
    if (s.soa != NULL) {
        memcpy(at, s.soa->soa, soa_size);
        write16(at, 0xc000u | (unsigned)(HEADER + q->size - s.soa->size));
        memcpy(at + 6, s.ttl, 4);
        at += soa_size;
    }
    if (edns) {
        memcpy(at, "\0\0\x29\x04\xd0\0\0\0\0\0\0", OPT_SIZE);
        at[7] = opt[7] & 0x80;
        if (cookie) {
            memcpy(at + 9, "\0\x1c\0\x0a\0\x18", 6);
            write_cookie(at + 15, opt + 15, cookie, settings, asker);
        }
        at += opt_size;
    }
    if (about != NULL) {
        note_account(about, t, &s, q);
        about->opt_size = (unsigned)opt_size;
        about->has_cookie = cookie != 0;
        about->has_valid_cookie = cookie != 0 && is_valid(opt + 15, cookie, settings, asker);
    }
    return (size_t)(at - reply);
}
