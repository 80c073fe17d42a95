/* hotgate/random.h - random numbers that nobody can guess. */
#ifndef HOTGATE_RANDOM_H
#define HOTGATE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include <hotgate/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The host's side of this header. ABI: fields are only appended. */
typedef struct hg_random_api {
    uint32_t size;
    uint32_t reserved;
    void (*bytes)(const hg_host *host, void *buffer, size_t size);
    uint64_t (*below)(const hg_host *host, uint64_t limit);
} hg_random_api;

/** Fills a buffer with random bytes of the kernel's, fit for keys and identifiers. [any] */
static inline void hg_random_bytes(void *buffer, size_t size)
{
    hg_host_slot->random->bytes(hg_host_slot, buffer, size);
}

/** A number from 0 to limit - 1, each as likely as the others; 0 for a limit of 0. [any] */
static inline uint64_t hg_random_below(uint64_t limit)
{
    return hg_host_slot->random->below(hg_host_slot, limit);
}

#ifdef __cplusplus
}
#endif

#endif
