/* tests/fuzz/fuzz_resource.c - the data plane decodes objects: a line with the kind, then JSON. */
#include "host/core/snapshot.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hgh_snapshot snapshot;
    hgh_resource_kind kind;
    hg_text name;
    hg_text id;

    if (!fuzz_line(&data, &size, &name) || !hgh_resource_kind_find(name, &kind)) {
        return 0;
    }
    id = kind == HGH_CREDENTIALS ? HG_TEXT("jack/credentials/1") : HG_TEXT("1");
    hgh_snapshot_init(&snapshot);
    for (uint64_t revision = 1; revision <= 2; revision++) { /* the second replaces the first */
        hgh_feed_slice source = hgh_feed_slice_copy((const char *)data, size);
        hgh_resource *resource = NULL;
        hgh_resource *previous = NULL;
        hg_error err = HG_ERROR_INIT;

        FUZZ_PROMISE(source.file != NULL);
        if (hgh_resource_decode(&snapshot, kind, id, source, revision, 1, &resource, &err) !=
            HG_OK) {
            FUZZ_PROMISE(err.text[0] != '\0');
            hgh_feed_file_unref(source.file);
            continue;
        }
        FUZZ_PROMISE(hgh_snapshot_put(&snapshot, resource, &previous) == HG_OK);
        FUZZ_PROMISE(hgh_snapshot_find(&snapshot, kind, id) == resource);
        hgh_resource_unref(previous);
    }
    hgh_snapshot_done(&snapshot);
    return 0;
}
