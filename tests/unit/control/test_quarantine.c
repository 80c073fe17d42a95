/* tests/unit/control/test_quarantine.c - which plugin goes, and where to, for what is recorded. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "host/control/quarantine.h"
#include "tests/unit/unit.h"

#define NOW_MS       1000000u
#define COMMITTED_MS (NOW_MS - 10000)
#define LONG_AGO_MS  (NOW_MS - 2 * HGH_CRASH_WINDOW_MS)

static hgh_board *board;

static int set_up(void **state)
{
    (void)state;
    board = mmap(NULL, hgh_board_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    hgh_board_init(board);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hgh_board_unmap(board);
    return 0;
}

static void board_clear(void)
{
    memset((void *)board, 0, hgh_board_size());
    hgh_board_init(board);
}

/* A record of a worker that died of SIGSEGV; object 0: outside of any plugin. */
static void died(uint32_t object, uint32_t call, const char *subject, uint64_t at_ms)
{
    uint64_t number = atomic_load(&board->crashes_found) + 1;
    hgh_crash *crash = &board->crashes[number % HGH_CRASHES_MAX];

    memset((void *)crash, 0, sizeof(*crash));
    crash->at_ms = at_ms;
    crash->marker = object == 0 ? 0 : hgh_marker_make(number, object, call);
    crash->seen.signal_number = SIGSEGV;
    (void)snprintf(crash->seen.subject, sizeof(crash->seen.subject), "%s", subject);
    atomic_store(&crash->number, number);
    atomic_store(&board->crashes_found, number);
}

/* Generation 5 with "old" of number 1, since 2, and "new" of number 2, which came with it. */
static json_t *manifest_make(const char *of_old, const char *of_new)
{
    char text[1024];
    json_t *manifest;

    (void)snprintf(text, sizeof(text),
                   "{\"generation\":5,\"listed\":null,\"plugins\":["
                   "{\"name\":\"old\",\"sha256\":\"aa\",\"path\":\"x\",\"number\":1,\"since\":2%s},"
                   "{\"name\":\"new\",\"sha256\":\"bb\",\"path\":\"y\",\"number\":2,\"since\":5%s}"
                   "]}",
                   of_old, of_new);
    manifest = json_loads(text, 0, NULL);
    assert_non_null(manifest);
    return manifest;
}

static hgh_quarantine_verdict judge(const json_t *manifest, size_t index)
{
    return hgh_quarantine_judge(
        board, manifest, json_array_get(json_object_get(manifest, "plugins"), index), NOW_MS);
}

#define PREVIOUS ",\"previous\":{\"version\":\"0.9.0\"}"

/* Up to three deaths: who, for what, over what, and how long ago. */
typedef struct death {
    uint32_t object;
    uint32_t call;
    const char *subject;
    uint32_t ago_ms;
} death;

