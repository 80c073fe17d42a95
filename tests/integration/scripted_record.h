/* tests/integration/scripted_record.h - what a scripted runner was asked, as JSON. */
#ifndef TESTS_INTEGRATION_SCRIPTED_RECORD_H
#define TESTS_INTEGRATION_SCRIPTED_RECORD_H

#include <jansson.h>

#include "tests/integration/scripted_runner.h"

/** Of a decoded call; owned by the caller. */
json_t *scripted_record_of(const scripted_call *call);

/** Of a frame that could not be decoded; owned by the caller. */
json_t *scripted_record_malformed(uint32_t type, size_t connection, const char *problem);

/** Adds a question and its answer. */
void scripted_record_answer(json_t *record, uint32_t info, hg_text name, hg_text result);

#endif
