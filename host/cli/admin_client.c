/* host/cli/admin_client.c - one request to the Admin API of a running gateway. */
#include "host/cli/admin_client.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>
#include <jansson.h>

#include "host/cli/command.h"
#include "host/cli/report.h"
#include "host/control/local_socket.h"
#include "host/control/settings.h"

#define CONFIG_FILE       "conf/config.yaml"
#define ANSWER_MAX        (1u << 30) /* bytes: an export may be long */
#define CONNECT_TIMEOUT_S 5L
#define URL_MAX           2048u
#define KEY_HEADER        "X-API-KEY: "
#define LOCAL_URL         "http://localhost" /* what a request through the socket names */

/* What the options and the configuration say. Texts are owned. */
typedef struct target {
    char socket[HGH_LOCAL_PATH_MAX]; /* of the instance; "": the address counts */
    int socket_directory;            /* it goes through this; -1: none */
    const char *authorities;         /* --cacert: PEM file; NULL: the system's */
    const char *certificate;         /* --cert: PEM file; NULL: none */
    const char *certificate_key;     /* --cert-key: PEM file */
    char *address;                   /* http://127.0.0.1:9180 */
    char *key;                       /* NULL: none is sent */
    bool as_json;
} target;

typedef struct answer {
    FILE *stream;
    size_t length;
    bool is_too_long;
} answer;

static const hgh_admin_client_extras no_extras;

static void print_usage(FILE *out, const hgh_admin_client_command *command)
{
    const hgh_admin_client_extras *extras = command->extras == NULL ? &no_extras : command->extras;

    (void)fprintf(
        out,
        "Usage: hotgate %s [-p DIR] [-c FILE] [--url URL] [--key KEY] [--cacert FILE]\n"
        "       [--cert FILE --cert-key FILE] [--json]%s\n\n"
        "%s\n%s"
        "  -p, --prefix DIR   the instance: its own socket, for which no key is needed, or\n"
        "                     address and key from its configuration (default: the current\n"
        "                     directory)\n"
        "  -c, --config FILE  its configuration (default: DIR/" CONFIG_FILE ")\n"
        "  --url URL          the Admin API, such as http://127.0.0.1:9180\n"
        "  --key KEY          the admin key; others may see it in the list of processes\n"
        "  --cacert FILE      authorities for an URL with https (default: the system's)\n"
        "  --cert FILE        certificate of this client, --cert-key FILE its key\n"
        "  --json             print the answer as it came\n"
        "  -h, --help         show this text\n\n"
        "Exit status: 0 done, 1 refused or failed, 2 wrong usage.\n",
        command->name, extras->synopsis == NULL ? "" : extras->synopsis, command->summary,
        extras->help == NULL ? "" : extras->help);
}

static int fail(const char *command, const char *text)
{
    (void)fprintf(stderr, "hotgate %s: %s\n", command, text);
    return HGH_EXIT_FAILED;
}

/* --- where to --- */

/* A listener on all addresses is reached on the loopback one. */
static char *address_of(const hgh_settings *settings)
{
    const hgh_listen *listen =
        settings->admin_listen_count > 0 ? &settings->admin_listen[0] : &settings->node_listen[0];
    const char *address = listen->address;
    bool is_ipv6 = strchr(address, ':') != NULL;
    char *url = NULL;

    if (strcmp(address, "0.0.0.0") == 0) {
        address = "127.0.0.1";
    } else if (strcmp(address, "::") == 0) {
        address = "::1";
    }
    if (asprintf(&url, "http%s://%s%s%s:%u",
                 settings->admin_listen_count > 0 && settings->https_admin ? "s" : "",
                 is_ipv6 ? "[" : "", address, is_ipv6 ? "]" : "", (unsigned)listen->port) < 0) {
        return NULL;
    }
    return url;
}

/* A key that may write, if there is one. */
static const char *key_of(const hgh_settings *settings)
{
    const char *found = NULL;

    for (size_t i = 0; i < settings->admin_key_count; i++) {
        const hgh_admin_key *key = &settings->admin_key[i];

        if (key->key[0] != '\0' && (found == NULL || key->role == HGH_ROLE_ADMIN)) {
            found = key->key;
            if (key->role == HGH_ROLE_ADMIN) {
                break;
            }
        }
    }
    return found;
}

/* The instance's own socket, if it is there and ours to use; *into says where then. */
static bool find_socket(target *into, const char *directory)
{
    if (hgh_local_socket_path(directory, HGH_CONTROL_SOCKET, into->socket, &into->socket_directory,
                              NULL) != HG_OK) {
        return false;
    }
    into->address = strdup(LOCAL_URL);
    return into->address != NULL;
}

