/* tests/fuzz/fuzz_object.c - an object as the Admin API gets it: a line with the kind, then JSON.
 *
 * What the rules of its kind accept, the data plane decodes. */
#include "host/control/object_check.h"
#include "host/core/snapshot.h"
#include "tests/fuzz/fuzz.h"

static hgh_object_check *check;
static hgh_resource_table *table;

static void prepare(void)
{
    static const char *const keys[] = {"upstreams/1", "services/1"};

    if (check != NULL) {
        return;
    }
    FUZZ_PROMISE(hgh_object_check_new(&check, NULL) == HG_OK);
    table = hgh_resource_table_new();
    FUZZ_PROMISE(table != NULL);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        hgh_resource_object *object = hgh_resource_object_new(table, keys[i], "{}", 2, NULL);

        FUZZ_PROMISE(object != NULL);
        hgh_resource_table_put(table, object);
    }
}

static void decode(hgh_resource_kind kind, const json_t *object)
{
    const hg_text id = kind == HGH_CREDENTIALS ? HG_TEXT("jack/credentials/1") : HG_TEXT("1");
    char *text = json_dumps(object, JSON_COMPACT);
    hgh_feed_slice source;
    hgh_snapshot snapshot;
    hgh_resource *resource = NULL;
    hg_error err = HG_ERROR_INIT;

    FUZZ_PROMISE(text != NULL);
    source = hgh_feed_slice_copy(text, strlen(text));
    hgh_snapshot_init(&snapshot);
    if (hgh_resource_decode(&snapshot, kind, id, source, 1, 1, &resource, &err) != HG_OK) {
        (void)fprintf(stderr, "accepted, but not decoded: %s\n%s\n", err.text, text);
        abort();
    }
    hgh_resource_unref(resource);
    hgh_snapshot_done(&snapshot);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const hgh_object_kind *kind;
    hgh_resource_kind decoded_as;
    hg_issues issues = {0};
    json_t *object;
    hg_text line;
    char *name;

    if (!fuzz_line(&data, &size, &line)) {
        return 0;
    }
    prepare();
    name = fuzz_string((const uint8_t *)line.data, line.length);
    kind = hgh_object_kind_find(name);
    object = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (kind != NULL && json_is_object(object)) {
        json_t *shown;

        hgh_object_check_run(check, kind, table, object, NULL, &issues);
        shown = hgh_issues_json(&issues);
        FUZZ_PROMISE(shown != NULL);
        json_decref(shown);
        json_decref(hgh_object_references(kind, "1", object));
        json_decref(hgh_object_check_plugins(kind, "1", object));
        if (hgh_issues_is_empty(&issues) && hgh_resource_kind_find(line, &decoded_as)) {
            decode(decoded_as, object);
        }
    }
    hgh_issues_done(&issues);
    json_decref(object);
    free(name);
    return 0;
}
