/* tests/unit/core/test_json_schema_suite.c - the official test suite of JSON Schema draft 7.
 *
 * It lies beside the sources, in SHARED/data/json-schema-draft7; without it this test is skipped.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/core/issues.h"
#include "host/core/json_schema.h"
#include "tests/unit/unit.h"

#define EXIT_SKIPPED 77 /* what meson takes for "skipped" */
#define PATH_BYTES   4096u
#define REMOTE_ROOT  "http://localhost:1234/" /* where the suite's remotes are said to be */
#define REQUIRED_MIN 927u /* cases that the suite has now: none is passed over unseen */
#define OPTIONAL_MIN 480u

typedef struct counts {
    unsigned passed;
    unsigned failed;
} counts;

static void run_group(const char *file, const json_t *group, const json_t *remotes, counts *count)
{
    const json_t *tests = json_object_get(group, "tests");
    const char *description = json_string_value(json_object_get(group, "description"));
    hgh_schema *schema = NULL;
    hg_error err = HG_ERROR_INIT;

    if (hgh_schema_compile_with(json_object_get(group, "schema"), remotes, &schema, &err) !=
        HG_OK) {
        printf("FAILED: %s: %s: %s\n", file, description, err.text);
        count->failed += (unsigned)json_array_size(tests);
        return;
    }
    for (size_t i = 0; i < json_array_size(tests); i++) {
        const json_t *test = json_array_get(tests, i);
        bool wanted = json_is_true(json_object_get(test, "valid"));
        hg_issues issues = {0};
        bool silent = hgh_schema_validate(schema, json_object_get(test, "data"), "", NULL);
        bool found = hgh_schema_validate(schema, json_object_get(test, "data"), "", &issues);

        if (silent == wanted && found == wanted && hgh_issues_is_empty(&issues) == wanted) {
            count->passed++;
        } else {
            count->failed++;
            printf("FAILED: %s: %s: %s\n", file, description,
                   json_string_value(json_object_get(test, "description")));
        }
        hgh_issues_done(&issues);
    }
    hgh_schema_free(schema);
}

static void run_file(const char *directory, const char *file, const json_t *remotes, counts *count)
{
    char path[PATH_BYTES];
    json_error_t err;
    json_t *groups;

    (void)snprintf(path, sizeof(path), "%s/%s", directory, file);
    groups = json_load_file(path, JSON_DECODE_ANY | JSON_ALLOW_NUL, &err);
    if (!json_is_array(groups)) {
        printf("FAILED: %s: %s\n", path, err.text);
        count->failed++;
    }
    for (size_t i = 0; i < json_array_size(groups); i++) {
        run_group(file, json_array_get(groups, i), remotes, count);
    }
    json_decref(groups);
}

static int is_json_file(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
}

/** What the suite holds for every implementation. */
static counts run_required(const char *directory, const json_t *remotes)
{
    struct dirent **entries = NULL;
    int found = scandir(directory, &entries, is_json_file, alphasort);
    counts count = {0};

    for (int i = 0; i < found; i++) {
        run_file(directory, entries[i]->d_name, remotes, &count);
        free(entries[i]);
    }
    free(entries);
    return count;
}

/** Those of its optional files that the host claims to fulfil. */
static counts run_optional(const char *directory, const json_t *remotes)
{
    static const char *const files[] = {
        "optional/float-overflow.json",       "optional/id.json",
        "optional/non-bmp-regex.json",        "optional/unknownKeyword.json",
        "optional/format/date-time.json",     "optional/format/date.json",
        "optional/format/email.json",         "optional/format/hostname.json",
        "optional/format/ipv4.json",          "optional/format/ipv6.json",
        "optional/format/json-pointer.json",  "optional/format/regex.json",
        "optional/format/time.json",          "optional/format/unknown.json",
        "optional/format/uri-reference.json", "optional/format/uri.json",
    };
    counts count = {0};

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        run_file(directory, files[i], remotes, &count);
    }
    return count;
}

/** Where the suite is, or would be. */
static void find_directory(char *path, size_t size)
{
    const char *shared = getenv("HOTGATE_SHARED");
    const char *source = getenv("HOTGATE_SOURCE_ROOT"); /* given by meson */

    if (shared != NULL) {
        (void)snprintf(path, size, "%s/data/json-schema-draft7", shared);
    } else {
        (void)snprintf(path, size, "%s/../shared/data/json-schema-draft7",
                       source == NULL ? "." : source);
    }
}

/** Reads a directory of the suite's remotes, with those below, as documents by their URIs. */
static void read_remotes(const char *directory, const char *uri, json_t *remotes)
{
    struct dirent **entries = NULL;
    int found = scandir(directory, &entries, NULL, alphasort);

    for (int i = 0; i < found; i++) {
        const char *name = entries[i]->d_name;
        char path[PATH_BYTES];
        char own_uri[PATH_BYTES];

        (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
        (void)snprintf(own_uri, sizeof(own_uri), "%s%s%s", uri, name,
                       entries[i]->d_type == DT_DIR ? "/" : "");
        if (entries[i]->d_type == DT_DIR && name[0] != '.') {
            read_remotes(path, own_uri, remotes);
        } else if (is_json_file(entries[i])) {
            (void)json_object_set_new(remotes, own_uri, json_load_file(path, 0, NULL));
        }
        free(entries[i]);
    }
    free(entries);
}

int main(void)
{
    char directory[PATH_BYTES / 2];
    char remote_directory[PATH_BYTES];
    json_t *remotes = json_object();
    counts required;
    counts optional;

    find_directory(directory, sizeof(directory));
    if (access(directory, R_OK) != 0) {
        printf("skipped: no suite in %s\n", directory);
        json_decref(remotes);
        return EXIT_SKIPPED;
    }
    (void)snprintf(remote_directory, sizeof(remote_directory), "%s/remotes", directory);
    read_remotes(remote_directory, REMOTE_ROOT, remotes);
    required = run_required(directory, remotes);
    optional = run_optional(directory, remotes);
    json_decref(remotes);
    printf("required: %u passed, %u failed\n", required.passed, required.failed);
    printf("optional: %u passed, %u failed\n", optional.passed, optional.failed);
    return required.failed == 0 && optional.failed == 0 && required.passed >= REQUIRED_MIN &&
                   optional.passed >= OPTIONAL_MIN
               ? EXIT_SUCCESS
               : EXIT_FAILURE;
}
