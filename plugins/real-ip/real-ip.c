/* real-ip.c - takes the client's address from what a trusted proxy says about it. */
#include <stdlib.h>
#include <string.h>

#include <hotgate/plugin.h>

typedef struct real_ip {
    hg_text source;
    const hg_cidrs *trusted; /* NULL: all are */
    bool recursive;
} real_ip;

static const hg_field fields[] = {
    HG_STRING(real_ip,
              source,
              "source",
              .summary = "The variable that holds the address, such as `http_x_real_ip` or "
                         "`arg_client`.",
              .example = "http_x_forwarded_for",
              .required = true,
              .min_length = 1),
    HG_CIDRS(real_ip,
             trusted,
             "trusted_addresses",
             .summary = "Proxies that are believed. Left out: every client is.",
             .example = "[\"10.0.0.0/8\"]",
             .min_length = 1),
    HG_BOOL(real_ip,
            recursive,
            "recursive",
            .summary = "Of `X-Forwarded-For`, takes the last address that is not trusted, instead "
                       "of the last one.",
            .initial = "false"),
    HG_FIELDS_END,
};

static hg_text trimmed(hg_text text)
{
    while (text.length > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.length--;
    }
    while (text.length > 0 &&
           (text.data[text.length - 1] == ' ' || text.data[text.length - 1] == '\t')) {
        text.length--;
    }
    return text;
}

/* "1.2.3.4", "1.2.3.4:80", "::1", "[::1]:80". */
static bool address_read(hg_text text, hg_address *out_address)
{
    const char *close =
        text.length > 0 && text.data[0] == '[' ? memchr(text.data, ']', text.length) : NULL;
    const char *from = close == NULL ? text.data : close;
    const char *colon =
        text.length == 0 ? NULL : memchr(from, ':', (size_t)(text.data + text.length - from));
    hg_text host = text;
    unsigned long port = 0;

    /* Without brackets a second colon means IPv6, and no port. */
    if (colon != NULL &&
        (close != NULL ||
         memchr(colon + 1, ':', (size_t)(text.data + text.length - colon - 1)) == NULL)) {
        hg_text digits = {colon + 1, (size_t)(text.data + text.length - colon - 1)};

        host.length = (size_t)(colon - text.data);
        for (size_t i = 0; i < digits.length && port <= 65535; i++) {
            if (digits.data[i] < '0' || digits.data[i] > '9') {
                return false;
            }
            port = port * 10 + (unsigned long)(digits.data[i] - '0');
        }
        if (port == 0 || port > 65535) {
            return false;
        }
    }
    if (hg_address_parse(host, out_address) != HG_OK) {
        return false;
    }
    out_address->port = (uint16_t)port;
    return true;
}

/* The next address from the end of a list, which becomes shorter; false: there is none. */
static bool list_take_last(hg_text *list, hg_text *out_item)
{
    size_t begin = list->length;

    if (list->data == NULL) {
        return false;
    }
    while (begin > 0 && list->data[begin - 1] != ',') {
        begin--;
    }
    *out_item = trimmed((hg_text){list->data + begin, list->length - begin});
    if (begin == 0) {
        *list = (hg_text){NULL, 0};
    } else {
        list->length = begin - 1;
    }
    return true;
}

/* The header before a place, of several of that name; absent: there is none. */
static hg_text forwarded_before(hg_request *request, size_t *place)
{
    hg_header header;
    hg_text found = {NULL, 0};
    size_t end = *place;

    for (size_t i = 0; i < end && hg_request_header_at(request, i, &header); i++) {
        if (hg_text_equal_ignoring_case(header.name, HG_TEXT("X-Forwarded-For"))) {
            found = header.value;
            *place = i;
        }
    }
    return found;
}

/* All headers are one list, in their order (RFC 9110 section 5.3). The last address is the one that
 * the nearest proxy has seen; with `recursive`, the last one that is no proxy of ours. */
static hg_text forwarded_for(hg_request *request, const real_ip *own)
{
    size_t place = SIZE_MAX;
    hg_text item = {NULL, 0};
    hg_text list = forwarded_before(request, &place);

    while (list.data != NULL) {
        while (list_take_last(&list, &item)) {
            hg_address address;

            if (!own->recursive || own->trusted == NULL || !address_read(item, &address) ||
                !hg_cidrs_contain(own->trusted, &address)) {
                return item;
            }
        }
        list = forwarded_before(request, &place);
    }
    return item; /* all are trusted: the first one */
}

static void tell(hg_request *request, const hg_address *client)
{
    char text[64];
    size_t length = hg_address_format(client, text, sizeof(text));

    hg_log(request, HG_LOG_INFO, "the client is %.*s, port %u", (int)length, text, client->port);
}

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    const real_ip *own = config;
    hg_address address;
    hg_text found;

    if (own->trusted != NULL &&
        !hg_cidrs_contain(own->trusted, hg_request_client_address(request))) {
        return HG_NEXT;
    }
    found = hg_text_equal(own->source, HG_TEXT("http_x_forwarded_for"))
                ? forwarded_for(request, own)
                : trimmed(hg_request_variable(request, own->source));
    if (found.length == 0) {
        hg_log(request, HG_LOG_WARN, "missing real address");
        return HG_NEXT;
    }
    if (!address_read(found, &address)) {
        hg_log(request, HG_LOG_WARN, "bad address: %.*s",
               (int)(found.length > 200 ? 200 : found.length), found.data);
        return HG_NEXT;
    }
    if (hg_request_set_client_address(request, &address) != HG_OK) {
        hg_log(request, HG_LOG_ERROR, "no memory for the client's address");
        return hg_exit(request, 500); /* as the proxy it could pass where it may not */
    }
    if (hg_log_is_on(HG_LOG_INFO)) {
        tell(request, hg_request_client_address(request));
    }
    return HG_NEXT;
}

HG_PLUGIN("real-ip",
          "1.0.0",
          .summary = "Takes the client's address from what a trusted proxy says about it.",
          .priority = 23000,
          .config = HG_CONFIG(real_ip, fields),
          .rewrite = on_rewrite);
