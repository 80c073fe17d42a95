/* host/engine/loopback/gateway.h - what one hg_test holds. */
#ifndef HOST_ENGINE_LOOPBACK_GATEWAY_H
#define HOST_ENGINE_LOOPBACK_GATEWAY_H

#include <hotgate/test.h>

#include "host/core/arena.h"
#include "host/core/runtime.h"
#include "host/engine/loopback/exchange.h"
#include "host/engine/loopback/loop.h"

/** One line of the log. */
typedef struct hgh_log_line {
    struct hgh_log_line *next;
    int level;
    char text[];
} hgh_log_line;

struct hg_test {
    hgh_loop loop;
    hgh_arena *arena;
    hgh_runtime *runtime;
    char *directory;     /* of the private copies of objects */
    json_t *plugins;     /* as in a manifest: [{name, path, number, attributes}] */
    uint32_t generation; /* the last one */
    uint64_t revision;   /* of the last change of an object */
    hgh_log_line *log;
    hgh_log_line **log_end;
    hgh_exchange *exchanges;
    uint64_t exchange_count;
    hg_test_upstream upstream; /* its texts are owned */
    bool (*answer_call)(void *context, const hg_test_call *call, hg_test_reply *reply);
    void *answer_context;
    char *failure; /* the first one that has not been reported; NULL: none */
    void (*failed)(void *context, const char *text);
    void *failed_context;
};

/**
 * The one whose functions are running. An engine's clock and log have no parameter to find it by:
 * a process of the gateway has one engine, a test program may have several of these.
 */
extern struct hg_test *hgh_gateway_current;

/** Keeps a failure until no plugin is running. */
void hgh_gateway_fail(struct hg_test *test, const char *format, ...) HG_PRINTF(2, 3);

void hgh_gateway_log(struct hg_test *test, hg_log_level level, hg_text text);

#endif
