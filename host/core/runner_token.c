/* host/core/runner_token.c - what a runner calls the configurations that it was given. */
#include "host/core/runner_token.h"

#include <stdlib.h>
#include <string.h>

#define LIFETIME_MS UINT64_C(3240000) /* 0.9 of the hour that a runner is told to keep them */
#define COUNT_MAX   4096u             /* ours; the oldest goes: it is asked for again */

typedef struct hgh_runner_token token_entry;
typedef struct hgh_runner_token_waiter token_waiter;

struct hgh_runner_token {
    hgh_map_node node;
    token_entry *next;
    token_entry **at;
    uint32_t token; /* 0: it is being asked for */
    uint64_t flushes;
    uint64_t until_ms;
    token_waiter *waiters;
    char key[];
};

/* A call that waits for another one's answer; on its stack. */
struct hgh_runner_token_waiter {
    hgh_operation operation;
    token_waiter *next;
    token_waiter **at; /* what points here; NULL: nothing does */
    hgh_runner_tokens *tokens;
    token_entry *entry;
    hgh_wait *wait;
    uint64_t timeout_ms;
    hgh_engine_handle *timer;
};

/* --------------------------------------------------------------------------------- the table */

void hgh_runner_tokens_init(hgh_runner_tokens *tokens, const hgh_engine *engine)
{
    *tokens = (hgh_runner_tokens){.engine = engine};
    tokens->newest_at = &tokens->oldest;
    hgh_map_init(&tokens->map);
}

static void entry_remove(hgh_runner_tokens *tokens, token_entry *entry)
{
    *entry->at = entry->next;
    if (entry->next != NULL) {
        entry->next->at = entry->at;
    } else {
        tokens->newest_at = entry->at;
    }
    hgh_map_remove(&tokens->map, &entry->node);
    tokens->count--;
    free(entry);
}

/* Those that are asked for stay: somebody comes back for them. */
void hgh_runner_tokens_flush(hgh_runner_tokens *tokens)
{
    token_entry *next;

    tokens->flushes++;
    for (token_entry *entry = tokens->oldest; entry != NULL; entry = next) {
        next = entry->next;
        if (entry->token != 0) {
            entry_remove(tokens, entry);
        }
    }
}

void hgh_runner_tokens_done(hgh_runner_tokens *tokens)
{
    if (tokens->timer != NULL) {
        tokens->engine->stop(tokens->timer);
    }
    while (tokens->oldest != NULL) {
        entry_remove(tokens, tokens->oldest);
    }
    hgh_map_done(&tokens->map);
}

static token_entry *entry_find(const hgh_runner_tokens *tokens, hg_text key)
{
    hgh_map_node *node = hgh_map_find(&tokens->map, key);

    return node == NULL ? NULL : HGH_CONTAINER_OF(node, token_entry, node);
}

static void oldest_remove(hgh_runner_tokens *tokens)
{
    for (token_entry *entry = tokens->oldest; entry != NULL; entry = entry->next) {
        if (entry->token != 0) {
            entry_remove(tokens, entry);
            return;
        }
    }
}

