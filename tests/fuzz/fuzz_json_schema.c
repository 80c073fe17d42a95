/* tests/fuzz/fuzz_json_schema.c - a schema is compiled and judges: JSON [schema, value...]. */
#include "host/core/issues.h"
#include "host/core/json_schema.h"
#include "tests/fuzz/fuzz.h"

/** Both ways of judging agree; defaults never fail but for want of memory. */
static void judge(const hgh_schema *schema, json_t *value)
{
    hg_issues issues = {0};
    bool silent = hgh_schema_validate(schema, value, "", NULL);
    bool told = hgh_schema_validate(schema, value, "", &issues);
    json_t *findings = hgh_issues_json(&issues); /* refuses what is no UTF-8 */

    FUZZ_PROMISE(silent == told);
    FUZZ_PROMISE(hgh_issues_is_empty(&issues) == told);
    FUZZ_PROMISE(findings != NULL);
    json_decref(findings);
    hgh_issues_done(&issues);
    FUZZ_PROMISE(hgh_schema_fill_defaults(schema, value) != HG_ERR_NO_MEMORY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *input =
        json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    hgh_schema *schema = NULL;
    hg_error err = HG_ERROR_INIT;

    if (json_array_size(input) > 0) {
        if (hgh_schema_compile(json_array_get(input, 0), &schema, &err) != HG_OK) {
            FUZZ_PROMISE(err.text[0] != '\0');
        }
        for (size_t i = 1; schema != NULL && i < json_array_size(input); i++) {
            judge(schema, json_array_get(input, i));
        }
    }
    hgh_schema_free(schema);
    json_decref(input);
    return 0;
}
