/* host/core/a6.h - the messages of the external plugin protocol, between a gateway and a runner. */
#ifndef HOST_CORE_A6_H
#define HOST_CORE_A6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hotgate/error.h>
#include <hotgate/request.h>
#include <hotgate/text.h>

#include "host/core/flatbuffer.h"
#include "host/core/text_builder.h"

/*
 * A frame is a type (one byte), the length of the payload (24 bits, most significant byte first)
 * and the payload, a FlatBuffer. What its root is follows from the type and from who sent it.
 */
#define HGH_A6_HEADER_BYTES 4u
#define HGH_A6_PAYLOAD_MAX  16777215u /* bytes: what 24 bits can say */

typedef enum hgh_a6_type {     /* gateway to runner; runner to gateway */
    HGH_A6_ERROR = 0,          /* -; error */
    HGH_A6_PREPARE_CONF = 1,   /* prepare_request; prepare_answer */
    HGH_A6_HTTP_REQ_CALL = 2,  /* request_call; request_answer */
    HGH_A6_EXTRA_INFO = 3,     /* question_answer; question: here the runner is who asks */
    HGH_A6_HTTP_RESP_CALL = 4, /* response_call; response_answer */
} hgh_a6_type;

typedef enum hgh_a6_error_code {
    HGH_A6_BAD_REQUEST = 0,
    HGH_A6_SERVICE_UNAVAILABLE = 1,
    HGH_A6_CONF_TOKEN_NOT_FOUND = 2,
} hgh_a6_error_code;

typedef enum hgh_a6_action {
    HGH_A6_NO_ACTION = 0, /* what an unknown one is decoded as */
    HGH_A6_STOP = 1,      /* status, headers, body */
    HGH_A6_REWRITE = 2,   /* path, headers, arguments, response_headers, body */
} hgh_a6_action;

typedef enum hgh_a6_info {
    HGH_A6_NO_INFO = 0, /* what an unknown one is decoded as */
    HGH_A6_VAR = 1,     /* name */
    HGH_A6_REQUEST_BODY = 2,
    HGH_A6_RESPONSE_BODY = 3,
} hgh_a6_info;

/** Absent value: the entry has none, as an argument without "=" has; an empty one is not the same.
 */
typedef struct hgh_a6_list {
    const hg_header *items;
    size_t count;
} hgh_a6_list;

/* One struct a message, the same for both directions. Absent texts are absent in the message. */

typedef struct hgh_a6_prepare_request {
    hgh_a6_list conf; /* names of plugins, and the text that configures each */
    hg_text key;
} hgh_a6_prepare_request;

typedef struct hgh_a6_prepare_answer {
    uint32_t conf_token;
} hgh_a6_prepare_answer;

typedef struct hgh_a6_request_call {
    uint32_t id;
    hg_text source_address; /* bytes in network order: 4 or 16 */
    uint32_t method;        /* a number of hgh_a6_method_number() */
    hg_text path;
    hgh_a6_list arguments;
    hgh_a6_list headers;
    uint32_t conf_token;
} hgh_a6_request_call;

typedef struct hgh_a6_request_answer {
    uint32_t id;
    hgh_a6_action action; /* says which of the following count */
    uint32_t status;
    hg_text path;
    hgh_a6_list headers;
    hgh_a6_list arguments;
    hgh_a6_list response_headers;
    hg_text body;
} hgh_a6_request_answer;

typedef struct hgh_a6_question {
    hgh_a6_info info;
    hg_text name;
} hgh_a6_question;

typedef struct hgh_a6_question_answer {
    hg_text result;
} hgh_a6_question_answer;

typedef struct hgh_a6_response_call {
    uint32_t id;
    uint32_t status;
    hgh_a6_list headers;
    uint32_t conf_token;
} hgh_a6_response_call;

typedef struct hgh_a6_response_answer {
    uint32_t id;
    uint32_t status;
    hgh_a6_list headers;
    hg_text body;
} hgh_a6_response_answer;

