/* tests/integration/sanitizer.h - a gateway whose build is sanitized, under a stock nginx. */
#ifndef TESTS_INTEGRATION_SANITIZER_H
#define TESTS_INTEGRATION_SANITIZER_H

#include <stdbool.h>
#include <stddef.h>

#define SANITIZER_VARIABLES_MAX 4u

/** True if the build under test is: figures of time and memory say nothing then. */
bool sanitizer_is_on(void);

/**
 * Variables for the gateway's processes, so that nginx gets the runtime and reports go into files.
 * Returns how many were appended; none if it is off.
 */
size_t sanitizer_environment(const char *variables[SANITIZER_VARIABLES_MAX]);

/** Flags that make a plugin sanitized too; "" if it is off. */
const char *sanitizer_flags(void);

/**
 * Looks for reports in a log too: nginx sends its standard error there, and the second runtime
 * takes that for the place of reports. What is found is kept.
 */
void sanitizer_look(const char *log);

/** All reports so far as one text, owned by the caller; "" if there are none. */
char *sanitizer_reports(void);

/** Removes the reports: they were expected. */
void sanitizer_forget(void);

void sanitizer_done(void);

#endif
