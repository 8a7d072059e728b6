/* A libFuzzer target: the input is a packet, which a table with many kinds of names answers.
 *
 * The first byte encodes the transport and the use of cookies.
 * No access is out of bounds, and a reply belongs to its query and fits.
 * The table is the delta in the file that FAILOVERDNS_DELTA names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "consistency.h"

enum { UDP = 1, COOKIES = 2, IPV6 = 4, OLD = 8 };

static table served;

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    (void)count, (void)arguments;
    require_filled(&served);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const uint8_t how = data[0];
    /* A copy of exactly its size, so that the sanitizer detects a read past its end. */
    uint8_t *packet = malloc(size - 1 ? size - 1 : 1);
    require(packet != NULL, "memory is available");
    memcpy(packet, data + 1, size - 1);
    size--;
    const size_t room = how & UDP ? UDP_MOST : 65535;
    uint8_t *reply = malloc(room);
    require(reply != NULL, "memory is available");

    answer_settings settings = {.secrets = how & COOKIES ? 1 : 0, .secret = {"0123456789abcdef"}};
    settings.now = how & OLD ? 3000 : 0;
    const asker asker_ = {.udp = how & UDP, .size = how & IPV6 ? 16 : 4};
    query q;
    prepare(&served, &q, packet, size);
    const size_t length = answer(&served, &settings, &asker_, &q, packet, size, reply, room, NULL);
    require(length <= room, "a reply fits");
    if (length != 0) {
        require(length >= 12 + 5 && memcmp(reply, packet, 2) == 0, "the id is that of the query");
        require((reply[2] & 0xfe) == 0x84 && (reply[3] & 0xf0) == 0, "QR and AA are set");
        require(memcmp(reply + 12, packet + 12, q.size + 4) == 0, "the question is that of the query");
        require(reply[11] == packet[11], "the reply has EDNS if the query has");
    }
    free(reply);
    free(packet);
    return 0;
}
