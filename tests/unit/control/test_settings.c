/* tests/unit/control/test_settings.c - every key is decoded, and every mistake named, at its place.
 */
#include <stdlib.h>

#include "host/control/settings.h"
#include "tests/unit/unit.h"

/* Parses; gives back the status and all findings, a line each. The caller frees *settings. */
static hg_status
parse(const char *text, hgh_settings **settings, char *errors, char *warnings, size_t size)
{
    hg_issues error_issues = {0};
    hg_issues warning_issues = {0};
    hg_status status = hgh_settings_parse(text, strlen(text), "config.yaml", settings,
                                          &error_issues, &warning_issues);

    errors[0] = '\0';
    warnings[0] = '\0';
    for (size_t i = 0; i < error_issues.count; i++) {
        size_t length = strlen(errors);

        (void)snprintf(errors + length, size - length, "%s\n", error_issues.items[i].text);
    }
    for (size_t i = 0; i < warning_issues.count; i++) {
        size_t length = strlen(warnings);

        (void)snprintf(warnings + length, size - length, "%s\n", warning_issues.items[i].text);
    }
    hgh_issues_done(&error_issues);
    hgh_issues_done(&warning_issues);
    return status;
}

static hgh_settings *parse_good(const char *text)
{
    char errors[4096];
    char warnings[4096];
    hgh_settings *settings = NULL;

    if (parse(text, &settings, errors, warnings, sizeof(errors)) != HG_OK) {
        fail_msg("%s", errors);
    }
    return settings;
}

static void an_empty_file_gives_the_defaults(void **state)
{
    static const char *const texts[] = {"",     "# a comment\n", "~\n",
                                        "{}\n", "apisix:\n",     "nginx_config:\n  http: ~\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        hgh_settings *settings = parse_good(texts[i]);

        assert_string_equal(settings->path, "config.yaml");
        assert_int_equal(settings->node_listen_count, 1);
        assert_string_equal(settings->node_listen[0].address, "0.0.0.0");
        assert_int_equal(settings->node_listen[0].port, 9080);
        assert_true(settings->ssl_enable);
        assert_string_equal(settings->ssl_protocols, "TLSv1.2 TLSv1.3");
        assert_null(settings->fallback_sni);
        assert_int_equal(settings->data_listen_count, 2);
        assert_int_equal(settings->data_listen[1].port, 9443);
        assert_true(settings->data_listen[1].tls && settings->data_listen[1].http2);
        assert_false(settings->data_listen[0].tls || settings->data_listen[0].http2);
        assert_int_equal(settings->admin_listen_count, 1);
        assert_string_equal(settings->admin_listen[0].address, "127.0.0.1");
        assert_int_equal(settings->admin_listen[0].port, 9180);
        assert_true(settings->admin_key_required);
        assert_int_equal(settings->admin_key_count, 0);
        assert_int_equal(settings->allow_admin_count, 2);
        assert_string_equal(settings->allow_admin[1], "::1/128");
        assert_null(settings->plugins);
        assert_int_equal(json_object_size(settings->plugin_attr), 0);
        assert_true(json_is_array(settings->plugins_override));
        assert_int_equal(settings->shared_memory_bytes, 64 << 20);
        assert_int_equal(settings->slow_call_ms, 20);
        assert_int_equal(settings->offload_threads, 4);
        assert_int_equal(settings->offload_queue, 1000);
        assert_int_equal(settings->worker_processes, 0);
        assert_int_equal(settings->worker_shutdown_timeout_ms, 240000);
        assert_int_equal(settings->resolver_timeout_s, 5);
        assert_true(settings->underscores_in_headers);
        assert_string_equal(settings->real_ip_from[1], "unix:");
        assert_string_equal(settings->http_configuration_snippet, "");
        assert_non_null(strstr(settings->access_log_format, "\"$http_user_agent\""));
        hgh_settings_free(settings);
    }
}

