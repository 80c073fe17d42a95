/* host/core/runtime.h - one process that serves: what it has applied and what it runs.
 *
 * Follows the feed, holds the snapshot, the router, the generation in force and the one being
 * prepared, and says on the board how far it is.
 */
#ifndef HOST_CORE_RUNTIME_H
#define HOST_CORE_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "host/core/board.h"
#include "host/core/chain_cache.h"
#include "host/core/consumer_index.h"
#include "host/core/coroutine.h"
#include "host/core/engine.h"
#include "host/core/feed_reader.h"
#include "host/core/health.h"
#include "host/core/path.h"
#include "host/core/request_body.h"
#include "host/core/router.h"
#include "host/core/runner_options.h"
#include "host/core/snapshot.h"
#include "host/core/ssl.h"

/** A generation that is loaded beside the one in force. */
typedef struct hgh_preparation {
    hgh_generation *generation; /* NULL: nothing is being prepared */
    bool loaded;                /* all its plugins are there */
    bool unconfirmed;           /* a new feed file has not named it yet */
    uint64_t serial;            /* tells preparations of this process apart */
    hgh_engine_handle *timer;   /* of the next slice */
} hgh_preparation;

typedef struct hgh_runtime_options {
    const hgh_engine *engine;
    hgh_arena *arena;           /* borrowed */
    hgh_board *board;           /* borrowed; NULL: none */
    hgh_board_slot *slot;       /* borrowed, of that board; NULL: none */
    const char *directory;      /* where relative paths of objects start; NULL: as they are */
    const char *feed_directory; /* NULL: no feed, the engine applies changes itself */
    int ack_fd;                 /* eventfd to wake control with; -1: none */
    hgh_router_mode router_mode;
    hgh_path_rules path_rules;
    hgh_body_limits body_limits;
    uint32_t parked_max;
    uint32_t offload_threads; /* 0: as offload.h says, as is the next */
    uint32_t offload_queue;
    const char *authorities;   /* file of certificates that calls of plugins trust; borrowed, NULL:
                                  those of the system */
    hgh_runner_options runner; /* of the plugins ext-plugin-*; its path NULL: none */
    hgh_runner_options isolation; /* of the gateway's own, one a generation; its path is their
                                     directory, borrowed; NULL: isolated plugins run here */
    int32_t log_level;            /* an hg_log_level */
    bool checks_health;
    bool watches_threads; /* only plugins start threads in this process */
    bool calls_whole;     /* all requests are called ones: request_call.h */
    const char *process;  /* what messages call it; NULL: "worker" */
    void (*dying)(const struct hg_request *request); /* as in hgh_plugin_host */
    bool handles_crashes; /* by crash_handler.h: of one runtime in a process */
} hgh_runtime_options;

typedef struct hgh_runtime {
    const hgh_engine *engine;
    hgh_plugin_host plugin_host;
    hgh_board_slot *slot;     /* never NULL: private memory where there is no board */
    hgh_board_slot *own_slot; /* that memory */
    int ack_fd;
    hgh_feed_reader reader;
    bool has_feed;
    bool serving;  /* false while a starting process applies the feed */
    uint64_t word; /* applied, unless `behind` */
    bool behind;   /* a change is being applied in slices: requests wait for its end */
    bool in_base;  /* reading the state that a feed file begins with */
    bool switched; /* to another file since `word` */
    hgh_engine_handle *apply_timer; /* of the next slice */
    struct hg_request *waiting;     /* for the end of `behind`: linked by waiting_next */
    uint64_t revision;
    hgh_snapshot snapshot;
    hgh_router *router;
    hgh_path_rules path_rules;
    hgh_body_limits body_limits;
    hgh_chain_cache chains;
    hgh_coroutine_pool coroutines;
    hgh_generation *generation; /* in force; never NULL once started */
    hgh_generation *old_in_use; /* earlier ones that have requests, the newest first; borrowed */
    uint64_t requests_old;      /* of those */
    hgh_preparation preparation;
    json_t *manifest;         /* while starting: of the generation that will be in force */
    json_t *pending_manifest; /* while starting: prepared and not decided */
    hgh_consumer_index consumers;
    hgh_sni_index snis;
    bool handles_crashes;
    bool checks_health;
    hgh_health_board health_board; /* if it checks */
    hgh_health *checked;           /* upstreams in force whose nodes are checked; borrowed */
    hgh_configuration **warm;      /* decoded during the last preparation: kept until the next */
    size_t warm_count;
    size_t warm_room;
    hgh_engine_handle *sweep_timer;   /* frees detached chains */
    hgh_engine_handle *repoint_timer; /* moves sources into the newest feed file */
    hgh_feed_file *repoint_file;      /* a reference, while that is under way */
    uint64_t repoint_offset;
    uint64_t repoint_end;
} hgh_runtime;

