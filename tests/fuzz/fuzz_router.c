/* tests/fuzz/fuzz_router.c - routes come and go, requests are matched: a line each.
 *
 * "0", "1" or "2": the mode. "+JSON": a route. "-N": the N-th one goes. "?METHOD HOST PATH": a
 * request. */
#include "host/core/address.h"
#include "host/core/router.h"
#include "host/core/snapshot.h"
#include "tests/fuzz/fuzz.h"

#define ROUTES_MAX 64u

typedef struct routing {
    hgh_snapshot snapshot;
    hgh_router *router;
    hgh_resource *routes[ROUTES_MAX]; /* a reference each; NULL: gone */
    size_t count;
} routing;

static void add(routing *self, hg_text json)
{
    hgh_feed_slice source = hgh_feed_slice_copy(json.data, json.length);
    hgh_resource *resource = NULL;
    char id[16];

    if (self->count == ROUTES_MAX ||
        hgh_resource_decode(&self->snapshot, HGH_ROUTES,
                            (hg_text){id, (size_t)snprintf(id, sizeof(id), "%zu", self->count)},
                            source, 1, self->count + 1, &resource, NULL) != HG_OK) {
        hgh_feed_file_unref(source.file);
        return;
    }
    FUZZ_PROMISE(hgh_router_add(self->router, (hgh_route *)(void *)resource) == HG_OK);
    self->routes[self->count++] = resource;
}

static void take_out(routing *self, size_t place)
{
    if (place < self->count && self->routes[place] != NULL) {
        hgh_router_remove(self->router, (hgh_route *)(void *)self->routes[place]);
        hgh_resource_unref(self->routes[place]);
        self->routes[place] = NULL;
    }
}

static hg_text take_word(hg_text *line)
{
    const char *space = line->length == 0 ? NULL : memchr(line->data, ' ', line->length);
    hg_text word = {line->data, space == NULL ? line->length : (size_t)(space - line->data)};
    size_t taken = word.length + (space == NULL ? 0 : 1);

    line->data += taken;
    line->length -= taken;
    return word;
}

static hgh_variable find_variable(void *context, hg_text name)
{
    hgh_variable absent = {.kind = HGH_VARIABLE_ABSENT};
    hgh_variable present = {.kind = HGH_VARIABLE_TEXT, .text = HG_TEXT("1")};

    (void)context;
    return name.length % 2 == 0 ? absent : present;
}

/** What is found is there and enabled, and what it points to lies in the request or the route. */
static void match(const routing *self, hg_text line)
{
    hg_address client;
    hgh_route_query query = {.method = take_word(&line), .host = take_word(&line), .uri = line};
    hgh_route_match found;
    bool is_there = false;

    FUZZ_PROMISE(hgh_address_parse(HG_TEXT("10.0.0.1"), &client) == HG_OK);
    query.client = &client;
    query.find = find_variable;
    hgh_router_match(self->router, &query, &found);
    for (size_t i = 0; i < self->count; i++) {
        is_there = is_there || (const void *)self->routes[i] == (const void *)found.route;
    }
    FUZZ_PROMISE(found.route == NULL || (is_there && found.route->enabled));
    FUZZ_PROMISE(found.parameter_count <= HGH_ROUTE_PARAMETERS_MAX);
    for (uint32_t i = 0; found.route != NULL && i < found.parameter_count; i++) {
        hg_text value = found.parameters[i].value;

        FUZZ_PROMISE(value.data >= query.uri.data &&
                     value.data + value.length <= query.uri.data + query.uri.length);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    routing self = {.count = 0};
    hg_text line;

    if (!fuzz_line(&data, &size, &line) || line.length != 1 || line.data[0] < '0' ||
        line.data[0] > '2') {
        return 0;
    }
    hgh_snapshot_init(&self.snapshot);
    self.router = hgh_router_new((hgh_router_mode)(line.data[0] - '0'));
    FUZZ_PROMISE(self.router != NULL);
    while (fuzz_line(&data, &size, &line)) {
        hg_text rest = {line.data + 1, line.length - 1};

        if (line.length == 0) {
            continue;
        }
        if (line.data[0] == '+') {
            add(&self, rest);
        } else if (line.data[0] == '-' && rest.length > 0) {
            take_out(&self, (size_t)(rest.data[0] - '0'));
        } else if (line.data[0] == '?') {
            match(&self, rest);
        }
    }
    for (size_t i = 0; i < self.count; i++) {
        take_out(&self, i);
    }
    match(&self, HG_TEXT("GET a.example /a"));
    hgh_router_free(self.router);
    hgh_snapshot_done(&self.snapshot);
    return 0;
}
