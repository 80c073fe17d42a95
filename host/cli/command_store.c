/* host/cli/command_store.c - `hotgate store`: what the Admin API keeps, out of and into a file. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "host/cli/admin_client.h"
#include "host/cli/command.h"
#include "host/control/admin_exchange.h"
#include "host/control/instance.h"
#include "host/control/instance_secrets.h"
#include "host/control/keyring.h"
#include "host/control/publisher.h"
#include "host/control/settings.h"
#include "host/control/standalone.h"
#include "host/control/store_copy.h"
#include "host/control/store_document.h"
#include "host/control/store_sealed.h"
#include "host/control/store_sqlite.h"

#define EXPORT_PATH "/apisix/admin/store/export"
#define IMPORT_PATH "/apisix/admin/store/import"
#define TIMEOUT_S   600L /* many objects, each judged by its plugins */
#define READ_BYTES  (1u << 20)
#define FILE_MODE   0600u /* it holds secrets in the clear */
#define EXPORT_NAME "store export"
#define IMPORT_NAME "store import"
#define BACKUP_NAME "store backup"

static const char usage_text[] =
    "Usage: hotgate store export [-p DIR] [-c FILE] [-o FILE]\n"
    "       hotgate store import [-p DIR] [--replace] [--dry-run] [--json] FILE\n"
    "       hotgate store backup [-p DIR] FILE\n"
    "\n"
    "export  writes all objects as JSON, secrets in the clear: of a running gateway as they\n"
    "        are in force, else from its store.\n"
    "import  puts the objects of such a file, or of a standalone file of APISIX in JSON, into\n"
    "        a running gateway: all of them or none, in force when it returns. Every error is\n"
    "        told. \"-\" reads standard input.\n"
    "backup  copies the store into a new file, encrypted as it is, while the gateway runs or\n"
    "        not. To restore: stop, put it in the place of DIR/state/store.db, start.\n"
    "\n"
    "  -p, --prefix DIR   the instance (default: the current directory)\n"
    "  -c, --config FILE  its configuration (default: DIR/conf/config.yaml)\n"
    "  -o, --output FILE  a new file to write, for its owner alone (default: standard output)\n"
    "  --replace          delete what is not in the file\n"
    "  --dry-run          judge only; change nothing\n"
    "  --json             print the answer as it came\n"
    "  -h, --help         show this text\n"
    "\n"
    "Exit status: 0 done, 1 refused or failed, 2 wrong usage.\n";

typedef struct options {
    const char *directory;
    const char *config; /* NULL: the instance's */
    const char *output; /* NULL: standard output */
    const char *file;   /* the argument; NULL: none */
    bool replaces;
    bool only_judges;
    bool as_json;
} options;

static int fail(const char *command, const char *text)
{
    (void)fprintf(stderr, "hotgate %s: %s\n", command, text);
    return HGH_EXIT_FAILED;
}

/* --- export --- */

/* Everything that the export of a gateway that does not run goes through. */
typedef struct reader {
    hgh_instance instance;
    hgh_settings *settings;
    hgh_instance_secrets secrets;
    hgh_store *store;
    hgh_resource_table *table;
} reader;

static void reader_done(reader *self)
{
    hgh_resource_table_free(self->table);
    hgh_store_close(self->store);
    hgh_instance_secrets_done(&self->secrets);
    hgh_settings_free(self->settings);
    hgh_instance_done(&self->instance); /* gives the lock back */
}

static hg_status read_settings(reader *self, hg_error *err)
{
    hg_issues errors = {0};
    hg_issues warnings = {0};
    char line[HG_ERROR_TEXT_MAX];
    hg_status status =
        hgh_settings_load(self->instance.config_path, &self->settings, &errors, &warnings);

    if (status != HG_OK) {
        status = hg_error_set(err, status, "%s", hgh_issues_first(&errors, line, sizeof(line)));
    }
    hgh_issues_done(&errors);
    hgh_issues_done(&warnings);
    return status == HG_OK ? hgh_instance_secrets_load(self->instance.directory, self->settings,
                                                       &self->secrets, err)
                           : status;
}

