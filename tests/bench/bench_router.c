/* tests/bench/bench_router.c - how long finding a route takes, with ten and with many routes.
 *
 * usage: bench_router [ROUTES]    (default: 100000)
 * Requests come in random order, so that the processor's caches are of as little help as they are
 * to a gateway. Medians of processor time. The last line is a look-up of a text in a hash of ten.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/core/router.h"
#include "host/core/snapshot.h"

#define LOOKUPS      1000000u
#define SAMPLES      9
#define FEW          10u
#define REPLACEMENTS 20000u

/* What routes look like, and a request for the one of that number. */
typedef struct shape {
    const char *name;
    hgh_router_mode mode;
    const char *route; /* JSON; the number is filled in twice at most */
    const char *host;  /* of the request, likewise */
    const char *uri;
    bool found;
} shape;

static const shape shapes[] = {
    {"exact path", HGH_ROUTER_HOST_URI, "{\"uri\":\"/api/v1/items/%u\"}", "foo.com",
     "/api/v1/items/%u", true},
    {"prefix", HGH_ROUTER_HOST_URI, "{\"uri\":\"/service-%u/*\"}", "foo.com",
     "/service-%u/some/path/below", true},
    {"host and path", HGH_ROUTER_HOST_URI, "{\"host\":\"h%u.foo.com\",\"uri\":\"/api/*\"}",
     "h%u.foo.com", "/api/items", true},
    {"wildcard host", HGH_ROUTER_HOST_URI, "{\"host\":\"*.h%u.foo.com\",\"uri\":\"/api/*\"}",
     "a.h%u.foo.com", "/api/items", true},
    {"path and host", HGH_ROUTER_URI, "{\"host\":\"h%u.foo.com\",\"uri\":\"/api/*\"}",
     "h%u.foo.com", "/api/items", true},
    {"parameter", HGH_ROUTER_URI_WITH_PARAMETER, "{\"uri\":\"/service-%u/:id/x\"}", "foo.com",
     "/service-%u/4711/x", true},
    {"no route", HGH_ROUTER_HOST_URI, "{\"uri\":\"/api/v1/items/%u\"}", "foo.com",
     "/other/v1/items/%u", false},
};

/* Of this thread: what other processes take is not counted. */
static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

static double median(double *samples)
{
    qsort(samples, SAMPLES, sizeof(*samples), compare);
    return samples[SAMPLES / 2];
}

static uint32_t random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static void fill(char *into, size_t size, const char *format, unsigned number)
{
    const char *mark = strstr(format, "%u");

    if (mark == NULL) {
        (void)snprintf(into, size, "%s", format);
    } else {
        (void)snprintf(into, size, "%.*s%u%s", (int)(mark - format), format, number, mark + 2);
    }
}

static bool route_drop(hgh_router *router, hgh_resource *previous)
{
    hgh_router_remove(router, (hgh_route *)(void *)previous);
    hgh_resource_unref(previous);
    return true;
}

static void route_add(hgh_snapshot *snapshot, hgh_router *router, const shape *of, unsigned number)
{
    char json[160];
    char id[16];
    hgh_resource *resource = NULL;
    hgh_resource *previous = NULL;
    hg_error err = HG_ERROR_INIT;

    fill(json, sizeof(json), of->route, number);
    fill(id, sizeof(id), "%u", number);
    if (hgh_resource_decode(snapshot, HGH_ROUTES, hg_text_of(id),
                            hgh_feed_slice_copy(json, strlen(json)), number, number, &resource,
                            &err) != HG_OK ||
        hgh_snapshot_put(snapshot, resource, &previous) != HG_OK ||
        (previous != NULL && !route_drop(router, previous)) ||
        hgh_router_add(router, (hgh_route *)(void *)resource) != HG_OK) {
        (void)fprintf(stderr, "%s: %s\n", json, err.text);
        abort();
    }
}

static hgh_variable find_nothing(void *context, hg_text name)
{
    (void)context;
    (void)name;
    return (hgh_variable){0};
}