static int take_from_settings(target *into, const char *command, const hgh_settings *settings)
{
    const char *key = key_of(settings);

    if (into->address == NULL && !settings->enable_admin) {
        return fail(command, "this gateway has no Admin API: apisix.enable_admin is false");
    }
    if (into->address == NULL) {
        into->address = address_of(settings);
    }
    if (into->key == NULL && key != NULL) {
        into->key = strdup(key);
    }
    return into->address == NULL || (key != NULL && into->key == NULL)
               ? fail(command, "out of memory")
               : HGH_EXIT_OK;
}

static int
read_settings(target *into, const char *command, const char *directory, const char *config)
{
    hg_issues errors = {0};
    hg_issues warnings = {0};
    hgh_settings *settings = NULL;
    char *path = NULL;
    int code;

    if (asprintf(&path, "%s%s%s", config == NULL ? directory : "", config == NULL ? "/" : "",
                 config == NULL ? CONFIG_FILE : config) < 0) {
        return fail(command, "out of memory");
    }
    if (hgh_settings_load(path, &settings, &errors, &warnings) == HG_OK) {
        code = take_from_settings(into, command, settings);
    } else {
        code = fail(command, errors.count > 0 ? errors.items[0].text : "out of memory");
        if (into->address == NULL) {
            (void)fail(command, "-p DIR names the instance, --url and --key the gateway itself");
        }
    }
    hgh_settings_free(settings);
    hgh_issues_done(&errors);
    hgh_issues_done(&warnings);
    free(path);
    return code;
}

/* --- the request --- */

static size_t on_data(char *data, size_t size, size_t count, void *context)
{
    answer *into = context;
    size_t length = size * count;

    if (length > ANSWER_MAX - into->length) {
        into->is_too_long = true;
        return 0;
    }
    into->length += length;
    return fwrite(data, 1, length, into->stream);
}

static struct curl_slist *make_headers(const target *where)
{
    struct curl_slist *headers = NULL;
    char *line = NULL;

    if (where->key == NULL || asprintf(&line, KEY_HEADER "%s", where->key) < 0) {
        return NULL;
    }
    headers = curl_slist_append(NULL, line);
    free(line);
    return headers;
}

static bool set_tls(CURL *curl, const target *where)
{
    return (where->authorities == NULL ||
            curl_easy_setopt(curl, CURLOPT_CAINFO, where->authorities) == CURLE_OK) &&
           (where->certificate == NULL ||
            curl_easy_setopt(curl, CURLOPT_SSLCERT, where->certificate) == CURLE_OK) &&
           (where->certificate_key == NULL ||
            curl_easy_setopt(curl, CURLOPT_SSLKEY, where->certificate_key) == CURLE_OK) &&
           (where->socket[0] == '\0' ||
            curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, where->socket) == CURLE_OK);
}

static bool set_body(CURL *curl, const hgh_admin_client_command *command)
{
    return command->body == NULL ||
           (curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)command->body_length) ==
                CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_POSTFIELDS, command->body) == CURLE_OK);
}

static bool set_options(CURL *curl,
                        const hgh_admin_client_command *command,
                        const char *url,
                        struct curl_slist *headers,
                        answer *into,
                        char *error)
{
    return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, command->method) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOPROXY, "*") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT, command->timeout_s) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, into) == CURLE_OK;
}

/* out_text: owned by the caller. *error: what went wrong, if anything. */
static CURLcode perform(const target *where,
                        const hgh_admin_client_command *command,
                        char **out_text,
                        size_t *out_length,
                        long *out_status,
                        char error[CURL_ERROR_SIZE])
{
    char url[URL_MAX];
    char *text = NULL;
    size_t length = 0;
    answer into = {.stream = open_memstream(&text, &length)};
    struct curl_slist *headers = make_headers(where);
    CURL *curl = curl_easy_init();
    CURLcode result = CURLE_OUT_OF_MEMORY;
    size_t end = strlen(where->address);

    error[0] = '\0';
    while (end > 0 && where->address[end - 1] == '/') {
        end--;
    }
    (void)snprintf(url, sizeof(url), "%.*s%s", (int)end, where->address, command->path);
    if (curl != NULL && into.stream != NULL && (where->key == NULL || headers != NULL) &&
        set_tls(curl, where) && set_body(curl, command) &&
        set_options(curl, command, url, headers, &into, error)) {
        result = curl_easy_perform(curl);
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, out_status);
    }
    if (into.stream != NULL && fclose(into.stream) != 0) {
        result = CURLE_OUT_OF_MEMORY;
    }
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    if (result != CURLE_OK) {
        const char *why = into.is_too_long ? "the answer is too long" : curl_easy_strerror(result);

        if (error[0] == '\0') {
            (void)snprintf(error, CURL_ERROR_SIZE, "%s", why);
        }
        free(text);
        return result;
    }
    *out_text = text;
    *out_length = length;
    return CURLE_OK;
}