static void the_generated_file_is_the_defaults(void **state)
{
    static const char *const plugins[] = {"key-auth", "limit-count"};
    char *text = hgh_settings_default_yaml(plugins, ARRAY_SIZE(plugins));
    char errors[4096];
    char warnings[4096];
    hgh_settings *settings = NULL;

    (void)state;
    assert_non_null(text);
    assert_int_equal(parse(text, &settings, errors, warnings, sizeof(errors)), HG_OK);
    assert_string_equal(warnings, "");
    assert_int_equal(settings->upstream_keepalive, 320);
    assert_int_equal(settings->post_args_max_mib, 64);
    assert_int_equal(settings->graphql_max_bytes, 1 << 20);
    assert_non_null(strstr(text, "\n  admin:\n"));
    assert_non_null(strstr(text, "\n    # admin_key: ["));
    assert_non_null(strstr(text, "\n# plugins:\n#   - key-auth\n#   - limit-count\n"));
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        assert_true(strcspn(line, "\n") <= 100 || strstr(line, "access_log_format") != NULL);
    }
    hgh_settings_free(settings);
    free(text);
}

static void every_kind_of_value_is_decoded(void **state)
{
    hgh_settings *settings =
        parse_good("apisix:\n"
                   "  enable_admin: false\n"
                   "  router: {http: radixtree_uri}\n"
                   "  dns_resolver: [10.0.0.2, '[fd00::2]:53', 10.0.0.3:5353]\n"
                   "  dns_resolver_valid: 1m\n"
                   "  max_post_args_readable_size: 2\n"
                   "graphql: {max_size: 5}\n"
                   "deployment:\n"
                   "  admin:\n"
                   "    admin_key:\n"
                   "      - {name: root, key: 0123456789abcdef-x, role: admin}\n"
                   "      - {name: eye, key: 'fedcba9876543210', role: viewer}\n"
                   "    allow_admin: [10.0.0.0/8, '::/0', 192.0.2.1]\n"
                   "plugins: [echo, key-auth]\n"
                   "plugin_attr: {prometheus: {export_uri: /m}}\n"
                   "hotgate: {shared_memory: 1g, nginx: /opt/my nginx/nginx,"
                   " offload: {threads: 16, queue: 7}}\n"
                   "nginx_config:\n"
                   "  worker_processes: 4\n"
                   "  http:\n"
                   "    underscores_in_headers: 'off'\n"
                   "    send_timeout: 1m30s\n"
                   "    client_max_body_size: 10m\n"
                   "  http_configuration_snippet: |\n"
                   "    map $a $b { default \"1\"; }\n");

    (void)state;
    assert_false(settings->enable_admin);
    assert_string_equal(settings->router, "radixtree_uri");
    assert_int_equal(settings->dns_resolver_count, 3);
    assert_string_equal(settings->dns_resolver[1], "[fd00::2]:53");
    assert_int_equal(settings->dns_resolver_valid_s, 60);
    assert_int_equal(settings->post_args_max_mib, 2);
    assert_int_equal(settings->graphql_max_bytes, 5);
    assert_int_equal(settings->admin_key_count, 2);
    assert_string_equal(settings->admin_key[0].name, "root");
    assert_int_equal(settings->admin_key[1].role, HGH_ROLE_VIEWER);
    assert_int_equal(settings->allow_admin_count, 3);
    assert_int_equal(json_array_size(settings->plugins), 2);
    assert_non_null(json_object_get(settings->plugin_attr, "prometheus"));
    assert_int_equal(settings->shared_memory_bytes, 1 << 30);
    assert_string_equal(settings->nginx_binary, "/opt/my nginx/nginx");
    assert_int_equal(settings->offload_threads, 16);
    assert_int_equal(settings->offload_queue, 7);
    assert_int_equal(settings->worker_processes, 4);
    assert_false(settings->underscores_in_headers);
    assert_int_equal(settings->send_timeout_ms, 90000);
    assert_int_equal(settings->client_max_body_bytes, 10 << 20);
    assert_string_equal(settings->http_configuration_snippet, "map $a $b { default \"1\"; }\n");
    hgh_settings_free(settings);
}