typedef struct hgh_a6_error {
    uint32_t code; /* an hgh_a6_error_code, or one that we do not know */
} hgh_a6_error;

/** Where decoded lists are put. */
typedef hgh_flatbuffer_memory hgh_a6_memory;

/**
 * Decodes a payload. Its texts are borrowed from it and are not NUL-terminated; `out` is untouched
 * on failure. Returns HG_OK, HG_ERR_INVALID (err: which field, what was found, what was wanted) or
 * HG_ERR_NO_MEMORY.
 */
hg_status hgh_a6_decode_prepare_request(hg_text payload,
                                        const hgh_a6_memory *memory,
                                        hgh_a6_prepare_request *out,
                                        hg_error *err);
hg_status hgh_a6_decode_prepare_answer(hg_text payload,
                                       const hgh_a6_memory *memory,
                                       hgh_a6_prepare_answer *out,
                                       hg_error *err);
hg_status hgh_a6_decode_request_call(hg_text payload,
                                     const hgh_a6_memory *memory,
                                     hgh_a6_request_call *out,
                                     hg_error *err);
hg_status hgh_a6_decode_request_answer(hg_text payload,
                                       const hgh_a6_memory *memory,
                                       hgh_a6_request_answer *out,
                                       hg_error *err);
hg_status hgh_a6_decode_question(hg_text payload,
                                 const hgh_a6_memory *memory,
                                 hgh_a6_question *out,
                                 hg_error *err);
hg_status hgh_a6_decode_question_answer(hg_text payload,
                                        const hgh_a6_memory *memory,
                                        hgh_a6_question_answer *out,
                                        hg_error *err);
hg_status hgh_a6_decode_response_call(hg_text payload,
                                      const hgh_a6_memory *memory,
                                      hgh_a6_response_call *out,
                                      hg_error *err);
hg_status hgh_a6_decode_response_answer(hg_text payload,
                                        const hgh_a6_memory *memory,
                                        hgh_a6_response_answer *out,
                                        hg_error *err);
hg_status
hgh_a6_decode_error(hg_text payload, const hgh_a6_memory *memory, hgh_a6_error *out, hg_error *err);

/**
 * Appends a whole frame, its header too. Returns HG_OK, HG_ERR_TOO_LARGE (the message, or a number
 * for its field; or `into` has no room for it) or HG_ERR_NO_MEMORY; then nothing has been appended.
 */
hg_status hgh_a6_encode_prepare_request(hgh_text_builder *into,
                                        const hgh_a6_prepare_request *message);
hg_status hgh_a6_encode_prepare_answer(hgh_text_builder *into,
                                       const hgh_a6_prepare_answer *message);
hg_status hgh_a6_encode_request_call(hgh_text_builder *into, const hgh_a6_request_call *message);
hg_status hgh_a6_encode_request_answer(hgh_text_builder *into,
                                       const hgh_a6_request_answer *message);
hg_status hgh_a6_encode_question(hgh_text_builder *into, const hgh_a6_question *message);
hg_status hgh_a6_encode_question_answer(hgh_text_builder *into,
                                        const hgh_a6_question_answer *message);
hg_status hgh_a6_encode_response_call(hgh_text_builder *into, const hgh_a6_response_call *message);
hg_status hgh_a6_encode_response_answer(hgh_text_builder *into,
                                        const hgh_a6_response_answer *message);
hg_status hgh_a6_encode_error(hgh_text_builder *into, const hgh_a6_error *message);

/** Type and length of the payload out of a frame's first four bytes. Any type may stand there. */
void hgh_a6_header_read(const unsigned char header[HGH_A6_HEADER_BYTES],
                        uint32_t *out_type,
                        size_t *out_length);

/** The protocol's number of a method; false: it has none. */
bool hgh_a6_method_number(hg_text method, uint32_t *out_number);

/** The method of a number, NUL-terminated; absent: there is none. */
hg_text hgh_a6_method_name(uint32_t number);

/** What a code says: "bad request"; NULL: unknown. */
const char *hgh_a6_error_text(uint32_t code);

#endif
