/* host/core/field.c - one field of a table, as the plugin was built. */
#include "host/core/field.h"

#include <string.h>

static const char *const kind_names[] = {
    [HG_KIND_BOOL] = "boolean",
    [HG_KIND_INT] = "integer",
    [HG_KIND_NUMBER] = "number",
    [HG_KIND_STRING] = "string",
    [HG_KIND_SECRET] = "secret",
    [HG_KIND_ENUM] = "enum",
    [HG_KIND_DURATION] = "duration",
    [HG_KIND_BYTES] = "bytes",
    [HG_KIND_CIDRS] = "list of networks",
    [HG_KIND_REGEX] = "regular expression",
    [HG_KIND_TEMPLATE] = "template",
    [HG_KIND_LIST] = "list",
    [HG_KIND_OBJECT] = "object",
    [HG_KIND_MAP] = "map",
    [HG_KIND_JSON] = "JSON",
    [HG_KIND_EXPRESSION] = "expression",
};

void hgh_field_copy(const hg_field *from, uint32_t stride, hg_field *out_field)
{
    memset(out_field, 0, sizeof(*out_field));
    memcpy(out_field, from, stride < sizeof(*out_field) ? stride : sizeof(*out_field));
}

bool hgh_field_read(hgh_fields table, size_t i, hg_field *out_field)
{
    const char *at = (const char *)table.first + i * table.stride;

    if (i >= HGH_FIELDS_MAX) {
        return false;
    }
    memset(out_field, 0, sizeof(*out_field));
    memcpy(out_field, at, table.stride < sizeof(*out_field) ? table.stride : sizeof(*out_field));
    return out_field->kind != HG_KIND_END;
}

bool hgh_field_find(hgh_fields table, const char *name, hg_field *out_field)
{
    for (size_t i = 0; hgh_field_read(table, i, out_field); i++) {
        if (out_field->kind != HG_KIND_RULE && out_field->name != NULL &&
            strcmp(out_field->name, name) == 0) {
            return true;
        }
    }
    return false;
}

const char *hgh_field_kind_name(int32_t kind)
{
    if (kind < 0 || (size_t)kind >= sizeof(kind_names) / sizeof(kind_names[0])) {
        return NULL;
    }
    return kind_names[kind];
}

bool hgh_field_is_text(int32_t kind)
{
    return kind == HG_KIND_STRING || kind == HG_KIND_SECRET || kind == HG_KIND_ENUM ||
           kind == HG_KIND_REGEX || kind == HG_KIND_TEMPLATE;
}

json_t *hgh_field_json(const hg_field *field, const char *text)
{
    json_t *value;

    if (hgh_field_is_text(field->kind)) {
        return json_string(text);
    }
    value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    if (value == NULL && (field->kind == HG_KIND_DURATION || field->kind == HG_KIND_BYTES)) {
        value = json_string(text); /* with a unit it is no JSON */
    }
    return value;
}