/* Nanoseconds of one match, and of making the request's texts alone. */
static double sample(const hgh_router *router, const shape *of, unsigned routes, uint64_t *seed)
{
    char(*hosts)[40] = malloc(1024 * sizeof(*hosts));
    char(*uris)[40] = malloc(1024 * sizeof(*uris));
    hg_address client = {.family = HG_ADDRESS_IPV4, .bytes = {127, 0, 0, 1}};
    uint64_t spent = 0;

    if (hosts == NULL || uris == NULL) {
        abort();
    }
    for (unsigned done = 0; done < LOOKUPS; done += 1024) {
        uint64_t began;

        for (unsigned i = 0; i < 1024; i++) {
            unsigned number = random_next(seed) % routes;

            fill(hosts[i], sizeof(hosts[i]), of->host, number);
            fill(uris[i], sizeof(uris[i]), of->uri, number);
        }
        began = now_ns();
        for (unsigned i = 0; i < 1024; i++) {
            hgh_route_match match;
            hgh_route_query query = {
                .method = HG_TEXT("GET"),
                .host = hg_text_of(hosts[i]),
                .uri = hg_text_of(uris[i]),
                .client = &client,
                .find = find_nothing,
            };

            hgh_router_match(router, &query, &match);
            if ((match.route != NULL) != of->found) {
                (void)fprintf(stderr, "%s: %s%s: wrong\n", of->name, hosts[i], uris[i]);
                abort();
            }
        }
        spent += now_ns() - began;
    }
    free(hosts);
    free(uris);
    return (double)spent / LOOKUPS;
}

/* Microseconds that the slowest of many replacements of a route takes. */
static double replace_worst_us(
    hgh_snapshot *snapshot, hgh_router *router, const shape *of, unsigned routes, uint64_t *seed)
{
    uint64_t worst = 0;

    for (unsigned i = 0; i < REPLACEMENTS; i++) {
        unsigned number = random_next(seed) % routes;
        uint64_t began = now_ns();
        uint64_t spent;

        route_add(snapshot, router, of, number);
        spent = now_ns() - began;
        worst = spent > worst ? spent : worst;
    }
    return (double)worst / 1000;
}

static double bench(const shape *of, unsigned routes, double *out_add_us, double *out_worst_us)
{
    hgh_snapshot snapshot;
    hgh_router *router = hgh_router_new(of->mode);
    double samples[SAMPLES];
    uint64_t seed = 1;
    uint64_t began = now_ns();

    if (router == NULL) {
        abort();
    }
    hgh_snapshot_init(&snapshot);
    for (unsigned i = 0; i < routes; i++) {
        route_add(&snapshot, router, of, i);
    }
    *out_add_us = (double)(now_ns() - began) / routes / 1000;
    for (int i = 0; i < SAMPLES; i++) {
        samples[i] = sample(router, of, routes, &seed);
    }
    *out_worst_us = replace_worst_us(&snapshot, router, of, routes, &seed);
    hgh_router_free(router); /* routes are not taken out first: the process ends */
    return median(samples);
}

typedef struct word {
    hgh_map_node node;
    char text[32];
} word;

static double bench_hash(void)
{
    static word words[FEW];
    hgh_map map;
    double samples[SAMPLES];
    uint64_t seed = 1;

    hgh_map_init(&map);
    for (unsigned i = 0; i < FEW; i++) {
        fill(words[i].text, sizeof(words[i].text), "/api/v1/items/%u", i);
        words[i].node.key = hg_text_of(words[i].text);
        if (hgh_map_add(&map, &words[i].node) != HG_OK) {
            abort();
        }
    }
    for (int i = 0; i < SAMPLES; i++) {
        uint64_t began = now_ns();
        unsigned found = 0;

        for (unsigned k = 0; k < LOOKUPS; k++) {
            found += hgh_map_find(&map, words[random_next(&seed) % FEW].node.key) != NULL;
        }
        if (found != LOOKUPS) {
            abort();
        }
        samples[i] = (double)(now_ns() - began) / LOOKUPS;
    }
    hgh_map_done(&map);
    return median(samples);
}

int main(int argc, char **argv)
{
    unsigned many = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100000;

    if (many == 0) {
        (void)fprintf(stderr, "usage: bench_router [ROUTES]\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        double add_us = 0;
        double worst_us = 0;
        double few_ns = bench(&shapes[i], FEW, &add_us, &worst_us);
        double many_ns = bench(&shapes[i], many, &add_us, &worst_us);

        (void)printf(
            "%-16s %6.1f ns of %u routes, %7.1f ns of %u; %.1f us to decode and enter one, "
            "at worst %.0f us to replace one\n",
            shapes[i].name, few_ns, FEW, many_ns, many, add_us, worst_us);
    }
    (void)printf("%-16s %7.1f ns of %u texts\n", "hash", bench_hash(), FEW);
    return 0;
}
