/* host/control/quarantine.h - what is done about plugins that workers have died in.
 *
 * Blame is that of an object: its name and its hash. An object that came with the generation in
 * force goes back to its predecessor; one that has been there longer is switched off alone, and its
 * routes answer 503. What was done stands in the manifest, "quarantine": [{"name", "sha256",
 * "version", "action", "why", "at"}...], and the same file is not taken again unless it is forced.
 */
#ifndef HOST_CONTROL_QUARANTINE_H
#define HOST_CONTROL_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/error.h>

#include "host/core/board.h"

#define HGH_QUARANTINE_MAX 200u /* entries kept; the oldest goes first */
#define HGH_POISON_MAX     100u /* configurations that one plugin is kept from; with more it goes */

/** What is done about one plugin. */
typedef enum hgh_quarantine_action {
    HGH_QUARANTINE_NOTHING = 0,
    HGH_QUARANTINE_GO_BACK, /* its predecessor comes into service */
    HGH_QUARANTINE_DISABLE, /* nobody runs under its name */
    HGH_QUARANTINE_POISON,  /* it is not given a configuration any more */
} hgh_quarantine_action;

typedef struct hgh_quarantine_verdict {
    hgh_quarantine_action action;
    bool is_suspect; /* another one or nobody has died: the memory of workers may be spoilt */
    char subject[HGH_SUBJECT_MAX]; /* of HGH_QUARANTINE_POISON: which configuration */
    char why[HG_ERROR_TEXT_MAX];
} hgh_quarantine_verdict;

/**
 * Decides about one plugin of the manifest in force, by what is recorded on the board. Once the
 * manifest says what was decided, the answer is HGH_QUARANTINE_NOTHING.
 *
 * manifest  in force.
 * entry     one of its plugins.
 */
hgh_quarantine_verdict hgh_quarantine_judge(const hgh_board *board,
                                            const json_t *manifest,
                                            const json_t *entry,
                                            uint64_t now_ms);

/** True if there is something to do about any of them. */
bool hgh_quarantine_is_due(const hgh_board *board, const json_t *manifest, uint64_t now_ms);

/** Adds an object to the list of a manifest; `at` is Unix time. */
hg_status hgh_quarantine_add(
    json_t *manifest, const json_t *entry, const char *action, const char *why, int64_t at);

/** Takes an object out of the list: it was forced. */
void hgh_quarantine_remove(json_t *manifest, const char *name, const char *sha256);

/** The entry of the list about an object, borrowed; NULL: there is none. */
const json_t *hgh_quarantine_find(const json_t *manifest, const char *name, const char *sha256);

#endif
