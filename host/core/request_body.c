/* host/core/request_body.c - the variables that stand in a request's body, and how it gets here. */
#include "host/core/request_body.h"

#include <stdlib.h>
#include <string.h>

#include "host/core/body_path.h"
#include "host/core/body_tree.h"
#include "host/core/graphql.h"
#include "host/core/request_parts.h"

#define ITEMS_MAX 65536u     /* of a variable that is a list */
#define TEXT_MAX  (1u << 20) /* bytes of a list or an object as text */

#define POST_PREFIX "post_arg."
#define FORM_PREFIX "post_arg_"

typedef enum body_state {
    BODY_UNREAD = 0,
    BODY_READING = 1,
    BODY_READ = 2,
    BODY_BROKEN = 3,   /* it could not be read */
    BODY_REPLACED = 4, /* by a plugin, before anybody had read it */
} body_state;

/* A variable that was asked for; pooled. */
typedef struct found_variable {
    struct found_variable *next;
    hg_text name;
    hgh_variable value;
} found_variable;

/* Of one request; pooled, but for what was found in the body. */
struct hgh_request_body {
    uint8_t state;        /* a body_state */
    uint8_t told;         /* families whose trouble is in the log */
    bool is_too_large;    /* for all of them */
    hg_text method;       /* as the body was read, as is the next */
    hg_text content_type; /* absent: none */
    hg_text text;
    bool has_tree_status; /* it was looked at, as a tree or in vain */
    hg_status tree_status;
    hgh_body_tree *tree; /* owned */
    bool has_graphql_status;
    hg_status graphql_status;
    hgh_graphql graphql; /* owned */
    found_variable *found;
};

/* What a variable is at the moment. */
typedef enum availability {
    IS_ABSENT,
    IS_UNREAD,    /* it may be there once the body is */
    IS_TOO_LARGE, /* its body is */
    IS_UNKNOWN,
    IS_READY, /* its body can be looked at */
} availability;

/* ------------------------------------------------------------------------------------- names */

uint8_t hgh_body_family_of(hg_text name)
{
    if (hg_text_starts_with(name, HG_TEXT(FORM_PREFIX))) {
        return HGH_BODY_FORM;
    }
    if (hg_text_starts_with(name, HG_TEXT(POST_PREFIX))) {
        return HGH_BODY_POST;
    }
    if (hg_text_equal(name, HG_TEXT("graphql_name")) ||
        hg_text_equal(name, HG_TEXT("graphql_operation")) ||
        hg_text_equal(name, HG_TEXT("graphql_root_fields"))) {
        return HGH_BODY_GRAPHQL;
    }
    return 0;
}

uint8_t hgh_body_families_in(const char *text)
{
    static const struct {
        const char *part;
        uint8_t family;
    } parts[] = {
        {FORM_PREFIX, HGH_BODY_FORM},
        {POST_PREFIX, HGH_BODY_POST},
        {"graphql_name", HGH_BODY_GRAPHQL},
        {"graphql_operation", HGH_BODY_GRAPHQL},
        {"graphql_root_fields", HGH_BODY_GRAPHQL},
    };
    uint8_t families = 0;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        families |= strstr(text, parts[i].part) == NULL ? 0 : parts[i].family;
    }
    return families;
}

/* ------------------------------------------------------------------------------------ memory */

static struct hgh_request_body *body_get(hg_request *request)
{
    if (request->body == NULL) {
        request->body = request->engine->allocate(request->engine_request, sizeof(*request->body));
        if (request->body != NULL) {
            memset(request->body, 0, sizeof(*request->body));
        }
    }
    return request->body;
}

/* A copy for as long as the request; absent: no memory, or the text was. */
static hg_text text_keep(hg_request *request, hg_text text)
{
    char *copy = text.data == NULL
                     ? NULL
                     : request->engine->allocate(request->engine_request, text.length + 1);

    if (copy == NULL) {
        return (hg_text){0};
    }
    if (text.length > 0) {
        memcpy(copy, text.data, text.length);
    }
    copy[text.length] = '\0';
    return (hg_text){copy, text.length};
}

