/* host/core/address.h - IP addresses and sets of networks. */
#ifndef HOST_CORE_ADDRESS_H
#define HOST_CORE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include <hotgate/address.h>

struct sockaddr;

/** Reads "1.2.3.4", "::1", "[::1]"; no port. Returns HG_OK or HG_ERR_INVALID. */
hg_status hgh_address_parse(hg_text text, hg_address *out_address);

/** Reads "1.2.3.4:80", "[::1]:80" or an address alone (port 0). HG_OK or HG_ERR_INVALID. */
hg_status hgh_address_parse_with_port(hg_text text, hg_address *out_address);

/** Writes the address without port; returns the length, 0 if it did not fit or is no IP. */
size_t hgh_address_format(const hg_address *address, char *buffer, size_t size);

/** Takes it from a socket address; another family than IP gives HG_ADDRESS_NONE. */
void hgh_address_from_sockaddr(const struct sockaddr *from, hg_address *out_address);

/**
 * Makes a set from "10.0.0.0/8", "::1", "1.2.3.4"...: sorted ranges, looked up by bisection.
 *
 * out_cidrs  on HG_OK owned by the caller; else untouched.
 * Returns HG_OK, HG_ERR_INVALID ("invalid ip address: x") or HG_ERR_NO_MEMORY.
 */
hg_status
hgh_cidrs_parse(const char *const *entries, size_t count, hg_cidrs **out_cidrs, hg_error *err);

/** Accepts NULL. */
void hgh_cidrs_free(hg_cidrs *cidrs);

/** True if the address lies in the set; false for NULL. An IPv4-mapped IPv6 address counts as
 * IPv4, in the set as in the question. */
bool hgh_cidrs_contain(const hg_cidrs *cidrs, const hg_address *address);

#endif
