/* tests/unit/core/requests.c - a runtime on the fake engine and one client, for tests of requests.
 */
#include "tests/unit/core/requests.h"

#include <string.h>

#include "tests/unit/unit.h"

#define PARKED_MAX 10u

request_stand on;

void requests_generation_set(const char *entries, const char *listed)
{
    uint64_t number = on.runtime->generation == NULL ? 1 : on.runtime->generation->number + 1;
    json_t *manifest = manifest_make(number, listed, entries);
    hg_error err = HG_ERROR_INIT;

    if (hgh_runtime_set_generation(on.runtime, manifest, true, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
    json_decref(manifest);
}

void requests_set_up(const char *entries, const char *listed)
{
    hgh_runtime_options options = {
        .engine = &fake_engine,
        .ack_fd = -1,
        .parked_max = PARKED_MAX,
        .log_level = HG_LOG_DEBUG,
    };
    hg_error err = HG_ERROR_INIT;

    on = (request_stand){0};
    plugin_place_init(&on.place);
    options.arena = on.place.host.arena;
    assert_int_equal(hgh_runtime_new(&options, &on.runtime, &err), HG_OK);
    requests_generation_set(entries, listed);
    (void)fake_engine_run();
    fake_request_init(&on.client, "h", "/");
    fake_has_resolver = true;
    fake_timers_fail = false;
    fake_memory_fails = false;
    fake_log_clear();
}

void requests_tear_down(void)
{
    fake_request_done(&on.client);
    hgh_runtime_free(on.runtime);
    assert_int_equal(fake_engine_handles(), 0);
    plugin_place_done(&on.place);
}

void request_object_put(hgh_resource_kind kind, const char *id, const char *json)
{
    hg_error err = HG_ERROR_INIT;

    on.revision++;
    if (hgh_runtime_put(on.runtime, kind, hg_text_of(id), hgh_feed_slice_copy(json, strlen(json)),
                        on.revision, on.revision, &err) != HG_OK) {
        fail_msg("%s: %s", id, err.text);
    }
}
