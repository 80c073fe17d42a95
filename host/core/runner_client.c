/* host/core/runner_client.c - the connections of one worker to one plugin runner. */
#include "host/core/runner_client.h"

#include <stdlib.h>
#include <string.h>

#include "host/core/siphash.h"

#define FAILURES_MAX   3u   /* in a row, before it is left alone */
#define BACKOFF_MIN_MS 100u /* the first time; doubles */
#define BACKOFF_MAX_MS 1000u

/* Defaults, as those of APISIX. */
static const hgh_runner_options defaults = {
    .connect_timeout_ms = 1000,
    .send_timeout_ms = 60000,
    .prepare_timeout_ms = 60000,
    .call_timeout_ms = 60000,
    .idle_max = 32,
    .idle_ms = 180000,
    .body_max_bytes = HGH_RUNNER_BODY_MAX_BYTES,
};

/* ------------------------------------------------------------------------------ begin and end */

static void fill_in(uint32_t *option, uint32_t initial)
{
    if (*option == 0) {
        *option = initial;
    }
}

static void options_complete(hgh_runner_options *options)
{
    fill_in(&options->connect_timeout_ms, defaults.connect_timeout_ms);
    fill_in(&options->send_timeout_ms, defaults.send_timeout_ms);
    fill_in(&options->prepare_timeout_ms, defaults.prepare_timeout_ms);
    fill_in(&options->call_timeout_ms, defaults.call_timeout_ms);
    fill_in(&options->idle_max, defaults.idle_max);
    fill_in(&options->idle_ms, defaults.idle_ms);
    if (options->body_max_bytes == 0 || options->body_max_bytes > defaults.body_max_bytes) {
        options->body_max_bytes = defaults.body_max_bytes;
    }
}

hgh_runner_client *hgh_runner_client_new(const hgh_engine *engine,
                                         const hgh_runner_options *options)
{
    hgh_runner_client *client = calloc(1, sizeof(*client));
    char *path = strdup(options->path);
    hgh_hash_key random;

    if (client == NULL || path == NULL) {
        free(client);
        free(path);
        return NULL;
    }
    hgh_hash_key_init(&random);
    client->engine = engine;
    client->options = *options;
    client->options.path = path;
    client->nonce = random.words[0];
    options_complete(&client->options);
    hgh_runner_tokens_init(&client->tokens, engine);
    return client;
}

static void idle_close(hgh_runner_client *client, hgh_runner_connection **at)
{
    hgh_runner_connection *connection = *at;

    *at = connection->next;
    client->idle_count--;
    hgh_runner_connection_close(connection);
}

void hgh_runner_client_free(hgh_runner_client *client)
{
    if (client == NULL) {
        return;
    }
    while (client->idle != NULL) {
        idle_close(client, &client->idle);
    }
    if (client->idle_timer != NULL) {
        client->engine->stop(client->idle_timer);
    }
    hgh_runner_tokens_done(&client->tokens);
    free((void *)(uintptr_t)client->options.path);
    free(client);
}

uint32_t hgh_runner_client_next_id(hgh_runner_client *client)
{
    client->call_id = client->call_id == UINT32_MAX ? 1 : client->call_id + 1;
    return client->call_id;
}

/* ------------------------------------------------------------------------------------ health */

void hgh_runner_client_succeeded(hgh_runner_client *client)
{
    client->failures = 0;
    client->backoff_ms = 0;
}

/* Many calls may notice the same end of a runner. */
void hgh_runner_client_failed(hgh_runner_client *client, uint64_t began_ms)
{
    uint64_t now_ms = client->engine->now_ms();

    if (client->failures > 0 && began_ms < client->failed_ms) {
        return;
    }
    client->failed_ms = now_ms;
    if (++client->failures < FAILURES_MAX) {
        return;
    }
    client->backoff_ms = client->backoff_ms == 0                   ? BACKOFF_MIN_MS
                         : client->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS
                                                                   : client->backoff_ms * 2;
    client->closed_until_ms = now_ms + client->backoff_ms;
}

/* False: it is left alone. When that is over one call tries, and the others go on failing for as
 * long again, unless it has an answer. */
static bool may_try(hgh_runner_client *client, hg_error *err)
{
    uint64_t now_ms = client->engine->now_ms();

    if (client->failures < FAILURES_MAX) {
        return true;
    }
    if (now_ms < client->closed_until_ms) {
        (void)hg_error_set(err, HG_ERR_IO,
                           "unix:%s: %u calls in a row have failed, the next try is in %llu ms",
                           client->options.path, client->failures,
                           (unsigned long long)(client->closed_until_ms - now_ms));
        return false;
    }
    client->closed_until_ms = now_ms + client->backoff_ms;
    return true;
}

