/* tests/unit/core/a6_kinds.h - the nine messages of the external plugin protocol, by name. */
#ifndef TESTS_UNIT_CORE_A6_KINDS_H
#define TESTS_UNIT_CORE_A6_KINDS_H

#include <jansson.h>

#include "host/core/a6.h"

typedef union a6_message {
    hgh_a6_error error;
    hgh_a6_prepare_request prepare_request;
    hgh_a6_prepare_answer prepare_answer;
    hgh_a6_request_call request_call;
    hgh_a6_request_answer request_answer;
    hgh_a6_question question;
    hgh_a6_question_answer question_answer;
    hgh_a6_response_call response_call;
    hgh_a6_response_answer response_answer;
} a6_message;

typedef struct a6_kind {
    const char *name; /* of the table in the schema */
    uint32_t type;    /* of the frame */
    hg_status (*decode)(hg_text payload,
                        const hgh_a6_memory *memory,
                        a6_message *out,
                        hg_error *err);
    hg_status (*encode)(hgh_text_builder *into, const a6_message *message);
    /** A message with the schema's names; bytes as hex, null for what is absent. The caller's. */
    json_t *(*json)(const a6_message *message);
} a6_kind;

/** All nine; a row whose name is NULL ends them. */
extern const a6_kind a6_kinds[];

/** NULL: there is none. */
const a6_kind *a6_kind_find(const char *name);

#endif