/* Takes the escapes of JSON out; absent: no memory. */
static hg_text text_unescape(hg_request *request, hg_text raw)
{
    char *copy = request->engine->allocate(request->engine_request, raw.length + 1);
    size_t length;

    if (copy == NULL) {
        return (hg_text){0};
    }
    length = hgh_body_unescape(raw, copy);
    copy[length] = '\0';
    return (hg_text){copy, length};
}

static void tell(hg_request *request, uint8_t family, hg_log_level level, const char *format, ...)
    HG_PRINTF(4, 5);

/* Logs what is wrong, once for each family. */
static void tell(hg_request *request, uint8_t family, hg_log_level level, const char *format, ...)
{
    struct hgh_request_body *body = body_get(request);
    char line[HG_LOG_LINE_MAX];
    va_list arguments;

    if (body == NULL || (body->told & family) != 0) {
        return;
    }
    body->told |= family;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    hgh_request_log_line(request, level, "%s", line);
}

/* ----------------------------------------------------------------------------------- reading */

static bool is_type(hg_text type, hg_text wanted)
{
    return type.length >= wanted.length &&
           hg_text_equal_ignoring_case((hg_text){type.data, wanted.length}, wanted);
}

static bool is_json(hg_text type)
{
    return is_type(type, HG_TEXT("application/json"));
}

static bool is_form(hg_text type)
{
    return is_type(type, HG_TEXT("application/x-www-form-urlencoded"));
}

static bool is_parts(hg_text type)
{
    return is_type(type, HG_TEXT("multipart/form-data"));
}

/* As APISIX takes them: GraphQL is looked for in whatever is posted, but where it cannot stand. */
static bool type_fits(uint8_t family, hg_text method, hg_text type)
{
    switch (family) {
    case HGH_BODY_FORM:
        return is_form(type);
    case HGH_BODY_POST:
        return is_json(type) || is_form(type) || is_parts(type);
    default:
        return hg_text_equal(method, HG_TEXT("POST")) && !is_type(type, HG_TEXT("multipart/")) &&
               !is_type(type, HG_TEXT("application/grpc"));
    }
}

static uint64_t limit_of(const hg_request *request, uint8_t family)
{
    const hgh_body_limits *limits = &request->runtime->body_limits;
    uint64_t limit =
        family == HGH_BODY_GRAPHQL ? limits->graphql_max_bytes : limits->post_max_bytes;

    return limit == 0 || limit > HGH_BODY_BYTES_MAX ? HGH_BODY_BYTES_MAX : limit;
}

/* What can be said from the headers alone. */
static availability unread_is(hg_request *request, uint8_t family)
{
    const hgh_engine *engine = request->engine;
    hgh_engine_request *engine_request = request->engine_request;
    hg_text type = engine->header(engine_request, HG_TEXT("Content-Type"));
    hg_text length = engine->header(engine_request, HG_TEXT("Content-Length"));
    uint64_t bytes = 0;

    if (!type_fits(family, engine->method(engine_request), type)) {
        return IS_ABSENT;
    }
    for (size_t i = 0; i < length.length && bytes <= HGH_BODY_BYTES_MAX; i++) {
        bytes = bytes * 10 + (uint64_t)(length.data[i] - '0'); /* the engine has seen it */
    }
    if (length.length > 0 && bytes == 0) {
        return IS_ABSENT;
    }
    return bytes > limit_of(request, family) ? IS_TOO_LARGE : IS_UNREAD;
}

static bool is_unread(const hg_request *request)
{
    return request->body == NULL || request->body->state == BODY_UNREAD;
}

bool hgh_request_body_is_needed(hg_request *request, uint8_t families)
{
    if (!is_unread(request)) {
        return false;
    }
    for (uint8_t family = HGH_BODY_FORM; family <= HGH_BODY_GRAPHQL; family *= 2) {
        if ((families & family) != 0 && unread_is(request, family) == IS_UNREAD) {
            return true;
        }
    }
    return false;
}

/* What variables depend on is kept as the client sent it. */
static void body_keep(hg_request *request, struct hgh_request_body *body, body_state state)
{
    const hgh_engine *engine = request->engine;
    hgh_engine_request *engine_request = request->engine_request;

    body->state = (uint8_t)state;
    body->method = text_keep(request, engine->method(engine_request));
    body->content_type =
        text_keep(request, engine->header(engine_request, HG_TEXT("Content-Type")));
}

