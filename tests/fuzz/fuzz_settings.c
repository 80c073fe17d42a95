/* tests/fuzz/fuzz_settings.c - config.yaml is read: variables, YAML, the keys of the gateway. */
#include "host/control/settings.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_string(data, size);
    hg_issues errors = {0};
    hg_issues warnings = {0};
    hgh_settings *settings = NULL;
    hg_status status = hgh_settings_parse(text, size, "config.yaml", &settings, &errors, &warnings);

    FUZZ_PROMISE((status == HG_OK) == (settings != NULL));
    FUZZ_PROMISE((status == HG_OK) == hgh_issues_is_empty(&errors));
    for (size_t i = 0; i < errors.count; i++) {
        FUZZ_PROMISE(strncmp(errors.items[i].text, "config.yaml:", strlen("config.yaml:")) == 0);
    }
    hgh_settings_free(settings);
    hgh_issues_done(&errors);
    hgh_issues_done(&warnings);
    free(text);
    return 0;
}
