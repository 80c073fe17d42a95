/* tests/unit/control/test_object_check.c - each wrong object is refused with the text for it. */
#include <stdio.h>
#include <stdlib.h>

#include "host/control/object_check.h"
#include "host/control/object_schema.h"
#include "tests/unit/unit.h"

#define URI "\"uri\":\"/a\""
#define UP  "{\"nodes\":{\"127.0.0.1:80\":1}}"

static hgh_object_check *check;
static hgh_resource_table *table;

static int set_up(void **state)
{
    static const char *const keys[] = {"upstreams/1", "services/s", "plugin_configs/p",
                                       "consumer_groups/g1"};
    json_t *rule = json_pack("[s]", "plugins/taken");

    (void)state;
    assert_int_equal(hgh_object_check_new(&check, NULL), HG_OK);
    table = hgh_resource_table_new();
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        hgh_resource_table_put(table, hgh_resource_object_new(table, keys[i], "{}", 2, NULL));
    }
    hgh_resource_table_put(table, hgh_resource_object_new(table, "global_rules/r", "{}", 2, rule));
    json_decref(rule);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hgh_object_check_free(check);
    hgh_object_check_free(NULL);
    hgh_resource_table_free(table);
    return 0;
}

/* Runs the checks; "" if all is well, else the first finding. */
static const char *first_finding(const char *kind_name, const char *text, char *into, size_t size)
{
    const hgh_object_kind *kind = hgh_object_kind_find(kind_name);
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    hg_issues issues = {0};

    if (object == NULL) {
        fail_msg("no JSON: %s", text);
    }
    hgh_object_check_run(check, kind, table, object, NULL, &issues);
    (void)hgh_issues_first(&issues, into, size);
    hgh_issues_done(&issues);
    json_decref(object);
    return into;
}