static void body_take(hg_request *request, struct hgh_request_body *body)
{
    uint64_t post_max = limit_of(request, HGH_BODY_POST);
    uint64_t graphql_max = limit_of(request, HGH_BODY_GRAPHQL);
    hg_status status = request->engine->body(
        request->engine_request, post_max > graphql_max ? post_max : graphql_max, &body->text);

    body->state = status == HG_OK || status == HG_ERR_TOO_LARGE ? BODY_READ : BODY_BROKEN;
    body->is_too_large = status == HG_ERR_TOO_LARGE;
}

void hgh_request_body_look(hg_request *request)
{
    struct hgh_request_body *body = is_unread(request) ? body_get(request) : NULL;

    if (body != NULL) {
        body_keep(request, body, BODY_READ);
        body_take(request, body);
    }
}

static void parked_count(const hg_request *request, bool more)
{
    _Atomic uint64_t *parked = &request->runtime->slot->requests_parked;

    if (more) {
        atomic_fetch_add_explicit(parked, 1, memory_order_relaxed);
    } else {
        atomic_fetch_sub_explicit(parked, 1, memory_order_relaxed);
    }
}

static void body_arrived(void *context, hg_status status)
{
    hg_request *request = context;

    if (!request->reading) {
        return; /* the client has gone meanwhile */
    }
    request->reading = false;
    parked_count(request, false);
    if (status == HG_OK) {
        body_take(request, request->body);
    } else { /* as the engine answers by itself when it finds that out later */
        request->body->state = BODY_BROKEN;
        if (status == HG_ERR_TOO_LARGE) {
            hgh_request_fail(request, 413, "413 Content Too Large");
        } else {
            hgh_request_fail(request, 400, "400 Bad Request");
        }
    }
    request->engine->resume(request->engine_request);
}

bool hgh_request_body_begin(hg_request *request)
{
    struct hgh_request_body *body = body_get(request);

    if (body == NULL) {
        hgh_request_fail(request, 500, "500 Internal Server Error");
        return false;
    }
    if (body->state != BODY_UNREAD) {
        return false;
    }
    body_keep(request, body, BODY_READING);
    request->reading = true;
    parked_count(request, true);
    request->engine->read_body(request->engine_request, body_arrived, request);
    return true;
}

void hgh_request_body_cancel(hg_request *request)
{
    if (request->body != NULL && request->body->state == BODY_READING) {
        request->body->state = BODY_BROKEN;
        parked_count(request, false);
    }
}

void hgh_request_body_was_read(hg_request *request, hg_status status, hg_text text)
{
    struct hgh_request_body *body;

    if (!is_unread(request) || status == HG_CANCELED) {
        return;
    }
    body = body_get(request);
    if (body != NULL) {
        body_keep(request, body, status == HG_OK ? BODY_READ : BODY_BROKEN);
        body->text = text;
    }
}

void hgh_request_body_was_replaced(hg_request *request)
{
    struct hgh_request_body *body = is_unread(request) ? body_get(request) : NULL;

    if (body != NULL) {
        body->state = BODY_REPLACED;
    }
}

void hgh_request_body_done(hg_request *request)
{
    hgh_body_tree_free(request->body->tree);
    hgh_graphql_done(&request->body->graphql);
}

/* ----------------------------------------------------------------------------- looking at it */

static const char *setting_of(uint8_t family)
{
    return family == HGH_BODY_GRAPHQL ? "graphql.max_size" : "apisix.max_post_args_readable_size";
}

static const char *noun_of(uint8_t family)
{
    return family == HGH_BODY_GRAPHQL ? "graphql" : "post_arg";
}

/* A variable whose body cannot be looked at: what that means is in the log. */
static availability too_large(hg_request *request, uint8_t family)
{
    tell(request, family, family == HGH_BODY_GRAPHQL ? HG_LOG_ERROR : HG_LOG_WARN,
         "%s: the request's body is larger than %s, %llu bytes: what is in it is not known",
         noun_of(family), setting_of(family), (unsigned long long)limit_of(request, family));
    return IS_UNKNOWN;
}