/**
 * Makes a runtime and, with a feed, applies all of it: after this it may serve.
 *
 * out_runtime  on HG_OK the caller's; else untouched.
 */
hg_status
hgh_runtime_new(const hgh_runtime_options *options, hgh_runtime **out_runtime, hg_error *err);

/**
 * Before its end: gives up what timers wait for, and waits for functions on threads, at most that
 * long. False: one still runs, and nothing of the plugins may be taken away; the log names it.
 */
bool hgh_runtime_settle(hgh_runtime *runtime, uint32_t timeout_ms);

/** Accepts NULL. No request may be left, and it has settled. */
void hgh_runtime_free(hgh_runtime *runtime);

void hgh_runtime_apply_word(hgh_runtime *runtime, uint64_t word);

/**
 * Applies what the feed has new: one load if there is nothing. A change that takes longer than a
 * slice is gone on with by a timer.
 * Returns false while that is so: what is in force has not been applied yet.
 */
static inline bool hgh_runtime_sync(hgh_runtime *runtime)
{
    if (runtime->has_feed && !runtime->behind) {
        uint64_t word = hgh_feed_reader_word(&runtime->reader);

        if (word != runtime->word) {
            hgh_runtime_apply_word(runtime, word);
        }
    }
    return !runtime->behind;
}

/** Has a request resumed when all is applied. */
void hgh_runtime_wait(hgh_runtime *runtime, struct hg_request *request);

/** Forgets a request that may be waiting. */
void hgh_runtime_wait_end(hgh_runtime *runtime, struct hg_request *request);

/** A request takes what is in force now; a reference. */
static inline hgh_generation *hgh_runtime_enter(hgh_runtime *runtime)
{
    runtime->generation->requests++;
    return hgh_generation_ref(runtime->generation);
}

/** It gives it back. NULL: it had none yet. */
void hgh_runtime_leave(hgh_runtime *runtime, hgh_generation *generation);

/** Puts an object in force; `source` is taken over in any case. */
hg_status hgh_runtime_put(hgh_runtime *runtime,
                          hgh_resource_kind kind,
                          hg_text id,
                          hgh_feed_slice source,
                          uint64_t revision,
                          uint64_t created,
                          hg_error *err);

/** Takes an object out of force; HG_ERR_NOT_FOUND: it is not there. */
hg_status hgh_runtime_delete(hgh_runtime *runtime, hgh_resource_kind kind, hg_text id);

/** Loads a manifest beside what is in force. With `strict`, one bad plugin refuses all; else the
 * log names it. out_generation: on HG_OK one reference of the caller's; else untouched. */
hg_status hgh_runtime_load_generation(hgh_runtime *runtime,
                                      json_t *manifest,
                                      bool strict,
                                      hgh_generation **out_generation,
                                      hg_error *err);

/** Puts a loaded generation in force. Takes over the reference. */
void hgh_runtime_switch(hgh_runtime *runtime, hgh_generation *generation);

/** Both at once. */
hg_status
hgh_runtime_set_generation(hgh_runtime *runtime, json_t *manifest, bool strict, hg_error *err);

/** Writes the live numbers of this process into its slot. */
void hgh_runtime_report(hgh_runtime *runtime);

#endif
