/* tests/unit/core/test_request_call.c - all of a called request runs on one coroutine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/coroutine.h"
#include "host/core/issues.h"
#include "host/core/request_call.h"
#include "tests/unit/core/requests.h"
#include "tests/unit/unit.h"

/* One call, as an engine runs it. */
typedef struct call {
    hg_request *request;
    hgh_outcome outcomes[2]; /* of rewrite and access */
    bool waits_first;
    bool on_coroutine;
    bool has_ended;
    hg_status waited;
} call;

static int set_up(void **state)
{
    (void)state;
    requests_set_up("unit_a=1 unit_wait=2 waiting=3", NULL);
    on.runtime->plugin_host.calls_whole = true;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    requests_tear_down();
    return 0;
}

static hgh_chain *chain_make(const char *name, const char *value)
{
    json_t *json = json_loads(value, 0, NULL);
    const hgh_called_plugin plugin = {name, json};
    hg_issues issues = {0};
    hgh_chain *chain = NULL;

    assert_int_equal(hgh_chain_compile_called(on.runtime->generation, &on.runtime->snapshot,
                                              &plugin, 1, "routes", "1", &chain, &issues),
                     HG_OK);
    json_decref(json);
    return chain;
}

static hg_status sleep_begin(hgh_operation *operation, hgh_wait *wait)
{
    (void)operation;
    (void)wait;
    return HG_OK;
}

static bool sleep_cancel(hgh_operation *operation, bool now)
{
    (void)operation;
    (void)now;
    return true;
}

static void run(void *context)
{
    call *self = context;
    hgh_operation asked = {.begin = sleep_begin, .cancel = sleep_cancel};

    self->on_coroutine = hgh_coroutine_is_running();
    if (self->waits_first) { /* as for a question outside of any plugin */
        self->waited = hgh_wait_for(&self->request->wait, &asked);
    }
    self->outcomes[0] = hgh_request_call_phase(self->request, HG_PHASE_REWRITE);
    if (self->outcomes[0] == HGH_GO_UPSTREAM) {
        self->outcomes[1] = hgh_request_call_phase(self->request, HG_PHASE_ACCESS);
    }
    self->has_ended = true;
}

static void call_begin(call *self, const char *name, const char *value)
{
    hgh_chain *chain = chain_make(name, value);

    self->request = hgh_request_new_called(on.runtime, &on.client, chain);
    hgh_chain_unref(chain);
    assert_non_null(self->request);
    assert_true(hgh_request_call(self->request, run, self));
}

static void phases_run_without_a_route_or_an_upstream(void **state)
{
    call self = {.outcomes = {HGH_PARKED, HGH_PARKED}};

    (void)state;
    call_begin(&self, "unit_a", "{}");
    assert_true(self.on_coroutine);
    assert_true(self.has_ended);
    assert_int_equal(self.outcomes[0], HGH_GO_UPSTREAM);
    assert_int_equal(self.outcomes[1], HGH_GO_UPSTREAM);
    hgh_request_done(self.request);
}

static void a_callback_that_waits_parks_the_whole_call(void **state)
{
    call self = {0};

    (void)state;
    call_begin(&self, "waiting", "{\"sleep\":\"10ms\"}");
    assert_false(self.has_ended);
    assert_int_equal(atomic_load(&on.runtime->slot->requests_parked), 1);
    fake_now_ms += 10;
    (void)fake_engine_run();
    assert_true(self.has_ended);
    assert_int_equal(fake_log_count("sleep -> 0"), 1);
    assert_int_equal(atomic_load(&on.runtime->slot->requests_parked), 0);
    hgh_request_done(self.request);
}

static void a_wait_outside_of_callbacks_blames_nobody(void **state)
{
    call self = {.waits_first = true};

    (void)state;
    call_begin(&self, "unit_a", "{}");
    assert_false(self.has_ended);
    assert_int_equal(atomic_load(on.runtime->plugin_host.blame.marker), 0);
    hgh_wait_over(&self.request->wait, HG_OK);
    assert_int_equal(self.waited, HG_OK);
    assert_true(self.has_ended);
    assert_int_equal(atomic_load(on.runtime->plugin_host.blame.marker), 0);
    hgh_request_done(self.request);
}

static void a_call_that_is_given_up_runs_to_its_end(void **state)
{
    call self = {0};

    (void)state;
    call_begin(&self, "waiting", "{\"sleep\":\"10s\"}");
    assert_true(hgh_request_cancel_begin(self.request));
    assert_true(self.has_ended);
    assert_int_equal(fake_log_count("sleep -> 13"), 1);
    hgh_request_done(self.request);
}

static void too_many_calls_are_refused(void **state)
{
    hgh_chain *chain = chain_make("unit_a", "{}");
    call self = {0};

    (void)state;
    on.runtime->coroutines.active_max = 0;
    self.request = hgh_request_new_called(on.runtime, &on.client, chain);
    hgh_chain_unref(chain);
    assert_false(hgh_request_call(self.request, run, &self));
    assert_false(self.has_ended);
    hgh_request_done(self.request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(phases_run_without_a_route_or_an_upstream),
        CASE(a_callback_that_waits_parks_the_whole_call),
        CASE(a_wait_outside_of_callbacks_blames_nobody),
        CASE(a_call_that_is_given_up_runs_to_its_end),
        CASE(too_many_calls_are_refused),
#undef CASE
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
