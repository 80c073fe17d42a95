/* host/core/route_pattern.c - the patterns of a route: paths and hosts. */
#include "host/core/route_pattern.h"

#include <string.h>
#include <strings.h>

hgh_route_pattern_kind
hgh_route_pattern_split(hgh_router_mode mode, hg_text uri, size_t *out_length)
{
    bool parameters = mode == HGH_ROUTER_URI_WITH_PARAMETER;

    for (size_t i = 0; i < uri.length; i++) {
        bool segment_start = i > 0 && uri.data[i - 1] == '/';

        if (uri.data[i] == '*') {
            *out_length = i;
            /* A star inside a segment ends the pattern, whatever follows (APISIX does so). A named
             * star, "*rest", and a star as a whole segment in the middle say more. */
            if (i + 1 == uri.length || !segment_start) {
                return parameters && segment_start ? HGH_PATTERN_WHOLE : HGH_PATTERN_PREFIX;
            }
            return parameters || uri.data[i + 1] == '/' ? HGH_PATTERN_WHOLE : HGH_PATTERN_PREFIX;
        }
        if (parameters && uri.data[i] == ':' && segment_start) {
            *out_length = i;
            return HGH_PATTERN_WHOLE;
        }
    }
    *out_length = uri.length;
    return HGH_PATTERN_EXACT;
}

static void
parameter_add(hgh_route_match *match, const char *name, size_t name_length, hg_text value)
{
    if (match->parameter_count < HGH_ROUTE_PARAMETERS_MAX) {
        hg_text text = name_length == 0 ? HG_TEXT(":ext") : (hg_text){name, name_length};

        match->parameters[match->parameter_count++] = (hgh_route_parameter){text, value};
    }
}

static size_t segment_length(const char *at, const char *end)
{
    const char *slash = memchr(at, '/', (size_t)(end - at));

    return slash == NULL ? (size_t)(end - at) : (size_t)(slash - at);
}

/* A star takes as little as makes the rest fit; it is tried from left to right. */
bool hgh_route_pattern_fits(hgh_router_mode mode,
                            const char *pattern,
                            const char *pattern_end,
                            const char *path,
                            const char *path_end,
                            hgh_route_match *match)
{
    bool parameters = mode == HGH_ROUTER_URI_WITH_PARAMETER;
    const char *star = NULL; /* where to go on after the last star, if what follows did not fit */
    const char *star_path = NULL;
    uint32_t star_parameters = 0;
    size_t star_name = 0;

    for (;;) {
        if (pattern < pattern_end && *pattern == '*') {
            star_name = parameters ? segment_length(pattern + 1, pattern_end) : 0;
            star = pattern;
            pattern += 1 + star_name;
            star_path = path;
            star_parameters = match->parameter_count;
            if (pattern == pattern_end) {
                parameter_add(match, star + 1, star_name,
                              (hg_text){path, (size_t)(path_end - path)});
                return true;
            }
            continue;
        }
        if (parameters && pattern < pattern_end && *pattern == ':' && pattern[-1] == '/') {
            size_t name = segment_length(pattern + 1, pattern_end);
            size_t value = segment_length(path, path_end);

            if (value > 0) {
                parameter_add(match, pattern + 1, name, (hg_text){path, value});
                pattern += 1 + name;
                path += value;
                continue;
            }
        } else if (pattern < pattern_end && path < path_end && *pattern == *path) {
            pattern++;
            path++;
            continue;
        } else if (pattern == pattern_end && path == path_end) {
            return true;
        }
        if (star == NULL || star_path >= path_end) {
            return false;
        }
        star_path++;
        path = star_path;
        pattern = star + 1 + star_name;
        match->parameter_count = star_parameters;
    }
}

bool hgh_host_is_suffix(hg_text host)
{
    return host.length > 0 && host.data[0] == '*';
}

bool hgh_host_has_port(hg_text pattern)
{
    const char *colon = memrchr(pattern.data, ':', pattern.length);
    const char *end = pattern.data + pattern.length;

    return colon != NULL && memchr(colon, ']', (size_t)(end - colon)) == NULL;
}

bool hgh_host_fits(hg_text pattern, hg_text host)
{
    if (!hgh_host_is_suffix(pattern)) {
        return hg_text_equal(pattern, host);
    }
    return host.length >= pattern.length - 1 &&
           memcmp(host.data + host.length - (pattern.length - 1), pattern.data + 1,
                  pattern.length - 1) == 0;
}

bool hgh_raw_host_fits(hg_text pattern, hg_text raw_host)
{
    size_t length = pattern.length - (hgh_host_is_suffix(pattern) ? 1 : 0);

    return raw_host.length >= length &&
           (hgh_host_is_suffix(pattern) || raw_host.length == length) &&
           strncasecmp(raw_host.data + raw_host.length - length,
                       pattern.data + pattern.length - length, length) == 0;
}
