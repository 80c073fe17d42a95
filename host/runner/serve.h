/* host/runner/serve.h - `hotgate runner`: the process that serves plugins to gateways. */
#ifndef HOST_RUNNER_SERVE_H
#define HOST_RUNNER_SERVE_H

#include "host/core/arena.h"
#include "host/core/board.h"
#include "host/runner/plugin_set.h"

#define HGH_RUNNER_GRACE_MS   900u /* a gateway kills a runner a second after its SIGTERM */
#define HGH_RUNNER_PARKED_MAX 10000u
#define HGH_CONF_EXPIRE_S     3600u

/** All borrowed. */
typedef struct hgh_serve_options {
    const char *path;  /* of the socket */
    bool takes_over;   /* from who listens there */
    hgh_gather gather; /* NULL: the objects are those of the manifest, and stay */
    void *gather_context;
    json_t *manifest;
    uint64_t conf_expire_s; /* how long a gateway keeps a token */
    uint32_t call_max_ms;   /* HGH_CALL_MAX_MS, or what the operator wants */
    uint32_t grace_ms;      /* for calls under way at TERM and INT */
    hgh_arena *arena;
    hgh_board *board; /* NULL: none */
    hgh_board_slot *slot;
} hgh_serve_options;

/** Serves until a signal ends it. HG_OK, or why it could not begin. */
hg_status hgh_serve(const hgh_serve_options *options, hg_error *err);

#endif
