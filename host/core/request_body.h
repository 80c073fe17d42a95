/* host/core/request_body.h - the variables that stand in a request's body, and how it gets here.
 *
 * Nothing of a body is read unless something asks for one of them: a condition of a route that is
 * tried, a configuration that names one, the key of an upstream. Then the request is parked until
 * all of it is here, and the variables follow what the client sent, whatever plugins do to it.
 */
#ifndef HOST_CORE_REQUEST_BODY_H
#define HOST_CORE_REQUEST_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "host/core/expression.h"

struct hg_request;

/** How much of a body is looked at; 0: all of it. */
typedef struct hgh_body_limits {
    uint64_t post_max_bytes;    /* apisix.max_post_args_readable_size */
    uint64_t graphql_max_bytes; /* graphql.max_size */
} hgh_body_limits;

#define HGH_BODY_POST_MAX_BYTES    (UINT64_C(64) << 20)
#define HGH_BODY_GRAPHQL_MAX_BYTES (UINT64_C(1) << 20)

/** The families of these variables, as bits: what something asks for. */
typedef enum hgh_body_family {
    HGH_BODY_FORM = 1,    /* post_arg_NAME */
    HGH_BODY_POST = 2,    /* post_arg.PATH */
    HGH_BODY_GRAPHQL = 4, /* graphql_name, graphql_operation, graphql_root_fields */
} hgh_body_family;

/** The family of a variable; 0: it does not stand in the body. */
uint8_t hgh_body_family_of(hg_text name);

/** The families that a text names, wherever it does; 0: none. */
uint8_t hgh_body_families_in(const char *text);

/** The verdict of a guard that wants the body first. No plugin returns it. */
#define HGH_READ_BODY ((hg_verdict)0x626f6479)

/**
 * True if variables of these families may be there, and the body has not been read: its type fits,
 * it is not empty and, as far as it says, not too long.
 */
bool hgh_request_body_is_needed(struct hg_request *request, uint8_t families);

/** Takes the body, which the engine has read, for the variables in it, as far as these may be
 * looked for. Nothing happens if that has been done. */
void hgh_request_body_look(struct hg_request *request);

/** Begins to read it, on the main stack: the request is parked. False: that has been done, or there
 * is no memory, which is the request's exit. */
bool hgh_request_body_begin(struct hg_request *request);

/** The client has gone: what is being read is not waited for any more. */
void hgh_request_body_cancel(struct hg_request *request);

/**
 * A plugin has read the body.
 *
 * status  of the reading; on HG_OK `body` is pooled with the request.
 */
void hgh_request_body_was_read(struct hg_request *request, hg_status status, hg_text body);

/** A plugin replaces it: one that nobody has read says nothing any more. */
void hgh_request_body_was_replaced(struct hg_request *request);

/** Frees what was found in it. */
void hgh_request_body_done(struct hg_request *request);

/** A variable of that family, for expressions; unknown if the body cannot be read. */
hgh_variable hgh_request_body_variable(struct hg_request *request, uint8_t family, hg_text name);

/** The same as text, pooled: a list or an object as JSON. Absent if it is unknown, too. */
hg_text hgh_request_body_text(struct hg_request *request, uint8_t family, hg_text name);

#endif