static hg_status entry_add(hgh_runner_tokens *tokens, hg_text key)
{
    token_entry *entry = malloc(sizeof(*entry) + key.length);

    if (entry == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    *entry = (token_entry){.flushes = tokens->flushes};
    memcpy(entry->key, key.data, key.length);
    entry->node.key = (hg_text){entry->key, key.length};
    if (hgh_map_add(&tokens->map, &entry->node) != HG_OK) {
        free(entry);
        return HG_ERR_NO_MEMORY;
    }
    entry->at = tokens->newest_at;
    *entry->at = entry;
    tokens->newest_at = &entry->next;
    if (++tokens->count > COUNT_MAX) {
        oldest_remove(tokens);
    }
    return HG_OK;
}

/* ------------------------------------------------------------------------------------ waiting */

static void waiter_link(token_waiter **list, token_waiter *waiter)
{
    waiter->next = *list;
    waiter->at = list;
    if (waiter->next != NULL) {
        waiter->next->at = &waiter->next;
    }
    *list = waiter;
}

static void waiter_unlink(token_waiter *waiter)
{
    *waiter->at = waiter->next;
    if (waiter->next != NULL) {
        waiter->next->at = waiter->at;
    }
}

static void waiter_stop(token_waiter *waiter)
{
    waiter_unlink(waiter);
    waiter->tokens->engine->stop(waiter->timer);
}

static void waiter_timed_out(void *context)
{
    token_waiter *waiter = context;

    waiter_stop(waiter);
    hgh_wait_over(waiter->wait, HG_ERR_TIMEOUT);
}

static hg_status waiter_begin(hgh_operation *operation, hgh_wait *wait)
{
    token_waiter *waiter = (token_waiter *)(void *)operation;

    waiter->wait = wait;
    waiter->timer =
        waiter->tokens->engine->start_timer(waiter->timeout_ms, waiter_timed_out, waiter);
    if (waiter->timer == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    waiter_link(&waiter->entry->waiters, waiter);
    return HG_OK;
}

static bool waiter_cancel(hgh_operation *operation, bool now)
{
    (void)now;
    waiter_stop((token_waiter *)(void *)operation);
    return true;
}

static void woken_run(void *context);

/* Without a timer they go on when their time is over. */
static void woken_run_later(hgh_runner_tokens *tokens)
{
    if (tokens->woken != NULL && tokens->timer == NULL) {
        tokens->timer = tokens->engine->start_timer(0, woken_run, tokens);
    }
}

/* One, on the main stack: it may end others, wait anew, or be the last that the tokens are there
 * for: they may be gone behind it. */
static void woken_run(void *context)
{
    hgh_runner_tokens *tokens = context;
    token_waiter *waiter = tokens->woken;

    tokens->engine->stop(tokens->timer);
    tokens->timer = NULL;
    if (waiter != NULL) {
        waiter_stop(waiter);
        woken_run_later(tokens);
        hgh_wait_over(waiter->wait, HG_OK);
    }
}

static void waiters_wake(hgh_runner_tokens *tokens, token_entry *entry)
{
    while (entry->waiters != NULL) {
        token_waiter *waiter = entry->waiters;

        waiter_unlink(waiter);
        waiter_link(&tokens->woken, waiter);
    }
    woken_run_later(tokens);
}

hg_status hgh_runner_token_get(hgh_runner_tokens *tokens,
                               hgh_wait *wait,
                               hg_text key,
                               uint64_t timeout_ms,
                               uint32_t *out_token)
{
    for (;;) {
        token_entry *entry = entry_find(tokens, key);
        token_waiter waiter = {.operation = {.begin = waiter_begin, .cancel = waiter_cancel},
                               .tokens = tokens,
                               .entry = entry,
                               .timeout_ms = timeout_ms};
        hg_status status;

        if (entry != NULL && entry->token != 0 && tokens->engine->now_ms() >= entry->until_ms) {
            entry_remove(tokens, entry);
            entry = NULL;
        }
        if (entry == NULL) {
            status = entry_add(tokens, key);
            if (status == HG_OK) {
                *out_token = 0;
            }
            return status;
        }
        if (entry->token != 0) {
            *out_token = entry->token;
            return HG_OK;
        }
        status = hgh_wait_for(wait, &waiter.operation);
        if (status != HG_OK) {
            return status;
        }
    }
}

void hgh_runner_token_told(hgh_runner_tokens *tokens, hg_text key, uint32_t token)
{
    token_entry *entry = entry_find(tokens, key);

    if (entry == NULL || entry->token != 0) {
        return;
    }
    waiters_wake(tokens, entry);
    if (token == 0 || entry->flushes != tokens->flushes) {
        entry_remove(tokens, entry);
        return;
    }
    entry->token = token;
    entry->until_ms = tokens->engine->now_ms() + LIFETIME_MS;
}
