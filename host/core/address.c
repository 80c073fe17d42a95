/* host/core/address.c - IP addresses and sets of networks. */
#include "host/core/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define IPV4_BYTES      4u
#define IPV6_BYTES      16u
#define MAPPED_BITS     96u /* RFC 4291 2.5.5.2: ::ffff:0:0/96 holds the IPv4 addresses */
#define PREFIX_DIGITS   3u  /* of "/128" */
#define PORT_DIGITS     5u  /* of ":65535" */
#define ENTRY_BYTES_MAX 64u /* longer than any address with its prefix */
#define RANGES_AT_LEAST 1u  /* malloc(0) may return NULL */
#define PORT_MAX        65535u
#define BITS_IN_BYTE    8u
#define BYTE_ALL_ONES   0xffu

/** Addresses from `first` to `last`, both in it. IPv4 fills the first four bytes, the rest is 0. */
typedef struct range {
    uint8_t first[IPV6_BYTES];
    uint8_t last[IPV6_BYTES];
} range;

typedef struct range_list {
    range *items; /* owned; sorted, without overlap */
    size_t count;
} range_list;

struct hg_cidrs {
    range_list ipv4;
    range_list ipv6;
};

static hg_status parse_family(hg_text text, int family, hg_address *out_address)
{
    char copy[INET6_ADDRSTRLEN];
    hg_address address = {.family = family == AF_INET ? HG_ADDRESS_IPV4 : HG_ADDRESS_IPV6};

    if (text.data == NULL || text.length >= sizeof(copy) ||
        memchr(text.data, '\0', text.length) != NULL) {
        return HG_ERR_INVALID;
    }
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    /* glibc's is strict: four parts, no leading zero, no zone, nothing behind. */
    if (inet_pton(family, copy, address.bytes) != 1) {
        return HG_ERR_INVALID;
    }
    *out_address = address;
    return HG_OK;
}

hg_status hgh_address_parse(hg_text text, hg_address *out_address)
{
    if (text.length > 2 && text.data[0] == '[' && text.data[text.length - 1] == ']') {
        hg_text inside = {text.data + 1, text.length - 2};

        return parse_family(inside, AF_INET6, out_address);
    }
    if (text.data != NULL && memchr(text.data, ':', text.length) != NULL) {
        return parse_family(text, AF_INET6, out_address);
    }
    return parse_family(text, AF_INET, out_address);
}

