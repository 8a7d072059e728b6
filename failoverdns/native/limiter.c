#include "limiter.h"

#include <stdlib.h>
#include <string.h>

#include "siphash.h"

#define SECOND 1000000000

void prefix_mask(uint8_t *mask, size_t size, unsigned bits)
{
    for (size_t i = 0; i < size; i++) {
        const unsigned part = bits > 8 * i ? (unsigned)(bits - 8 * i) : 0;
        mask[i] = (uint8_t)(part >= 8 ? 0xff : 0xff00 >> part);
    }
}

int limiter_begin(
    limiter *l, const limiter_settings *settings, exempt_network *exempt, size_t exempt_count)
{
    memset(l, 0, sizeof *l);
    l->ways = settings->most_accounts < WAYS_MOST ? settings->most_accounts : WAYS_MOST;
    l->sets = settings->most_accounts / l->ways;
    l->accounts = calloc((size_t)l->sets * l->ways, sizeof *l->accounts);
    if (l->accounts == NULL)
        return -1;
    memcpy(l->secret, settings->secret, sizeof l->secret);
    for (int kind = 0; kind < KINDS; kind++) {
        const int64_t per_second = settings->per_second[kind];
        if (per_second == 0)
            continue;
        rate *r = &l->rates[kind];
        r->interval = (SECOND + per_second - 1) / per_second;
        r->burst = per_second * r->interval;
        r->debt = settings->window * r->burst;
    }
    l->slip = settings->slip;
    prefix_mask(l->mask4, sizeof l->mask4, settings->prefix4);
    prefix_mask(l->mask6, sizeof l->mask6, settings->prefix6);
    l->exempt = exempt;
    l->exempt_count = exempt_count;
    return 0;
}

void limiter_end(limiter *l)
{
    free(l->accounts);
    free(l->exempt);
    memset(l, 0, sizeof *l);
}

static bool is_exempt(const limiter *l, const uint8_t *address, size_t size)
{
    for (size_t n = 0; n < l->exempt_count; n++) {
        const exempt_network *e = &l->exempt[n];
        size_t i = 0;
        if (e->size != size)
            continue;
        while (i < size && (address[i] & e->mask[i]) == e->address[i])
            i++;
        if (i == size)
            return true;
    }
    return false;
}

/* Return the hash of an account's key: kind, network, name. */
static uint64_t hash_of(
    const limiter *l, const client *c, reply_kind kind, const uint8_t *name, size_t size)
{
    uint8_t key[1 + sizeof c->network + ACCOUNT_NAME_MOST];
    key[0] = (uint8_t)kind;
    memcpy(key + 1, c->network, sizeof c->network); /* a fixed size is faster */
    memcpy(key + 1 + c->size, name, size);
    return siphash(l->secret, key, 1 + c->size + size);
}

client limiter_client(const limiter *l, const uint8_t *address, size_t size)
{
    client c = {.is_exempt = is_exempt(l, address, size), .size = (uint8_t)(1 + size)};
    const uint8_t *mask = size == 4 ? l->mask4 : l->mask6;
    c.network[0] = (uint8_t)size;
    for (size_t i = 0; i < size; i += 4) {
        uint32_t part, kept;
        memcpy(&part, address + i, 4);
        memcpy(&kept, mask + i, 4);
        part &= kept;
        memcpy(c.network + 1 + i, &part, 4);
    }
    if (!c.is_exempt && l->rates[KIND_ALL].interval != 0)
        c.everything = hash_of(l, &c, KIND_ALL, c.network, 0);
    return c;
}

static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)hash != 0 ? (uint32_t)hash : 1;
}

/* Return the set of accounts in which an account may be. */
static account *set_of(const limiter *l, uint64_t hash)
{
    return &l->accounts[((hash >> 32) * l->sets >> 32) * l->ways];
}

/* Return the account of a key, or NULL. */
static account *find(const limiter *l, uint64_t hash)
{
    account *set = set_of(l, hash);
    const uint32_t tag = tag_of(hash);
    for (uint32_t i = 0; i < l->ways; i++)
        if (set[i].tag == tag)
            return &set[i];
    return NULL;
}

/* Return an account for a new key: an unused one, else the one with the least debt. */
static account *make_room(limiter *l, account *set)
{
    account *least = set;
    for (uint32_t i = 0; i < l->ways; i++) {
        if (set[i].tag == 0) {
            l->used++;
            return &set[i];
        }
        if (set[i].zero_at < least->zero_at)
            least = &set[i];
    }
    return least;
}

/* Return when the balance of an account is 0 after one more reply. */
static int64_t after_reply(const rate *r, int64_t zero_at, int64_t now)
{
    if (zero_at < now - r->burst || zero_at > now + r->debt + r->burst)
        zero_at = now - r->burst; /* it has a second's worth again, or the clock went back */
    zero_at += r->interval;
    return zero_at < now + r->debt ? zero_at : now + r->debt;
}

/* Count a reply by one account, and return its treatment by it. */
static treatment charge(limiter *l, uint64_t hash, const rate *r, bool can_truncate, int64_t now)
{
    account *a = find(l, hash);
    if (a == NULL) {
        a = make_room(l, set_of(l, hash));
        *a = (account){.tag = tag_of(hash), .zero_at = now - r->burst};
    }
    a->zero_at = after_reply(r, a->zero_at, now);
    if (a->zero_at <= now)
        return SEND;
    if (l->slip != 0) {
        a->limited = (a->limited + 1) % l->slip;
        if (a->limited == 0 && can_truncate) {
            l->truncated++;
            return SLIP;
        }
    }
    l->dropped++;
    return DROP;
}

treatment limiter_treat(
    limiter *l, const client *c, reply_kind kind, const uint8_t *name, size_t name_size,
    bool can_truncate, int64_t now)
{
    if (c->is_exempt)
        return SEND;
    const rate *all = &l->rates[KIND_ALL], *own = &l->rates[kind];
    if (all->interval != 0) {
        const treatment by_all = charge(l, c->everything, all, can_truncate, now);
        if (by_all != SEND)
            return by_all;
    }
    if (own->interval == 0)
        return SEND;
    return charge(l, hash_of(l, c, kind, name, name_size), own, can_truncate, now);
}

bool limiter_is_over(const limiter *l, const client *c, int64_t now)
{
    const rate *r = &l->rates[KIND_ALL];
    const account *a = r->interval != 0 && !c->is_exempt ? find(l, c->everything) : NULL;
    return a != NULL && after_reply(r, a->zero_at, now) > now;
}

bool limiter_refuses(limiter *l, const client *c, int64_t now)
{
    const rate *r = &l->rates[KIND_ALL];
    account *a = r->interval != 0 && !c->is_exempt ? find(l, c->everything) : NULL;
    if (a == NULL)
        return false;
    const int64_t zero_at = after_reply(r, a->zero_at, now);
    if (zero_at <= now)
        return false;
    const uint32_t limited = l->slip != 0 ? (a->limited + 1) % l->slip : 0;
    if (l->slip != 0 && limited == 0)
        return false;
    a->zero_at = zero_at;
    a->limited = limited;
    l->dropped++;
    return true;
}
