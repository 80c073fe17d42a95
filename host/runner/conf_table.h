/* host/runner/conf_table.h - prepared configurations by their tokens, for all connections.
 *
 * A gateway that prepares the same again gets the same token. A token begins at a random place, so
 * that one of a runner that was there before means nothing here, and is not 0. What nobody has used
 * for longer than a gateway keeps tokens is forgotten.
 */
#ifndef HOST_RUNNER_CONF_TABLE_H
#define HOST_RUNNER_CONF_TABLE_H

#include "host/core/event_loop.h"
#include "host/runner/served_conf.h"

#define HGH_CONFS_MAX 65536u /* then the one that was not used for longest goes */

/** hgh_conf_table_init(), hgh_conf_table_done(). */
typedef struct hgh_conf_table {
    hgh_event_loop *loop;
    uint64_t expire_ms; /* after the last use */
    hgh_map by_text;
    hgh_map by_token;
    uint32_t next_token;
    hgh_served_conf *newest;
    hgh_served_conf *oldest;
    hgh_event_loop_timer timer; /* of the oldest one's end */
} hgh_conf_table;

/** expire_ms: how long one is kept after its last use. HG_OK, or HG_ERR_IO: no random bytes. */
hg_status
hgh_conf_table_init(hgh_conf_table *table, hgh_event_loop *loop, uint64_t expire_ms, hg_error *err);

void hgh_conf_table_done(hgh_conf_table *table);

/** The one that the same message has made before; used by this. Borrowed; NULL: there is none. */
hgh_served_conf *hgh_conf_table_find(hgh_conf_table *table, const hgh_a6_prepare_request *message);

/** The one of a token; used by this. Borrowed; NULL: there is none. */
hgh_served_conf *hgh_conf_table_find_token(hgh_conf_table *table, uint32_t token);

/** Gives it a token and takes a reference of its own. HG_OK or HG_ERR_NO_MEMORY. */
hg_status hgh_conf_table_add(hgh_conf_table *table,
                             const hgh_a6_prepare_request *message,
                             hgh_served_conf *conf);

/** Its token is not known any more. */
void hgh_conf_table_forget(hgh_conf_table *table, hgh_served_conf *conf);

#endif
