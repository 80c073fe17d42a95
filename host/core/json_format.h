/* host/core/json_format.h - the values of JSON Schema's "format" that the host checks. */
#ifndef HOST_CORE_JSON_FORMAT_H
#define HOST_CORE_JSON_FORMAT_H

#include <stdbool.h>

#include <hotgate/text.h>

/** One format: whether a string has it. */
typedef struct hgh_json_format {
    const char *name;
    bool (*check)(hg_text text);
    unsigned effort; /* of a check, compared with that of a number; more for a long text */
} hgh_json_format;

/** A format by its name, NULL if it is none of those checked: then every string has it. */
const hgh_json_format *hgh_json_format_find(const char *name);

#endif