static void listeners_have_many_forms(void **state)
{
    static const struct {
        const char *value;
        const char *listens; /* address port, each followed by a blank */
    } cases[] = {
        {"9080", "0.0.0.0 9080 "},
        {"'9080'", "0.0.0.0 9080 "},
        {"[80, 81]", "0.0.0.0 80 0.0.0.0 81 "},
        {"127.0.0.2:80", "127.0.0.2 80 "},
        {"'[::1]:80'", "::1 80 "},
        {"{ip: 127.0.0.1, port: 80}", "127.0.0.1 80 "},
        {"{port: 80}", "0.0.0.0 80 "},
        {"[{ip: '::', port: 80}, {ip: '[::1]', port: 81}, 127.0.0.1:82, 83]",
         ":: 80 ::1 81 127.0.0.1 82 0.0.0.0 83 "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[200];
        char listens[200] = "";
        hgh_settings *settings;

        (void)snprintf(text, sizeof(text), "apisix: {node_listen: %s}", cases[i].value);
        settings = parse_good(text);
        for (size_t j = 0; j < settings->node_listen_count; j++) {
            size_t length = strlen(listens);

            (void)snprintf(listens + length, sizeof(listens) - length, "%s %u ",
                           settings->node_listen[j].address,
                           (unsigned)settings->node_listen[j].port);
        }
        assert_string_equal(listens, cases[i].listens);
        hgh_settings_free(settings);
    }
}

static void keys_of_release_2_15_are_understood(void **state)
{
    static const struct {
        const char *text;
        const char *address;
        unsigned port;
    } cases[] = {
        {"apisix: {port_admin: 9000}", "127.0.0.1", 9000},
        {"apisix: {admin_listen: {ip: 127.0.0.3, port: 9001}}", "127.0.0.3", 9001},
        {"apisix: {admin_listen: {ip: 127.0.0.3, port: 9001}, port_admin: 9000}", "127.0.0.3",
         9001},
    };
    char errors[1024];
    char warnings[1024];
    hgh_settings *settings = NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        settings = parse_good(cases[i].text);
        assert_string_equal(settings->admin_listen[0].address, cases[i].address);
        assert_int_equal(settings->admin_listen[0].port, cases[i].port);
        hgh_settings_free(settings);
    }
    assert_int_equal(parse("apisix:\n"
                           "  admin_key: [{name: a, key: edd1c9f034335f136f87ad84b625c8f1, "
                           "role: admin}]\n"
                           "  allow_admin: [10.0.0.0/8]\n"
                           "  config_center: etcd\n"
                           "etcd: {host: ['http://127.0.0.1:2379']}\n"
                           "deployment:\n"
                           "  role: traditional\n"
                           "  admin:\n"
                           "    allow_admin: [127.0.0.1]\n",
                           &settings, errors, warnings, sizeof(errors)),
                     HG_OK);
    assert_string_equal(settings->admin_key[0].key, "edd1c9f034335f136f87ad84b625c8f1");
    assert_string_equal(settings->allow_admin[0], "127.0.0.1");
    assert_string_equal(
        warnings,
        "config.yaml:5:1: /etcd: known from APISIX, has no effect in this gateway\n"
        "config.yaml:2:25: /apisix/admin_key/0/key: this key stands in APISIX's documentation: "
        "everybody knows it\n"
        "config.yaml:3:3: /apisix/allow_admin: has no effect: the same is set at its newer "
        "place\n"
        "config.yaml:4:3: /apisix/config_center: known from APISIX, has no effect in this "
        "gateway\n");
    hgh_settings_free(settings);
}

