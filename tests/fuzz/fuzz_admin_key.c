/* tests/fuzz/fuzz_admin_key.c - an admin key is put into any config.yaml, which stays readable. */
#include <unistd.h>

#include "host/control/settings.h"
#include "tests/fuzz/fuzz.h"

static char path[64];

static void remove_file(void)
{
    (void)unlink(path);
}

static const char *file_path(void)
{
    if (path[0] == '\0') {
        (void)snprintf(path, sizeof(path), "/tmp/hotgate-fuzz-admin-key-%ld.yaml", (long)getpid());
        (void)atexit(remove_file);
    }
    return path;
}

static hgh_settings *load(void)
{
    hg_issues errors = {0};
    hg_issues warnings = {0};
    hgh_settings *settings = NULL;

    (void)hgh_settings_load(file_path(), &settings, &errors, &warnings); /* NULL says it */
    hgh_issues_done(&errors);
    hgh_issues_done(&warnings);
    return settings;
}

/** The file as it is now has every key that was made for `settings`. */
static void expect_keys(const hgh_settings *settings)
{
    hgh_settings *again = load();

    FUZZ_PROMISE(again != NULL);
    FUZZ_PROMISE(again->admin_key_count == settings->admin_key_count);
    for (size_t i = 0; i < settings->admin_key_count; i++) {
        FUZZ_PROMISE(strcmp(again->admin_key[i].key, settings->admin_key[i].key) == 0);
    }
    hgh_settings_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FILE *file = fopen(file_path(), "wb");
    hgh_settings *settings;
    hg_error err = HG_ERROR_INIT;

    FUZZ_PROMISE(file != NULL);
    FUZZ_PROMISE(fwrite(data, 1, size, file) == size);
    FUZZ_PROMISE(fclose(file) == 0);
    settings = load();
    if (settings != NULL) {
        if (hgh_settings_ensure_admin_key(settings, file_path(), true, &err) == HG_OK) {
            expect_keys(settings);
        } else {
            FUZZ_PROMISE(err.text[0] != '\0');
        }
    }
    hgh_settings_free(settings);
    return 0;
}
