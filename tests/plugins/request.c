/* tests/plugins/request.c - does to a request what its configuration says, and logs what came. */
#include <string.h>

#include <hotgate/plugin.h>

typedef struct action {
    int32_t phase;
    hg_text call;
    hg_text name;
    hg_text value;
} action;

typedef struct request_config {
    hg_list actions;
} request_config;

typedef struct request_data {
    int64_t phases; /* how many phases this request has been through */
} request_data;

static const hg_field action_fields[] = {
    HG_ENUM(action,
            phase,
            "phase",
            .initial = "rewrite",
            .names = {"rewrite", "access", "before_proxy", "header_filter", "log"}),
    HG_STRING(action, call, "call", .required = true),
    HG_STRING(action, name, "name"),
    HG_STRING(action, value, "value"),
    HG_FIELDS_END,
};
static const hg_field action_item = HG_ITEM_OBJECT(action, action_fields);
static const hg_field request_fields[] = {
    HG_LIST(request_config, actions, "actions", &action_item),
    HG_FIELDS_END,
};

static hg_text get_method(hg_request *request, hg_text name)
{
    (void)name;
    return hg_request_method(request);
}

static hg_text get_scheme(hg_request *request, hg_text name)
{
    (void)name;
    return hg_request_scheme(request);
}

static hg_text get_host(hg_request *request, hg_text name)
{
    (void)name;
    return hg_request_host(request);
}

static hg_text get_uri(hg_request *request, hg_text name)
{
    (void)name;
    return hg_request_uri(request);
}

static hg_text get_raw_uri(hg_request *request, hg_text name)
{
    (void)name;
    return hg_request_raw_uri(request);
}

static hg_text get_arguments(hg_request *request, hg_text name)
{
    (void)name;
    return hg_request_arguments(request);
}

static hg_text get_route_id(hg_request *request, hg_text name)
{
    (void)name;
    return hg_request_object(request, HG_OBJECT_ROUTE_ID);
}

static hg_text get_client(hg_request *request, hg_text name)
{
    char *text = hg_request_allocate(request, 64);
    hg_text none = {NULL, 0};

    (void)name;
    if (text == NULL) {
        return none;
    }
    return (hg_text){text, hg_address_format(hg_request_client_address(request), text, 64)};
}

static hg_text get_data(hg_request *request, hg_text name)
{
    static const char digits[] = "0123456789";
    const request_data *data = hg_request_data(request);

    (void)name;
    return (hg_text){&digits[data->phases % 10], 1};
}

static hg_text get_header_count(hg_request *request, hg_text name)
{
    static const char digits[] = "0123456789";
    hg_header header;
    size_t count = 0;

    (void)name;
    while (hg_request_header_at(request, count, &header)) {
        count++;
    }
    return (hg_text){&digits[count % 10], 1};
}

static const struct {
    const char *call;
    hg_text (*get)(hg_request *request, hg_text name);
} getters[] = {
    {"method", get_method},
    {"scheme", get_scheme},
    {"host", get_host},
    {"uri", get_uri},
    {"raw_uri", get_raw_uri},
    {"arguments", get_arguments},
    {"argument", hg_request_argument},
    {"header", hg_request_header},
    {"header_count", get_header_count},
    {"cookie", hg_request_cookie},
    {"variable", hg_request_variable},
    {"client", get_client},
    {"route_id", get_route_id},
    {"data", get_data},
};

static hg_status set_method(hg_request *request, hg_text name, hg_text value)
{
    (void)name;
    return hg_request_set_method(request, value);
}

static hg_status set_uri(hg_request *request, hg_text name, hg_text value)
{
    (void)name;
    return hg_request_set_uri(request, value);
}

static hg_status set_arguments(hg_request *request, hg_text name, hg_text value)
{
    (void)name;
    return hg_request_set_arguments(request, value);
}

static hg_status remove_header(hg_request *request, hg_text name, hg_text value)
{
    (void)value;
    return hg_request_remove_header(request, name);
}

static hg_status remove_argument(hg_request *request, hg_text name, hg_text value)
{
    (void)value;
    return hg_request_remove_argument(request, name);
}

static hg_status remove_cookie(hg_request *request, hg_text name, hg_text value)
{
    (void)value;
    return hg_request_remove_cookie(request, name);
}

static hg_status set_body(hg_request *request, hg_text name, hg_text value)
{
    (void)name;
    return hg_request_set_body(request, value.data, value.length);
}

static hg_status set_upstream_host(hg_request *request, hg_text name, hg_text value)
{
    (void)name;
    return hg_request_set_upstream_host(request, value);
}

static const struct {
    const char *call;
    hg_status (*set)(hg_request *request, hg_text name, hg_text value);
} setters[] = {
    {"set_method", set_method},
    {"set_uri", set_uri},
    {"set_arguments", set_arguments},
    {"set_header", hg_request_set_header},
    {"add_header", hg_request_add_header},
    {"remove_header", remove_header},
    {"remove_argument", remove_argument},
    {"remove_cookie", remove_cookie},
    {"set_body", set_body},
    {"set_upstream_host", set_upstream_host},
    {"set_response_header", hg_response_set_header},
};

static void action_run(hg_request *request, const action *todo)
{
    for (size_t i = 0; i < sizeof(getters) / sizeof(getters[0]); i++) {
        if (strcmp(getters[i].call, todo->call.data) == 0) {
            hg_text value = getters[i].get(request, todo->name);

            hg_log(request, HG_LOG_NOTICE, "%s=%.*s", todo->call.data, (int)value.length,
                   value.data == NULL ? "" : value.data);
            if (value.data == NULL) {
                hg_log(request, HG_LOG_NOTICE, "%s is absent", todo->call.data);
            }
        }
    }
    for (size_t i = 0; i < sizeof(setters) / sizeof(setters[0]); i++) {
        if (strcmp(setters[i].call, todo->call.data) == 0) {
            hg_log(request, HG_LOG_NOTICE, "%s -> %d", todo->call.data,
                   (int)setters[i].set(request, todo->name, todo->value));
        }
    }
}

static void phase_run(hg_request *request, const void *config, int32_t phase)
{
    const request_config *own = config;
    const action *actions = own->actions.items;
    request_data *data = hg_request_data(request);

    data->phases++;
    for (size_t i = 0; i < own->actions.count; i++) {
        if (actions[i].phase == phase) {
            action_run(request, &actions[i]);
        }
    }
}

static hg_verdict request_rewrite(hg_request *request, const void *config)
{
    phase_run(request, config, 0);
    return HG_NEXT;
}

static hg_verdict request_access(hg_request *request, const void *config)
{
    phase_run(request, config, 1);
    return HG_NEXT;
}

static hg_verdict request_before_proxy(hg_request *request, const void *config)
{
    phase_run(request, config, 2);
    return HG_NEXT;
}

static void request_header_filter(hg_request *request, const void *config)
{
    phase_run(request, config, 3);
}

static void request_log(hg_request *request, const void *config)
{
    phase_run(request, config, 4);
}

HG_PLUGIN("request",
          "1.0.0",
          .summary = "Reads and changes a request as its configuration says.",
          .priority = 50,
          .config = HG_CONFIG(request_config, request_fields),
          .request_size = (uint32_t)sizeof(request_data),
          .rewrite = request_rewrite,
          .access = request_access,
          .before_proxy = request_before_proxy,
          .header_filter = request_header_filter,
          .log = request_log);