/* --------------------------------------------------------------------------------- the pool */

/* The other end of a connection has gone, or nobody listens. Where processes cannot be told from
 * each other, as between containers, it may be another one that listens now. */
static void end_notice(hgh_runner_client *client, pid_t process)
{
    if (process == 0) {
        hgh_runner_tokens_flush(&client->tokens);
    }
}

/* Another process: what the one before knew, this one does not. */
static void process_notice(hgh_runner_client *client, const hgh_runner_connection *connection)
{
    hgh_runner_connection **at = &client->idle;

    if (connection->process == client->process) {
        return;
    }
    if (client->process != 0) {
        hgh_runner_tokens_flush(&client->tokens);
    }
    client->process = connection->process;
    while (*at != NULL) {
        idle_close(client, at);
    }
}

bool hgh_runner_client_is_current(const hgh_runner_client *client,
                                  const hgh_runner_connection *connection)
{
    return connection->process == client->process;
}

/* NULL: none is left that can be used. */
static hgh_runner_connection *idle_take(hgh_runner_client *client)
{
    while (client->idle != NULL) {
        hgh_runner_connection *connection = client->idle;

        if (hgh_runner_connection_is_good(connection)) {
            client->idle = connection->next;
            client->idle_count--;
            connection->next = NULL;
            connection->is_reused = true;
            connection->is_answered = false;
            return connection;
        }
        end_notice(client, connection->process);
        idle_close(client, &client->idle);
    }
    return NULL;
}

hg_status hgh_runner_client_take(hgh_runner_client *client,
                                 hgh_wait *wait,
                                 bool fresh,
                                 hgh_runner_connection **out_connection,
                                 hg_error *err)
{
    hgh_runner_patience patience = {.connect_ms = client->options.connect_timeout_ms,
                                    .start_ms = client->options.wait_for_start_ms};
    uint64_t began_ms = client->engine->now_ms();
    hgh_runner_connection *connection;
    hg_status status;

    if (!may_try(client, err)) {
        return HG_ERR_IO;
    }
    connection = fresh ? NULL : idle_take(client);
    if (connection == NULL) {
        status =
            hgh_runner_connection_open(wait, client->options.path, &patience, &connection, err);
        if (status == HG_ERR_IO || status == HG_ERR_TIMEOUT) {
            hgh_runner_client_failed(client, began_ms);
            end_notice(client, client->process);
        }
        if (status != HG_OK) {
            return status;
        }
        process_notice(client, connection);
    }
    *out_connection = connection;
    return HG_OK;
}

static void idle_timer_start(hgh_runner_client *client, uint64_t delay_ms);

/* The list begins with the one that was used last. */
static void idle_expire(void *context)
{
    hgh_runner_client *client = context;
    uint64_t now_ms = client->engine->now_ms();
    uint64_t longest_ms = 0;
    hgh_runner_connection **at = &client->idle;

    client->engine->stop(client->idle_timer);
    client->idle_timer = NULL;
    while (*at != NULL) {
        uint64_t idle_ms = now_ms - (*at)->idle_since_ms;

        bool is_good = hgh_runner_connection_is_good(*at);

        if (!is_good) {
            end_notice(client, (*at)->process);
        }
        if (!is_good || idle_ms >= client->options.idle_ms) {
            idle_close(client, at);
        } else {
            longest_ms = idle_ms;
            at = &(*at)->next;
        }
    }
    if (client->idle != NULL) {
        idle_timer_start(client, client->options.idle_ms - longest_ms);
    }
}

static void idle_timer_start(hgh_runner_client *client, uint64_t delay_ms)
{
    client->idle_timer = client->engine->start_background_timer(delay_ms, idle_expire, client);
}

void hgh_runner_client_give(hgh_runner_client *client,
                            hgh_runner_connection *connection,
                            bool is_kept)
{
    if (!is_kept || client->idle_count >= client->options.idle_max ||
        !hgh_runner_client_is_current(client, connection)) {
        if (connection->is_broken) {
            end_notice(client, connection->process);
        }
        hgh_runner_connection_close(connection);
        return;
    }
    hgh_runner_connection_rest(connection);
    connection->idle_since_ms = client->engine->now_ms();
    connection->next = client->idle;
    client->idle = connection;
    client->idle_count++;
    if (client->idle_timer == NULL) { /* without one they go when they are to be used again */
        idle_timer_start(client, client->options.idle_ms);
    }
}
