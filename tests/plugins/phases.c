/* tests/plugins/phases.c - acts in every phase of a request, and notes if one version does not run
 * all of them. Built several times under one name: what a reload exchanges.
 *
 * Its table has, under the name that the configuration gives: requests whose log phase has run; and
 * for all together "version N": those that were begun by that version, "mixed": calls that found
 * the note or the configuration of another version, "missing": requests that had a phase too few.
 */
#include <stdlib.h>

#include <hotgate/plugin.h>

#ifndef VERSION
#define VERSION 1
#endif

#ifndef LAYOUT
#define LAYOUT "phases/1"
#endif

#define TEXT_OF_(x) #x
#define TEXT_OF(x)  TEXT_OF_(x)
#define UPLOAD_MAX  (16u << 20)
#define PHASES_ALL  0xfeu /* a bit each, by hg_phase */
#define KEPT_BYTES  8192u

typedef struct phases_config {
    hg_text as;
    int64_t pause_ms; /* in each phase that may wait */
    int64_t version;  /* of the code that has decoded it */
} phases_config;

static const hg_field phases_fields[] = {
    HG_STRING(phases_config, as, "as", .initial = "route"),
    HG_DURATION(phases_config, pause_ms, "pause", .initial = "0ms"),
    HG_INT(phases_config, version, "version", .initial = TEXT_OF(VERSION)),
    HG_FIELDS_END,
};

static const hg_metric phases_metrics[] = {
    {.kind = HG_METRIC_COUNTER, .name = "requests", .summary = "Requests that have ended."},
    {.kind = HG_METRIC_END},
};

typedef struct phases_data {
    int32_t version; /* that ran first; 0: none */
    uint32_t seen;   /* phases */
} phases_data;

static hg_dict *table;
static char *heap;            /* of this version, from init() to exit() */
static char page[KEPT_BYTES]; /* touched: private pages of this object */

static void count(hg_text key)
{
    int64_t value;

    (void)hg_dict_add(table, key, 1, HG_DICT_FOREVER, &value, NULL);
}

/* The first one of a request notes the version, all others compare. */
static void check(hg_request *request, const phases_config *own)
{
    phases_data *data = hg_request_data(request);
    hg_phase phase = hg_request_phase(request);

    if (data == NULL) {
        count(HG_TEXT("mixed"));
        return;
    }
    if (phase == HG_PHASE_REWRITE && data->seen == 0) {
        data->version = VERSION;
    }
    data->seen |= 1u << phase;
    if (data->version != VERSION || own->version != VERSION || page[0] != VERSION ||
        heap[0] != VERSION) {
        count(HG_TEXT("mixed"));
    }
}

static void linger(hg_request *request, const phases_config *own)
{
    check(request, own);
    if (own->pause_ms > 0) {
        (void)hg_sleep(request, (uint64_t)own->pause_ms);
        check(request, own);
    }
}

static hg_status phases_init(const void *attributes, hg_error *err)
{
    hg_dict_options options = HG_DICT_OPTIONS_INIT;

    (void)attributes;
    options.entries = 100;
    options.layout = LAYOUT;
    heap = malloc(KEPT_BYTES);
    if (heap == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    memset(heap, VERSION, KEPT_BYTES);
    memset(page, VERSION, KEPT_BYTES);
    return hg_dict_open("counts", &options, &table, err);
}

static void phases_exit(void)
{
    free(heap);
    heap = NULL;
}

static hg_verdict phases_rewrite(hg_request *request, const void *config)
{
    linger(request, config);
    return HG_NEXT;
}

static hg_verdict phases_access(hg_request *request, const void *config)
{
    hg_text body;

    linger(request, config);
    if (hg_text_equal(hg_request_method(request), HG_TEXT("POST"))) {
        (void)hg_request_body(request, UPLOAD_MAX, &body);
        check(request, config);
    }
    return HG_NEXT;
}

static hg_verdict phases_before_proxy(hg_request *request, const void *config)
{
    linger(request, config);
    return HG_NEXT;
}

static void phases_header_filter(hg_request *request, const void *config)
{
    check(request, config);
    (void)hg_response_set_header(request, HG_TEXT("X-Phases"), HG_TEXT(TEXT_OF(VERSION)));
}

static void phases_body_filter(hg_request *request, hg_chunk *chunk, const void *config)
{
    (void)chunk;
    check(request, config);
}

static void phases_log(hg_request *request, const void *config)
{
    const phases_config *own = config;
    const phases_data *data = hg_request_data(request);

    check(request, own);
    if (data == NULL || data->seen != PHASES_ALL) {
        count(HG_TEXT("missing"));
    }
    count(HG_TEXT("version " TEXT_OF(VERSION)));
    count(own->as);
    (void)hg_metric_add(0, 1, NULL);
}

HG_PLUGIN("phases",
          TEXT_OF(VERSION) ".0.0",
          .summary = "Acts in every phase of a request.",
          .priority = 50,
          .flags = HG_WAITS,
          .config = HG_CONFIG(phases_config, phases_fields),
          .metrics = phases_metrics,
          .request_size = sizeof(phases_data),
          .init = phases_init,
          .exit = phases_exit,
          .rewrite = phases_rewrite,
          .access = phases_access,
          .before_proxy = phases_before_proxy,
          .header_filter = phases_header_filter,
          .body_filter = phases_body_filter,
          .delayed_body_filter = phases_body_filter,
          .log = phases_log);
