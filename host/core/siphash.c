/* host/core/siphash.c - SipHash-2-4 with 128 bits. */
#include "host/core/siphash.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

typedef struct sip_state {
    uint64_t v0, v1, v2, v3;
} sip_state;

static inline uint64_t rotate_left(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void sip_round(sip_state *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 = rotate_left(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v2 = rotate_left(s->v2, 32);
}

static inline void sip_absorb(sip_state *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    sip_round(s);
    s->v0 ^= word;
}

static inline uint64_t sip_finish(sip_state *s)
{
    for (int i = 0; i < 4; i++) {
        sip_round(s);
    }
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

void hgh_hash_key_init(hgh_hash_key *key)
{
    if (getrandom(key->words, sizeof(key->words), GRND_NONBLOCK) == (ssize_t)sizeof(key->words)) {
        return;
    }
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    key->words[0] = (uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15u ^ (uint64_t)(uintptr_t)key;
    key->words[1] = (uint64_t)now.tv_sec * 0xbf58476d1ce4e5b9u ^ (uint64_t)(uintptr_t)&now;
}

hgh_hash128 hgh_siphash128(const hgh_hash_key *key, const void *data, size_t length)
{
    const unsigned char *at = data;
    uint64_t last = (uint64_t)length << 56;
    sip_state s = {
        .v0 = key->words[0] ^ 0x736f6d6570736575u,
        .v1 = key->words[1] ^ 0x646f72616e646f6du ^ 0xee, /* 0xee: the 128-bit variant */
        .v2 = key->words[0] ^ 0x6c7967656e657261u,
        .v3 = key->words[1] ^ 0x7465646279746573u,
    };
    hgh_hash128 hash;

    for (; length >= 8; length -= 8, at += 8) {
        uint64_t word;

        memcpy(&word, at, sizeof(word));
        sip_absorb(&s, word);
    }
    for (size_t i = 0; i < length; i++) {
        last |= (uint64_t)at[i] << (8 * i);
    }
    sip_absorb(&s, last);
    s.v2 ^= 0xee;
    hash.low = sip_finish(&s);
    s.v1 ^= 0xdd;
    hash.high = sip_finish(&s);
    return hash;
}