static availability variable_is(hg_request *request, uint8_t family)
{
    const struct hgh_request_body *body = request->body;
    availability is;

    if (is_unread(request) || body->state == BODY_READING) {
        is = unread_is(request, family);
        return is == IS_TOO_LARGE ? too_large(request, family) : is;
    }
    if (body->state == BODY_REPLACED || !type_fits(family, body->method, body->content_type)) {
        return IS_ABSENT;
    }
    if (body->state == BODY_BROKEN) {
        return IS_UNKNOWN;
    }
    if (body->is_too_large || body->text.length > limit_of(request, family)) {
        return too_large(request, family);
    }
    return body->text.length == 0 ? IS_ABSENT : IS_READY;
}

/* The body as a tree, made once; NULL: it cannot be looked at so, `tree_status` says why. */
static const hgh_body_tree *tree_get(hg_request *request, uint8_t family)
{
    struct hgh_request_body *body = request->body;
    hg_error err = HG_ERROR_INIT;

    if (body->has_tree_status) {
        return body->tree;
    }
    body->has_tree_status = true;
    if (is_json(body->content_type)) {
        body->tree_status = hgh_body_tree_of_json(body->text, &body->tree, &err);
    } else if (is_form(body->content_type)) {
        body->tree_status = hgh_body_tree_of_form(body->text, &body->tree, &err);
    } else {
        body->tree_status =
            hgh_body_tree_of_parts(body->text, body->content_type, &body->tree, &err);
    }
    if (body->tree_status == HG_ERR_INVALID) {
        tell(request, family, family == HGH_BODY_GRAPHQL ? HG_LOG_ERROR : HG_LOG_WARN,
             "%s: the request's body is %s", noun_of(family), err.text);
    } else if (body->tree_status != HG_OK) {
        tell(request, family, family == HGH_BODY_GRAPHQL ? HG_LOG_ERROR : HG_LOG_WARN,
             "%s: the request's body has too many values or too many within one another: what is "
             "in it is not known",
             noun_of(family));
    }
    return body->tree;
}

static hgh_variable_kind kind_without(hg_status status)
{
    return status == HG_ERR_INVALID ? HGH_VARIABLE_ABSENT : HGH_VARIABLE_UNKNOWN;
}

static hgh_variable variable_text(hg_text text)
{
    return (hgh_variable){.kind = text.data == NULL ? HGH_VARIABLE_UNKNOWN : HGH_VARIABLE_TEXT,
                          .text = text};
}

static hgh_variable variable_number(hg_request *request, hg_text raw)
{
    char buffer[HGH_BODY_NUMBER_MAX];
    hgh_variable variable = {.kind = HGH_VARIABLE_NUMBER};

    variable.text = hgh_body_number_text(raw, buffer, &variable.number);
    if (variable.text.data == buffer) {
        variable.text = text_keep(request, variable.text);
    }
    return variable.text.data == NULL ? variable_text(variable.text) : variable;
}

/* A container inside a list is there, and equals nothing. */
static hgh_variable
variable_of_value(hg_request *request, const hgh_body_tree *tree, const hgh_body_value *value)
{
    hg_text raw = hgh_body_tree_raw(tree, value);

    switch ((hgh_value_kind)value->kind) {
    case HGH_VALUE_NULL:
        break;
    case HGH_VALUE_FALSE:
        return (hgh_variable){.kind = HGH_VARIABLE_BOOLEAN, .text = HG_TEXT("false")};
    case HGH_VALUE_TRUE:
        return (hgh_variable){.kind = HGH_VARIABLE_BOOLEAN, .text = HG_TEXT("true")};
    case HGH_VALUE_NUMBER:
        return variable_number(request, raw);
    case HGH_VALUE_TEXT:
        return variable_text(value->text_escaped ? text_unescape(request, raw) : raw);
    case HGH_VALUE_BARE:
        return (hgh_variable){.kind = HGH_VARIABLE_TRUE, .text = HG_TEXT("")};
    case HGH_VALUE_ARRAY:
    case HGH_VALUE_OBJECT:
        return (hgh_variable){.kind = HGH_VARIABLE_LIST};
    }
    return (hgh_variable){.kind = HGH_VARIABLE_ABSENT};
}

