/* tests/bench/bench_request.c - what a change costs the first request after it, and what a filter
 * and the look-up of a consumer cost each, on an engine that does nothing.
 *
 * usage: bench_request OBJECT[:CONFIGURATION]...: plugins, all of them on one route; {} unless a
 * configuration is given. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/core/issues.h"
#include "host/core/request.h"
#include "host/core/runtime.h"
#include "tests/unit/core/fake_engine.h"

#define SAMPLES    2001u
#define ASKED      200000u
#define ROUTE_MAX  16384u
#define ASKED_KEYS 1000u
#define FILTER                                                                                     \
    "[[\"arg_version\",\"==\",\"v2\"],[\"http_x_level\",\">\",3],[\"uri\",\"~~\",\"^/shop/\"]]"

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

static void print_median(const char *what, double *samples, size_t count)
{
    qsort(samples, count, sizeof(*samples), compare);
    (void)printf("%-52s %9.0f ns (median of %zu, 99 %% below %.0f)\n", what, samples[count / 2],
                 count, samples[count * 99 / 100]);
}

static void check(hg_status status, const hg_error *err)
{
    if (status != HG_OK) {
        (void)fprintf(stderr, "bench_request: %s\n", err->text);
        exit(1);
    }
}

/* The path of an argument; the caller frees. */
static char *path_of(const char *argument)
{
    return strndup(argument, strcspn(argument, ":"));
}

/* "/path/noop3.so" is noop3; the caller frees. */
static char *name_of(const char *argument)
{
    char *path = path_of(argument);
    const char *slash = strrchr(path, '/');
    const char *from = slash == NULL ? path : slash + 1;
    char *name = strndup(from, strcspn(from, "."));

    free(path);
    return name;
}

static const char *configuration_of(const char *argument)
{
    const char *colon = strchr(argument, ':');

    return colon == NULL ? "{}" : colon + 1;
}

static json_t *manifest_of(int count, char **paths)
{
    json_t *plugins = json_array();

    for (int i = 0; i < count; i++) {
        char *name = name_of(paths[i]);
        char *path = path_of(paths[i]);

        (void)json_array_append_new(
            plugins, json_pack("{s:s, s:s, s:i}", "name", name, "path", path, "number", i + 1));
        free(path);
        free(name);
    }
    return json_pack("{s:i, s:n, s:o}", "generation", 1, "listed", "plugins", plugins);
}

static hgh_runtime *runtime_make(int count, char **paths)
{
    hgh_runtime_options options = {
        .engine = &fake_engine,
        .arena = hgh_arena_new(HGH_ARENA_DEFAULT_BYTES),
        .ack_fd = -1,
        .parked_max = 1,
        .log_level = HG_LOG_ERROR,
    };
    json_t *manifest = manifest_of(count, paths);
    hgh_runtime *runtime = NULL;
    hg_error err = HG_ERROR_INIT;

    check(hgh_runtime_new(&options, &runtime, &err), &err);
    check(hgh_runtime_set_generation(runtime, manifest, true, &err), &err);
    json_decref(manifest);
    (void)fake_engine_run();
    return runtime;
}

static void route_text(char text[ROUTE_MAX], int count, char **paths)
{
    size_t length = (size_t)snprintf(text, ROUTE_MAX,
                                     "{\"uri\":\"/shop/cart\",\"upstream\":"
                                     "{\"nodes\":{\"127.0.0.1:1\":1}},"
                                     "\"plugins\":{");

    for (int i = 0; i < count && length < ROUTE_MAX; i++) {
        char *name = name_of(paths[i]);

        length += (size_t)snprintf(text + length, ROUTE_MAX - length, "%s\"%s\":%s",
                                   i == 0 ? "" : ",", name, configuration_of(paths[i]));
        free(name);
    }
    (void)snprintf(text + length, ROUTE_MAX - length, "}}");
}

/* What a request costs before its first callback: its route, and its chain. */
static double request_ns(hgh_runtime *runtime, fake_request *client)
{
    uint64_t began = now_ns();
    hg_request *request = hgh_request_new(runtime, client);
    double took = (double)(now_ns() - began);

    if (request->exit.set) {
        (void)fprintf(stderr, "bench_request: the route answers %u\n", request->exit.status);
        exit(1);
    }
    hgh_request_done(request);
    (void)fake_engine_run();
    return took;
}

/* The route is put anew; its chain is compiled by the next request. */
static void bench_first(hgh_runtime *runtime, int count, char **paths)
{
    static double first[SAMPLES];
    static double next[SAMPLES];
    char text[ROUTE_MAX];
    char what[80];
    fake_request client;
    hg_error err = HG_ERROR_INIT;

    route_text(text, count, paths);
    for (size_t i = 0; i < SAMPLES; i++) {
        fake_request_init(&client, "h", "/shop/cart");
        check(hgh_runtime_put(runtime, HGH_ROUTES, HG_TEXT("1"),
                              hgh_feed_slice_copy(text, strlen(text)), i + 1, 1, &err),
              &err);
        first[i] = request_ns(runtime, &client);
        next[i] = request_ns(runtime, &client);
        fake_request_done(&client);
    }
    (void)snprintf(what, sizeof(what), "first request after a change, %d plugins", count);
    print_median(what, first, SAMPLES);
    print_median("the next one", next, SAMPLES);
}

