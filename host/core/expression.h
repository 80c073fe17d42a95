/* host/core/expression.h - conditions on variables: ["arg_version", "==", "v2"], and groups of
 * them.
 *
 * The language of APISIX's expressions, of a route's "vars" and of "_meta.filter". An expression is
 * compiled once, with patterns and networks ready to be compared; asking it allocates nothing.
 *
 *   rule  = [] (always true) | [item, ...] (all of them) | [LOGIC, item, item, ...]
 *   LOGIC = "AND" | "OR" | "!AND" | "!OR", in any case
 *   item  = rule | [variable, operator, constant] | [variable, "!", operator, constant]
 *         | [variable, constant] ("==", the constant in lower case)
 */
#ifndef HOST_CORE_EXPRESSION_H
#define HOST_CORE_EXPRESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/error.h>
#include <hotgate/text.h>

#define HGH_EXPRESSION_DEPTH_MAX   32u   /* groups within groups */
#define HGH_EXPRESSION_ITEMS_MAX   1024u /* groups and comparisons */
#define HGH_EXPRESSION_REGEXES_MAX 64u   /* each may take regex.c's whole effort */

/** What an operator writes, for messages. */
#define HGH_EXPRESSION_EXAMPLE "[[\"arg_version\",\"==\",\"v2\"]]"

typedef struct hgh_expression hgh_expression;

typedef enum hgh_variable_kind {
    HGH_VARIABLE_ABSENT = 0,
    HGH_VARIABLE_TEXT = 1,
    HGH_VARIABLE_TRUE = 2, /* an argument without "=": there, and no text */
    HGH_VARIABLE_LIST = 3,
    HGH_VARIABLE_NUMBER = 4,  /* of JSON: a number, and the text that it is written as */
    HGH_VARIABLE_BOOLEAN = 5, /* of JSON: the text is "true" or "false" */
    HGH_VARIABLE_UNKNOWN = 6, /* it cannot be told whether it is there, and what it is */
} hgh_variable_kind;

/** The value that a variable has now; borrowed until the next one is asked for. */
typedef struct hgh_variable {
    hgh_variable_kind kind;
    hg_text text;
    double number;
    const struct hgh_variable *items; /* of a list; none of them has items of its own */
    size_t item_count;
} hgh_variable;

/** Where variables come from. `name` is also NUL-terminated. */
typedef hgh_variable (*hgh_expression_lookup)(void *context, hg_text name);

/**
 * Compiles an expression.
 *
 * value           borrowed for the call.
 * pointer         where it stands in its object, as "/vars".
 * out_expression  on HG_OK the caller's, NULL for one that is always true; else untouched.
 * issues          all that is wrong, each with the text that APISIX's clients know.
 * Returns HG_OK, HG_ERR_INVALID or HG_ERR_NO_MEMORY, which leaves a finding too.
 */
hg_status hgh_expression_compile(const json_t *value,
                                 const char *pointer,
                                 hgh_expression **out_expression,
                                 hg_issues *issues);

/** Accepts NULL. */
void hgh_expression_free(hgh_expression *expression);

/** True if it holds now; of NULL, it does. Looks up no more than it needs, from left to right.
 * False if that cannot be told. */
bool hgh_expression_holds(const hgh_expression *expression,
                          hgh_expression_lookup find,
                          void *context);

/** The same; *out_failed says whether that cannot be told: what it depends on is unknown, or a
 * pattern took too long. */
bool hgh_expression_ask(const hgh_expression *expression,
                        hgh_expression_lookup find,
                        void *context,
                        bool *out_failed);

/** Calls for the variable of each comparison, in their order; its name is NUL-terminated. */
void hgh_expression_each_variable(const hgh_expression *expression,
                                  void (*visit)(void *context, hg_text name),
                                  void *context);

/**
 * True if a text that is no JSON has an expression in the notation with braces that is printed in
 * APISIX's documentation: {{"arg_version", "==", "v2"}}.
 */
bool hgh_expression_has_braces(hg_text text);

#endif
