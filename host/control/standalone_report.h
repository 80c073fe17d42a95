/* host/control/standalone_report.h - how it stands with a standalone file: for the log, the status
 * and the next start. */
#ifndef HOST_CONTROL_STANDALONE_REPORT_H
#define HOST_CONTROL_STANDALONE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/error.h>

#include "host/control/instance.h"
#include "host/control/standalone_file.h"

/** Zero-initialise; hgh_standalone_report_open() and hgh_standalone_report_done(). */
typedef struct hgh_standalone_report {
    const hgh_instance *instance;         /* borrowed */
    const char *name;                     /* static: conf/apisix.yaml */
    const char *state;                    /* static; "": not looked at yet */
    bool has_good;                        /* a file was good once: there is something to serve */
    char good[HGH_STANDALONE_SHA256_MAX]; /* of what is in force; "": not known */
    json_int_t since_wall_s;
    char error[HG_ERROR_TEXT_MAX];
    json_t *errors; /* owned; NULL: none */
    size_t error_count;
} hgh_standalone_report;

/** True if a file was good once, in an earlier run too. */
bool hgh_standalone_report_has_good(const hgh_instance *instance);

/** Takes over what an earlier run has left. has_objects: there are some in force. */
void hgh_standalone_report_open(hgh_standalone_report *report,
                                const hgh_instance *instance,
                                const char *name,
                                bool has_objects);

void hgh_standalone_report_done(hgh_standalone_report *report);

/** Nothing of the file is taken; what was good before stays. The same is logged once.
 * state: static, such as "missing". */
void hgh_standalone_report_problem(hgh_standalone_report *report,
                                   const char *state,
                                   const char *text);

/** Likewise with errors, which get their places in the file; takes the reference. */
void hgh_standalone_report_refuse(hgh_standalone_report *report,
                                  hgh_standalone_file *file,
                                  json_t *errors);

/** What plugins warn of, in a file that is good: logged, with places. */
void hgh_standalone_report_warn(const hgh_standalone_report *report,
                                hgh_standalone_file *file,
                                const json_t *warnings);

/** All of the file is in force, which the next start is to know. */
void hgh_standalone_report_in_force(hgh_standalone_report *report, const hgh_standalone_file *file);

/** As hgh_standalone_status() gives it; NULL: no memory. */
json_t *hgh_standalone_report_json(const hgh_standalone_report *report, uint64_t revision);

#endif