/** Reads decimal digits without sign, blank or leading zero. */
static bool parse_number(hg_text text, size_t digits_max, uint32_t max, uint32_t *out_number)
{
    uint32_t number = 0;

    if (text.length == 0 || text.length > digits_max || (text.length > 1 && text.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        number = number * 10 + (uint32_t)(text.data[i] - '0');
    }
    if (number > max) {
        return false;
    }
    *out_number = number;
    return true;
}

hg_status hgh_address_parse_with_port(hg_text text, hg_address *out_address)
{
    const char *colon = text.data == NULL ? NULL : memrchr(text.data, ':', text.length);
    const char *first = text.data == NULL ? NULL : memchr(text.data, ':', text.length);
    hg_address address;
    uint32_t port;
    hg_text host;
    hg_text digits;
    hg_status status;

    /* "::1" has colons but no port; behind a bracket or as the only one, a colon begins a port. */
    if (colon == NULL || (colon != first && (colon == text.data || colon[-1] != ']'))) {
        return hgh_address_parse(text, out_address);
    }
    host = (hg_text){text.data, (size_t)(colon - text.data)};
    digits = (hg_text){colon + 1, text.length - host.length - 1};
    if (!parse_number(digits, PORT_DIGITS, PORT_MAX, &port)) {
        return HG_ERR_INVALID;
    }
    status = hgh_address_parse(host, &address);
    if (status == HG_OK) {
        address.port = (uint16_t)port;
        *out_address = address;
    }
    return status;
}

size_t hgh_address_format(const hg_address *address, char *buffer, size_t size)
{
    int family = address->family == HG_ADDRESS_IPV4 ? AF_INET : AF_INET6;

    if (address->family == HG_ADDRESS_NONE || size == 0) {
        return 0;
    }
    if (inet_ntop(family, address->bytes, buffer, (socklen_t)size) == NULL) {
        buffer[0] = '\0';
        return 0;
    }
    return strlen(buffer);
}

void hgh_address_from_sockaddr(const struct sockaddr *from, hg_address *out_address)
{
    *out_address = (hg_address){.family = HG_ADDRESS_NONE};
    if (from->sa_family == AF_INET) {
        struct sockaddr_in ipv4;

        memcpy(&ipv4, from, sizeof(ipv4)); /* the storage may be aligned as bytes only */
        out_address->family = HG_ADDRESS_IPV4;
        out_address->port = ntohs(ipv4.sin_port);
        memcpy(out_address->bytes, &ipv4.sin_addr, IPV4_BYTES);
    } else if (from->sa_family == AF_INET6) {
        struct sockaddr_in6 ipv6;

        memcpy(&ipv6, from, sizeof(ipv6));
        out_address->family = HG_ADDRESS_IPV6;
        out_address->port = ntohs(ipv6.sin6_port);
        memcpy(out_address->bytes, &ipv6.sin6_addr, IPV6_BYTES);
    }
}

static bool is_mapped(const hg_address *address)
{
    static const uint8_t prefix[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    return address->family == HG_ADDRESS_IPV6 &&
           memcmp(address->bytes, prefix, sizeof(prefix)) == 0;
}

/** The IPv4 address inside a mapped IPv6 one; any other as it is. */
static hg_address unmapped(const hg_address *address)
{
    hg_address ipv4 = {.family = HG_ADDRESS_IPV4, .port = address->port};

    if (!is_mapped(address)) {
        return *address;
    }
    memcpy(ipv4.bytes, address->bytes + MAPPED_BITS / BITS_IN_BYTE, IPV4_BYTES);
    return ipv4;
}

static range range_of(const hg_address *address, uint32_t bits)
{
    size_t bytes = address->family == HG_ADDRESS_IPV4 ? IPV4_BYTES : IPV6_BYTES;
    range made;

    memset(&made, 0, sizeof(made));
    for (size_t i = 0; i < bytes; i++) {
        uint32_t before = (uint32_t)i * BITS_IN_BYTE; /* bits in the bytes before this one */
        uint32_t fixed = bits <= before ? 0 : bits - before;
        uint32_t free_bits = fixed >= BITS_IN_BYTE ? 0 : BYTE_ALL_ONES >> fixed;

        made.first[i] = (uint8_t)(address->bytes[i] & ~free_bits);
        made.last[i] = (uint8_t)(address->bytes[i] | free_bits);
    }
    return made;
}

/** Reads one entry and adds its range to the list of its family, which has room for it. */
static bool add_entry(hg_cidrs *cidrs, const char *entry)
{
    size_t length = strnlen(entry, ENTRY_BYTES_MAX);
    const char *slash = memchr(entry, '/', length);
    hg_text host = {entry, slash == NULL ? length : (size_t)(slash - entry)};
    hg_address address;
    range_list *list;
    uint32_t bits;

    if (length == ENTRY_BYTES_MAX || hgh_address_parse(host, &address) != HG_OK) {
        return false;
    }
    bits =
        address.family == HG_ADDRESS_IPV4 ? IPV4_BYTES * BITS_IN_BYTE : IPV6_BYTES * BITS_IN_BYTE;
    if (slash != NULL) {
        hg_text digits = {slash + 1, length - host.length - 1};

        if (entry[0] == '[' || !parse_number(digits, PREFIX_DIGITS, bits, &bits)) {
            return false;
        }
    }
    if (is_mapped(&address) && bits >= MAPPED_BITS) {
        address = unmapped(&address);
        bits -= MAPPED_BITS;
    }
    list = address.family == HG_ADDRESS_IPV4 ? &cidrs->ipv4 : &cidrs->ipv6;
    list->items[list->count++] = range_of(&address, bits);
    return true;
}

static int compare_ranges(const void *a, const void *b)
{
    return memcmp(((const range *)a)->first, ((const range *)b)->first, IPV6_BYTES);
}

/** Sorts, joins what overlaps and gives back the memory that is left over. */
static void settle(range_list *list)
{
    size_t kept = 0;
    range *smaller;

    qsort(list->items, list->count, sizeof(range), compare_ranges);
    for (size_t i = 1; i < list->count; i++) {
        range *last = &list->items[kept];

        if (memcmp(list->items[i].first, last->last, IPV6_BYTES) > 0) {
            list->items[++kept] = list->items[i];
        } else if (memcmp(list->items[i].last, last->last, IPV6_BYTES) > 0) {
            memcpy(last->last, list->items[i].last, IPV6_BYTES);
        }
    }
    list->count = list->count == 0 ? 0 : kept + 1;
    smaller = realloc(list->items, (list->count + RANGES_AT_LEAST) * sizeof(range));
    if (smaller != NULL) {
        list->items = smaller;
    }
}

hg_status
hgh_cidrs_parse(const char *const *entries, size_t count, hg_cidrs **out_cidrs, hg_error *err)
{
    hg_status status = HG_OK;
    hg_cidrs *cidrs = calloc(1, sizeof(*cidrs));

    if (cidrs != NULL) {
        cidrs->ipv4.items = calloc(count + RANGES_AT_LEAST, sizeof(range));
        cidrs->ipv6.items = calloc(count + RANGES_AT_LEAST, sizeof(range));
    }
    if (cidrs == NULL || cidrs->ipv4.items == NULL || cidrs->ipv6.items == NULL) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
        goto cleanup;
    }
    for (size_t i = 0; i < count; i++) {
        if (!add_entry(cidrs, entries[i])) {
            status = hg_error_set(err, HG_ERR_INVALID, "invalid ip address: %s", entries[i]);
            goto cleanup;
        }
    }
    settle(&cidrs->ipv4);
    settle(&cidrs->ipv6);
    *out_cidrs = cidrs;
    cidrs = NULL;

cleanup:
    hgh_cidrs_free(cidrs);
    return status;
}

void hgh_cidrs_free(hg_cidrs *cidrs)
{
    if (cidrs != NULL) {
        free(cidrs->ipv4.items);
        free(cidrs->ipv6.items);
        free(cidrs);
    }
}

bool hgh_cidrs_contain(const hg_cidrs *cidrs, const hg_address *address)
{
    hg_address asked;
    const range_list *list;
    size_t low = 0;
    size_t high;

    if (cidrs == NULL || address->family == HG_ADDRESS_NONE) {
        return false;
    }
    asked = unmapped(address);
    if (asked.family == HG_ADDRESS_IPV4) { /* what lies behind the four bytes is not compared */
        memset(asked.bytes + IPV4_BYTES, 0, IPV6_BYTES - IPV4_BYTES);
    }
    list = asked.family == HG_ADDRESS_IPV4 ? &cidrs->ipv4 : &cidrs->ipv6;
    high = list->count;
    while (low < high) { /* ends at the number of ranges that begin at or before the address */
        size_t middle = low + (high - low) / 2;

        if (memcmp(list->items[middle].first, asked.bytes, IPV6_BYTES) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && memcmp(asked.bytes, list->items[low - 1].last, IPV6_BYTES) <= 0;
}
