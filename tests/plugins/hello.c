/* tests/plugins/hello.c - an author's first plugin, which he changes and reloads again and again.
 *
 * It uses what a plugin may use that could stay behind: state of its own, a configuration with
 * lists and expressions, a shared table, a metric, a wait. */
#include <stdlib.h>

#include <hotgate/plugin.h>

#ifndef HELLO_VERSION
#define HELLO_VERSION "0"
#endif

typedef struct hello_config {
    hg_text name;
    hg_list words;
    const hg_regex *path;
    const hg_template *greeting;
    int64_t pause_ms;
} hello_config;

static const hg_field word_item = HG_ITEM(HG_KIND_STRING, hg_text);

static const hg_field hello_fields[] = {
    HG_STRING(hello_config, name, "name", .initial = "world", .max_length = 64),
    HG_LIST(hello_config, words, "words", &word_item, .max_length = 16),
    HG_REGEX(hello_config, path, "path", .initial = "^/h(.*)$"),
    HG_TEMPLATE(hello_config, greeting, "greeting", .initial = "hello from $remote_addr"),
    HG_DURATION(hello_config, pause_ms, "pause", .initial = "1ms"),
    HG_FIELDS_END,
};

static const hg_metric hello_metrics[] = {
    {.kind = HG_METRIC_COUNTER, .name = "greetings", .summary = "Greetings so far."},
    {.kind = HG_METRIC_END},
};

static hg_dict *table;  /* shared by all versions and workers */
static char *heap;      /* of this version, from init() to exit() */
static char data[8192]; /* touched: a private page of this object */

static hg_status hello_init(const void *attributes, hg_error *err)
{
    hg_dict_options options = HG_DICT_OPTIONS_INIT;

    (void)attributes;
    options.entries = 100;
    heap = calloc(1, 4096);
    if (heap == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    memset(data, HELLO_VERSION[0], sizeof(data));
    return hg_dict_open("greeted", &options, &table, err);
}

static void hello_exit(void)
{
    free(heap);
    heap = NULL;
}

static hg_verdict hello_rewrite(hg_request *request, const void *config)
{
    const hello_config *own = config;
    hg_text captures[2];
    int64_t count;

    if (hg_sleep(request, (uint64_t)own->pause_ms) != HG_OK) {
        return HG_NEXT;
    }
    if (hg_regex_match(own->path, hg_request_uri(request), captures, 2) > 0) {
        (void)hg_request_set_header(request, HG_TEXT("X-Rest"), captures[1]);
    }
    (void)hg_metric_add(0, 1, NULL);
    (void)hg_dict_add(table, hg_request_host(request), 1, HG_DICT_FOREVER, &count, NULL);
    return HG_NEXT;
}

static void hello_header_filter(hg_request *request, const void *config)
{
    const hello_config *own = config;

    (void)hg_response_set_header(request, HG_TEXT("X-Hello"), HG_TEXT(HELLO_VERSION));
    (void)hg_response_set_header(request, HG_TEXT("X-Name"), own->name);
    (void)hg_response_set_header(request, HG_TEXT("X-Greeting"),
                                 hg_template_render(request, own->greeting));
}

HG_PLUGIN("hello",
          "1.0." HELLO_VERSION,
          .summary = "Says hello in a header.",
          .priority = 50,
          .flags = HG_WAITS,
          .config = HG_CONFIG(hello_config, hello_fields),
          .metrics = hello_metrics,
          .init = hello_init,
          .exit = hello_exit,
          .rewrite = hello_rewrite,
          .header_filter = hello_header_filter);
