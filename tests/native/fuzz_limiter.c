/* A libFuzzer target: the input is the settings of a limiter, then replies that it treats.
 *
 * No access is out of bounds, no network gets more than its rate for all replies while no account
 * makes room for another one, and the counts are right. */
#include <stdlib.h>
#include <string.h>

#include "consistency.h"
#include "limiter.h"

enum { SETTINGS = 12, REPLY = 6, CLIENTS = 8 };

static const uint32_t rates[] = {0, 1, 2, 3, 20, 1000, 999983, RATE_MOST};
static const uint32_t sizes[] = {1, 2, 7, 8, 9, 64, 1000, 4096};

static limiter_settings settings_of(const uint8_t *data)
{
    limiter_settings s = {.secret = "0123456789abcde"};
    for (int kind = 0; kind < KINDS; kind++)
        s.per_second[kind] = rates[data[kind] % 8];
    s.window = 1 + read16(data + 6) % WINDOW_MOST;
    s.slip = data[8] % 11;
    s.prefix4 = data[9] % 33;
    s.prefix6 = data[10] % 129;
    s.most_accounts = sizes[data[11] % 8];
    return s;
}

/* Return one exempt network, 10.0.0.0/8, in memory that the limiter frees. */
static exempt_network *exempt(void)
{
    exempt_network *networks = calloc(1, sizeof *networks);
    require(networks != NULL, "memory is available");
    networks->size = 4;
    networks->address[0] = 10;
    prefix_mask(networks->mask, 4, 8);
    return networks;
}

static void require_consistent_accounts(const limiter *l, uint32_t most)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < l->sets * l->ways; i++) {
        used += l->accounts[i].tag != 0;
        require(l->slip == 0 || l->accounts[i].limited < l->slip, "a count is below slip");
    }
    require(used == l->used && used <= most, "the number of accounts is correct");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < SETTINGS)
        return 0;
    const limiter_settings s = settings_of(data);
    limiter l;
    require(limiter_begin(&l, &s, exempt(), 1) == 0, "a limiter begins");
    uint64_t sent[CLIENTS] = {0}, truncated = 0, dropped = 0;
    const int64_t begin = 1000000000;
    int64_t now = begin;
    uint8_t *name = malloc(ACCOUNT_NAME_MOST); /* of exact size, for the sanitizer */
    require(name != NULL, "memory is available");
    for (data += SETTINGS, size -= SETTINGS; size >= REPLY; data += REPLY, size -= REPLY) {
        const unsigned number = data[0] % CLIENTS;
        uint8_t address[16] = {10, 0, 0, 1};
        if (number != 0)
            address[0] = (uint8_t)(number << 5); /* another network with any prefix of 3 bits */
        const client c = limiter_client(&l, address, data[0] & 64 ? 16 : 4);
        now += (int64_t)read16(data + 2) * (data[0] & 128 ? 1000000 : 1000);
        for (unsigned times = 1 + data[5] % 8; times > 0; times--) {
            if (data[4] & 1 && limiter_refuses(&l, &c, now)) {
                dropped++;
                continue;
            }
            const size_t length = read16(data + 4) % (ACCOUNT_NAME_MOST + 1);
            memset(name, data[1], length);
            const treatment by = limiter_treat(
                &l, &c, data[1] % KIND_ALL, name, length, !(data[4] & 2), now);
            sent[number] += by == SEND;
            truncated += by == SLIP;
            dropped += by == DROP;
            require(by != SLIP || (s.slip != 0 && !(data[4] & 2)), "only some are truncated");
            require(!c.is_exempt || by == SEND, "an exempt network is not limited");
        }
    }
    require(truncated == l.truncated && dropped == l.dropped, "the counts are correct");
    const uint32_t all = s.per_second[KIND_ALL];
    const bool is_alone = l.sets * l.ways > 1000;
    for (unsigned i = 1; i < CLIENTS && all != 0 && is_alone && s.prefix4 > 2 && s.prefix6 > 2; i++) {
        const uint64_t seconds = (uint64_t)(now - begin) / 1000000000 + 1;
        /* Two networks, of IPv4 and of IPv6; each gets a second's worth at once. */
        require(sent[i] <= 2 * all * (seconds + 1), "a network gets at most its rate");
    }
    require_consistent_accounts(&l, s.most_accounts);
    free(name);
    limiter_end(&l);
    return 0;
}
