/* host/core/uri.c - URIs and relative references (RFC 3986). */
#include "host/core/uri.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/address.h"

/* Beside letters and digits; RFC 3986, appendix A. */
#define UNRESERVED   "-._~"
#define SUB_DELIMS   "!$&'()*+,;="
#define IN_USER_INFO UNRESERVED SUB_DELIMS ":"
#define IN_REG_NAME  UNRESERVED SUB_DELIMS
#define IN_PATH      UNRESERVED SUB_DELIMS ":@/"
#define IN_QUERY     IN_PATH "?"

/** Takes what stands before the first of `stops` off the front of the rest. */
static hg_text take_until(hg_text *rest, const char *stops)
{
    hg_text taken = {rest->data, 0};

    while (taken.length < rest->length && strchr(stops, rest->data[taken.length]) == NULL) {
        taken.length++;
    }
    rest->data += taken.length;
    rest->length -= taken.length;
    return taken;
}

static void skip(hg_text *rest, size_t bytes)
{
    rest->data += bytes;
    rest->length -= bytes;
}

static bool is_scheme(hg_text text)
{
    if (text.length == 0 || !isalpha((unsigned char)text.data[0])) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];

        if (!isalnum(byte) && byte != '+' && byte != '-' && byte != '.') {
            return false;
        }
    }
    return true;
}

void hgh_uri_split(hg_text text, hgh_uri *out_uri)
{
    hg_text rest = {text.data == NULL ? "" : text.data, text.length};
    hg_text ahead = rest;
    hg_text scheme = take_until(&ahead, ":/?#");

    *out_uri = (hgh_uri){.path = {NULL, 0}};
    if (ahead.length > 0 && ahead.data[0] == ':' && is_scheme(scheme)) {
        out_uri->scheme = scheme;
        rest = ahead;
        skip(&rest, 1);
    }
    if (hg_text_starts_with(rest, HG_TEXT("//"))) {
        skip(&rest, 2);
        out_uri->authority = take_until(&rest, "/?#");
    }
    out_uri->path = take_until(&rest, "?#");
    if (rest.length > 0 && rest.data[0] == '?') {
        skip(&rest, 1);
        out_uri->query = take_until(&rest, "#");
    }
    if (rest.length > 0) {
        skip(&rest, 1);
        out_uri->fragment = rest;
    }
}

/** True if the text has letters, digits, escapes like %20 and what is listed, nothing else. */
static bool has_only(hg_text text, const char *others)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];

        if (byte == '%') {
            if (text.length - i < 3 || !isxdigit((unsigned char)text.data[i + 1]) ||
                !isxdigit((unsigned char)text.data[i + 2])) {
                return false;
            }
            i += 2;
        } else if (byte == '\0' || byte > 0x7f ||
                   (!isalnum(byte) && strchr(others, byte) == NULL)) {
            return false;
        }
    }
    return true;
}

/** "v" HEX "." and more: an address of the future (RFC 3986, section 3.2.2). */
static bool is_future_address(hg_text text)
{
    size_t digits = 1;

    if (text.length < 4 || (text.data[0] != 'v' && text.data[0] != 'V')) {
        return false;
    }
    while (digits < text.length && isxdigit((unsigned char)text.data[digits])) {
        digits++;
    }
    return digits > 1 && digits + 1 < text.length && text.data[digits] == '.' &&
           memchr(text.data, '%', text.length) == NULL &&
           has_only((hg_text){text.data + digits + 1, text.length - digits - 1},
                    UNRESERVED SUB_DELIMS ":");
}

static bool is_bracketed_host(hg_text host)
{
    hg_text inside = {host.data + 1, host.length - 2};
    hg_address address;

    return is_future_address(inside) || hgh_address_parse(host, &address) == HG_OK;
}

static bool is_authority(hg_text authority)
{
    const char *at = memrchr(authority.data, '@', authority.length);
    hg_text host = authority;
    hg_text port;

    if (at != NULL) {
        hg_text user = {authority.data, (size_t)(at - authority.data)};

        if (!has_only(user, IN_USER_INFO)) {
            return false;
        }
        skip(&host, user.length + 1);
    }
    port = host;
    (void)take_until(&port, host.length > 0 && host.data[0] == '[' ? "]" : ":");
    if (host.length > 0 && host.data[0] == '[' && port.length > 0) {
        skip(&port, 1);
    }
    host.length -= port.length;
    if (port.length > 0) {
        if (port.data[0] != ':') {
            return false;
        }
        for (size_t i = 1; i < port.length; i++) {
            if (!isdigit((unsigned char)port.data[i])) {
                return false;
            }
        }
    }
    if (host.length > 1 && host.data[0] == '[') {
        return host.data[host.length - 1] == ']' && is_bracketed_host(host);
    }
    return has_only(host, IN_REG_NAME);
}