static void objects_may_come_from_a_file(void **state)
{
    static const struct {
        const char *text;
        hgh_config_source source;
        bool has_admin;
        const char *warning; /* a part; "": none */
    } cases[] = {
        {"", HGH_CONFIG_STORE, true, ""},
        {"deployment: {role: traditional, role_traditional: ~}", HGH_CONFIG_STORE, true, ""},
        {"deployment: {role: data_plane, role_data_plane: {config_provider: yaml}}",
         HGH_CONFIG_YAML, false, ""},
        {"deployment: {role: data_plane, role_data_plane: {config_provider: json}}",
         HGH_CONFIG_JSON, false, ""},
        {"apisix: {enable_admin: true}\n"
         "deployment: {role: data_plane, role_data_plane: {config_provider: yaml}}",
         HGH_CONFIG_YAML, true, ""},
        {"deployment: {role: data_plane, role_data_plane: {config_provider: etcd}}",
         HGH_CONFIG_STORE, true, "/deployment/role: known from APISIX, has no effect"},
        {"deployment: {role: data_plane}", HGH_CONFIG_STORE, true,
         "/deployment/role: known from APISIX, has no effect"},
        {"deployment: {role: control_plane}", HGH_CONFIG_STORE, true,
         "/deployment/role: known from APISIX, has no effect"},
        {"deployment: {role_data_plane: {config_provider: yaml}}", HGH_CONFIG_STORE, true,
         "config_provider: has no effect: deployment.role is not data_plane"},
        /* as release 2.15 has it */
        {"apisix: {enable_admin: false, config_center: yaml}", HGH_CONFIG_YAML, false, ""},
        {"apisix: {config_center: yaml}", HGH_CONFIG_YAML, false, ""},
        {"apisix: {config_center: etcd}", HGH_CONFIG_STORE, true,
         "/apisix/config_center: known from APISIX, has no effect"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char errors[1024];
        char warnings[1024];
        hgh_settings *settings = NULL;

        if (parse(cases[i].text, &settings, errors, warnings, sizeof(errors)) != HG_OK ||
            settings->config_source != cases[i].source ||
            settings->enable_admin != cases[i].has_admin ||
            (cases[i].warning[0] == '\0') != (warnings[0] == '\0') ||
            strstr(warnings, cases[i].warning) == NULL) {
            fail_msg("%s: %s%s", cases[i].text, errors, warnings);
        }
        hgh_settings_free(settings);
    }
}

static void the_data_port_has_the_admin_api_if_it_is_meant_to(void **state)
{
    static const struct {
        const char *text;
        bool is_meant;
    } cases[] = {
        {"", false},
        {"apisix: {node_listen: 9080}", false},
        {"deployment: {admin: {enable_admin_on_data_port: true}}", true},
        {"apisix: {enable_admin: false}\ndeployment: {admin: {enable_admin_on_data_port: true}}",
         false},
        /* as release 2.15 has it */
        {"apisix: {enable_admin: true}", true},
        {"apisix: {enable_admin: true, admin_key: [{name: a, key: 0123456789abcdef, role: admin}]}",
         true},
        {"apisix: {enable_admin: true, port_admin: 9180}", false},
        {"apisix: {enable_admin: true, admin_listen: {ip: 127.0.0.1, port: 9180}}", false},
        /* as release 3 has it: the same key stands in its default file */
        {"apisix: {enable_admin: true}\ndeployment: {role: traditional, admin: {allow_admin: "
         "[127.0.0.1]}}",
         false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_settings *settings = parse_good(cases[i].text);

        if (settings->enable_admin_on_data_port != cases[i].is_meant ||
            settings->admin_listen_count !=
                (strstr(cases[i].text, "apisix: {enable_admin: true") != NULL && cases[i].is_meant
                     ? 0
                     : 1)) {
            fail_msg("%s: got the opposite", cases[i].text);
        }
        hgh_settings_free(settings);
    }
}

static void tls_and_keys_of_the_store_are_decoded(void **state)
{
    static const char *const texts[] = {
        "deployment: {admin: {https_admin: true, admin_api_mtls: {admin_ssl_cert: a.crt, "
        "admin_ssl_cert_key: /b.key, admin_ssl_ca_cert: \"\"}}}\n"
        "apisix: {data_encryption: {enable_encrypt_fields: false, keyring: [0123456789abcdef, "
        "fedcba9876543210]}}",
        "apisix: {https_admin: true, admin_api_mtls: {admin_ssl_cert: a.crt, admin_ssl_cert_key: "
        "/b.key}, data_encryption: {enable: false, keyring: [0123456789abcdef, "
        "fedcba9876543210]}}",
    };
    hgh_settings *settings;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        settings = parse_good(texts[i]);
        assert_true(settings->https_admin);
        assert_string_equal(settings->admin_ssl_cert, "a.crt");
        assert_string_equal(settings->admin_ssl_cert_key, "/b.key");
        assert_null(settings->admin_ssl_ca_cert);
        assert_false(settings->encrypt_store);
        assert_int_equal(settings->keyring_count, 2);
        assert_string_equal(settings->keyring[1], "fedcba9876543210");
        hgh_settings_free(settings);
    }
    settings = parse_good("apisix: {data_encryption: {keyring: 0123456789abcdef}}");
    assert_int_equal(settings->keyring_count, 1);
    assert_true(settings->encrypt_store);
    hgh_settings_free(settings);
}

static void runners_are_decoded(void **state)
{
    hgh_settings *settings = parse_good("ext-plugin:\n"
                                        "  cmd: [go-runner, '', 'a b']\n"
                                        "  path_for_test: /tmp/runner.sock\n"
                                        "nginx_config: {envs: [REGION, _x1=, 'MODE=a; b']}\n"
                                        "hotgate:\n"
                                        "  isolate: [hello]\n"
                                        "  ext_plugin: {call_timeout: 5s, idle_connections: 3,"
                                        " response_body_limit: 1m, empty_flag_arguments: true}\n");
    hgh_settings *none = parse_good("");

    (void)state;
    assert_int_equal(settings->ext_plugin_cmd_count, 3);
    assert_string_equal(settings->ext_plugin_cmd[0], "go-runner");
    assert_string_equal(settings->ext_plugin_cmd[1], "");
    assert_string_equal(settings->ext_plugin_cmd[2], "a b");
    assert_string_equal(settings->ext_plugin_socket, "/tmp/runner.sock");
    assert_int_equal(settings->envs_count, 3);
    assert_string_equal(settings->envs[2], "MODE=a; b");
    assert_int_equal(json_array_size(settings->isolate), 1);
    assert_int_equal(settings->ext_plugin_connect_timeout_ms, 1000);
    assert_int_equal(settings->ext_plugin_send_timeout_ms, 60000);
    assert_int_equal(settings->ext_plugin_prepare_timeout_ms, 60000);
    assert_int_equal(settings->ext_plugin_call_timeout_ms, 5000);
    assert_int_equal(settings->ext_plugin_idle_max, 3);
    assert_int_equal(settings->ext_plugin_idle_timeout_ms, 180000);
    assert_int_equal(settings->ext_plugin_body_max_bytes, 1 << 20);
    assert_true(settings->ext_plugin_empty_flag_arguments);
    assert_int_equal(none->ext_plugin_cmd_count, 0);
    assert_null(none->ext_plugin_socket);
    assert_int_equal(none->envs_count, 0);
    assert_true(json_is_array(none->isolate));
    hgh_settings_free(settings);
    hgh_settings_free(none);
}

static void mistakes_are_named_at_their_place(void **state)
{
    static const struct {
        const char *label;
        const char *text;
        const char *message;
    } cases[] = {
        {"unknown key", "apisix:\n  node_listn: 80\n",
         "2:3: /apisix/node_listn: unknown key, did you mean \"node_listen\"?\n"},
        {"unknown section", "apisx:\n  node_listen: 80\n",
         "1:1: /apisx: unknown key, did you mean \"apisix\"?\n"},
        {"key at the wrong level", "worker_processes: 2\n",
         "1:1: /worker_processes: unknown key, did you mean \"nginx_config.worker_processes\"?\n"},
        {"nothing like it", "kubernetes: 1\n", "1:1: /kubernetes: unknown key\n"},
        {"dotted", "apisix.node_listen: 80\n", "1:1: /apisix.node_listen: unknown key\n"},
        {"duplicate", "apisix: {}\napisix: {}\n", "2:1: the key \"apisix\" is there twice\n"},
        {"syntax", "apisix: [\n",
         "2:1: did not find expected node content (while parsing a flow "
         "node)\n"},
        {"variable", "apisix:\n  node_listen: ${{HG_TEST_NONE}}\n",
         "2:16: the environment variable HG_TEST_NONE is not set, and ${{HG_TEST_NONE}} gives no "
         "default\n"},
        {"not a mapping", "- a\n", "1:1: found a list, wanted a mapping of keys\n"},
        {"text for a section", "apisix: yes\n", "1:9: /apisix: found \"yes\", wanted a mapping\n"},
        {"bool", "apisix: {enable_admin: yes}\n",
         "1:24: /apisix/enable_admin: found \"yes\", wanted true or false\n"},
        {"port", "apisix: {node_listen: 70000}\n",
         "1:23: /apisix/node_listen: found 70000, wanted a port of 1 to 65535, \"ADDRESS:PORT\", "
         "or {ip: ADDRESS, port: PORT}\n"},
        {"keyring, too short", "apisix: {data_encryption: {keyring: [hush]}}\n",
         "1:38: /apisix/data_encryption/keyring/0: found a text, wanted a key of 16 to 256 "
         "printable ASCII characters without blanks\n"},
        {"keyring, a number", "apisix: {data_encryption: {keyring: [1234567890123456]}}\n",
         "1:38: /apisix/data_encryption/keyring/0: found a number, wanted a key of 16 to 256 "
         "printable ASCII characters without blanks\n"},
        {"keyring, empty", "apisix: {data_encryption: {keyring: []}}\n",
         "1:37: /apisix/data_encryption/keyring: found an empty list, wanted a list of keys, not "
         "empty\n"},
        {"TLS without a certificate", "deployment: {admin: {https_admin: true}}\n",
         "1:35: /deployment/admin/https_admin: found true without a certificate and its key, "
         "wanted admin_api_mtls.admin_ssl_cert and admin_ssl_cert_key beside it\n"},
        {"too much of a body", "apisix: {max_post_args_readable_size: 2049}\n",
         "1:39: /apisix/max_post_args_readable_size: found 2049, wanted 0 to 2048\n"},
        {"nothing of GraphQL", "graphql: {max_size: 0}\n",
         "1:21: /graphql/max_size: found 0, wanted 1 to 2147483648\n"},
        {"no port", "apisix: {node_listen: []}\n",
         "1:23: /apisix/node_listen: found an empty list, wanted at least one port to listen on\n"},
        {"host name", "apisix:\n  node_listen:\n    - 80\n    - {ip: localhost, port: 81}\n",
         "4:7: /apisix/node_listen/1: found a mapping, wanted a port of 1 to 65535, "
         "\"ADDRESS:PORT\", or {ip: ADDRESS, port: PORT}\n"},
        {"address twice", "apisix: {node_listen: [80, '0.0.0.0:80']}\n",
         "1:28: /apisix/node_listen/1: found \"0.0.0.0:80\", wanted an address that is not in the "
         "list yet\n"},
        {"unknown in a listener", "apisix: {node_listen: {port: 80, prot: 1}}\n",
         "1:40: /apisix/node_listen/prot: found an unknown key, wanted ip or port\n"},
        {"word", "nginx_config: {error_log_level: loud}\n",
         "1:33: /nginx_config/error_log_level: found \"loud\", wanted one of: debug info notice "
         "warn error crit alert emerg\n"},
        {"workers", "nginx_config: {worker_processes: 0}\n",
         "1:34: /nginx_config/worker_processes: found 0, wanted 1 to 128 or auto\n"},
        {"workers, fraction", "nginx_config: {worker_processes: 1.5}\n",
         "1:34: /nginx_config/worker_processes: found 1.5, wanted auto or a whole number\n"},
        {"duration", "nginx_config: {http: {send_timeout: soon}}\n",
         "1:37: /nginx_config/http/send_timeout: found \"soon\", wanted a duration such as 60s, "
         "500ms or a number of seconds\n"},
        {"duration with a rest", "nginx_config: {http: {send_timeout: 1m30}}\n",
         "1:37: /nginx_config/http/send_timeout: found \"1m30\", wanted a duration such as 60s, "
         "500ms or a number of seconds\n"},
        {"empty duration", "nginx_config: {http: {send_timeout: ''}}\n",
         "1:37: /nginx_config/http/send_timeout: found \"\", wanted a duration such as 60s, 500ms "
         "or a number of seconds\n"},
        {"duration out of range", "nginx_config: {http: {send_timeout: 0}}\n",
         "1:37: /nginx_config/http/send_timeout: found 0, wanted 1 to 86400000000 ms\n"},
        {"broken seconds", "apisix: {resolver_timeout: 500ms}\n",
         "1:28: /apisix/resolver_timeout: found \"500ms\", wanted a duration in whole seconds, "
         "such "
         "as 5 or 1m\n"},
        {"size", "hotgate: {shared_memory: lots}\n",
         "1:26: /hotgate/shared_memory: found \"lots\", wanted a size such as 64m, 512k or a "
         "number "
         "of bytes\n"},
        {"too small", "hotgate: {shared_memory: 1k}\n",
         "1:26: /hotgate/shared_memory: found \"1k\", wanted 1048576 to 68719476736 bytes\n"},
        {"too many threads", "hotgate: {offload: {threads: 17}}\n",
         "1:30: /hotgate/offload/threads: found 17, wanted 1 to 16\n"},
        {"no queue", "hotgate: {offload: {queue: 0}}\n",
         "1:28: /hotgate/offload/queue: found 0, wanted 1 to 1000000\n"},
        {"a command as one text", "ext-plugin: {cmd: go-runner run}\n",
         "1:19: /ext-plugin/cmd: found \"go-runner run\", wanted a list of texts: a program and "
         "its "
         "arguments\n"},
        {"a command of nothing", "ext-plugin: {cmd: []}\n",
         "1:19: /ext-plugin/cmd: found an empty list, wanted a list of texts: a program and its "
         "arguments\n"},
        {"an argument that is a number", "ext-plugin: {cmd: [run, 7]}\n",
         "1:25: /ext-plugin/cmd/1: found 7, wanted a list of texts: a program and its "
         "arguments\n"},
        {"a command without a program", "ext-plugin: {cmd: ['', run]}\n",
         "1:20: /ext-plugin/cmd/0: found \"\", wanted a program\n"},
        {"a socket as an address", "ext-plugin: {path_for_test: 'unix:/tmp/x'}\n",
         "1:29: /ext-plugin/path_for_test: found \"unix:/tmp/x\", wanted the absolute path of a "
         "socket, without unix:, of at most 107 bytes\n"},
        {"a variable", "nginx_config: {envs: [A, 1B, 'A-B', 'C D=1']}\n",
         "1:26: /nginx_config/envs/1: found \"1B\", wanted a list of names of environment "
         "variables, or NAME=VALUE\n"
         "config.yaml:1:30: /nginx_config/envs/2: found \"A-B\", wanted a list of names of "
         "environment variables, or NAME=VALUE\n"
         "config.yaml:1:37: /nginx_config/envs/3: found \"C D=1\", wanted a list of names of "
         "environment variables, or NAME=VALUE\n"},
        {"no idle connection", "hotgate: {ext_plugin: {idle_connections: 0}}\n",
         "1:42: /hotgate/ext_plugin/idle_connections: found 0, wanted 1 to 10000\n"},
        {"network", "deployment: {admin: {allow_admin: [10.0.0.0/33]}}\n",
         "1:36: /deployment/admin/allow_admin/0: found \"10.0.0.0/33\", wanted a list of addresses "
         "and networks, not empty; 0.0.0.0/0 and ::/0 are all\n"},
        {"nobody allowed", "deployment: {admin: {allow_admin: []}}\n",
         "1:35: /deployment/admin/allow_admin: found an empty list, wanted a list of addresses and "
         "networks, not empty; 0.0.0.0/0 and ::/0 are all\n"},
        {"name server", "apisix: {dns_resolver: [ns.example]}\n",
         "1:25: /apisix/dns_resolver/0: found \"ns.example\", wanted a list of name servers such "
         "as 10.0.0.2, 10.0.0.2:53 or [fd00::2]:53\n"},
        {"plugins", "plugins: [a, 1]\n", "1:14: /plugins/1: found 1, wanted a name\n"},
        {"plugins without a list", "plugins:\n",
         "1:9: /plugins: found nothing, wanted a list of names; [] loads none, without the key all "
         "are loaded\n"},
        {"plugin path", "plugins: ['../x']\n", "1:11: /plugins/0: found \"../x\", wanted a name\n"},
        {"attributes", "plugin_attr: []\n",
         "1:14: /plugin_attr: found an empty list, wanted a mapping of plugin names\n"},
        {"key is a number", "apisix: {admin_key: [{name: a, key: 123, role: admin}]}\n",
         "1:37: /apisix/admin_key/0/key: found a number, wanted text in quotes, of printable ASCII "
         "without blanks\n"},
        {"role", "apisix: {admin_key: [{name: a, key: 0123456789abcdef-, role: root}]}\n",
         "1:62: /apisix/admin_key/0/role: found \"root\", wanted admin or viewer\n"},
        {"no role", "apisix: {admin_key: [{name: a, key: 0123456789abcdef-}]}\n",
         "1:22: /apisix/admin_key/0/role: found none, wanted admin or viewer\n"},
        {"key twice",
         "apisix: {admin_key: [{key: 0123456789abcdef-, role: admin}, {key: 0123456789abcdef-, "
         "role: viewer}]}\n",
         "1:61: /apisix/admin_key/1: found the key of another entry, wanted a key of its own\n"},
        {"keys are text", "apisix: {admin_key: secret-secret}\n",
         "1:21: /apisix/admin_key: found a text, wanted a list of {name, key, role}\n"},
    };

    (void)state;
    (void)unsetenv("HG_TEST_NONE");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char errors[4096];
        char warnings[4096];
        char expected[1024];
        hgh_settings *settings = NULL;
        hg_status status = parse(cases[i].text, &settings, errors, warnings, sizeof(errors));

        (void)snprintf(expected, sizeof(expected), "config.yaml:%s", cases[i].message);
        if (status != HG_ERR_INVALID || strcmp(errors, expected) != 0) {
            fail_msg("%s: got status %d,\n%s", cases[i].label, (int)status, errors);
        }
        assert_null(settings);
    }
}

