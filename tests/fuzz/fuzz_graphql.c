/* tests/fuzz/fuzz_graphql.c - a GraphQL document is read. */
#include "host/core/graphql.h"
#include "tests/fuzz/fuzz.h"

static bool is_inside(hg_text part, const char *document, size_t size)
{
    return part.data >= document && part.data + part.length <= document + size;
}

/* What is a document stays one with what says nothing around it. */
static void expect_same(const hgh_graphql *graphql, const char *document, size_t size)
{
    char *longer = malloc(size + 8);
    hgh_graphql again = {0};

    FUZZ_PROMISE(longer != NULL);
    memcpy(longer, "# {\n", 4);
    memcpy(longer + 4, document, size);
    memcpy(longer + 4 + size, "\n, #", 4);
    FUZZ_PROMISE(hgh_graphql_parse((hg_text){longer, size + 8}, &again, NULL) == HG_OK);
    FUZZ_PROMISE(again.field_count == graphql->field_count && again.has_more == graphql->has_more &&
                 hg_text_equal(again.operation, graphql->operation) &&
                 hg_text_equal(again.name, graphql->name));
    for (size_t i = 0; i < again.field_count; i++) {
        FUZZ_PROMISE(hg_text_equal(again.fields[i], graphql->fields[i]));
    }
    hgh_graphql_done(&again);
    free(longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *document = malloc(size + (size == 0)); /* no byte more, so that a read behind it shows */
    hgh_graphql graphql = {0};
    hg_error err = HG_ERROR_INIT;
    hg_status status;

    FUZZ_PROMISE(document != NULL);
    if (size > 0) {
        memcpy(document, data, size);
    }
    status = hgh_graphql_parse((hg_text){document, size}, &graphql, &err);
    if (status == HG_OK) {
        FUZZ_PROMISE(graphql.field_count <= HGH_GRAPHQL_SELECTIONS_MAX);
        FUZZ_PROMISE(graphql.name.length == 0 || is_inside(graphql.name, document, size));
        for (size_t i = 0; i < graphql.field_count; i++) {
            FUZZ_PROMISE(graphql.fields[i].length > 0 &&
                         is_inside(graphql.fields[i], document, size));
        }
        if (size < 3 || memcmp(document, "\xef\xbb\xbf", 3) != 0) { /* which must stand first */
            expect_same(&graphql, document, size);
        }
        hgh_graphql_done(&graphql);
    } else {
        FUZZ_PROMISE(err.text[0] != '\0' && graphql.fields == NULL);
    }
    free(document);
    return 0;
}