static bool is_valid(const hgh_uri *uri)
{
    hg_text rest = uri->path;
    hg_text segment = take_until(&rest, "/");

    /* Without a scheme, a colon in the first segment would make one (path-noscheme). */
    if (!hg_text_is_present(uri->scheme) && !hg_text_is_present(uri->authority) &&
        segment.length > 0 && memchr(segment.data, ':', segment.length) != NULL) {
        return false;
    }
    return (!hg_text_is_present(uri->authority) || is_authority(uri->authority)) &&
           has_only(uri->path, IN_PATH) && has_only(uri->query, IN_QUERY) &&
           has_only(uri->fragment, IN_QUERY);
}

bool hgh_uri_is_absolute(hg_text text)
{
    hgh_uri uri;

    hgh_uri_split(text, &uri);
    return hg_text_is_present(uri.scheme) && is_valid(&uri);
}

bool hgh_uri_is_reference(hg_text text)
{
    hgh_uri uri;

    hgh_uri_split(text, &uri);
    return is_valid(&uri);
}

/** RFC 3986, section 5.2.4, in place: "/a/./b/../c" becomes "/a/c". Returns the new length. */
static size_t remove_dot_segments(char *path, size_t length)
{
    size_t from = 0;
    size_t to = 0;

    while (from < length) {
        size_t end = from + 1; /* of the segment that begins here with its slash, if it has one */
        hg_text segment;

        while (end < length && path[end] != '/') {
            end++;
        }
        segment = (hg_text){path + from, end - from};
        if (hg_text_equal(segment, HG_TEXT("/.")) || hg_text_equal(segment, HG_TEXT("/.."))) {
            if (segment.length == 3) {
                while (to > 0 && path[--to] != '/') {
                }
            }
            if (end == length) {
                path[to++] = '/';
            }
        } else if (!hg_text_equal(segment, HG_TEXT(".")) &&
                   !hg_text_equal(segment, HG_TEXT(".."))) {
            memmove(path + to, segment.data, segment.length);
            to += segment.length;
        }
        from = end;
    }
    return to;
}

/** A relative path put behind the last slash of the base's; owned by the caller. */
static char *merge_paths(const hgh_uri *base, hg_text path)
{
    hg_text kept = base->path;
    const char *root = "";
    char *merged = NULL;

    while (kept.length > 0 && kept.data[kept.length - 1] != '/') {
        kept.length--;
    }
    if (path.length > 0 && path.data[0] == '/') {
        kept.length = 0;
    } else if (hg_text_is_present(base->authority) && base->path.length == 0) {
        root = "/";
    }
    if (asprintf(&merged, "%s%.*s%.*s", root, (int)kept.length, kept.data, (int)path.length,
                 path.data) < 0) {
        return NULL;
    }
    merged[remove_dot_segments(merged, strlen(merged))] = '\0';
    return merged;
}

static char *join(const hgh_uri *uri, const char *path)
{
    char *joined = NULL;
    int written = asprintf(&joined, "%.*s%s%s%.*s%s%s%.*s%s%.*s", (int)uri->scheme.length,
                           uri->scheme.data, hg_text_is_present(uri->scheme) ? ":" : "",
                           hg_text_is_present(uri->authority) ? "//" : "",
                           (int)uri->authority.length, uri->authority.data, path,
                           hg_text_is_present(uri->query) ? "?" : "", (int)uri->query.length,
                           uri->query.data, hg_text_is_present(uri->fragment) ? "#" : "",
                           (int)uri->fragment.length, uri->fragment.data);

    return written < 0 ? NULL : joined;
}

char *hgh_uri_resolve(const char *base, const char *reference)
{
    hgh_uri from;
    hgh_uri to;
    char *path;
    char *resolved;

    hgh_uri_split(hg_text_of(base), &from);
    hgh_uri_split(hg_text_of(reference), &to);
    if (!hg_text_is_present(to.scheme) && !hg_text_is_present(to.authority) &&
        to.path.length == 0) { /* the base's document, with another query or fragment */
        hg_text fragment = to.fragment;

        if (!hg_text_is_present(to.query)) {
            to.query = from.query;
        }
        to = (hgh_uri){from.scheme, from.authority, from.path, to.query, fragment};
        path = strndup(to.path.data, to.path.length);
    } else if (!hg_text_is_present(to.scheme)) {
        hgh_uri none = {.path = {"", 0}};

        path = merge_paths(hg_text_is_present(to.authority) ? &none : &from, to.path);
        to.scheme = from.scheme;
        if (!hg_text_is_present(to.authority)) {
            to.authority = from.authority;
        }
    } else {
        hgh_uri none = {.path = {"", 0}};

        path = merge_paths(&none, to.path);
    }
    resolved = path == NULL ? NULL : join(&to, path);
    free(path);
    return resolved;
}