/* Memory for the items of a list; NULL: there are too many, or there is none. */
static hgh_variable *items_allocate(hg_request *request, uint8_t family, size_t count)
{
    if (count > ITEMS_MAX) {
        tell(request, family, HG_LOG_WARN,
             "%s: a variable has more than %u values: what is in it is not known", noun_of(family),
             ITEMS_MAX);
        return NULL;
    }
    return request->engine->allocate(request->engine_request, (count + 1) * sizeof(hgh_variable));
}

static hgh_variable variable_of_places(hg_request *request, const uint32_t *places, size_t count)
{
    const hgh_body_tree *tree = request->body->tree;
    hgh_variable *items = items_allocate(request, HGH_BODY_POST, count);

    if (items == NULL) {
        return (hgh_variable){.kind = HGH_VARIABLE_UNKNOWN};
    }
    for (size_t i = 0; i < count; i++) {
        items[i] = variable_of_value(request, tree, &tree->values[places[i]]);
    }
    return (hgh_variable){.kind = HGH_VARIABLE_LIST, .items = items, .item_count = count};
}

static hgh_variable variable_of_array(hg_request *request, uint32_t array)
{
    const hgh_body_tree *tree = request->body->tree;
    size_t count = tree->values[array].length;
    hgh_variable *items = items_allocate(request, HGH_BODY_POST, count);
    uint32_t place = array + 1;

    if (items == NULL) {
        return (hgh_variable){.kind = HGH_VARIABLE_UNKNOWN};
    }
    for (size_t i = 0; i < count; i++) {
        items[i] = variable_of_value(request, tree, &tree->values[place]);
        place = tree->values[place].end;
    }
    return (hgh_variable){.kind = HGH_VARIABLE_LIST, .items = items, .item_count = count};
}

/* The first value of a field of a form. */
static hgh_variable find_form(hg_request *request, hg_text name)
{
    const hgh_body_tree *tree = tree_get(request, HGH_BODY_FORM);
    uint32_t place;

    if (tree == NULL) {
        return (hgh_variable){.kind = kind_without(request->body->tree_status)};
    }
    place = hgh_body_tree_member(tree, HGH_BODY_ROOT, name);
    if (place == HGH_BODY_NOTHING) {
        return (hgh_variable){.kind = HGH_VARIABLE_ABSENT};
    }
    place += tree->values[place].kind == HGH_VALUE_ARRAY;
    return variable_of_value(request, tree, &tree->values[place]);
}

/* Where a path leads; false: nowhere, and out_variable says what that means. */
static bool path_follow(hg_request *request,
                        hg_text text,
                        bool *out_is_query,
                        uint32_t **out_places,
                        size_t *out_count,
                        hgh_variable *out_variable)
{
    const hgh_body_tree *tree = tree_get(request, HGH_BODY_POST);
    hgh_body_path *path;
    hg_status status = HG_ERR_NO_MEMORY;

    if (tree == NULL) {
        out_variable->kind = kind_without(request->body->tree_status);
        return false;
    }
    path = malloc(sizeof(*path)); /* too large for the stack of a coroutine */
    if (path != NULL) {
        status = hgh_body_path_parse(text, path, NULL);
        *out_is_query = path->is_query;
    }
    if (status == HG_OK) {
        status = hgh_body_path_find(path, tree, out_places, out_count);
    }
    free(path);
    out_variable->kind = status == HG_OK ? HGH_VARIABLE_ABSENT : kind_without(status);
    return status == HG_OK && *out_count > 0;
}

static hgh_variable find_post(hg_request *request, hg_text text)
{
    hgh_variable variable = {.kind = HGH_VARIABLE_ABSENT};
    const hgh_body_value *value;
    uint32_t *places = NULL;
    size_t count = 0;
    bool is_query = false;

    if (!path_follow(request, text, &is_query, &places, &count, &variable)) {
        return variable;
    }
    value = &request->body->tree->values[places[0]];
    if (is_query) {
        variable = variable_of_places(request, places, count);
    } else if (value->kind == HGH_VALUE_ARRAY) {
        variable = variable_of_array(request, places[0]);
    } else {
        variable = variable_of_value(request, request->body->tree, value);
    }
    free(places);
    return variable;
}

