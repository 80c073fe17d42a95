/* tests/unit/core/fake_engine.c - an engine that does nothing by itself. */
#include "tests/unit/core/fake_engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/address.h"
#include "tests/unit/unit.h"

#define LOG_BYTES (256u << 10)

struct fake_allocation {
    struct fake_allocation *next;
    max_align_t bytes[];
};

struct hgh_engine_handle {
    hgh_engine_handle *next;
    bool is_timer;
    bool over;
    uint64_t due_ms;
    hgh_callback done;
    hgh_resolved resolved;
    void *context;
};

uint64_t fake_now_ms = 1000;
bool fake_timers_fail;
bool fake_memory_fails;
bool fake_has_resolver = true;

static hgh_engine_handle *handles;
static char log_text[LOG_BYTES];
static size_t log_length;

/* -------------------------------------------------------------------------------- requests */

static void *fake_allocate(hgh_engine_request *engine_request, size_t size)
{
    fake_request *request = engine_request;
    struct fake_allocation *made =
        fake_memory_fails ? NULL : malloc(sizeof(struct fake_allocation) + size);

    if (made == NULL) {
        return NULL;
    }
    made->next = request->allocations;
    request->allocations = made;
    return made->bytes;
}

void fake_request_init(fake_request *request, const char *host, const char *uri)
{
    *request = (fake_request){
        .method = HG_TEXT("GET"),
        .host = hg_text_of(host),
        .uri = hg_text_of(uri),
        .status = 200,
    };
    assert_int_equal(hgh_address_parse(HG_TEXT("127.0.0.1"), &request->client), HG_OK);
}

void fake_request_done(fake_request *request)
{
    while (request->allocations != NULL) {
        struct fake_allocation *next = request->allocations->next;

        free(request->allocations);
        request->allocations = next;
    }
}

#define FAKE_TEXT(member)                                                                          \
    static hg_text fake_##member(hgh_engine_request *request)                                      \
    {                                                                                              \
        return ((const fake_request *)request)->member;                                            \
    }                                                                                              \
    static hg_status fake_set_##member(hgh_engine_request *request, hg_text value)                 \
    {                                                                                              \
        ((fake_request *)request)->member = value;                                                 \
        return HG_OK;                                                                              \
    }

FAKE_TEXT(method)
FAKE_TEXT(uri)
FAKE_TEXT(arguments)

static hg_text fake_host(hgh_engine_request *request)
{
    return ((const fake_request *)request)->host;
}

static hg_text fake_scheme(hgh_engine_request *request)
{
    (void)request;
    return HG_TEXT("http");
}

static hg_text header_find(const hg_header *headers, size_t count, hg_text name)
{
    for (size_t i = 0; i < count; i++) {
        if (hg_text_equal_ignoring_case(headers[i].name, name)) {
            return headers[i].value;
        }
    }
    return (hg_text){0};
}

static void header_remove(hg_header *headers, size_t *count, hg_text name)
{
    size_t kept = 0;

    for (size_t i = 0; i < *count; i++) {
        if (!hg_text_equal_ignoring_case(headers[i].name, name)) {
            headers[kept++] = headers[i];
        }
    }
    *count = kept;
}

static hg_status header_add(hg_header *headers, size_t *count, hg_text name, hg_text value)
{
    assert_true(*count < FAKE_HEADERS_MAX);
    headers[(*count)++] = (hg_header){name, value};
    return HG_OK;
}

static hg_status header_set(hg_header *headers, size_t *count, hg_text name, hg_text value)
{
    header_remove(headers, count, name);
    return value.data == NULL ? HG_OK : header_add(headers, count, name, value);
}

static bool header_at(const hg_header *headers, size_t count, size_t index, hg_header *out_header)
{
    if (index < count) {
        *out_header = headers[index];
    }
    return index < count;
}