static bool is_header(hg_text header, hg_text variable)
{
    for (size_t i = 0; i < header.length && header.length == variable.length; i++) {
        char letter = header.data[i] == '-' ? '_' : (char)(header.data[i] | 0x20);

        if (letter != variable.data[i]) {
            return false;
        }
    }
    return header.length == variable.length;
}

/* The gateway's own variables, and headers, which are looked through as nginx does. */
static hgh_variable find(void *context, hg_text name)
{
    const hg_request *request = context;
    hg_header header;

    if (!hg_text_starts_with(name, HG_TEXT("http_"))) {
        return hgh_request_expression_variable(context, name);
    }
    name = (hg_text){name.data + 5, name.length - 5};
    for (size_t i = 0; request->engine->header_at(request->engine_request, i, &header); i++) {
        if (is_header(header.name, name)) {
            return (hgh_variable){.kind = HGH_VARIABLE_TEXT, .text = header.value};
        }
    }
    return (hgh_variable){0};
}

/* Three conditions, with the look-ups that they need: an argument, one of eight headers, the path.
 */
static void bench_filter(hgh_runtime *runtime)
{
    static const char *const names[] = {"User-Agent", "Accept",  "Accept-Language",
                                        "Cookie",     "Referer", "Accept-Encoding",
                                        "X-Level",    "X-Last"};
    json_t *value = json_loads(FILTER, 0, NULL);
    hgh_expression *filter = NULL;
    hg_issues issues = {0};
    static double samples[99];
    fake_request client;
    hg_request *request;
    size_t held = 0;

    if (hgh_expression_compile(value, "", &filter, &issues) != HG_OK) {
        abort();
    }
    fake_request_init(&client, "h", "/shop/cart");
    client.arguments = HG_TEXT("page=2&version=v2");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        client.headers[client.header_count++] = (hg_header){hg_text_of(names[i]), HG_TEXT("7")};
    }
    request = hgh_request_new(runtime, &client);
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        uint64_t began = now_ns();

        for (unsigned k = 0; k < ASKED / 100; k++) {
            held += hgh_expression_holds(filter, find, request);
        }
        samples[i] = (double)(now_ns() - began) / (ASKED / 100);
    }
    if (held == 0) {
        abort();
    }
    print_median("a filter of three conditions", samples, sizeof(samples) / sizeof(samples[0]));
    hgh_request_done(request);
    fake_request_done(&client);
    hgh_expression_free(filter);
    json_decref(value);
}

static void consumers_put(hgh_runtime *runtime, unsigned from, unsigned to)
{
    hg_error err = HG_ERROR_INIT;

    for (unsigned i = from; i < to; i++) {
        char text[96];
        char name[16];

        (void)snprintf(name, sizeof(name), "c%u", i);
        (void)snprintf(text, sizeof(text),
                       "{\"username\":\"c%u\",\"plugins\":{\"key-auth\":{\"key\":\"secret-%u\"}}}",
                       i, i);
        check(hgh_runtime_put(runtime, HGH_CONSUMERS, hg_text_of(name),
                              hgh_feed_slice_copy(text, strlen(text)), i + 1, i + 1, &err),
              &err);
    }
}

/* The same number of keys is asked for, spread over all of them: what grows is what is held. */
static void bench_consumers(hgh_runtime *runtime)
{
    static const unsigned held[] = {1000, 10000, 100000};
    static double samples[99];
    unsigned before = 0;

    for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
        char keys[ASKED_KEYS][20];
        char what[64];

        consumers_put(runtime, before, held[i]);
        before = held[i];
        for (unsigned k = 0; k < ASKED_KEYS; k++) {
            (void)snprintf(keys[k], sizeof(keys[k]), "secret-%u", k * (held[i] / ASKED_KEYS));
        }
        for (size_t sample = 0; sample < sizeof(samples) / sizeof(samples[0]); sample++) {
            uint64_t began = now_ns();

            for (unsigned k = 0; k < ASKED_KEYS; k++) {
                if (hgh_consumer_index_find(&runtime->consumers, "key-auth", hg_text_of(keys[k])) ==
                    NULL) {
                    abort();
                }
            }
            samples[sample] = (double)(now_ns() - began) / ASKED_KEYS;
        }
        (void)snprintf(what, sizeof(what), "one consumer of %u by its key", held[i]);
        print_median(what, samples, sizeof(samples) / sizeof(samples[0]));
    }
}

int main(int argc, char **argv)
{
    hgh_runtime *runtime = runtime_make(argc - 1, argv + 1);

    bench_first(runtime, argc - 1, argv + 1);
    bench_filter(runtime);
    if (hgh_generation_find(runtime->generation, "key-auth", NULL, NULL) == HGH_PLUGIN_LOADED) {
        bench_consumers(runtime);
    }
    hgh_runtime_free(runtime);
    return 0;
}
