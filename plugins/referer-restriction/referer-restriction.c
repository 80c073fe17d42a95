/* referer-restriction.c - lets requests pass or refuses them by the host of their Referer. */
#include <string.h>

#include <hotgate/plugin.h>

#define MESSAGE_MAX 1024 /* characters */

typedef struct referer_restriction {
    hg_list whitelist; /* of hg_text; empty: not given */
    hg_list blacklist;
    bool bypass_missing;
    hg_text message;
} referer_restriction;

static const hg_field host_item =
    HG_ITEM(HG_KIND_STRING, hg_text, .pattern = "^\\*?[0-9a-zA-Z-._\\[\\]:]+$");

static const hg_field fields[] = {
    HG_LIST(referer_restriction,
            whitelist,
            "whitelist",
            &host_item,
            .summary = "Only requests that come from one of these hosts pass.",
            .example = "[\"example.com\", \"*.example.com\"]",
            .min_length = 1),
    HG_LIST(referer_restriction,
            blacklist,
            "blacklist",
            &host_item,
            .summary = "Requests that come from one of these hosts are refused.",
            .example = "[\"*.example.net\"]",
            .min_length = 1),
    HG_BOOL(referer_restriction,
            bypass_missing,
            "bypass_missing",
            .summary = "A request without a usable `Referer` passes.",
            .initial = "false"),
    HG_STRING(referer_restriction,
              message,
              "message",
              .summary = "What a refused client is told.",
              .min_length = 1,
              .max_length = MESSAGE_MAX,
              .initial = "Your referer host is not allowed"),
    HG_RULE(HG_EXACTLY_ONE, "whitelist", "blacklist"),
    HG_FIELDS_END,
};

static size_t span_until(hg_text text, const char *stops)
{
    size_t length = 0;

    while (length < text.length && strchr(stops, text.data[length]) == NULL) {
        length++;
    }
    return length;
}

static bool skip(hg_text *text, hg_text prefix)
{
    if (text->length < prefix.length || strncasecmp(text->data, prefix.data, prefix.length) != 0) {
        return false;
    }
    text->data += prefix.length;
    text->length -= prefix.length;
    return true;
}

static bool is_port(hg_text text)
{
    return text.length <= 5 && strspn(text.data, "0123456789") >= text.length;
}

/* The host of an http or https reference (RFC 3986 section 3.2); absent: it is none. */
static hg_text host_of(hg_text referer)
{
    hg_text none = {NULL, 0};
    hg_text host = referer;
    size_t at;

    if (!skip(&host, HG_TEXT("http://")) && !skip(&host, HG_TEXT("https://")) &&
        !skip(&host, HG_TEXT("//"))) {
        return none;
    }
    host.length = span_until(host, "/?#\\");
    while ((at = span_until(host, "@")) < host.length) { /* behind a name and a password */
        host.data += at + 1;
        host.length -= at + 1;
    }
    at = host.length > 0 && host.data[0] == '[' ? span_until(host, "]") + 1 : span_until(host, ":");
    if (at < host.length &&
        (host.data[at] != ':' || !is_port((hg_text){host.data + at + 1, host.length - at - 1}))) {
        return none;
    }
    if (at == 0 || at > host.length) {
        return none;
    }
    return (hg_text){host.data, at};
}

/* "*" stands for any beginning. */
static bool host_matches(hg_text pattern, hg_text host)
{
    if (pattern.data[0] != '*') {
        return hg_text_equal_ignoring_case(pattern, host);
    }
    pattern.data++;
    pattern.length--;
    return host.length >= pattern.length &&
           strncasecmp(host.data + host.length - pattern.length, pattern.data, pattern.length) == 0;
}

static bool list_has(const hg_list *list, hg_text host)
{
    const hg_text *patterns = list->items;

    for (size_t i = 0; i < list->count; i++) {
        if (host_matches(patterns[i], host)) {
            return true;
        }
    }
    return false;
}

static hg_verdict on_access(hg_request *request, const void *config)
{
    const referer_restriction *own = config;
    hg_text referer = hg_request_header(request, HG_TEXT("Referer"));
    hg_text host = {NULL, 0};
    bool passes = own->bypass_missing;

    if (hg_text_is_present(referer)) {
        host = host_of(referer);
    }
    if (hg_text_is_present(host)) {
        passes = own->whitelist.count > 0 ? list_has(&own->whitelist, host)
                                          : !list_has(&own->blacklist, host);
    }
    return passes ? HG_NEXT : hg_exit_message(request, 403, own->message);
}

HG_PLUGIN("referer-restriction",
          "1.0.0",
          .summary = "Lets requests pass or refuses them by the host of their Referer.",
          .priority = 2990,
          .config = HG_CONFIG(referer_restriction, fields),
          .access = on_access);
