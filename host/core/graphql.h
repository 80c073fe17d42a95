/* host/core/graphql.h - what a GraphQL document asks for: its first operation and its root fields.
 *
 * Reads executable documents as the specification has them (September 2025, appendix C), strictly:
 * what is no document is refused. Nothing is validated against a schema.
 */
#ifndef HOST_CORE_GRAPHQL_H
#define HOST_CORE_GRAPHQL_H

#include <stdbool.h>
#include <stddef.h>

#include <hotgate/error.h>
#include <hotgate/text.h>

#define HGH_GRAPHQL_DEPTH_MAX      512u  /* of values and types within one another */
#define HGH_GRAPHQL_SELECTIONS_MAX 1024u /* in the outermost braces of all definitions */
#define HGH_GRAPHQL_FRAGMENTS_MAX  256u

/** Texts are borrowed from the document. */
typedef struct hgh_graphql {
    hg_text operation; /* "query", "mutation" or "subscription" */
    hg_text name;      /* empty if it has none */
    bool has_more;     /* operations follow the first one */
    size_t field_count;
    hg_text *fields; /* owned: names of the root fields, not their aliases, in their order; those of
                        fragments where these are spread */
} hgh_graphql;

/**
 * Reads a document.
 *
 * out_graphql  on HG_OK to be given to hgh_graphql_done(); else untouched.
 * Returns HG_OK, HG_ERR_INVALID (it is none, or has no operation; `err` says where),
 * HG_ERR_TOO_LARGE (more than the limits above) or HG_ERR_NO_MEMORY.
 */
hg_status hgh_graphql_parse(hg_text document, hgh_graphql *out_graphql, hg_error *err);

void hgh_graphql_done(hgh_graphql *graphql);

#endif
