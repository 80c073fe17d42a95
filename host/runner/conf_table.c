/* host/runner/conf_table.c - prepared configurations by their tokens, for all connections. */
#include "host/runner/conf_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "host/core/a6.h"

/* ----------------------------------------------------------------------------- order of use */

static void list_leave(hgh_conf_table *table, hgh_served_conf *conf)
{
    *(conf->newer == NULL ? &table->newest : &conf->newer->older) = conf->older;
    *(conf->older == NULL ? &table->oldest : &conf->older->newer) = conf->newer;
    conf->newer = NULL;
    conf->older = NULL;
}

static void list_enter(hgh_conf_table *table, hgh_served_conf *conf)
{
    conf->used_ms = hgh_event_loop_now_ms();
    conf->older = table->newest;
    *(table->newest == NULL ? &table->oldest : &table->newest->newer) = conf;
    table->newest = conf;
}

static hgh_served_conf *use(hgh_conf_table *table, hgh_served_conf *conf)
{
    list_leave(table, conf);
    list_enter(table, conf);
    return conf;
}

void hgh_conf_table_forget(hgh_conf_table *table, hgh_served_conf *conf)
{
    hgh_map_remove(&table->by_text, &conf->by_text);
    hgh_map_remove(&table->by_token, &conf->by_token);
    list_leave(table, conf);
    hgh_served_conf_unref(conf);
}

static void expire(void *context)
{
    hgh_conf_table *table = context;
    uint64_t now_ms = hgh_event_loop_now_ms();

    while (table->oldest != NULL && now_ms - table->oldest->used_ms >= table->expire_ms) {
        hgh_conf_table_forget(table, table->oldest);
    }
    if (table->oldest != NULL) {
        hgh_event_loop_timer_start(table->loop, &table->timer,
                                   table->oldest->used_ms + table->expire_ms - now_ms, expire,
                                   table);
    }
}

/* ------------------------------------------------------------------------------------ table */

hg_status
hgh_conf_table_init(hgh_conf_table *table, hgh_event_loop *loop, uint64_t expire_ms, hg_error *err)
{
    *table = (hgh_conf_table){.loop = loop, .expire_ms = expire_ms};
    if (getrandom(&table->next_token, sizeof(table->next_token), 0) !=
        (ssize_t)sizeof(table->next_token)) {
        return hg_error_set(err, HG_ERR_IO, "random bytes for tokens: %s", strerror(errno));
    }
    hgh_map_init(&table->by_text);
    hgh_map_init(&table->by_token);
    return HG_OK;
}

void hgh_conf_table_done(hgh_conf_table *table)
{
    while (table->oldest != NULL) {
        hgh_conf_table_forget(table, table->oldest);
    }
    if (table->loop != NULL) {
        hgh_event_loop_timer_stop(table->loop, &table->timer);
    }
    hgh_map_done(&table->by_text);
    hgh_map_done(&table->by_token);
}

static size_t piece_length(hg_text piece)
{
    return sizeof(uint32_t) + piece.length;
}

/* An absent text differs from an empty one. */
static char *piece_write(char *at, hg_text piece)
{
    uint32_t length = piece.data == NULL ? UINT32_MAX : (uint32_t)piece.length;

    memcpy(at, &length, sizeof(length));
    if (piece.length > 0) {
        memcpy(at + sizeof(length), piece.data, piece.length);
    }
    return at + piece_length(piece);
}

/* Key and conf in one text, each piece behind its length; absent: no memory. */
static hg_text text_of(const hgh_a6_prepare_request *message)
{
    size_t length = piece_length(message->key);
    char *text;
    char *at;

    for (size_t i = 0; i < message->conf.count; i++) {
        length +=
            piece_length(message->conf.items[i].name) + piece_length(message->conf.items[i].value);
    }
    text = malloc(length);
    if (text == NULL) {
        return (hg_text){0};
    }
    at = piece_write(text, message->key);
    for (size_t i = 0; i < message->conf.count; i++) {
        at = piece_write(at, message->conf.items[i].name);
        at = piece_write(at, message->conf.items[i].value);
    }
    return (hg_text){text, length};
}

static hg_text token_text(const uint32_t *token)
{
    return (hg_text){(const char *)token, sizeof(*token)};
}

hgh_served_conf *hgh_conf_table_find(hgh_conf_table *table, const hgh_a6_prepare_request *message)
{
    hg_text text = text_of(message);
    hgh_map_node *node = text.data == NULL ? NULL : hgh_map_find(&table->by_text, text);

    free((char *)(uintptr_t)text.data);
    return node == NULL ? NULL : use(table, HGH_CONTAINER_OF(node, hgh_served_conf, by_text));
}

hgh_served_conf *hgh_conf_table_find_token(hgh_conf_table *table, uint32_t token)
{
    hgh_map_node *node = hgh_map_find(&table->by_token, token_text(&token));

    return node == NULL ? NULL : use(table, HGH_CONTAINER_OF(node, hgh_served_conf, by_token));
}

static uint32_t token_take(hgh_conf_table *table)
{
    do {
        table->next_token++;
    } while (table->next_token == 0 ||
             hgh_map_find(&table->by_token, token_text(&table->next_token)) != NULL);
    return table->next_token;
}

hg_status hgh_conf_table_add(hgh_conf_table *table,
                             const hgh_a6_prepare_request *message,
                             hgh_served_conf *conf)
{
    hg_text text = text_of(message);

    if (text.data == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    if (table->by_token.count >= HGH_CONFS_MAX) {
        hgh_conf_table_forget(table, table->oldest);
    }
    conf->text = (char *)(uintptr_t)text.data;
    conf->by_text.key = text;
    conf->token = token_take(table);
    conf->by_token.key = token_text(&conf->token);
    if (hgh_map_add(&table->by_text, &conf->by_text) != HG_OK) {
        return HG_ERR_NO_MEMORY;
    }
    if (hgh_map_add(&table->by_token, &conf->by_token) != HG_OK) {
        hgh_map_remove(&table->by_text, &conf->by_text);
        return HG_ERR_NO_MEMORY;
    }
    list_enter(table, hgh_served_conf_ref(conf));
    if (!table->timer.is_waiting) {
        hgh_event_loop_timer_start(table->loop, &table->timer, table->expire_ms, expire, table);
    }
    return HG_OK;
}