static void all_mistakes_are_named_at_once(void **state)
{
    char errors[4096];
    char warnings[4096];
    hgh_settings *settings = NULL;

    (void)state;
    assert_int_equal(parse("apisix: {node_listn: 1, enable_admin: 3}\nplugins: x\n", &settings,
                           errors, warnings, sizeof(errors)),
                     HG_ERR_INVALID);
    assert_string_equal(
        errors, "config.yaml:1:10: /apisix/node_listn: unknown key, did you mean \"node_listen\"?\n"
                "config.yaml:1:39: /apisix/enable_admin: found 3, wanted true or false\n"
                "config.yaml:2:10: /plugins: found \"x\", wanted a list of names\n");
}

/* What ends up in nginx.conf must stay one value there. */
static void nothing_breaks_out_of_nginx_conf(void **state)
{
    static const char *const keys[] = {"user",
                                       "error_log",
                                       "http/access_log",
                                       "http/real_ip_header",
                                       "http/real_ip_from",
                                       "../hotgate/nginx"};
    static const char *const values[] = {
        "'x; load_module /tmp/evil.so'",
        "\"x\\nload_module y\"",
        "'x} http {'",
        "'a\"b'",
        "\"a'b\"",
        "'$http_x'",
        "'a\\b'",
        "'a # b'",
        "\"a\\rb\"",
        "\"a\\u0001\"",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
            char text[300];
            char errors[1024];
            char warnings[1024];
            hgh_settings *settings = NULL;

            if (strncmp(keys[i], "http/", 5) == 0) {
                bool is_list = strstr(keys[i], "from") != NULL;

                (void)snprintf(text, sizeof(text), "nginx_config: {http: {%s: %s%s%s}}",
                               keys[i] + 5, is_list ? "[" : "", values[j], is_list ? "]" : "");
            } else if (strncmp(keys[i], "../hotgate/", 11) == 0) {
                (void)snprintf(text, sizeof(text), "hotgate: {%s: %s}", keys[i] + 11, values[j]);
            } else {
                (void)snprintf(text, sizeof(text), "nginx_config: {%s: %s}", keys[i], values[j]);
            }
            if (parse(text, &settings, errors, warnings, sizeof(errors)) != HG_ERR_INVALID) {
                fail_msg("accepted: %s", text);
            }
            assert_non_null(strstr(errors, ", wanted "));
        }
    }
}

