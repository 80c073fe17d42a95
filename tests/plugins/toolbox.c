/* tests/plugins/toolbox.c - expressions, schemas, random numbers, clients, shares: one a request.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotgate/plugin.h>

typedef struct toolbox {
    const hg_expression *when; /* NULL: always */
    const json_t *schema;
} toolbox;

static const hg_field fields[] = {
    HG_EXPRESSION(toolbox, when, "when", .summary = "Conditions."),
    HG_JSON(toolbox, schema, "schema"),
    HG_FIELDS_END,
};

static hg_dict *shares; /* of init(), as is the next */
static hg_dict *values;

static hg_status on_init(const void *attributes, hg_error *err)
{
    hg_dict_options options = HG_DICT_OPTIONS_INIT;
    hg_status status;

    (void)attributes;
    options.entries = 8;
    status = hg_dict_open("shares", &options, &shares, err);
    return status == HG_OK ? hg_dict_open("values", &options, &values, err) : status;
}

static void try_schema(hg_request *request, const toolbox *own)
{
    hg_schema *schema = NULL;
    hg_error err = HG_ERROR_INIT;
    json_t *value = json_loads("{\"a\": 1}", 0, NULL);
    char *text;

    if (hg_schema_compile(own->schema, &schema, &err) != HG_OK) {
        hg_log(request, HG_LOG_NOTICE, "schema refused: %s", err.text);
        json_decref(value);
        return;
    }
    if (hg_schema_validate(schema, value, &err)) {
        (void)hg_schema_fill_defaults(schema, value);
        text = json_dumps(value, JSON_COMPACT);
        hg_log(request, HG_LOG_NOTICE, "schema kept: %s", text);
        free(text);
    } else {
        hg_log(request, HG_LOG_NOTICE, "schema broken: %s", err.text);
    }
    hg_schema_free(schema);
    json_decref(value);
}

/* Bytes differ from those before, and numbers stay below their limit. */
static void try_random(hg_request *request)
{
    unsigned char before[700] = {0};
    unsigned char after[700];
    uint64_t seen = 0;
    bool below = true;

    hg_random_bytes(after, 16);
    hg_random_bytes(before, 16);
    hg_log(request, HG_LOG_NOTICE, "random: %s", memcmp(before, after, 16) == 0 ? "same" : "new");
    hg_random_bytes(after, sizeof(after));
    hg_random_bytes(before, sizeof(before));
    hg_log(request, HG_LOG_NOTICE, "much random: %s",
           memcmp(before, after, sizeof(before)) == 0 ? "same" : "new");
    for (int i = 0; i < 1000; i++) {
        uint64_t number = hg_random_below(6);

        below = below && number < 6;
        seen |= (uint64_t)1 << (number & 63);
    }
    hg_log(request, HG_LOG_NOTICE, "dice: %s %llx, of none %d", below ? "below" : "above",
           (unsigned long long)seen, (int)hg_random_below(0));
}

static void try_shares(hg_request *request)
{
    int64_t sum = 0;
    int64_t value = 0;

    (void)hg_dict_hold(shares, HG_TEXT("a"), 2, &sum);
    (void)hg_dict_hold(shares, HG_TEXT("a"), -1, &sum);
    hg_log(request, HG_LOG_NOTICE, "held: %d", (int)sum);
    hg_log(request, HG_LOG_NOTICE, "replace -> %d",
           (int)hg_dict_replace(values, HG_TEXT("a"), 0, 5, 100));
    hg_log(request, HG_LOG_NOTICE, "replace again -> %d",
           (int)hg_dict_replace(values, HG_TEXT("a"), 0, 6, 100));
    (void)hg_dict_get(values, HG_TEXT("a"), &value, NULL);
    hg_log(request, HG_LOG_NOTICE, "value: %d", (int)value);
    hg_log(request, HG_LOG_NOTICE, "clock: %d", hg_clock_ms() == hg_now_ms());
}

static void try_client(hg_request *request)
{
    hg_address address = {.family = HG_ADDRESS_NONE};

    hg_log(request, HG_LOG_NOTICE, "no client -> %d",
           (int)hg_request_set_client_address(request, &address));
    (void)hg_address_parse(HG_TEXT("2001:db8::7"), &address);
    address.port = 77;
    hg_log(request, HG_LOG_NOTICE, "client -> %d",
           (int)hg_request_set_client_address(request, &address));
    hg_log(request, HG_LOG_NOTICE, "client is %s port %s, %s",
           hg_request_variable(request, HG_TEXT("remote_addr")).data,
           hg_request_variable(request, HG_TEXT("remote_port")).data,
           hg_request_client_address(request)->family == HG_ADDRESS_IPV6 ? "6" : "4");
}

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    const toolbox *own = config;

    hg_log(request, HG_LOG_NOTICE, "holds: %d", hg_expression_holds(request, own->when));
    if (own->schema != NULL) {
        try_schema(request, own);
    }
    try_random(request);
    try_shares(request);
    try_client(request);
    (void)hg_request_set_uri(request, HG_TEXT("/changed"));
    (void)hg_request_set_arguments(request, HG_TEXT("changed=1"));
    if (hg_text_is_present(hg_request_argument(request, HG_TEXT("changed")))) {
        hg_log(request, HG_LOG_NOTICE, "restored -> %d", (int)hg_request_restore_uri(request));
    }
    hg_log(request, HG_LOG_NOTICE, "limit -> %d", (int)hg_request_limit_body(request, 4));
    return HG_NEXT;
}

static void on_log(hg_request *request, const void *config)
{
    const hg_address *client = hg_request_client_address(request);

    (void)config;
    hg_log(request, HG_LOG_NOTICE, "too late: %d %d %d",
           (int)hg_request_set_client_address(request, client),
           (int)hg_request_restore_uri(request), (int)hg_request_limit_body(request, 1));
}

HG_PLUGIN("toolbox",
          "1.0.0",
          .summary = "Tries what is offered to every plugin.",
          .priority = 40,
          .config = HG_CONFIG(toolbox, fields),
          .init = on_init,
          .rewrite = on_rewrite,
          .log = on_log);