static hg_status open_store(reader *self, hg_error *err)
{
    char *path = hgh_instance_path(&self->instance, hgh_standalone_store(self->settings));
    hgh_keyring *keyring = NULL;
    hgh_store *inner = NULL;
    hg_status status = HG_OK;

    if (path == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    if (access(path, F_OK) != 0) {
        status = hg_error_set(err, HG_ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    }
    if (status == HG_OK && self->secrets.keyring_count > 0) {
        status = hgh_keyring_new((const char *const *)self->secrets.keyring,
                                 self->secrets.keyring_count, &keyring, err);
    }
    if (status == HG_OK) {
        status = hgh_store_sqlite_open(path, &inner, err);
    }
    if (status == HG_OK) {
        status = hgh_store_sealed_new(inner, keyring, false, &self->store, err);
        keyring = NULL; /* taken */
    }
    hgh_keyring_free(keyring);
    free(path);
    return status;
}

/* The lock keeps a gateway from starting meanwhile. */
static hg_status reader_open(reader *self, const options *given, hg_error *err)
{
    hg_status status = hgh_instance_open(&self->instance, given->directory, given->config, err);

    if (status == HG_OK) {
        status = hgh_instance_lock(&self->instance, err);
    }
    if (status == HG_OK) {
        status = read_settings(self, err);
    }
    if (status == HG_OK) {
        status = open_store(self, err);
    }
    if (status == HG_OK) {
        self->table = hgh_resource_table_new();
        status = self->table == NULL ? hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory")
                                     : hgh_publisher_load(self->store, self->table, err);
    }
    return status;
}

/* The document of a gateway that does not run. */
static int export_files(const options *given, FILE *out)
{
    reader self = {.instance = {.lock = -1, .shared = {-1, -1, -1, -1, -1}}};
    hg_error err = HG_ERROR_INIT;
    hg_status status = reader_open(&self, given, &err);

    if (status == HG_OK) {
        status = hgh_document_write(self.table, out, &err);
    }
    reader_done(&self);
    return status == HG_OK ? HGH_EXIT_OK : fail(EXPORT_NAME, err.text);
}

static int export_to(const options *given, FILE *out)
{
    static const hgh_admin_client_command command = {
        .name = EXPORT_NAME, .method = "GET", .path = EXPORT_PATH, .timeout_s = TIMEOUT_S};
    char *text = NULL;
    size_t length = 0;
    long status = 0;
    int code = HGH_EXIT_OK;

    switch (hgh_admin_client_local(&command, given->directory, &text, &length, &status)) {
    case HGH_ADMIN_CLIENT_NOT_RUNNING:
        return export_files(given, out);
    case HGH_ADMIN_CLIENT_FAILED:
        return HGH_EXIT_FAILED;
    case HGH_ADMIN_CLIENT_ANSWERED:
    default:
        break;
    }
    if (status != 200) {
        hgh_admin_client_tell(EXPORT_NAME, status, text);
        code = HGH_EXIT_FAILED;
    } else if (fwrite(text, 1, length, out) != length) {
        code = fail(EXPORT_NAME, strerror(errno));
    }
    free(text);
    return code;
}

static int export(const options *given)
{
    FILE *out = stdout;
    int code;
    int fd;

    if (given->output == NULL) {
        return export_to(given, out);
    }
    fd = open(given->output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    out = fd < 0 ? NULL : fdopen(fd, "w");
    if (out == NULL) {
        (void)fprintf(stderr, "hotgate " EXPORT_NAME ": %s: %s\n", given->output, strerror(errno));
        return HGH_EXIT_FAILED;
    }
    code = export_to(given, out);
    if (code == HGH_EXIT_OK && (fflush(out) != 0 || fsync(fd) != 0)) {
        code = fail(EXPORT_NAME, strerror(errno));
    }
    (void)fclose(out);
    if (code != HGH_EXIT_OK) {
        (void)unlink(given->output);
    }
    return code;
}

/* --- import --- */

/* All of a file; owned by the caller; NULL: told. */
static char *read_document(const char *path, size_t *out_length)
{
    bool is_input = strcmp(path, "-") == 0;
    FILE *file = is_input ? stdin : fopen(path, "re");
    char *text = NULL;
    size_t length = 0;
    size_t size = 0;
    size_t got = 1;

    while (file != NULL && got > 0 && length <= HGH_ADMIN_IMPORT_MAX) {
        if (size - length < READ_BYTES) {
            char *grown = realloc(text, size == 0 ? READ_BYTES : 2 * size);

            if (grown == NULL) {
                errno = ENOMEM;
                break;
            }
            size = size == 0 ? READ_BYTES : 2 * size;
            text = grown;
        }
        got = fread(text + length, 1, size - length, file);
        length += got;
    }
    if (file == NULL || ferror(file) != 0 || got > 0) {
        (void)fprintf(stderr, "hotgate " IMPORT_NAME ": %s: %s\n", path,
                      length > HGH_ADMIN_IMPORT_MAX ? "has more than 512 MiB" : strerror(errno));
        free(text);
        text = NULL;
    }
    if (file != NULL && !is_input) {
        (void)fclose(file);
    }
    *out_length = length;
    return text;
}

static const char *member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

/* Every finding on a line of its own, with its place in the file and its object. */
static void print_errors(const json_t *errors)
{
    size_t i;
    json_t *error;

    json_array_foreach(errors, i, error)
    {
        const char *type = member(error, "resource_type");
        const char *id = member(error, "resource_id");

        (void)fprintf(stderr, "%s%s%s%s%s%s: %s\n", member(error, "pointer"),
                      type[0] == '\0' ? "" : " (", type, id[0] == '\0' ? "" : "/", id,
                      type[0] == '\0' ? "" : ")", member(error, "error"));
    }
}

static json_int_t number(const json_t *value, const char *name)
{
    return json_integer_value(json_object_get(value, name));
}

static int print_report(const options *given, const char *text, long status)
{
    json_t *value = json_loads(text, 0, NULL);
    const json_t *errors = json_object_get(value, "errors");
    const json_t *warnings = json_object_get(value, "warnings");
    int code = status == 200 ? HGH_EXIT_OK : HGH_EXIT_FAILED;
    size_t i;
    const json_t *warning;

    if (given->as_json) {
        (void)fputs(text, stdout);
    } else if (status == 200) {
        json_array_foreach(warnings, i, warning)
        {
            (void)fprintf(stderr, "warning: %s: found %s, wanted %s\n", member(warning, "pointer"),
                          member(warning, "found"), member(warning, "wanted"));
        }
        (void)printf("%s: %lld written, %lld unchanged, %lld deleted, revision %lld\n",
                     member(value, "result"), (long long)number(value, "written"),
                     (long long)number(value, "unchanged"), (long long)number(value, "deleted"),
                     (long long)number(value, "revision"));
    } else if (json_array_size(errors) > 0) {
        print_errors(errors);
        (void)fprintf(stderr, "hotgate " IMPORT_NAME ": %zu errors, nothing was changed\n",
                      json_array_size(errors));
    } else {
        hgh_admin_client_tell(IMPORT_NAME, status, text);
    }
    json_decref(value);
    return code;
}

static int import(const options *given)
{
    char path[200];
    hgh_admin_client_command command = {
        .name = IMPORT_NAME, .method = "POST", .path = path, .timeout_s = TIMEOUT_S};
    size_t length = 0;
    char *document = read_document(given->file, &length);
    char *text = NULL;
    long status = 0;
    int code = HGH_EXIT_FAILED;

    if (document == NULL) {
        return HGH_EXIT_FAILED;
    }
    (void)snprintf(path, sizeof(path), IMPORT_PATH "?replace=%s&dry_run=%s",
                   given->replaces ? "true" : "false", given->only_judges ? "true" : "false");
    command.body = document;
    command.body_length = length;
    switch (hgh_admin_client_local(&command, given->directory, &text, &length, &status)) {
    case HGH_ADMIN_CLIENT_NOT_RUNNING:
        code = fail(IMPORT_NAME, "the gateway does not run: its plugins judge what is imported");
        break;
    case HGH_ADMIN_CLIENT_FAILED:
        break;
    case HGH_ADMIN_CLIENT_ANSWERED:
    default:
        code = print_report(given, text, status);
        break;
    }
    free(text);
    free(document);
    return code;
}

/* --- backup --- */

static int backup(const options *given)
{
    hg_error err = HG_ERROR_INIT;
    uint64_t revision = 0;
    uint64_t count = 0;
    char *path = NULL;
    hg_status status;

    if (asprintf(&path, "%s/" HGH_STORE_FILE, given->directory) < 0) {
        return fail(BACKUP_NAME, "out of memory");
    }
    status = hgh_store_copy(path, given->file, &revision, &count, &err);
    free(path);
    if (status != HG_OK) {
        return fail(BACKUP_NAME, err.text);
    }
    (void)printf("%s: %llu objects, revision %llu\n", given->file, (unsigned long long)count,
                 (unsigned long long)revision);
    return HGH_EXIT_OK;
}

/* --- options --- */

enum {
    OPTION_REPLACE = 256,
    OPTION_DRY_RUN,
    OPTION_JSON,
};

/* What may be given to which command. */
static const struct {
    const char *name;
    const char *options; /* letters and numbers of those it takes, beside -p and -h */
    bool has_file;
    int (*call)(const options *given);
} commands[] = {
    {"export", "co", false, export},
    {"import", "RDJ", true, import},
    {"backup", "", true, backup},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static int refuse(const char *text, const char *what)
{
    (void)fprintf(stderr, "hotgate store: %s%s\n%s", text, what, usage_text);
    return HGH_EXIT_USAGE;
}

static bool takes(size_t index, int option)
{
    static const struct {
        int option;
        char letter;
    } letters[] = {{OPTION_REPLACE, 'R'}, {OPTION_DRY_RUN, 'D'}, {OPTION_JSON, 'J'}};
    char letter = (char)option;

    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
        if (letters[i].option == option) {
            letter = letters[i].letter;
        }
    }
    return option == 'p' || strchr(commands[index].options, letter) != NULL;
}

static void take(options *into, int option)
{
    switch (option) {
    case 'p':
        into->directory = optarg;
        break;
    case 'c':
        into->config = optarg;
        break;
    case 'o':
        into->output = optarg;
        break;
    case OPTION_REPLACE:
        into->replaces = true;
        break;
    case OPTION_DRY_RUN:
        into->only_judges = true;
        break;
    default:
        into->as_json = true;
        break;
    }
}

/* HGH_EXIT_OK: go on; *out_done: there is nothing more to do. */
static int read_options(options *into, size_t index, int argc, char **argv, bool *out_done)
{
    static const struct option known[] = {
        {"prefix", required_argument, NULL, 'p'},
        {"config", required_argument, NULL, 'c'},
        {"output", required_argument, NULL, 'o'},
        {"replace", no_argument, NULL, OPTION_REPLACE},
        {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
        {"json", no_argument, NULL, OPTION_JSON},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "p:c:o:h", known, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(usage_text, stdout);
            *out_done = true;
            return HGH_EXIT_OK;
        }
        if (option == '?') {
            (void)fputs(usage_text, stderr);
            return HGH_EXIT_USAGE;
        }
        if (!takes(index, option)) {
            return refuse("an option that is not for ", commands[index].name);
        }
        take(into, option);
    }
    if (commands[index].has_file) {
        into->file = optind < argc ? argv[optind++] : NULL;
        if (into->file == NULL) {
            return refuse("wanted a FILE behind ", commands[index].name);
        }
    }
    return optind < argc ? refuse("too much: ", argv[optind]) : HGH_EXIT_OK;
}

int hgh_command_store(int argc, char **argv)
{
    options given = {.directory = "."};
    bool is_done = false;
    int code;

    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        (void)fputs(usage_text, stdout);
        return HGH_EXIT_OK;
    }
    for (size_t i = 0; argc > 1 && i < COMMAND_COUNT; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            code = read_options(&given, i, argc - 1, argv + 1, &is_done);
            return code != HGH_EXIT_OK || is_done ? code : commands[i].call(&given);
        }
    }
    return argc > 1 ? refuse("no command ", argv[1]) : refuse("wanted a command", "");
}
