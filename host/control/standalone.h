/* host/control/standalone.h - the gateway as one file has it: watched, judged, applied at once.
 *
 * The store keeps what of the file was good last, so that a gateway starts with it whatever has
 * become of the file; a file replaces all that is stored, by the rules of a write for each object.
 */
#ifndef HOST_CONTROL_STANDALONE_H
#define HOST_CONTROL_STANDALONE_H

#include <stdbool.h>

#include <jansson.h>

#include <hotgate/error.h>

#include "host/control/admin_write.h"
#include "host/control/instance.h"
#include "host/control/reload.h"
#include "host/control/settings.h"
#include "host/core/event_loop.h"

typedef struct hgh_standalone hgh_standalone;

/** All borrowed, as long as it lives. */
typedef struct hgh_standalone_options {
    hgh_event_loop *loop;
    const hgh_instance *instance;
    const hgh_settings *settings;
    const hgh_admin_write_parts *parts;
    hgh_reload *reload;
} hgh_standalone_options;

/** Where objects come from, relative to the instance; NULL: they are written at the Admin API. */
const char *hgh_standalone_name(const hgh_settings *settings);

/** Where they are kept, relative to the instance: a gateway that goes over to a file, and back,
 * has all that was written at its Admin API. */
const char *hgh_standalone_store(const hgh_settings *settings);

/** out_standalone: on HG_OK owned by the caller; else untouched. */
hg_status hgh_standalone_new(const hgh_standalone_options *options,
                             hgh_standalone **out_standalone,
                             hg_error *err);

/** Control ends: what is cut off on its way is nobody's news, and nothing further is begun. Accepts
 * NULL. */
void hgh_standalone_end(hgh_standalone *standalone);

/** Accepts NULL. After the queue of the writes is gone. */
void hgh_standalone_free(hgh_standalone *standalone);

/** Before the reload's first look: says which plugins it is to load, as the file lists them. */
void hgh_standalone_prepare(hgh_standalone *standalone);

/**
 * After the first look: takes the file for the first time, and watches it from there on.
 *
 * done  called once. can_serve: false: the file is not good, none ever was, and the log says why.
 */
void hgh_standalone_begin(hgh_standalone *standalone,
                          void (*done)(void *context, bool can_serve),
                          void *context);

/**
 * How it stands with the file: {file, state, revision, sha256, since, error, error_count, errors}.
 * state: "in force", "refused", "incomplete" (no #END yet), "missing" or "unreadable". sha256 and
 * since (wall seconds) are of what is in force. A new reference; NULL: no memory.
 */
json_t *hgh_standalone_status(const hgh_standalone *standalone);

#endif
