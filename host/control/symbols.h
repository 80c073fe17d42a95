/* host/control/symbols.h - function, file and line of a place in an object, from its symbols and
 * its DWARF. Reads what a plugin's author made: for a probe, whose end harms nobody. */
#ifndef HOST_CONTROL_SYMBOLS_H
#define HOST_CONTROL_SYMBOLS_H

#include <jansson.h>

/**
 * Looks up the frames of a stack.
 *
 * frames  an array of {"path", "offset"}: the object, and the place from its base. What is not the
 *         first frame is where a call returns to, and is looked up one byte before.
 * Returns a new array of the same length: {"function", "file", "line"}, of which those are missing
 * that are not known. NULL: no memory.
 */
json_t *hgh_symbols_find(const json_t *frames);

#endif
