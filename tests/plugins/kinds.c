/* tests/plugins/kinds.c - one field of every kind; answers with what it decoded. */
#include <string.h>

#include <hotgate/plugin.h>

typedef struct nested {
    int64_t depth;
} nested;

typedef struct kinds_config {
    bool flag;
    int64_t count;
    double ratio;
    hg_text name;
    hg_text password;
    int32_t color;
    int64_t wait_ms;
    int64_t size;
    const hg_cidrs *networks;
    const hg_regex *pattern;
    const hg_template *greeting;
    hg_list list;
    nested object;
    hg_map map;
    const json_t *json;
    bool has_count;
} kinds_config;

typedef struct kinds_attributes {
    int64_t limit;
} kinds_attributes;

static const hg_field nested_fields[] = {
    HG_INT(nested, depth, "depth", .initial = "3"),
    HG_FIELDS_END,
};
static const hg_field text_item = HG_ITEM(HG_KIND_STRING, hg_text, .min_length = 1);
static const hg_field number_item = HG_ITEM(HG_KIND_INT, int64_t);
static const hg_field kinds_fields[] = {
    HG_BOOL(kinds_config, flag, "flag", .initial = "true"),
    HG_INT(kinds_config,
           count,
           "count",
           .presence = HG_PRESENCE(kinds_config, has_count),
           .min = 1,
           .max = 9),
    HG_NUMBER(kinds_config, ratio, "ratio", .initial = "0.5", .max = 1),
    HG_STRING(kinds_config, name, "name", .initial = "nobody", .max_length = 10),
    HG_SECRET(kinds_config, password, "password"),
    HG_ENUM(kinds_config, color, "color", .initial = "red", .names = {"red", "green"}),
    HG_DURATION(kinds_config, wait_ms, "wait", .initial = "2s"),
    HG_BYTES(kinds_config, size, "size", .initial = "4k"),
    HG_CIDRS(kinds_config, networks, "networks", .initial = "[\"10.0.0.0/8\"]"),
    HG_REGEX(kinds_config, pattern, "pattern", .initial = "^/k(.*)$"),
    HG_TEMPLATE(kinds_config, greeting, "greeting", .initial = "hello ${arg_who ?? you}"),
    HG_LIST(kinds_config, list, "list", &text_item, .unique = true),
    HG_OBJECT(kinds_config, object, nested, "object", nested_fields),
    HG_MAP(kinds_config, map, "map", &number_item),
    HG_JSON(kinds_config, json, "json"),
    HG_RULE(HG_REQUIRES, "password", "name"),
    HG_FIELDS_END,
};
static const hg_field attribute_fields[] = {
    HG_INT(kinds_attributes, limit, "limit", .min = 1, .initial = "7"),
    HG_FIELDS_END,
};

static int64_t limit; /* of the attributes; set in init() */

static hg_status kinds_init(const void *attributes, hg_error *err)
{
    const kinds_attributes *own = attributes;

    if (own->limit == 13) {
        return hg_error_set(err, HG_ERR_INVALID, "13 brings bad luck");
    }
    limit = own->limit;
    return HG_OK;
}

static hg_status kinds_check(const void *config, const hg_config_source *source, hg_issues *issues)
{
    const kinds_config *own = config;

    (void)source;
    if (own->count == 4) {
        hg_issues_add(issues, "/count", "4", "any other number");
    }
    return HG_OK;
}

static hg_verdict kinds_access(hg_request *request, const void *config)
{
    const kinds_config *own = config;
    const hg_config_source *source = hg_request_config_source(request);
    hg_text captures[2] = {{NULL, 0}, {NULL, 0}};
    int32_t captured = hg_regex_match(own->pattern, hg_request_uri(request), captures, 2);
    hg_text greeting = hg_template_render(request, own->greeting);
    const hg_text *texts = own->list.items;
    const int64_t *numbers = own->map.values;
    hg_verdict verdict;
    json_t *body = json_pack(
        "{s:b, s:I, s:b, s:f, s:s, s:s*, s:i, s:I, s:I, s:b, s:i, s:o*, s:s, s:s, s:I, s:s, s:I, "
        "s:O*, s:I, s:s, s:s}",
        "flag", own->flag, "count", (json_int_t)own->count, "has_count", own->has_count, "ratio",
        own->ratio, "name", own->name.data, "password", own->password.data, "color", own->color,
        "wait_ms", (json_int_t)own->wait_ms, "size", (json_int_t)own->size, "known",
        hg_cidrs_contain(own->networks, hg_request_client_address(request)), "captured", captured,
        "capture",
        captures[1].data == NULL ? NULL : json_stringn(captures[1].data, captures[1].length),
        "greeting", greeting.data, "first", own->list.count == 0 ? "" : texts[0].data, "depth",
        (json_int_t)own->object.depth, "key", own->map.count == 0 ? "" : own->map.keys[0].data,
        "value", (json_int_t)(own->map.count == 0 ? 0 : numbers[0]), "json", own->json, "limit",
        (json_int_t)limit, "resource", source->resource.data, "id", source->id.data);

    verdict = hg_exit_json(request, 200, body);
    json_decref(body);
    return verdict;
}

HG_PLUGIN("kinds",
          "1.0.0",
          .summary = "Has a field of every kind.",
          .priority = 10,
          .config = HG_CONFIG(kinds_config, kinds_fields),
          .attributes = HG_CONFIG(kinds_attributes, attribute_fields),
          .init = kinds_init,
          .check = kinds_check,
          .access = kinds_access);
