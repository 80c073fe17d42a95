/* host/control/json_place.h - where a value stands in a JSON text. */
#ifndef HOST_CONTROL_JSON_PLACE_H
#define HOST_CONTROL_JSON_PLACE_H

#include <stddef.h>

/**
 * Finds the value at a JSON Pointer (RFC 6901), or the nearest one around it. It reads the text up
 * to there: for findings, not for all values of a text.
 *
 * text  JSON without an error.
 * out_line, out_column  from 1; columns in characters.
 */
void hgh_json_place(
    const char *text, size_t length, const char *pointer, unsigned *out_line, unsigned *out_column);

#endif
