/* host/core/siphash.h - SipHash-2-4 with 128 bits: a keyed hash that clients cannot steer.
 * Source: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF" (2012). */
#ifndef HOST_CORE_SIPHASH_H
#define HOST_CORE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/** A secret key, made from random bytes. */
typedef struct hgh_hash_key {
    uint64_t words[2];
} hgh_hash_key;

typedef struct hgh_hash128 {
    uint64_t low;
    uint64_t high;
} hgh_hash128;

/** Fills in a random key. Never fails: without getrandom() it mixes clocks and addresses. */
void hgh_hash_key_init(hgh_hash_key *key);

hgh_hash128 hgh_siphash128(const hgh_hash_key *key, const void *data, size_t length);

#endif
