/* tests/fuzz/fuzz_json_merge.c - PATCH: JSON [object, patch, path, value]. */
#include "host/control/json_merge.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *input = json_loadb((const char *)data, size, 0, NULL);
    json_t *target = json_array_get(input, 0);
    const json_t *patch = json_array_get(input, 1);
    const char *path = json_string_value(json_array_get(input, 2));
    json_t *value = json_array_get(input, 3);
    hg_error err = HG_ERROR_INIT;

    if (json_is_object(target) && json_is_object(patch)) {
        FUZZ_PROMISE(hgh_json_merge(target, patch, &err) == HG_OK || err.text[0] != '\0');
    }
    if (json_is_object(target) && path != NULL && path[0] != '\0' && value != NULL) {
        FUZZ_PROMISE(hgh_json_merge_path(target, path, value, &err) == HG_OK ||
                     err.text[0] != '\0');
    }
    json_decref(input);
    return 0;
}
