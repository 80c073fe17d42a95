/* hotgate/expression.h - conditions on variables, as operators write them into "vars". */
#ifndef HOTGATE_EXPRESSION_H
#define HOTGATE_EXPRESSION_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/error.h>
#include <hotgate/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A compiled condition such as [["arg_version", "==", "v2"]], from a HG_EXPRESSION field or from
 * hg_expression_compile(). docs/routing.md has the language.
 */
typedef struct hg_expression hg_expression;

/** The host's side of this header. ABI: fields are only appended. */
typedef struct hg_expression_api {
    uint32_t size;
    uint32_t reserved;
    hg_status (*compile)(const json_t *value,
                         const char *pointer,
                         hg_expression **out_expression,
                         hg_issues *issues);
    void (*free)(hg_expression *expression);
    bool (*holds)(hg_request *request, const hg_expression *expression);
} hg_expression_api;

/**
 * Compiles an expression. [config]
 *
 * value           borrowed for the call.
 * pointer         where it stands in the configuration, such as "/vars".
 * out_expression  on HG_OK the caller's, to be freed in release(); NULL for one that always holds;
 *                 else untouched.
 * issues          all that is wrong with it.
 * Returns HG_OK, HG_ERR_INVALID or HG_ERR_NO_MEMORY.
 */
static inline hg_status hg_expression_compile(const json_t *value,
                                              const char *pointer,
                                              hg_expression **out_expression,
                                              hg_issues *issues)
{
    return hg_host_slot->expression->compile(value, pointer, out_expression, issues);
}

/** Frees what hg_expression_compile() made; accepts NULL. [config] */
static inline void hg_expression_free(hg_expression *expression)
{
    hg_host_slot->expression->free(expression);
}

/** True if it holds for the request now; of NULL, it does. False, too, if that cannot be told: what
 * it depends on is not known. [request] */
static inline bool hg_expression_holds(hg_request *request, const hg_expression *expression)
{
    return hg_host_slot->expression->holds(request, expression);
}

#ifdef __cplusplus
}
#endif

#endif
