/* tests/fuzz/fuzz_admission.c - any bytes are judged as if they were a plugin's object. */
#include "host/control/admission.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hgh_object_file file = {.bytes = (unsigned char *)fuzz_string(data, size), .size = size};
    hgh_object_claims claims = {0};
    hg_issues issues = {0};
    json_t *shown;
    hg_status status;

    file.bytes = realloc(file.bytes, size + (size == 0)); /* no NUL behind it: none is promised */
    status = hgh_admission_check(&file, "hello", NULL, &claims, &issues);
    FUZZ_PROMISE((status == HG_OK) == hgh_issues_is_empty(&issues));
    FUZZ_PROMISE(status != HG_OK || strcmp(claims.name, "hello") == 0);
    shown = hgh_issues_json(&issues);
    FUZZ_PROMISE(shown != NULL); /* findings quote the object: they must be UTF-8 */
    json_decref(shown);
    hgh_issues_done(&issues);
    hgh_object_file_done(&file);
    return 0;
}