#define FAKE_HEADERS(prefix, member)                                                               \
    static hg_text fake_##prefix##header(hgh_engine_request *engine_request, hg_text name)         \
    {                                                                                              \
        const fake_request *request = engine_request;                                              \
        return header_find(request->member##s, request->member##_count, name);                     \
    }                                                                                              \
    static bool fake_##prefix##header_at(hgh_engine_request *engine_request, size_t index,         \
                                         hg_header *out_header)                                    \
    {                                                                                              \
        const fake_request *request = engine_request;                                              \
        return header_at(request->member##s, request->member##_count, index, out_header);          \
    }                                                                                              \
    static hg_status fake_set_##prefix##header(hgh_engine_request *engine_request, hg_text name,   \
                                               hg_text value)                                      \
    {                                                                                              \
        fake_request *request = engine_request;                                                    \
        return header_set(request->member##s, &request->member##_count, name, value);              \
    }                                                                                              \
    static hg_status fake_add_##prefix##header(hgh_engine_request *engine_request, hg_text name,   \
                                               hg_text value)                                      \
    {                                                                                              \
        fake_request *request = engine_request;                                                    \
        return header_add(request->member##s, &request->member##_count, name, value);              \
    }

FAKE_HEADERS(, header)
FAKE_HEADERS(response_, response_header)

static void fake_client_address(hgh_engine_request *request, hg_address *out_address)
{
    *out_address = ((const fake_request *)request)->client;
}

static hg_text fake_variable(hgh_engine_request *request, hg_text name)
{
    (void)request;
    return hg_text_equal(name, HG_TEXT("known")) ? HG_TEXT("a value") : (hg_text){0};
}

static hg_status fake_set_body(hgh_engine_request *request, const void *data, size_t length)
{
    ((fake_request *)request)->body = (hg_text){data, length};
    return HG_OK;
}

static uint32_t fake_response_status(hgh_engine_request *request)
{
    return ((const fake_request *)request)->status;
}

static hg_status fake_set_response_status(hgh_engine_request *request, uint32_t status)
{
    ((fake_request *)request)->status = status;
    return HG_OK;
}

static void fake_forget_body_length(hgh_engine_request *request)
{
    ((fake_request *)request)->length_forgotten = true;
}

/* --------------------------------------------------------------------------------- waiting */

static void
fake_read_body(hgh_engine_request *engine_request, hgh_status_callback done, void *context)
{
    fake_request *request = engine_request;

    request->body_done = done;
    request->body_context = context;
}

static hg_status fake_body(hgh_engine_request *request, size_t max_bytes, hg_text *out_body)
{
    hg_text body = ((const fake_request *)request)->body;

    if (body.length > max_bytes) {
        return HG_ERR_TOO_LARGE;
    }
    *out_body = body;
    return HG_OK;
}

static hgh_engine_handle *handle_new(hgh_callback done, void *context)
{
    hgh_engine_handle *handle = calloc(1, sizeof(*handle));
    hgh_engine_handle **at = &handles;

    if (handle == NULL) {
        return NULL;
    }
    handle->done = done;
    handle->context = context;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = handle;
    return handle;
}

static hgh_engine_handle *fake_start_timer(uint64_t delay_ms, hgh_callback done, void *context)
{
    hgh_engine_handle *handle = fake_timers_fail ? NULL : handle_new(done, context);

    if (handle != NULL) {
        handle->is_timer = true;
        handle->due_ms = fake_now_ms + delay_ms;
    }
    return handle;
}

static hgh_engine_handle *fake_watch(int fd, uint32_t events, hgh_callback ready, void *context)
{
    (void)events;
    return fd > 1000 ? NULL : handle_new(ready, context); /* such a one cannot be watched */
}

static void fake_stop(hgh_engine_handle *handle)
{
    hgh_engine_handle **at = &handles;

    if (handle == NULL) {
        return;
    }
    while (*at != NULL && *at != handle) {
        at = &(*at)->next;
    }
    if (*at == NULL) {
        fail_msg("a timer was stopped twice");
        return;
    }
    *at = handle->next;
    free(handle);
}

static hgh_engine_handle *
fake_resolve(hgh_engine_request *request, hg_text name, hgh_resolved done, void *context)
{
    hgh_engine_handle *handle = fake_has_resolver ? handle_new(NULL, context) : NULL;

    (void)request;
    (void)name;
    if (handle != NULL) {
        handle->resolved = done;
    }
    return handle;
}

static void fake_resume(hgh_engine_request *request)
{
    ((fake_request *)request)->resumed = true;
}

size_t fake_engine_turn(void)
{
    hgh_engine_handle *due[256];
    size_t count = 0;
    size_t run = 0;

    for (hgh_engine_handle *at = handles; at != NULL && count < ARRAY_SIZE(due); at = at->next) {
        if (at->is_timer && !at->over && at->due_ms <= fake_now_ms) {
            due[count++] = at;
        }
    }
    for (size_t i = 0; i < count; i++) {
        bool there = false;

        for (hgh_engine_handle *at = handles; at != NULL && !there; at = at->next) {
            there = at == due[i];
        }
        if (there) { /* an earlier one may have stopped it */
            due[i]->over = true;
            due[i]->done(due[i]->context);
            run++;
        }
    }
    return run;
}

size_t fake_engine_run(void)
{
    size_t run = 0;
    size_t more;

    while ((more = fake_engine_turn()) > 0) {
        run += more;
    }
    return run;
}

size_t fake_engine_handles(void)
{
    size_t count = 0;

    for (const hgh_engine_handle *at = handles; at != NULL; at = at->next) {
        count++;
    }
    return count;
}

void fake_engine_resolve(hg_status status, const hg_address *addresses, size_t count)
{
    hgh_engine_handle *handle = handles;

    while (handle != NULL && handle->resolved == NULL) {
        handle = handle->next;
    }
    if (handle == NULL) {
        fail_msg("no look-up is under way");
        return;
    }
    hgh_resolved resolved = handle->resolved;
    void *context = handle->context;

    fake_stop(handle);
    resolved(context, status, addresses, count, 10);
}

/* ----------------------------------------------------------------------------- the process */

static uint64_t fake_now(void)
{
    return fake_now_ms;
}

static int64_t fake_wall(void)
{
    return (int64_t)fake_now_ms;
}

static void fake_log(hgh_engine_request *request, hg_log_level level, hg_text text)
{
    (void)request;
    (void)level;
    if (log_length + text.length + 2 < LOG_BYTES) {
        memcpy(log_text + log_length, text.data, text.length);
        log_length += text.length;
        log_text[log_length++] = '\n';
        log_text[log_length] = '\0';
    }
}

size_t fake_log_count(const char *text)
{
    size_t count = 0;

    for (const char *at = strstr(log_text, text); at != NULL; at = strstr(at + 1, text)) {
        count++;
    }
    return count;
}

void fake_log_clear(void)
{
    log_length = 0;
    log_text[0] = '\0';
}

const char *fake_log_text(void)
{
    return log_text;
}

const hgh_engine fake_engine = {
    .name = "fake",
    .allocate = fake_allocate,
    .method = fake_method,
    .set_method = fake_set_method,
    .scheme = fake_scheme,
    .host = fake_host,
    .uri = fake_uri,
    .set_uri = fake_set_uri,
    .raw_uri = fake_uri,
    .arguments = fake_arguments,
    .set_arguments = fake_set_arguments,
    .header = fake_header,
    .header_at = fake_header_at,
    .set_header = fake_set_header,
    .add_header = fake_add_header,
    .client_address = fake_client_address,
    .variable = fake_variable,
    .set_body = fake_set_body,
    .response_status = fake_response_status,
    .set_response_status = fake_set_response_status,
    .response_header = fake_response_header,
    .response_header_at = fake_response_header_at,
    .set_response_header = fake_set_response_header,
    .add_response_header = fake_add_response_header,
    .forget_body_length = fake_forget_body_length,
    .read_body = fake_read_body,
    .body = fake_body,
    .start_timer = fake_start_timer,
    .start_background_timer = fake_start_timer,
    .watch = fake_watch,
    .stop = fake_stop,
    .resolve = fake_resolve,
    .resume = fake_resume,
    .now_ms = fake_now,
    .clock_ms = fake_now,
    .wall_ms = fake_wall,
    .log = fake_log,
};
