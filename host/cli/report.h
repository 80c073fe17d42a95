/* host/cli/report.h - an answer of the Admin API for people. */
#ifndef HOST_CLI_REPORT_H
#define HOST_CLI_REPORT_H

#include <stdio.h>

#include <jansson.h>

/**
 * Prints any JSON value: plain members of an object as "name: value", lists of objects and objects
 * of objects as tables, a column for each member that one of them has. So whatever the report of a
 * later gateway holds is shown. The value is not changed: jansson's iteration takes no const.
 */
void hgh_report_print(FILE *out, json_t *value);

/** Prints text that came from the gateway: nothing in it steers the terminal. */
void hgh_report_put(FILE *out, const char *text);

#endif
