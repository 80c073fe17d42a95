/* host/core/json_schema_judge.h - one judgement of one value by a schema; for json_schema_*.c. */
#ifndef HOST_CORE_JSON_SCHEMA_JUDGE_H
#define HOST_CORE_JSON_SCHEMA_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include <hotgate/host.h>

#include "host/core/issues.h"
#include "host/core/json_schema_node.h"
#include "host/core/text_builder.h"

/** Why a judgement ended early; then its result is "not valid" and means nothing more. */
typedef enum hgh_judge_stop {
    HGH_JUDGE_GOES_ON = 0,
    HGH_JUDGE_TOO_COMPLEX,
    HGH_JUDGE_TOO_DEEP,
    HGH_JUDGE_NO_MEMORY,
} hgh_judge_stop;

/** The state of a judgement. Zero-initialise but for issues and the maxima of the texts. */
typedef struct hgh_judge {
    hg_issues *issues;        /* borrowed; NULL: silent, ends at the first finding */
    hgh_text_builder pointer; /* of the value */
    hgh_text_builder prefix;  /* of APISIX's text: "property \"a\" validation failed: " */
    hgh_text_builder text;    /* of the finding that is being made */
    size_t fixed_length;      /* not 0: the prefix up to here is the text of every finding */
    uint64_t effort;
    uint64_t clock_effort; /* at which the clock is looked at next */
    int64_t began_ns;      /* time of this thread; 0: not looked at yet */
    unsigned calls;        /* nested now */
    hgh_judge_stop stop;
} hgh_judge;

/** Where a judgement stood before it went into a part of the value. */
typedef struct hgh_judge_place {
    size_t pointer;
    size_t prefix;
} hgh_judge_place;

/** Judges a value by a node. */
bool hgh_judge_value(hgh_judge *judge, const hgh_schema_node *node, const json_t *value);

/** The same without findings: does the value satisfy the node? */
bool hgh_judge_is_satisfied(hgh_judge *judge, const hgh_schema_node *node, const json_t *value);

/* The keywords, by what they are about; each returns false for a value that breaks one. */
bool hgh_judge_object(hgh_judge *judge, const hgh_schema_node *node, const json_t *value);
bool hgh_judge_array(hgh_judge *judge, const hgh_schema_node *node, const json_t *value);
bool hgh_judge_type(hgh_judge *judge, const hgh_schema_node *node, const json_t *value);
bool hgh_judge_string(hgh_judge *judge, const hgh_schema_node *node, const json_t *value);
bool hgh_judge_number(hgh_judge *judge, const hgh_schema_node *node, const json_t *value);
bool hgh_judge_constants(hgh_judge *judge, const hgh_schema_node *node, const json_t *value);
bool hgh_judge_format(hgh_judge *judge, const hgh_schema_node *node, const json_t *value);

/** Goes one schema deeper and takes from the budget; false, without going, if that ends it. */
bool hgh_judge_go_down(hgh_judge *judge);

void hgh_judge_go_up(hgh_judge *judge);

/** Takes from the budget; false if it is used up, or if it all has taken too long. */
bool hgh_judge_spend(hgh_judge *judge, uint64_t effort);

/** True if a pattern matches; that costs more than other checks. */
bool hgh_judge_matches(hgh_judge *judge, const hg_regex *regex, hg_text subject);

/**
 * Adds a finding; always returns false. The format makes APISIX's text, which gets the prefix.
 * found, wanted  borrowed.
 */
bool hgh_judge_find(hgh_judge *judge,
                    const char *found,
                    const char *wanted,
                    const char *format,
                    ...) HG_PRINTF(4, 5);

/** Goes into a member or item, in the pointer only. */
hgh_judge_place hgh_judge_enter(hgh_judge *judge, const char *segment);

/** Adds to the prefix of APISIX's texts. */
void hgh_judge_prefix(hgh_judge *judge, const char *format, ...) HG_PRINTF(2, 3);

/** Goes back. */
void hgh_judge_leave(hgh_judge *judge, hgh_judge_place place);

/** What to show of a value: "***" for a secret. `buffer` has HGH_JSON_DESCRIBE_MAX bytes. */
const char *hgh_judge_show(const hgh_schema_node *node, const json_t *value, char *buffer);

/** Writes text as Lua's %q does, which APISIX's texts use for names and patterns. A long one is
 * cut. `buffer` has HGH_QUOTED_MAX bytes. */
const char *hgh_judge_quote(const char *text, char *buffer);

#define HGH_QUOTED_MAX 1100u /* bytes */

#define HGH_BYTES_PER_EFFORT 64u /* of a text that is looked through, compared with one check */

void hgh_judge_done(hgh_judge *judge);

#endif
