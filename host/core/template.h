/* host/core/template.h - text with variables, compiled once. */
#ifndef HOST_CORE_TEMPLATE_H
#define HOST_CORE_TEMPLATE_H

#include <stddef.h>
#include <stdint.h>

#include <hotgate/config.h>

/** One piece of a template: literal text, or a variable with its fallback, or a capture. */
typedef struct hgh_template_part {
    hg_text literal;  /* present: this text and nothing else */
    hg_text variable; /* name without "$"; absent in a literal or a capture */
    hg_text fallback; /* of a variable that is absent; absent itself if there is none */
    int32_t capture;  /* 0 to 15: `$0` to `$15`; -1 otherwise. A name of digits only */
} hgh_template_part;

/** Borrowed by rendering; parts are immutable. */
struct hg_template {
    size_t count;
    hgh_template_part *parts; /* owned, as is the text they point into */
    char *text;
};

/**
 * Compiles `$name`, `${name}`, `${name ?? fallback}`, `\$`. A "$" that starts none of them is a
 * literal. Names are [A-Za-z0-9_]+, inside braces also "." and "-".
 *
 * out_template  on HG_OK owned by the caller; else untouched.
 * Returns HG_OK, HG_ERR_INVALID ("${ without }" and where) or HG_ERR_NO_MEMORY.
 */
hg_status
hgh_template_compile(const char *source, size_t length, hg_template **out_template, hg_error *err);

/** Accepts NULL. */
void hgh_template_free(hg_template *compiled);

/** Looks up a variable for hgh_template_render(); absent if it has no value. */
typedef hg_text (*hgh_variable_lookup)(void *context, hg_text name);
/** Memory for hgh_template_render(); NULL if there is none. */
typedef void *(*hgh_allocate)(void *context, size_t size);

/**
 * Fills in the variables.
 *
 * captures  for `$0`...; beyond captures_count they are absent.
 * out_resolved  how many variables and captures had a value or a fallback; may be NULL.
 * Returns NUL-terminated text from allocate(context); a template that is one literal returns that
 * literal without copying. Absent if there is no memory.
 */
hg_text hgh_template_render(const hg_template *compiled,
                            const hg_text *captures,
                            uint32_t captures_count,
                            hgh_variable_lookup lookup,
                            hgh_allocate allocate,
                            void *context,
                            size_t *out_resolved);

#endif