static void what_is_done_follows_from_who_died_and_what_came_last(void **state)
{
    static const struct {
        const char *what;
        const char *of_old;
        const char *of_new;
        uint64_t committed_ms;
        death deaths[3];
        size_t count;
        hgh_quarantine_action old;
        hgh_quarantine_action new;
        const char *why; /* in the text of one that is acted upon */
    } rows[] = {
        {"nobody died", "", PREVIOUS, COMMITTED_MS, {{0}}, 0, 0, 0, ""},
        {"one death is bad luck",
         "",
         PREVIOUS,
         COMMITTED_MS,
         {{2, HG_PHASE_LOG, "", 5}},
         1,
         0,
         0,
         ""},
        {"two in a new one with a predecessor",
         "",
         PREVIOUS,
         COMMITTED_MS,
         {{2, HG_PHASE_LOG, "", 5}, {2, HG_PHASE_ACCESS, "routes/7", 4}},
         2,
         0,
         HGH_QUARANTINE_GO_BACK,
         "2 workers have died in it within 60 s, the last one in its access for routes/7"},
        {"two in a new one without",
         "",
         "",
         COMMITTED_MS,
         {{2, HG_PHASE_LOG, "", 5}, {2, HG_PHASE_LOG, "", 4}},
         2,
         0,
         HGH_QUARANTINE_DISABLE,
         "the last one in its log"},
        {"a predecessor of another type is none",
         "",
         ",\"previous\":7",
         COMMITTED_MS,
         {{2, HG_PHASE_LOG, "", 5}, {2, HG_PHASE_LOG, "", 4}},
         2,
         0,
         HGH_QUARANTINE_DISABLE,
         ""},
        {"two in an old one, a new one came long ago",
         PREVIOUS,
         PREVIOUS,
         LONG_AGO_MS,
         {{1, HG_PHASE_LOG, "", 5}, {1, HG_PHASE_LOG, "", 4}},
         2,
         HGH_QUARANTINE_DISABLE,
         0,
         "2 workers have died in it"},
        {"two in an old one, a new one came just now",
         PREVIOUS,
         PREVIOUS,
         COMMITTED_MS,
         {{1, HG_PHASE_LOG, "", 5}, {1, HG_PHASE_LOG, "", 4}},
         2,
         0,
         HGH_QUARANTINE_GO_BACK,
         "2 workers have died in plugin old, which is not new, since it came"},
        {"two in an old one, from before the commit",
         "",
         PREVIOUS,
         COMMITTED_MS,
         {{1, HG_PHASE_LOG, "", 20000}, {1, HG_PHASE_LOG, "", 15000}},
         2,
         HGH_QUARANTINE_DISABLE,
         0,
         "2 workers"},
        {"one before the commit and one since",
         "",
         PREVIOUS,
         COMMITTED_MS,
         {{1, HG_PHASE_LOG, "", 20000}, {1, HG_PHASE_LOG, "", 5}},
         2,
         HGH_QUARANTINE_DISABLE,
         0,
         "2 workers"},
        {"two outside of any, a new one came just now",
         "",
         PREVIOUS,
         COMMITTED_MS,
         {{0, 0, "", 5}, {0, 0, "", 4}},
         2,
         0,
         HGH_QUARANTINE_GO_BACK,
         "2 workers have died outside of any plugin since it came"},
        {"two outside of any, a new one without predecessor",
         "",
         "",
         COMMITTED_MS,
         {{0, 0, "", 5}, {0, 0, "", 4}},
         2,
         0,
         HGH_QUARANTINE_DISABLE,
         "outside of any plugin"},
        {"two outside of any, nothing came lately",
         "",
         PREVIOUS,
         LONG_AGO_MS,
         {{0, 0, "", 5}, {0, 0, "", 4}},
         2,
         0,
         0,
         ""},
        {"two outside of any, nothing was ever committed",
         "",
         PREVIOUS,
         0,
         {{0, 0, "", 5}, {0, 0, "", 4}},
         2,
         0,
         0,
         ""},
        {"a commit in the future is not believed",
         "",
         PREVIOUS,
         NOW_MS + 5,
         {{0, 0, "", 5}, {0, 0, "", 4}},
         2,
         0,
         0,
         ""},
        {"one in each, and one outside",
         "",
         PREVIOUS,
         COMMITTED_MS,
         {{0, 0, "", 5}, {1, HG_PHASE_LOG, "", 4}, {2, HG_PHASE_LOG, "", 3}},
         3,
         0,
         0,
         ""},
        {"too long ago",
         "",
         PREVIOUS,
         LONG_AGO_MS,
         {{2, HG_PHASE_LOG, "", HGH_CRASH_WINDOW_MS + 2}, {2, HG_PHASE_LOG, "", 4}},
         2,
         0,
         0,
         ""},
        {"the way back is not new",
         PREVIOUS,
         ",\"restored\":true" PREVIOUS,
         COMMITTED_MS,
         {{2, HG_PHASE_LOG, "", 5}, {2, HG_PHASE_LOG, "", 4}},
         2,
         0,
         HGH_QUARANTINE_DISABLE,
         ""},
        {"the way back is not suspected",
         PREVIOUS,
         ",\"restored\":true" PREVIOUS,
         COMMITTED_MS,
         {{0, 0, "", 5}, {0, 0, "", 4}},
         2,
         0,
         0,
         ""},
        {"what is switched off stays so",
         ",\"disabled\":\"x\"",
         ",\"disabled\":\"x\"",
         COMMITTED_MS,
         {{2, HG_PHASE_LOG, "", 5}, {2, HG_PHASE_LOG, "", 4}},
         2,
         0,
         0,
         ""},
        {"a new one that is switched off is no excuse",
         "",
         ",\"disabled\":\"x\"",
         COMMITTED_MS,
         {{1, HG_PHASE_LOG, "", 5}, {1, HG_PHASE_LOG, "", 4}},
         2,
         HGH_QUARANTINE_DISABLE,
         0,
         ""},
        {"one configuration, twice",
         "",
         PREVIOUS,
         COMMITTED_MS,
         {{1, HGH_CALL_PARSE, "routes/1#5", 5}, {1, HGH_CALL_PARSE, "routes/1#5", 4}},
         2,
         HGH_QUARANTINE_POISON,
         0,
         "workers have died while it decoded the configuration of routes/1#5"},
        {"one configuration, once",
         "",
         "",
         COMMITTED_MS,
         {{1, HGH_CALL_PARSE, "routes/1#5", 5}},
         1,
         0,
         0,
         ""},
        {"two configurations, each once",
         "",
         "",
         LONG_AGO_MS,
         {{1, HGH_CALL_PARSE, "routes/1#5", 5}, {1, HGH_CALL_PARSE, "routes/2#5", 4}},
         2,
         HGH_QUARANTINE_DISABLE,
         0,
         "in its parse for routes/2#5"},
        {"a configuration that is known",
         ",\"poison\":[7,\"routes/1#5\"]",
         "",
         COMMITTED_MS,
         {{1, HGH_CALL_PARSE, "routes/1#5", 5}, {1, HGH_CALL_PARSE, "routes/1#5", 4}},
         2,
         0,
         0,
         ""},
        {"another one than is known",
         ",\"poison\":[\"routes/1#5\"]",
         "",
         COMMITTED_MS,
         {{1, HGH_CALL_PARSE, "routes/1#6", 5}, {1, HGH_CALL_PARSE, "routes/1#6", 4}},
         2,
         HGH_QUARANTINE_POISON,
         0,
         "routes/1#6"},
        {"a number that is not in the manifest",
         "",
         PREVIOUS,
         LONG_AGO_MS,
         {{9, HG_PHASE_LOG, "", 5}, {9, HG_PHASE_LOG, "", 4}},
         2,
         0,
         0,
         ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        json_t *manifest = manifest_make(rows[i].of_old, rows[i].of_new);
        hgh_quarantine_verdict old;
        hgh_quarantine_verdict new;
        const char *why;
        bool is_due;

        board_clear();
        atomic_store(&board->committed_ms, rows[i].committed_ms);
        for (size_t j = 0; j < rows[i].count; j++) {
            const death *at = &rows[i].deaths[j];

            died(at->object, at->call, at->subject, NOW_MS - at->ago_ms);
        }
        old = judge(manifest, 0);
        new = judge(manifest, 1);
        is_due = hgh_quarantine_is_due(board, manifest, NOW_MS);
        why = old.action != HGH_QUARANTINE_NOTHING ? old.why : new.why;
        if (old.action != rows[i].old || new.action != rows[i].new ||
            strstr(why, rows[i].why) == NULL ||
            is_due !=
                (rows[i].old != HGH_QUARANTINE_NOTHING || rows[i].new != HGH_QUARANTINE_NOTHING)) {
            fail_msg("%s: %d, %d, \"%s\"", rows[i].what, (int)old.action, (int)new.action, why);
        }
        json_decref(manifest);
    }
}

static void a_verdict_without_an_action_gives_no_reason(void **state)
{
    json_t *manifest = manifest_make("", PREVIOUS);

    (void)state;
    atomic_store(&board->committed_ms, COMMITTED_MS);
    died(1, HG_PHASE_LOG, "", NOW_MS);
    died(1, HG_PHASE_LOG, "", NOW_MS);
    assert_int_equal(judge(manifest, 0).action, HGH_QUARANTINE_NOTHING); /* the new one goes */
    assert_string_equal(judge(manifest, 0).why, "");
    json_decref(manifest);
}

static void what_poisons_is_named(void **state)
{
    json_t *manifest = manifest_make("", "");

    (void)state;
    died(1, HGH_CALL_PARSE, "routes/1#5", NOW_MS);
    died(1, HGH_CALL_PARSE, "routes/1#5", NOW_MS);
    assert_string_equal(judge(manifest, 0).subject, "routes/1#5");
    json_decref(manifest);
}

static void a_plugin_with_too_many_poisons_is_switched_off(void **state)
{
    json_t *manifest = manifest_make("", "");
    json_t *poison = json_array();
    hgh_quarantine_verdict verdict;

    (void)state;
    for (unsigned i = 0; i < HGH_POISON_MAX; i++) {
        (void)json_array_append_new(poison, json_sprintf("routes/%u#1", i));
    }
    (void)json_object_set_new(json_array_get(json_object_get(manifest, "plugins"), 0), "poison",
                              poison);
    died(1, HGH_CALL_PARSE, "routes/1#1", NOW_MS);
    died(1, HGH_CALL_PARSE, "routes/1#1", NOW_MS);
    assert_int_equal(judge(manifest, 0).action, HGH_QUARANTINE_NOTHING); /* it is known */
    died(1, HGH_CALL_PARSE, "routes/500#1", NOW_MS);
    atomic_store(&board->crashes_settled, 2);
    died(1, HGH_CALL_PARSE, "routes/500#1", NOW_MS);
    verdict = judge(manifest, 0);
    assert_int_equal(verdict.action, HGH_QUARANTINE_DISABLE);
    assert_non_null(strstr(verdict.why, "more than 100 configurations"));
    json_decref(manifest);
}

static void what_was_settled_is_due_no_more(void **state)
{
    json_t *manifest = manifest_make("", PREVIOUS);

    (void)state;
    atomic_store(&board->committed_ms, COMMITTED_MS);
    died(2, HG_PHASE_LOG, "", NOW_MS);
    died(2, HG_PHASE_LOG, "", NOW_MS);
    assert_true(hgh_quarantine_is_due(board, manifest, NOW_MS));
    atomic_store(&board->crashes_settled, 2);
    assert_false(hgh_quarantine_is_due(board, manifest, NOW_MS));
    assert_int_equal(judge(manifest, 1).action, HGH_QUARANTINE_NOTHING);
    died(2, HG_PHASE_LOG, "", NOW_MS);
    assert_false(hgh_quarantine_is_due(board, manifest, NOW_MS)); /* one alone */
    json_decref(manifest);
}

static void what_stands_on_the_board_is_not_trusted(void **state)
{
    json_t *manifest = manifest_make("", PREVIOUS);
    json_t *none = json_object();

    (void)state;
    atomic_store(&board->committed_ms, COMMITTED_MS);
    died(2, HGH_CALL_PARSE, "", NOW_MS);
    memset(board->crashes[1].seen.subject, 'x', HGH_SUBJECT_MAX);
    atomic_store(&board->crashes_found, UINT64_MAX);
    assert_int_equal(judge(manifest, 0).action, HGH_QUARANTINE_NOTHING);
    assert_false(hgh_quarantine_is_due(board, manifest, NOW_MS));
    assert_false(hgh_quarantine_is_due(board, none, NOW_MS));
    atomic_store(&board->crashes_found, 1);
    died(2, HGH_CALL_PARSE, "", NOW_MS);
    memset(board->crashes[2].seen.subject, 'x', HGH_SUBJECT_MAX);
    assert_int_equal(judge(manifest, 1).action, HGH_QUARANTINE_POISON);
    assert_int_equal(strlen(judge(manifest, 1).subject), HGH_SUBJECT_MAX - 1);
    json_decref(none);
    json_decref(manifest);
}

/* ------------------------------------------------------------------------------------ list */

static json_t *object_make(const char *name, const char *sha256)
{
    return json_pack("{s:s, s:s, s:s}", "name", name, "sha256", sha256, "version", "1.2.0");
}

static void add(json_t *manifest, const char *name, const char *sha256, const char *why)
{
    json_t *entry = object_make(name, sha256);

    assert_int_equal(hgh_quarantine_add(manifest, entry, "disabled", why, 1700000000), HG_OK);
    json_decref(entry);
}

static void an_object_is_added_found_and_removed(void **state)
{
    json_t *manifest = json_object();
    json_t *wanted = json_loads("{\"name\":\"a\",\"sha256\":\"11\",\"version\":\"1.2.0\","
                                "\"action\":\"disabled\",\"why\":\"x\",\"at\":1700000000}",
                                0, NULL);

    (void)state;
    assert_null(hgh_quarantine_find(manifest, "a", "11"));
    hgh_quarantine_remove(manifest, "a", "11"); /* there is no list: nothing to do */
    add(manifest, "a", "11", "x");
    add(manifest, "a", "22", "y");
    assert_true(json_equal(hgh_quarantine_find(manifest, "a", "11"), wanted));
    assert_null(hgh_quarantine_find(manifest, "b", "11"));
    assert_null(hgh_quarantine_find(manifest, "a", "33"));
    hgh_quarantine_remove(manifest, "a", "11");
    assert_null(hgh_quarantine_find(manifest, "a", "11"));
    assert_non_null(hgh_quarantine_find(manifest, "a", "22"));
    json_decref(wanted);
    json_decref(manifest);
}

static void an_object_stands_in_the_list_once(void **state)
{
    json_t *manifest = json_object();

    (void)state;
    add(manifest, "a", "11", "first");
    add(manifest, "b", "11", "other");
    add(manifest, "a", "11", "second");
    assert_int_equal(json_array_size(json_object_get(manifest, "quarantine")), 2);
    assert_string_equal(
        json_string_value(json_object_get(hgh_quarantine_find(manifest, "a", "11"), "why")),
        "second");
    json_decref(manifest);
}

static void the_oldest_goes_when_the_list_is_full(void **state)
{
    json_t *manifest = json_object();
    char sha256[16];

    (void)state;
    for (unsigned i = 0; i < HGH_QUARANTINE_MAX + 2; i++) {
        (void)snprintf(sha256, sizeof(sha256), "%u", i);
        add(manifest, "a", sha256, "x");
    }
    assert_int_equal(json_array_size(json_object_get(manifest, "quarantine")), HGH_QUARANTINE_MAX);
    assert_null(hgh_quarantine_find(manifest, "a", "1"));
    assert_non_null(hgh_quarantine_find(manifest, "a", "2"));
    assert_non_null(hgh_quarantine_find(manifest, "a", sha256));
    json_decref(manifest);
}

static void a_list_that_somebody_has_spoilt_does_no_harm(void **state)
{
    static const char *const manifests[] = {
        "{\"quarantine\":null}",
        "{\"quarantine\":{\"a\":1}}",
        "{\"quarantine\":[7,null,{},{\"name\":\"a\"},{\"name\":7,\"sha256\":[]}]}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(manifests); i++) {
        json_t *manifest = json_loads(manifests[i], 0, NULL);

        assert_null(hgh_quarantine_find(manifest, "a", "11"));
        hgh_quarantine_remove(manifest, "a", "11");
        add(manifest, "a", "11", "x");
        assert_non_null(hgh_quarantine_find(manifest, "a", "11"));
        json_decref(manifest);
    }
}

static void an_object_without_a_version_is_listed_without(void **state)
{
    json_t *manifest = json_object();
    json_t *entry = object_make("a", "11");

    (void)state;
    (void)json_object_del(entry, "version");
    assert_int_equal(hgh_quarantine_add(manifest, entry, "rolled back", "x", 1), HG_OK);
    assert_null(json_object_get(hgh_quarantine_find(manifest, "a", "11"), "version"));
    json_decref(entry);
    json_decref(manifest);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(what_is_done_follows_from_who_died_and_what_came_last),
        ROW(a_verdict_without_an_action_gives_no_reason),
        ROW(what_poisons_is_named),
        ROW(a_plugin_with_too_many_poisons_is_switched_off),
        ROW(what_was_settled_is_due_no_more),
        ROW(what_stands_on_the_board_is_not_trusted),
        cmocka_unit_test(an_object_is_added_found_and_removed),
        cmocka_unit_test(an_object_stands_in_the_list_once),
        cmocka_unit_test(the_oldest_goes_when_the_list_is_full),
        cmocka_unit_test(a_list_that_somebody_has_spoilt_does_no_harm),
        cmocka_unit_test(an_object_without_a_version_is_listed_without),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