static int request(const target *where,
                   const hgh_admin_client_command *command,
                   char **out_text,
                   long *out_status)
{
    char error[CURL_ERROR_SIZE];
    size_t length = 0;

    if (perform(where, command, out_text, &length, out_status, error) != CURLE_OK) {
        (void)fprintf(stderr, "hotgate %s: %s%s: %s\n", command->name, where->address,
                      command->path, error);
        return HGH_EXIT_FAILED;
    }
    return HGH_EXIT_OK;
}

/* --- the answer --- */

static void print_refusal(const char *command, long status, const json_t *value)
{
    static const char *const members[] = {"error_msg", "message", "description"};

    (void)fflush(stdout); /* the report comes first, also where both go to one place */
    (void)fprintf(stderr, "hotgate %s: refused with status %ld", command, status);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const char *text = json_string_value(json_object_get(value, members[i]));

        if (text != NULL) {
            (void)fprintf(stderr, ": %s", text);
        }
    }
    (void)fputc('\n', stderr);
}

static int print_answer(const target *where,
                        const hgh_admin_client_command *command,
                        const char *text,
                        long status)
{
    const hgh_admin_client_extras *extras = command->extras == NULL ? &no_extras : command->extras;
    bool is_good = status >= 200 && status < 300;
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    if (where->as_json) {
        (void)fputs(text, stdout);
    } else if (value != NULL && is_good && extras->print != NULL) {
        extras->print(extras->context, stdout, value);
    } else if (value != NULL) {
        hgh_report_print(stdout, value);
    } else if (is_good) { /* `done`, as APISIX answers */
        (void)fprintf(stdout, "%s%s", text, strchr(text, '\n') == NULL ? "\n" : "");
    }
    if (!is_good) {
        print_refusal(command->name, status, value);
    }
    json_decref(value);
    return is_good ? HGH_EXIT_OK : HGH_EXIT_FAILED;
}

enum {
    OPTION_URL = 256,
    OPTION_KEY,
    OPTION_JSON,
    OPTION_CACERT,
    OPTION_CERT,
    OPTION_CERT_KEY,
};

#define OPTIONS_MAX 32u /* shared ones and a command's own */

/* What the shared options say. */
typedef struct shared_options {
    const char *directory;
    const char *config;
    const char *url;
    const char *key;
} shared_options;

static const struct option shared_names[] = {
    {"prefix", required_argument, NULL, 'p'},
    {"config", required_argument, NULL, 'c'},
    {"url", required_argument, NULL, OPTION_URL},
    {"key", required_argument, NULL, OPTION_KEY},
    {"json", no_argument, NULL, OPTION_JSON},
    {"cacert", required_argument, NULL, OPTION_CACERT},
    {"cert", required_argument, NULL, OPTION_CERT},
    {"cert-key", required_argument, NULL, OPTION_CERT_KEY},
    {"help", no_argument, NULL, 'h'},
};

/* The shared options and those of the command; the text of the short ones. */
static const char *all_options(const hgh_admin_client_extras *extras,
                               struct option into[OPTIONS_MAX],
                               char letters[OPTIONS_MAX * 2])
{
    size_t count = sizeof(shared_names) / sizeof(shared_names[0]);

    memset(into, 0, OPTIONS_MAX * sizeof(*into));
    memcpy(into, shared_names, sizeof(shared_names));
    for (const struct option *at = extras->options; at != NULL && at->name != NULL; at++) {
        into[count++] = *at;
    }
    (void)snprintf(letters, OPTIONS_MAX * 2, "p:c:h%s",
                   extras->short_options == NULL ? "" : extras->short_options);
    return letters;
}

/* One of the shared options; false: it is none. */
static bool take_shared(target *into, shared_options *shared, int option)
{
    switch (option) {
    case 'p':
        shared->directory = optarg;
        return true;
    case 'c':
        shared->config = optarg;
        return true;
    case OPTION_URL:
        shared->url = optarg;
        return true;
    case OPTION_KEY:
        shared->key = optarg;
        return true;
    case OPTION_JSON:
        into->as_json = true;
        return true;
    case OPTION_CACERT:
        into->authorities = optarg;
        return true;
    case OPTION_CERT:
        into->certificate = optarg;
        return true;
    case OPTION_CERT_KEY:
        into->certificate_key = optarg;
        return true;
    default:
        return false;
    }
}

