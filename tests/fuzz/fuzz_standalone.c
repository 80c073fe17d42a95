/* tests/fuzz/fuzz_standalone.c - a standalone file is read: variables, YAML or JSON, its lists. */
#include "host/control/standalone_file.h"
#include "host/control/store_document.h"
#include "tests/fuzz/fuzz.h"

/* Every finding stands in the text. */
static void check_places(hgh_standalone_file *file, json_t *errors)
{
    size_t lines = 1;

    for (size_t i = 0; i < file->length; i++) {
        lines += file->text[i] == '\n' || file->text[i] == '\r' ? 1 : 0;
    }
    for (size_t i = 0; i < json_array_size(errors); i++) {
        json_t *one = json_array_get(errors, i);
        json_int_t line;

        if (json_object_get(one, "line") == NULL) {
            hgh_standalone_file_place(file, one);
        }
        line = json_integer_value(json_object_get(one, "line"));
        FUZZ_PROMISE(line >= 0 && (size_t)line <= lines + file->length);
        FUZZ_PROMISE(json_is_integer(json_object_get(one, "column")));
    }
}

/* A text that begins with a brace is taken for JSON. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hgh_standalone_file file = {0};
    hgh_document document = {0};
    json_t *errors = json_array();
    bool is_json = size > 0 && data[0] == '{';

    if (hgh_standalone_file_take((const char *)data, size, is_json, &file) != HG_OK) {
        json_decref(errors);
        return 0;
    }
    (void)hgh_standalone_file_is_whole(&file);
    FUZZ_PROMISE(hgh_standalone_file_parse(&file, errors) == HG_OK);
    FUZZ_PROMISE(file.document != NULL || json_array_size(errors) > 0);
    if (file.document != NULL && json_array_size(errors) == 0) {
        FUZZ_PROMISE(hgh_document_read(json_incref(file.document), &document, errors) == HG_OK);
    }
    check_places(&file, errors);
    hgh_document_done(&document);
    hgh_standalone_file_done(&file);
    json_decref(errors);
    return 0;
}
