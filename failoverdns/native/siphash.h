/* SipHash-2-4 (Aumasson and Bernstein, 2012), the hash of DNS cookies (RFC 9018). */
#ifndef FAILOVERDNS_SIPHASH_H
#define FAILOVERDNS_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* Return the hash of `size` bytes under a key of 16 bytes. */
uint64_t siphash(const uint8_t key[16], const uint8_t *data, size_t size);

#endif
