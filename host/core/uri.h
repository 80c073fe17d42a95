/* host/core/uri.h - URIs and relative references (RFC 3986). */
#ifndef HOST_CORE_URI_H
#define HOST_CORE_URI_H

#include <stdbool.h>

#include <hotgate/text.h>

/** The parts of a reference, borrowed from its text; an absent part is absent, the path never. */
typedef struct hgh_uri {
    hg_text scheme;
    hg_text authority;
    hg_text path;
    hg_text query;
    hg_text fragment;
} hgh_uri;

/** Takes a reference apart (RFC 3986, appendix B); checks nothing. */
void hgh_uri_split(hg_text text, hgh_uri *out_uri);

/** True for a URI with a scheme and without characters that it may not have. */
bool hgh_uri_is_absolute(hg_text text);

/** True for such a URI or a relative reference. */
bool hgh_uri_is_reference(hg_text text);

/**
 * Resolves a reference against a base (RFC 3986, section 5.2); "" is a base too.
 * Returns NUL-terminated text that the caller frees; NULL if there is no memory.
 */
char *hgh_uri_resolve(const char *base, const char *reference);

#endif
