/* tests/unit/runner/test_conf_table.c - tokens are of the content, and end after their last use. */
#include <stdlib.h>

#include "host/runner/conf_table.h"
#include "tests/unit/unit.h"

#define EXPIRE_MS 60u

typedef struct fixture {
    hgh_event_loop *loop;
    hgh_conf_table table;
} fixture;

static int set_up(void **state)
{
    fixture *self = calloc(1, sizeof(*self));

    assert_non_null(self);
    assert_int_equal(hgh_event_loop_new(&self->loop, NULL), HG_OK);
    assert_int_equal(hgh_conf_table_init(&self->table, self->loop, EXPIRE_MS, NULL), HG_OK);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    fixture *self = *state;

    hgh_conf_table_done(&self->table);
    hgh_event_loop_free(self->loop);
    free(self);
    return 0;
}

/* The token of a message; what it stands for is made without any plugin. */
static uint32_t token_of(fixture *self, const char *key, const char *name, const char *value)
{
    const hg_header entry = {hg_text_of(name), hg_text_of(value)};
    const hgh_a6_prepare_request message = {{&entry, 1}, hg_text_of(key)};
    hgh_served_conf *conf = hgh_conf_table_find(&self->table, &message);

    if (conf == NULL) {
        conf = calloc(1, sizeof(*conf));
        assert_non_null(conf);
        conf->references = 1;
        assert_int_equal(hgh_conf_table_add(&self->table, &message, conf), HG_OK);
        hgh_served_conf_unref(conf);
    }
    return conf->token;
}

static void the_same_message_has_the_same_token_and_any_other_has_not(void **state)
{
    static const struct {
        const char *key;
        const char *name;
        const char *value;
    } cases[] = {
        {"a", "n", "{}"}, {"b", "n", "{}"}, {"a", "m", "{}"}, {"a", "n", "{ }"},
        {"a", "n", ""},   {"a", "n", NULL}, {"", "an", "{}"}, {"an", "", "{}"},
    };
    uint32_t tokens[ARRAY_SIZE(cases)];

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        tokens[i] = token_of(*state, cases[i].key, cases[i].name, cases[i].value);
        assert_int_not_equal(tokens[i], 0);
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(tokens[i], tokens[k]);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(token_of(*state, cases[i].key, cases[i].name, cases[i].value), tokens[i]);
    }
}

static void tokens_of_two_tables_begin_apart(void **state)
{
    fixture *self = *state;
    hgh_conf_table other;
    uint32_t before = self->table.next_token;

    assert_int_equal(hgh_conf_table_init(&other, self->loop, EXPIRE_MS, NULL), HG_OK);
    assert_int_not_equal(other.next_token, before); /* once in four thousand million runs it is */
    hgh_conf_table_done(&other);
}

static void zero_is_no_token(void **state)
{
    fixture *self = *state;

    self->table.next_token = UINT32_MAX - 1;
    assert_int_equal(token_of(self, "a", "n", "{}"), UINT32_MAX);
    assert_int_equal(token_of(self, "b", "n", "{}"), 1);
    self->table.next_token = UINT32_MAX - 1; /* all the way round: those that are in use are not
                                                given again */
    assert_int_equal(token_of(self, "c", "n", "{}"), 2);
}

static void stop(void *context)
{
    hgh_event_loop_stop(context);
}

static void run_for(fixture *self, uint64_t ms)
{
    hgh_event_loop_timer timer = {0};

    hgh_event_loop_timer_start(self->loop, &timer, ms, stop, self->loop);
    assert_int_equal(hgh_event_loop_run(self->loop, NULL), HG_OK);
}

static void what_is_used_stays_and_the_rest_expires(void **state)
{
    fixture *self = *state;
    uint32_t used = token_of(self, "a", "n", "{}");
    uint32_t unused = token_of(self, "b", "n", "{}");

    for (unsigned i = 0; i < 10 && hgh_conf_table_find_token(&self->table, used) != NULL; i++) {
        run_for(self, EXPIRE_MS / 4);
    }
    assert_non_null(hgh_conf_table_find_token(&self->table, used));
    assert_null(hgh_conf_table_find_token(&self->table, unused));
    run_for(self, EXPIRE_MS * 2);
    assert_null(hgh_conf_table_find_token(&self->table, used));
}

static void one_that_a_call_holds_outlives_its_token(void **state)
{
    fixture *self = *state;
    uint32_t token = token_of(self, "a", "n", "{}");
    hgh_served_conf *held = hgh_served_conf_ref(hgh_conf_table_find_token(&self->table, token));

    hgh_conf_table_forget(&self->table, held);
    assert_null(hgh_conf_table_find_token(&self->table, token));
    assert_int_equal(held->token, token);
    hgh_served_conf_unref(held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(the_same_message_has_the_same_token_and_any_other_has_not),
        CASE(tokens_of_two_tables_begin_apart),
        CASE(zero_is_no_token),
        CASE(what_is_used_stays_and_the_rest_expires),
        CASE(one_that_a_call_holds_outlives_its_token),
#undef CASE
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
