/* hotgate/address.h - IP addresses and sets of networks. */
#ifndef HOTGATE_ADDRESS_H
#define HOTGATE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include <hotgate/error.h>
#include <hotgate/text.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Which kind of address it is. ABI: a value never changes its meaning. */
typedef enum hg_address_family {
    HG_ADDRESS_NONE = 0, /* a peer on a Unix socket has no address */
    HG_ADDRESS_IPV4 = 4,
    HG_ADDRESS_IPV6 = 6,
} hg_address_family;

/** An IP address with its port. ABI: this layout is final. */
typedef struct hg_address {
    uint8_t family; /* an hg_address_family */
    uint8_t reserved;
    uint16_t port;     /* in host byte order; 0 if there is none */
    uint8_t bytes[16]; /* in network byte order; an IPv4 address fills the first four */
} hg_address;

/**
 * A set of addresses and networks, made from a HG_CIDRS field or by hg_cidrs_parse(). An IPv6
 * address that maps an IPv4 one (::ffff:a.b.c.d) is looked up as that IPv4 address.
 */
typedef struct hg_cidrs hg_cidrs;

#ifdef __cplusplus
}
#endif

#endif
