/* host/control/admin_exchange.h - one request to the Admin API, and its answer. */
#ifndef HOST_CONTROL_ADMIN_EXCHANGE_H
#define HOST_CONTROL_ADMIN_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/address.h>
#include <hotgate/host.h>

#include "host/core/issues.h"

/* The header Server, before the version: clients take the level of the API from it. */
#define HGH_ADMIN_SERVER      "APISIX/" HGH_API_LEVEL " hotgate/"
#define HGH_ADMIN_BODY_MAX    1572864u     /* bytes: APISIX's 1.5 MiB */
#define HGH_ADMIN_IMPORT_MAX  (512u << 20) /* bytes: of an import through the instance's socket */
#define HGH_ADMIN_HEADERS_MAX 16u
#define HGH_ADMIN_HEADER_TEXT 200u

/** A name and its value in a query; decoded. */
typedef struct hgh_admin_argument {
    const char *name;
    const char *value;
} hgh_admin_argument;

/** How a client came. */
typedef enum hgh_admin_peer {
    HGH_ADMIN_PEER_NETWORK = 0, /* to a listener of the Admin API */
    HGH_ADMIN_PEER_ENGINE,      /* through the data plane, which says its address */
    HGH_ADMIN_PEER_LOCAL,       /* through the instance's socket, which its owner alone can open */
} hgh_admin_peer;

/** The header by which nginx says who the client is; it replaces what a client sends itself. */
#define HGH_ADMIN_CLIENT_HEADER "X-Hotgate-Client"

/** Borrowed until it is answered. Texts are NUL-terminated and hold no further NUL. */
typedef struct hgh_admin_request {
    const char *method;
    const char *path; /* percent-decoded, without the query */
    size_t argument_count;
    const hgh_admin_argument *arguments;
    const char *body;     /* NULL: there is none, or it was not kept; not NUL-terminated */
    uint64_t body_length; /* as it was sent or announced */
    bool body_is_dropped; /* over what the server takes, or nobody wanted it */
    hgh_admin_peer peer;
    hg_address client; /* of no family if it is not known: nobody's */
    /** The first header of that name, or NULL. */
    const char *(*header)(void *context, const char *name);
    void *context;
} hgh_admin_request;

/** What is sent back. Zero-initialise; hgh_admin_answer_done(). */
typedef struct hgh_admin_answer {
    unsigned status;
    char *body; /* owned; NULL: empty */
    size_t body_length;
    size_t header_count;
    struct {
        const char *name; /* static */
        char value[HGH_ADMIN_HEADER_TEXT];
    } headers[HGH_ADMIN_HEADERS_MAX];
} hgh_admin_answer;

/** Whoever waits for an answer; the embedding struct is freed by send(). */
typedef struct hgh_admin_answer_later {
    /** Sends and ends the request; takes what the answer owns. Called exactly once. */
    void (*send)(struct hgh_admin_answer_later *later, hgh_admin_answer *answer);
} hgh_admin_answer_later;

/** The first argument of that name, or NULL. */
const char *hgh_admin_request_argument(const hgh_admin_request *request, const char *name);

/** The value of a cookie of the Cookie header in `into`; NULL: there is none or it is too long. */
const char *hgh_admin_request_cookie(const hgh_admin_request *request,
                                     const char *name,
                                     char *into,
                                     size_t size);

/** True if it is UTF-8 (RFC 3629). */
bool hgh_admin_text_is_valid(const char *text);

/** Replaces bytes that are no UTF-8 (RFC 3629) by '?', in place: JSON cannot hold them. */
void hgh_admin_text_repair(char *text);

/** Body and status; `json` is dumped with a newline behind it and its reference is taken; without
 * memory the answer is a bare 500. */
void hgh_admin_answer_json(hgh_admin_answer *answer, unsigned status, json_t *json);

/** Body and status: {"error_msg": text}. */
void hgh_admin_answer_error(hgh_admin_answer *answer, unsigned status, const char *format, ...)
    HG_PRINTF(3, 4);

/** 400 with the first finding in APISIX's words as error_msg and all of them in errors; changes
 * bytes of the findings that are no UTF-8. */
void hgh_admin_answer_issues(hgh_admin_answer *answer, hg_issues *issues);

/** Body and status; takes `body`, which comes from malloc(). */
void hgh_admin_answer_text(hgh_admin_answer *answer, unsigned status, char *body, size_t length);

/** Adds a header; a value that is too long is cut, a header too many left out. */
void hgh_admin_answer_header(hgh_admin_answer *answer, const char *name, const char *value);

void hgh_admin_answer_done(hgh_admin_answer *answer);

/* The same for an answer that is sent at once. */
void hgh_admin_later_json(hgh_admin_answer_later *later, unsigned status, json_t *json);
void hgh_admin_later_error(hgh_admin_answer_later *later, unsigned status, const char *format, ...)
    HG_PRINTF(3, 4);

#endif