static void files_that_cannot_be_read_say_why(void **state)
{
    hg_issues errors = {0};
    hg_issues warnings = {0};
    hgh_settings *settings = NULL;

    (void)state;
    assert_int_equal(hgh_settings_load("/nonexistent/config.yaml", &settings, &errors, &warnings),
                     HG_ERR_IO);
    assert_string_equal(errors.items[0].text,
                        "/nonexistent/config.yaml: cannot be read: No such file or directory");
    hgh_issues_done(&errors);
    assert_int_equal(hgh_settings_load("/tmp", &settings, &errors, &warnings), HG_ERR_IO);
    assert_string_equal(errors.items[0].text, "/tmp: is not a regular file");
    hgh_issues_done(&errors);
    assert_null(settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_gives_the_defaults),
        cmocka_unit_test(the_generated_file_is_the_defaults),
        cmocka_unit_test(every_kind_of_value_is_decoded),
        cmocka_unit_test(listeners_have_many_forms),
        cmocka_unit_test(keys_of_release_2_15_are_understood),
        cmocka_unit_test(objects_may_come_from_a_file),
        cmocka_unit_test(the_data_port_has_the_admin_api_if_it_is_meant_to),
        cmocka_unit_test(tls_and_keys_of_the_store_are_decoded),
        cmocka_unit_test(runners_are_decoded),
        cmocka_unit_test(mistakes_are_named_at_their_place),
        cmocka_unit_test(all_mistakes_are_named_at_once),
        cmocka_unit_test(nothing_breaks_out_of_nginx_conf),
        cmocka_unit_test(files_that_cannot_be_read_say_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