static void what_apisix_accepts_is_accepted(void **state)
{
    static const struct {
        const char *label;
        const char *kind;
        const char *object;
    } cases[] = {
        {"smallest route", "routes", "{" URI ",\"upstream\":" UP "}"},
        {"uris", "routes", "{\"uris\":[\"/a\",\"/b/*\"],\"plugins\":{}}"},
        {"methods", "routes", "{" URI ",\"upstream_id\":1,\"methods\":[\"GET\",\"PURGE\"]}"},
        {"no methods", "routes", "{" URI ",\"upstream_id\":\"1\",\"methods\":[]}"},
        {"host", "routes", "{" URI ",\"service_id\":\"s\",\"host\":\"*.foo.com\"}"},
        {"any host", "routes", "{" URI ",\"service_id\":\"s\",\"host\":\"*\"}"},
        {"hosts", "routes", "{" URI ",\"service_id\":\"s\",\"hosts\":[\"a.com\",\"B.com\"]}"},
        {"addresses", "routes",
         "{" URI ",\"service_id\":\"s\",\"remote_addrs\":[\"10.0.0.0/8\",\"1.2.3.4\",\"::1\","
         "\"fe80::/10\"]}"},
        {"address", "routes", "{" URI ",\"service_id\":\"s\",\"remote_addr\":\"127.0.0.1\"}"},
        {"all the rest of a route", "routes",
         "{" URI ",\"service_id\":\"s\",\"id\":7,\"name\":\"n\",\"desc\":\"d\",\"labels\":"
         "{\"a\":\"b\"},\"priority\":-3,\"timeout\":{\"connect\":1,\"send\":0.5,\"read\":3},"
         "\"enable_websocket\":true,\"status\":0,\"create_time\":1,\"update_time\":2}"},
        {"vars", "routes",
         "{" URI ",\"service_id\":\"s\",\"vars\":[[\"arg_a\",\"~~\",\"^[a-z]$\"]]}"},
        {"vars that are always true", "routes", "{" URI ",\"service_id\":\"s\",\"vars\":[]}"},
        {"empty service", "services", "{}"},
        {"service", "services",
         "{\"upstream\":" UP ",\"plugins\":{},\"enable_websocket\":false,\"hosts\":[\"a.com\"]}"},
        {"nodes as a map", "upstreams",
         "{\"nodes\":{\"a.com\":1,\"b.com:8080\":0,\"[::1]:80\":2,\"1.2.3.4\":1}}"},
        {"no nodes", "upstreams", "{\"nodes\":{}}"},
        {"nodes as an array", "upstreams",
         "{\"nodes\":[{\"host\":\"a.com\",\"weight\":1},{\"host\":\"[::1]\",\"port\":80,"
         "\"weight\":2,\"priority\":-1,\"metadata\":{}}]}"},
        {"all that an upstream may hold", "upstreams",
         "{\"nodes\":[],\"type\":\"roundrobin\",\"retries\":2,\"retry_timeout\":1.5,\"timeout\":"
         "{\"connect\":1,\"send\":1,\"read\":1},\"scheme\":\"https\",\"pass_host\":\"rewrite\","
         "\"upstream_host\":\"a.com\",\"keepalive_pool\":{\"size\":1,\"idle_timeout\":0,"
         "\"requests\":1},\"labels\":{},\"name\":\"u\",\"desc\":\"\"}"},
        {"checks", "upstreams",
         "{\"nodes\":{},\"checks\":{\"active\":{\"type\":\"https\",\"http_path\":\"/a?b=c\","
         "\"req_headers\":[\"A: b\"],\"healthy\":{\"interval\":2,\"successes\":254}},"
         "\"passive\":{\"unhealthy\":{\"timeouts\":0}}}}"},
        {"consumer", "consumers",
         "{\"username\":\"jack_2-x\",\"desc\":\"d\",\"labels\":{},\"plugins\":{}}"},
        {"consumer in a group", "consumers", "{\"username\":\"a\",\"group_id\":\"g1\"}"},
        {"route with a plugin config", "routes",
         "{" URI ",\"service_id\":\"s\",\"plugin_config_id\":\"p\"}"},
        {"empty credential", "credentials", "{}"},
        {"credential", "credentials",
         "{\"id\":\"c\",\"name\":\"n\",\"desc\":\"d\",\"labels\":{\"a\":\"b\"},\"plugins\":{\"x\":{"
         "}},"
         "\"create_time\":1,\"update_time\":2}"},
        {"plugin config", "plugin_configs",
         "{\"id\":1,\"plugins\":{},\"name\":\"\",\"desc\":\"\",\"labels\":{}}"},
        {"consumer group", "consumer_groups",
         "{\"id\":\"g\",\"plugins\":{\"a\":{},\"b\":{}},\"name\":\"n\",\"desc\":\"\",\"labels\":{}"
         "}"},
        {"global rule", "global_rules", "{\"id\":\"r2\",\"plugins\":{\"free\":{}}}"},
        {"the same global rule again", "global_rules", "{\"id\":\"r\",\"plugins\":{\"taken\":{}}}"},
        {"metadata", "plugin_metadata", "{\"id\":\"x\",\"any\":[1,{\"thing\":null}]}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[600];

        (void)first_finding(cases[i].kind, cases[i].object, text, sizeof(text));
        if (text[0] != '\0') {
            fail_msg("%s: %s", cases[i].label, text);
        }
    }
}

static void each_wrong_object_has_its_text(void **state)
{
    static const struct {
        const char *label;
        const char *kind;
        const char *object;
        const char *text; /* how the first finding begins */
    } cases[] = {
        {"host and hosts", "routes", "{" URI ",\"plugins\":{},\"host\":\"a\",\"hosts\":[\"a\"]}",
         "only one of host or hosts is allowed"},
        {"both addresses", "routes",
         "{" URI ",\"plugins\":{},\"remote_addr\":\"::1\",\"remote_addrs\":[\"::1\"]}",
         "only one of remote_addr or remote_addrs is allowed"},
        {"unknown field", "routes", "{" URI ",\"plugins\":{},\"urii\":1}",
         "invalid configuration: additional properties forbidden, found urii"},
        {"wrong type", "routes", "{\"uri\":1,\"plugins\":{}}",
         "invalid configuration: property \"uri\" validation failed: wrong type: expected string, "
         "got number"},
        {"neither upstream nor plugins", "routes", "{" URI "}",
         "invalid configuration: object matches none of the required"},
        {"no uri", "routes", "{\"plugins\":{}}", "invalid configuration: "},
        {"empty uri", "routes", "{\"uri\":\"\",\"plugins\":{}}",
         "invalid configuration: property \"uri\" validation failed: string too short, expected at "
         "least 1, got 0"},
        {"unknown method", "routes", "{" URI ",\"plugins\":{},\"methods\":[\"get\"]}",
         "invalid configuration: property \"methods\" validation failed: failed to validate item "
         "1: matches none of the enum values"},
        {"status 2", "routes", "{" URI ",\"plugins\":{},\"status\":2}",
         "invalid configuration: property \"status\" validation failed: matches none of the enum "
         "values"},
        {"id with a blank", "routes", "{" URI ",\"plugins\":{},\"id\":\"a b\"}",
         "invalid configuration: property \"id\" validation failed: object matches none of the "
         "required"},
        {"id 0", "routes", "{" URI ",\"plugins\":{},\"id\":0}",
         "invalid configuration: property \"id\" validation failed"},
        {"label with a blank", "routes", "{" URI ",\"plugins\":{},\"labels\":{\"a\":\"b c\"}}",
         "invalid configuration: property \"labels\" validation failed: failed to validate a "
         "(matching \".*\"): failed to match pattern \"^\\\\S+$\" with \"b c\""},
        {"bad address", "routes", "{" URI ",\"plugins\":{},\"remote_addr\":\"1.2.3.x\"}",
         "invalid configuration: property \"remote_addr\" validation failed"},
        {"address out of range", "routes", "{" URI ",\"plugins\":{},\"remote_addr\":\"::1/129\"}",
         "invalid ip address: ::1/129"},
        {"address of four large parts", "routes",
         "{" URI ",\"plugins\":{},\"remote_addrs\":[\"300.1.1.1/8\"]}",
         "invalid ip address: 300.1.1.1/8"},
        {"huge priority", "routes", "{" URI ",\"plugins\":{},\"priority\":99999999999}",
         "invalid configuration: property \"priority\" validation failed: expected 99999999999 to "
         "be at most 2147483647"},
        {"timeout 0", "routes",
         "{" URI ",\"plugins\":{},\"timeout\":{\"connect\":0,\"send\":1,\"read\":1}}",
         "invalid configuration: property \"timeout\" validation failed: property \"connect\" "
         "validation failed: expected 0 to be greater than 0"},
        {"huge timeout", "routes",
         "{" URI ",\"plugins\":{},\"timeout\":{\"connect\":1e300,\"send\":1,\"read\":1}}",
         "invalid configuration: property \"connect\" validation failed: expected 1"},
        {"upstream_id", "routes", "{" URI ",\"upstream_id\":\"nope\"}",
         "failed to fetch upstream info by upstream id [nope], response code: 404"},
        {"service_id", "routes", "{" URI ",\"service_id\":5}",
         "failed to fetch service info by service id [5], response code: 404"},
        {"plugin_config_id", "routes", "{" URI ",\"plugins\":{},\"plugin_config_id\":\"1\"}",
         "failed to fetch plugin config info by plugin config id [1], response code: 404"},
        {"group_id", "consumers", "{\"username\":\"a\",\"group_id\":\"g\"}",
         "failed to fetch consumer group info by consumer group id [g], response code: 404"},
        {"upstream_id of a service", "services", "{\"upstream_id\":\"9\"}",
         "failed to fetch upstream info by upstream id [9], response code: 404"},
        {"vars", "routes", "{" URI ",\"plugins\":{},\"vars\":[[\"a\",\"=\",\"b\"]]}",
         "failed to validate the 'vars' expression: invalid operator '='"},
        {"filter_func", "routes",
         "{" URI ",\"plugins\":{},\"filter_func\":\"function(vars) return true end\"}",
         "unsupported property \"filter_func\": found "},
        {"script", "routes", "{" URI ",\"script\":\"0123456789\"}",
         "unsupported property \"script\": found \"0123456789\", wanted no Lua script"},
        {"script_id", "routes", "{" URI ",\"plugins\":{},\"script_id\":\"1\"}",
         "unsupported property \"script_id\": found \"1\""},
        {"script of a service", "services", "{\"script\":\"0123456789\"}",
         "unsupported property \"script\""},
        {"chash without a key", "upstreams", "{\"nodes\":{},\"type\":\"chash\"}", "missing key"},
        {"chash on an unknown variable", "upstreams",
         "{\"nodes\":{},\"type\":\"chash\",\"key\":\"arg_\"}",
         "invalid configuration: failed to match pattern"},
        {"chash on a header that none can be", "upstreams",
         "{\"nodes\":{},\"type\":\"chash\",\"hash_on\":\"header\",\"key\":\"a b\"}",
         "invalid configuration: failed to match pattern \"^[a-zA-Z0-9-_]+$\" with \"a b\""},
        {"an unknown type inside a route", "routes",
         "{" URI ",\"upstream\":{\"nodes\":{},\"type\":\"random\"}}",
         "unsupported property \"type\": found \"random\", wanted roundrobin, chash, least_conn or "
         "ewma"},
        {"checks without active ones", "upstreams", "{\"nodes\":{},\"checks\":{\"passive\":{}}}",
         "invalid configuration: property \"checks\" validation failed: property \"active\" is "
         "required"},
        {"a header that is two", "upstreams",
         "{\"nodes\":{},\"checks\":{\"active\":{\"req_headers\":[\"A: b\\r\\nC: d\"]}}}",
         "invalid configuration: property \"checks\" validation failed: property \"active\" "
         "validation failed: property \"req_headers/0\""},
        {"a path with a blank", "upstreams",
         "{\"nodes\":{},\"checks\":{\"active\":{\"http_path\":\"/a HTTP/1.1\"}}}",
         "invalid configuration: property \"checks\" validation failed: property \"active\" "
         "validation failed: property \"http_path\""},
        {"discovery", "upstreams", "{\"service_name\":\"s\",\"discovery_type\":\"dns\"}",
         "unsupported property \"service_name\": found \"s\", wanted nodes"},
        {"an unknown client certificate", "upstreams",
         "{\"nodes\":{},\"tls\":{\"client_cert_id\":\"nope\"}}",
         "failed to fetch ssl info by ssl id [nope], response code: 404"},
        {"a client certificate without its key", "upstreams",
         "{\"nodes\":{},\"tls\":{\"client_cert\":\"x\"}}", "invalid configuration: "},
        {"kafka", "upstreams", "{\"nodes\":{},\"scheme\":\"kafka\"}",
         "unsupported property \"scheme\": found \"kafka\", wanted http, https, grpc or grpcs"},
        {"no nodes", "upstreams", "{}", "invalid configuration: value should match only one"},
        {"rewrite without a host", "upstreams", "{\"nodes\":{},\"pass_host\":\"rewrite\"}",
         "`upstream_host` can't be empty when `pass_host` is `rewrite`"},
        {"port 0", "upstreams", "{\"nodes\":{\"a.com:0\":1}}", "invalid port 0"},
        {"port 65536", "services", "{\"upstream\":{\"nodes\":{\"a.com:65536\":1}}}",
         "invalid port 65536"},
        {"no number as port", "upstreams", "{\"nodes\":{\"a.com:http\":1}}", "invalid port http"},
        {"nothing as port", "upstreams", "{\"nodes\":{\"a.com:\":1}}", "invalid port "},
        {"text behind a bracket", "upstreams", "{\"nodes\":{\"[::1]x\":1}}", "invalid port"},
        {"bare IPv6 in a map", "upstreams", "{\"nodes\":{\"::1\":1}}",
         "IPv6 address must be enclosed with '[' and ']'"},
        {"bare IPv6 in an array", "upstreams", "{\"nodes\":[{\"host\":\"::1\",\"weight\":1}]}",
         "IPv6 address must be enclosed with '[' and ']'"},
        {"bracketed nonsense", "upstreams", "{\"nodes\":[{\"host\":\"[a]\",\"weight\":1}]}",
         "invalid node host \"[a]\""},
        {"wildcard node", "upstreams", "{\"nodes\":[{\"host\":\"*.a.com\",\"weight\":1}]}",
         "invalid node host \"*.a.com\""},
        {"empty node", "upstreams", "{\"nodes\":{\"\":1}}", "invalid node host \"\""},
        {"node with a slash", "upstreams", "{\"nodes\":{\"http://a.com\":1}}", "invalid"},
        {"weight -1", "upstreams", "{\"nodes\":{\"a\":-1}}", "invalid configuration"},
        {"huge weight", "upstreams", "{\"nodes\":{\"a\":99999999999}}",
         "invalid configuration: property \"a\" validation failed: expected 99999999999 to be at "
         "most 2147483647"},
        {"no username", "consumers", "{\"plugins\":{}}",
         "invalid configuration: property \"username\" is required"},
        {"two plugins in a credential", "credentials", "{\"plugins\":{\"a\":{},\"b\":{}}}",
         "invalid configuration: property \"plugins\" validation failed: expect object to have at "
         "most 1 properties"},
        {"unknown field of a credential", "credentials", "{\"username\":\"a\"}",
         "invalid configuration: additional properties forbidden, found username"},
        {"odd id of a credential", "credentials", "{\"id\":\"a/b\"}",
         "invalid configuration: property \"id\" validation failed"},
        {"plugin config without plugins", "plugin_configs", "{\"id\":1}",
         "invalid configuration: property \"plugins\" is required"},
        {"plugin config without an id", "plugin_configs", "{\"plugins\":{}}",
         "invalid configuration: property \"id\" is required"},
        {"consumer group without plugins", "consumer_groups", "{\"id\":1}",
         "invalid configuration: property \"plugins\" is required"},
        {"empty name of a consumer group", "consumer_groups",
         "{\"id\":1,\"plugins\":{},\"name\":\"\"}",
         "invalid configuration: property \"name\" validation failed: string too short"},
        {"named global rule", "global_rules", "{\"id\":1,\"plugins\":{},\"name\":\"a\"}",
         "invalid configuration: additional properties forbidden, found name"},
        {"plugin of another global rule", "global_rules",
         "{\"id\":\"r2\",\"plugins\":{\"free\":{},\"taken\":{}}}",
         "plugin 'taken' already exists in global rule with id 'r'"},
        {"odd username", "consumers", "{\"username\":\"a b\"}",
         "invalid configuration: property \"username\" validation failed: failed to match pattern "
         "\"^[a-zA-Z0-9_\\\\-]+$\" with \"a b\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[600];

        (void)first_finding(cases[i].kind, cases[i].object, text, sizeof(text));
        if (strncmp(text, cases[i].text, strlen(cases[i].text)) != 0) {
            fail_msg("%s: %s", cases[i].label, text);
        }
    }
}

/* True if an object of a kind can name one of another, directly or through others. */
static bool leads_to(const hgh_object_kind *from, const char *to, unsigned steps)
{
    if (from == NULL || steps == 0) {
        return false;
    }
    for (const hgh_object_reference *at = from->references; at->member != NULL; at++) {
        if (strcmp(at->kind, to) == 0 || leads_to(hgh_object_kind_find(at->kind), to, steps - 1)) {
            return true;
        }
    }
    return from->parent != NULL && (strcmp(from->parent, to) == 0 ||
                                    leads_to(hgh_object_kind_find(from->parent), to, steps - 1));
}

/* So that no write, whatever it says, can make objects name each other in a circle. */
static void no_kind_can_name_itself_through_others(void **state)
{
    (void)state;
    assert_true(leads_to(hgh_object_kind_find("routes"), "ssls", 3)); /* over services, upstreams */
    for (size_t i = 0; hgh_object_kind_at(i) != NULL; i++) {
        const hgh_object_kind *kind = hgh_object_kind_at(i);

        if (leads_to(kind, kind->name, 16)) {
            fail_msg("%s lead to %s", kind->name, kind->name);
        }
    }
}

static void an_object_has_at_most_as_many_plugins_as_a_request_can_meet(void **state)
{
    static const size_t counts[] = {1023, 1024, 1025, 10000};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        json_t *plugins = json_object();
        json_t *object = json_pack("{s:s, s:o}", "uri", "/a", "plugins", plugins);
        const hgh_object_kind *kind = hgh_object_kind_find("routes");
        bool fits = counts[i] <= HGH_OBJECT_PLUGINS_MAX;
        hg_issues issues = {0};
        char text[HG_ERROR_TEXT_MAX];
        json_t *configs;

        for (size_t k = 0; k < counts[i]; k++) {
            char name[32];

            (void)snprintf(name, sizeof(name), "p%zu", k);
            (void)json_object_set_new(plugins, name, json_object());
        }
        hgh_object_check_run(check, kind, table, object, NULL, &issues);
        configs = hgh_object_check_plugins(kind, "1", object);
        assert_int_equal(issues.count, fits ? 0 : 1);
        assert_int_equal(json_array_size(configs), fits ? counts[i] : 0);
        if (!fits) {
            assert_string_equal(issues.items[0].pointer, "/plugins");
            assert_non_null(strstr(hgh_issues_first(&issues, text, sizeof(text)),
                                   "wanted at most 1024 plugins"));
        }
        hgh_issues_done(&issues);
        json_decref(configs);
        json_decref(object);
    }
}

static void all_findings_are_told_with_their_pointers(void **state)
{
    json_t *object =
        json_loads("{\"uri\":\"/a\",\"upstream\":{\"nodes\":{\"a:b\":1},\"scheme\":\"kafka\","
                   "\"type\":\"x\"},\"upstream_id\":\"x\"}",
                   0, NULL);
    static const char *const pointers[] = {"/upstream/nodes/a:b", "/upstream/type",
                                           "/upstream/scheme", "/upstream_id"};
    hg_issues issues = {0};

    (void)state;
    hgh_object_check_run(check, hgh_object_kind_find("routes"), table, object, NULL, &issues);
    assert_int_equal(issues.count, ARRAY_SIZE(pointers));
    for (size_t i = 0; i < issues.count; i++) {
        assert_string_equal(issues.items[i].pointer, pointers[i]);
    }
    hgh_issues_done(&issues);
    json_decref(object);
}

static void plugins_are_listed_for_their_judge(void **state)
{
    json_t *object = json_loads("{\"username\":\"jack\",\"plugins\":{\"a/b\":{\"x\":1}}}", 0, NULL);
    json_t *configs = hgh_object_check_plugins(hgh_object_kind_find("consumers"), "jack", object);
    char *text = json_dumps(configs, JSON_COMPACT);

    (void)state;
    assert_string_equal(text,
                        "[{\"plugin\":\"a/b\",\"use\":\"consumer\",\"pointer\":\"/plugins/a~1b\","
                        "\"resource\":\"consumers\",\"id\":\"jack\",\"value\":{\"x\":1}}]");
    free(text);
    json_decref(configs);
    json_decref(object);
}

static void metadata_is_judged_without_its_id(void **state)
{
    json_t *object = json_loads("{\"id\":\"x\",\"path\":\"p\"}", 0, NULL);
    json_t *configs =
        hgh_object_check_plugins(hgh_object_kind_find("plugin_metadata"), "x", object);
    char *text = json_dumps(configs, JSON_COMPACT);

    (void)state;
    assert_string_equal(text,
                        "[{\"plugin\":\"x\",\"use\":\"metadata\",\"pointer\":\"\",\"resource\":"
                        "\"plugin_metadata\",\"id\":\"x\",\"value\":{\"path\":\"p\"}}]");
    free(text);
    json_decref(configs);
    json_decref(object);
}

/* True if a "$ref" is left anywhere. */
static bool has_reference(json_t *value)
{
    const char *name;
    json_t *child;
    size_t i;

    json_object_foreach(value, name, child)
    {
        if (strcmp(name, "$ref") == 0 || has_reference(child)) {
            return true;
        }
    }
    json_array_foreach(value, i, child)
    {
        if (has_reference(child)) {
            return true;
        }
    }
    return false;
}

static void schemas_stand_alone(void **state)
{
    (void)state;
    for (size_t i = 0; hgh_object_kind_at(i) != NULL; i++) {
        json_t *schema = NULL;

        assert_int_equal(hgh_object_schema_make(hgh_object_kind_at(i)->schema, &schema, NULL),
                         HG_OK);
        assert_false(has_reference(schema));
        json_decref(schema);
    }
    assert_int_equal(hgh_object_schema_make("nope", NULL, NULL), HG_ERR_NOT_FOUND);
}

static void hostile_objects_end_in_an_error(void **state)
{
    json_t *object = json_pack("{s:s, s:{}}", "uri", "/a", "plugins");
    json_t *deep = json_object();
    char *text = malloc(300000);
    hg_issues issues = {0};

    (void)state;
    for (int i = 0; i < 1000; i++) {
        deep = json_pack("{s:o}", "a", deep);
    }
    assert_int_equal(json_object_set_new(object, "labels", deep), 0);
    hgh_object_check_run(check, hgh_object_kind_find("routes"), table, object, NULL, &issues);
    assert_false(hgh_issues_is_empty(&issues));
    hgh_issues_done(&issues);
    memset(text, 'a', 299999);
    text[299999] = '\0';
    assert_int_equal(json_object_set_new(object, "labels", json_object()), 0);
    assert_int_equal(json_object_set_new(object, "uri", json_string(text)), 0);
    assert_int_equal(json_object_set_new(object, text, json_string(text)), 0);
    hgh_object_check_run(check, hgh_object_kind_find("routes"), table, object, NULL, &issues);
    assert_false(hgh_issues_is_empty(&issues));
    hgh_issues_done(&issues);
    free(text);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_apisix_accepts_is_accepted),
        cmocka_unit_test(each_wrong_object_has_its_text),
        cmocka_unit_test(no_kind_can_name_itself_through_others),
        cmocka_unit_test(an_object_has_at_most_as_many_plugins_as_a_request_can_meet),
        cmocka_unit_test(all_findings_are_told_with_their_pointers),
        cmocka_unit_test(plugins_are_listed_for_their_judge),
        cmocka_unit_test(metadata_is_judged_without_its_id),
        cmocka_unit_test(schemas_stand_alone),
        cmocka_unit_test(hostile_objects_end_in_an_error),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