/* Where the request goes to. */
static int find_target(target *into, const char *command, const shared_options *shared)
{
    into->address = shared->url == NULL ? NULL : strdup(shared->url);
    into->key = shared->key == NULL ? NULL : strdup(shared->key);
    if ((shared->url != NULL && into->address == NULL) ||
        (shared->key != NULL && into->key == NULL)) {
        return fail(command, "out of memory");
    }
    if (shared->url == NULL && shared->key == NULL && find_socket(into, shared->directory)) {
        return HGH_EXIT_OK;
    }
    /* With an address of another gateway, the key of this one is none of its business. */
    return shared->url != NULL ? HGH_EXIT_OK
                               : read_settings(into, command, shared->directory, shared->config);
}

/* What follows the options. */
static int take_arguments(hgh_admin_client_command *command,
                          const hgh_admin_client_extras *extras,
                          int argc,
                          char **argv)
{
    int code = HGH_EXIT_OK;

    if (extras->on_arguments != NULL) {
        code = extras->on_arguments(extras->context, command, argc - optind, argv + optind);
    } else if (optind < argc) {
        (void)fprintf(stderr, "hotgate %s: \"%s\" is too much\n", command->name, argv[optind]);
        code = HGH_EXIT_USAGE;
    }
    if (code == HGH_EXIT_USAGE) {
        print_usage(stderr, command);
    }
    return code;
}

/* HGH_EXIT_OK: go on with the request; *out_done: there is nothing more to do. */
static int
read_options(target *into, hgh_admin_client_command *command, int argc, char **argv, bool *out_done)
{
    const hgh_admin_client_extras *extras = command->extras == NULL ? &no_extras : command->extras;
    struct option options[OPTIONS_MAX];
    char letters[OPTIONS_MAX * 2];
    shared_options shared = {.directory = "."};
    int code = HGH_EXIT_OK;
    int option;

    (void)all_options(extras, options, letters);
    while ((option = getopt_long(argc, argv, letters, options, NULL)) != -1) {
        if (option == 'h') {
            print_usage(stdout, command);
            *out_done = true;
            return HGH_EXIT_OK;
        }
        if (take_shared(into, &shared, option)) {
            continue;
        }
        code = option == '?' || extras->on_option == NULL
                   ? HGH_EXIT_USAGE
                   : extras->on_option(extras->context, option, optarg);
        if (code != HGH_EXIT_OK) {
            print_usage(stderr, command);
            return code;
        }
    }
    code = take_arguments(command, extras, argc, argv);
    return code == HGH_EXIT_OK ? find_target(into, command->name, &shared) : code;
}

int hgh_admin_client_main(const hgh_admin_client_command *given, int argc, char **argv)
{
    hgh_admin_client_command own = *given;
    hgh_admin_client_command *command = &own;
    target where = {.socket_directory = -1};
    bool is_done = false;
    char *text = NULL;
    long status = 0;
    int code = read_options(&where, command, argc, argv, &is_done);

    if (code == HGH_EXIT_OK && !is_done) {
        code = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK
                   ? request(&where, command, &text, &status)
                   : fail(command->name, "out of memory");
        if (code == HGH_EXIT_OK) {
            code = print_answer(&where, command, text, status);
        }
        curl_global_cleanup();
    }
    free(text);
    free(where.address);
    free(where.key);
    if (where.socket_directory >= 0) {
        (void)close(where.socket_directory);
    }
    return code;
}

hgh_admin_client_result hgh_admin_client_local(const hgh_admin_client_command *command,
                                               const char *directory,
                                               char **out_text,
                                               size_t *out_length,
                                               long *out_status)
{
    target where = {.socket_directory = -1};
    char error[CURL_ERROR_SIZE] = "";
    hg_error err = HG_ERROR_INIT;
    hg_status status = hgh_local_socket_path(directory, HGH_CONTROL_SOCKET, where.socket,
                                             &where.socket_directory, &err);
    CURLcode code = CURLE_OUT_OF_MEMORY;

    if (status != HG_OK) {
        if (status != HG_ERR_NOT_FOUND) {
            (void)fail(command->name, err.text);
        }
        return status == HG_ERR_NOT_FOUND ? HGH_ADMIN_CLIENT_NOT_RUNNING : HGH_ADMIN_CLIENT_FAILED;
    }
    where.address = strdup(LOCAL_URL);
    if (where.address != NULL && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
        code = perform(&where, command, out_text, out_length, out_status, error);
        curl_global_cleanup();
    }
    (void)close(where.socket_directory);
    free(where.address);
    if (code != CURLE_OK && code != CURLE_COULDNT_CONNECT) {
        (void)fail(command->name, error[0] == '\0' ? "out of memory" : error);
    }
    return code == CURLE_OK                ? HGH_ADMIN_CLIENT_ANSWERED
           : code == CURLE_COULDNT_CONNECT ? HGH_ADMIN_CLIENT_NOT_RUNNING
                                           : HGH_ADMIN_CLIENT_FAILED;
}

void hgh_admin_client_tell(const char *command, long status, const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    print_refusal(command, status, value);
    json_decref(value);
}