/* ----------------------------------------------------------------------------------- GraphQL */

/* The document of a request; absent: none, `graphql_status` says what that means. */
static hg_text document_find(hg_request *request)
{
    struct hgh_request_body *body = request->body;
    const hgh_body_tree *tree;
    const hgh_body_value *value;
    uint32_t place;

    if (!is_json(body->content_type)) {
        return body->text;
    }
    tree = tree_get(request, HGH_BODY_GRAPHQL);
    body->graphql_status = body->tree_status;
    if (tree == NULL) {
        return (hg_text){0};
    }
    place = hgh_body_tree_member(tree, HGH_BODY_ROOT, HG_TEXT("query"));
    value = place == HGH_BODY_NOTHING ? NULL : &tree->values[place];
    if (value == NULL || value->kind != HGH_VALUE_TEXT) {
        body->graphql_status = HG_ERR_INVALID;
        tell(request, HGH_BODY_GRAPHQL, HG_LOG_ERROR,
             "failed to read graphql data, json body[query] is nil");
        return (hg_text){0};
    }
    return value->text_escaped ? text_unescape(request, hgh_body_tree_raw(tree, value))
                               : hgh_body_tree_raw(tree, value);
}

static void document_parse(hg_request *request, hg_text document)
{
    struct hgh_request_body *body = request->body;
    hg_error err = HG_ERROR_INIT;

    body->graphql_status = document.length > limit_of(request, HGH_BODY_GRAPHQL)
                               ? HG_ERR_TOO_LARGE
                               : hgh_graphql_parse(document, &body->graphql, &err);
    if (body->graphql_status == HG_ERR_TOO_LARGE && err.text[0] == '\0') {
        (void)too_large(request, HGH_BODY_GRAPHQL);
    } else if (body->graphql_status != HG_OK) {
        tell(request, HGH_BODY_GRAPHQL, HG_LOG_ERROR, "failed to parse graphql: %s", err.text);
    } else if (body->graphql.has_more) {
        tell(request, HGH_BODY_GRAPHQL, HG_LOG_WARN,
             "Multiple operations are not supported. Only the first one is handled");
    }
}

static hgh_variable graphql_fields(hg_request *request, const hgh_graphql *graphql)
{
    hgh_variable *items = items_allocate(request, HGH_BODY_GRAPHQL, graphql->field_count);

    if (items == NULL) {
        return (hgh_variable){.kind = HGH_VARIABLE_UNKNOWN};
    }
    for (size_t i = 0; i < graphql->field_count; i++) {
        items[i] = (hgh_variable){.kind = HGH_VARIABLE_TEXT, .text = graphql->fields[i]};
    }
    return (hgh_variable){
        .kind = HGH_VARIABLE_LIST, .items = items, .item_count = graphql->field_count};
}

/* `document`: of a GET; absent: it is in the body. */
static hgh_variable find_graphql(hg_request *request, hg_text name, hg_text document)
{
    struct hgh_request_body *body = request->body;
    const hgh_graphql *graphql = &body->graphql;

    if (!body->has_graphql_status) {
        body->has_graphql_status = true;
        document = document.data == NULL ? document_find(request) : document;
        if (document.data != NULL) {
            document_parse(request, document);
        } else if (body->graphql_status == HG_OK) {
            body->graphql_status = HG_ERR_NO_MEMORY;
        }
    }
    if (body->graphql_status != HG_OK) {
        return (hgh_variable){.kind = kind_without(body->graphql_status)};
    }
    if (hg_text_equal(name, HG_TEXT("graphql_name"))) {
        return variable_text(graphql->name);
    }
    if (hg_text_equal(name, HG_TEXT("graphql_operation"))) {
        return variable_text(graphql->operation);
    }
    return graphql_fields(request, graphql);
}

/* --------------------------------------------------------------------------------- variables */

static hg_text behind_prefix(hg_text name)
{
    size_t length = sizeof(POST_PREFIX) - 1; /* as long as the other one */

    return (hg_text){name.data + length, name.length - length};
}

