/* host/core/text_builder.h - text that grows at its end, up to a maximum. */
#ifndef HOST_CORE_TEXT_BUILDER_H
#define HOST_CORE_TEXT_BUILDER_H

#include <stdbool.h>
#include <stddef.h>

#include <hotgate/host.h>
#include <hotgate/text.h>

/** Caller's storage: zero-initialise but for `max`, then hgh_text_builder_done(). */
typedef struct hgh_text_builder {
    char *data;    /* owned; NUL-terminated; NULL as long as it is empty */
    size_t length; /* bytes, without the NUL */
    size_t size;   /* bytes of `data` */
    size_t max;    /* of length; what would go beyond is left out, whole pieces at a time */
    bool is_cut;   /* something was left out: it was too long or there was no memory */
} hgh_text_builder;

void hgh_text_builder_add(hgh_text_builder *builder, hg_text piece);

void hgh_text_builder_format(hgh_text_builder *builder, const char *format, ...) HG_PRINTF(2, 3);

/** Adds "/" and a segment of a JSON Pointer, escaped (RFC 6901, section 3). */
void hgh_text_builder_add_segment(hgh_text_builder *builder, const char *segment);

/** Shortens it to `length`, which it had before. */
void hgh_text_builder_cut(hgh_text_builder *builder, size_t length);

/** What has been built; borrowed until the next call; "" if nothing. */
const char *hgh_text_builder_string(const hgh_text_builder *builder);

void hgh_text_builder_done(hgh_text_builder *builder);

#endif
