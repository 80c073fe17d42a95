/* tests/fuzz/fuzz_body.c - a body is read as JSON, as a form and in parts, and a path followed in
 * it: the first line is the path, the rest the body. */
#include <jansson.h>

#include "host/core/body_path.h"
#include "tests/fuzz/fuzz.h"

#define WRITTEN_MAX (1u << 20)

/* What a tree must keep to, whatever it was read from. */
static void expect_sound(const hgh_body_tree *tree)
{
    FUZZ_PROMISE(tree->count > 0 && tree->values[HGH_BODY_ROOT].end == tree->count);
    for (uint32_t i = 0; i < tree->count; i++) {
        const hgh_body_value *value = &tree->values[i];
        uint32_t held = 0;

        FUZZ_PROMISE(value->end > i && value->end <= tree->count);
        if (value->kind < HGH_VALUE_ARRAY) {
            FUZZ_PROMISE(value->end == i + 1);
            continue;
        }
        for (uint32_t k = i + 1; k < value->end; k = tree->values[k].end) {
            FUZZ_PROMISE(tree->values[k].end <= value->end);
            held++;
        }
        FUZZ_PROMISE(held == value->length);
    }
}

/* What is written reads as the same, and is JSON for others too where it is UTF-8. */
static void expect_written(const hgh_body_tree *tree)
{
    const uint32_t root = HGH_BODY_ROOT;
    hgh_text_builder first = {.max = WRITTEN_MAX};
    hgh_text_builder second = {.max = WRITTEN_MAX};
    hgh_body_tree *again = NULL;

    hgh_body_tree_write(tree, &root, 1, false, &first);
    if (!first.is_cut) {
        FUZZ_PROMISE(hgh_body_tree_of_json((hg_text){first.data, first.length}, &again, NULL) ==
                     HG_OK);
        FUZZ_PROMISE(again->count == tree->count);
        hgh_body_tree_write(again, &root, 1, false, &second);
        FUZZ_PROMISE(!second.is_cut && second.length == first.length &&
                     memcmp(first.data, second.data, first.length) == 0);
    }
    hgh_body_tree_free(again);
    hgh_text_builder_done(&first);
    hgh_text_builder_done(&second);
}

static void expect_values(const hgh_body_tree *tree)
{
    for (uint32_t i = 0; i < tree->count; i++) {
        const hgh_body_value *value = &tree->values[i];
        hg_text raw = hgh_body_tree_raw(tree, value);
        char number[HGH_BODY_NUMBER_MAX];
        double ignored;

        if (value->kind == HGH_VALUE_NUMBER) {
            FUZZ_PROMISE(hgh_body_number_text(raw, number, &ignored).length > 0);
        } else if (value->kind == HGH_VALUE_TEXT && value->text_escaped) {
            char *buffer = malloc(raw.length);

            FUZZ_PROMISE(buffer != NULL && hgh_body_unescape(raw, buffer) < raw.length);
            free(buffer);
        }
    }
}

static void expect_found(const hgh_body_tree *tree, const hgh_body_path *path)
{
    uint32_t *places = NULL;
    size_t count = 0;

    FUZZ_PROMISE(hgh_body_path_find(path, tree, &places, &count) == HG_OK);
    FUZZ_PROMISE(count <= tree->count && (path->is_query || count <= 1));
    for (size_t i = 0; i < count; i++) {
        FUZZ_PROMISE(places[i] < tree->count && (i == 0 || places[i - 1] < places[i]));
    }
    free(places);
}

static void look_into(hgh_body_tree *tree, const hgh_body_path *path)
{
    if (tree == NULL) {
        return;
    }
    expect_sound(tree);
    expect_written(tree);
    expect_values(tree);
    if (path != NULL) {
        expect_found(tree, path);
    }
    hgh_body_tree_free(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hg_text line = {"", 0};
    hgh_body_path path;
    bool has_path =
        fuzz_line(&data, &size, &line) && hgh_body_path_parse(line, &path, NULL) == HG_OK;
    char *bytes = malloc(size + (size == 0));
    hg_text body = {bytes, size};
    hgh_body_tree *tree = NULL;
    json_t *other = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    hg_status status;

    FUZZ_PROMISE(bytes != NULL);
    if (size > 0) {
        memcpy(bytes, data, size);
    }
    status = hgh_body_tree_of_json(body, &tree, NULL);
    /* jansson refuses more: bytes that are no UTF-8, numbers that it cannot hold; but it takes a
     * NUL for the end. */
    FUZZ_PROMISE(other == NULL || status == HG_OK || status == HG_ERR_TOO_LARGE ||
                 memchr(bytes, '\0', size) != NULL);
    look_into(tree, has_path ? &path : NULL);
    tree = NULL;
    FUZZ_PROMISE(hgh_body_tree_of_form(body, &tree, NULL) == HG_OK);
    look_into(tree, has_path ? &path : NULL);
    tree = NULL;
    (void)hgh_body_tree_of_parts(body, HG_TEXT("multipart/form-data; boundary=b"), &tree, NULL);
    look_into(tree, has_path ? &path : NULL);
    tree = NULL;
    (void)hgh_body_tree_of_parts(body, line, &tree, NULL); /* the line as a Content-Type */
    look_into(tree, NULL);
    json_decref(other);
    free(bytes);
    return 0;
}