/* Of a request whose body need not be read: GraphQL stands in its arguments. */
static hg_text document_of_get(hg_request *request, uint8_t family)
{
    return family == HGH_BODY_GRAPHQL && is_unread(request) &&
                   hg_text_equal(request->engine->method(request->engine_request), HG_TEXT("GET"))
               ? hgh_request_argument(request, HG_TEXT("query"))
               : (hg_text){0};
}

static const found_variable *found_find(const hg_request *request, hg_text name)
{
    const found_variable *found = request->body == NULL ? NULL : request->body->found;

    while (found != NULL && !hg_text_equal(found->name, name)) {
        found = found->next;
    }
    return found;
}

/* Without memory it is looked for again. */
static void found_keep(hg_request *request, hg_text name, const hgh_variable *value)
{
    found_variable *found = request->engine->allocate(request->engine_request, sizeof(*found));

    if (found == NULL) {
        return;
    }
    *found = (found_variable){.next = request->body->found, .value = *value};
    found->name = text_keep(request, name); /* the caller's may go while the request is parked */
    if (found->name.data != NULL) {
        request->body->found = found;
    }
}

hgh_variable hgh_request_body_variable(hg_request *request, uint8_t family, hg_text name)
{
    hgh_variable variable = {.kind = HGH_VARIABLE_ABSENT};
    const found_variable *found = found_find(request, name);
    hg_text document;

    if (found != NULL) {
        return found->value;
    }
    document = document_of_get(request, family);
    switch (document.data != NULL ? IS_READY : variable_is(request, family)) {
    case IS_ABSENT:
    case IS_TOO_LARGE:
        return variable;
    case IS_UNREAD:
        request->body_asked = true;
        return variable;
    case IS_UNKNOWN:
        variable.kind = HGH_VARIABLE_UNKNOWN;
        return variable;
    case IS_READY:
        break;
    }
    if (body_get(request) == NULL) {
        variable.kind = HGH_VARIABLE_UNKNOWN;
        return variable;
    }
    if (family == HGH_BODY_FORM) {
        variable = find_form(request, behind_prefix(name));
    } else if (family == HGH_BODY_POST) {
        variable = find_post(request, behind_prefix(name));
    } else {
        variable = find_graphql(request, name, document);
    }
    found_keep(request, name, &variable);
    return variable;
}

/* A list of names, which need no escapes. */
static void names_write(const hgh_variable *list, hgh_text_builder *out)
{
    hgh_text_builder_add(out, HG_TEXT("["));
    for (size_t i = 0; i < list->item_count; i++) {
        hgh_text_builder_add(out, i == 0 ? HG_TEXT("\"") : HG_TEXT(",\""));
        hgh_text_builder_add(out, list->items[i].text);
        hgh_text_builder_add(out, HG_TEXT("\""));
    }
    hgh_text_builder_add(out, HG_TEXT("]"));
}

static hg_text
list_text(hg_request *request, uint8_t family, hg_text name, const hgh_variable *list)
{
    hgh_text_builder builder = {.max = TEXT_MAX};
    hgh_variable ignored;
    uint32_t *places = NULL;
    size_t count = 0;
    bool is_query = false;
    hg_text text = {0};

    if (family == HGH_BODY_GRAPHQL) {
        names_write(list, &builder);
    } else if (path_follow(request, behind_prefix(name), &is_query, &places, &count, &ignored)) {
        hgh_body_tree_write(request->body->tree, places, count, is_query, &builder);
    }
    if (!builder.is_cut) {
        text = text_keep(request, (hg_text){hgh_text_builder_string(&builder), builder.length});
    }
    free(places);
    hgh_text_builder_done(&builder);
    return text;
}

hg_text hgh_request_body_text(hg_request *request, uint8_t family, hg_text name)
{
    hgh_variable variable = hgh_request_body_variable(request, family, name);

    switch (variable.kind) {
    case HGH_VARIABLE_ABSENT:
    case HGH_VARIABLE_UNKNOWN:
        return (hg_text){0};
    case HGH_VARIABLE_LIST:
        return list_text(request, family, name, &variable);
    case HGH_VARIABLE_TEXT:
    case HGH_VARIABLE_TRUE:
    case HGH_VARIABLE_NUMBER:
    case HGH_VARIABLE_BOOLEAN:
        break;
    }
    return text_keep(request, variable.text);
}
