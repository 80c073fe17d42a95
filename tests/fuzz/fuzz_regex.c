/* tests/fuzz/fuzz_regex.c - a regular expression in the first line searches the rest. */
#include "host/core/regex.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hg_text captures[HG_REGEX_CAPTURES_MAX];
    hg_regex *regex = NULL;
    hg_error err = HG_ERROR_INIT;
    hg_text pattern;
    hg_text subject;
    int32_t count;

    if (!fuzz_line(&data, &size, &pattern)) {
        return 0;
    }
    if (hgh_regex_compile(pattern.data, pattern.length, false, &regex, &err) != HG_OK) {
        FUZZ_PROMISE(err.text[0] != '\0');
        return 0;
    }
    subject = (hg_text){(const char *)data, size};
    count = hgh_regex_match(regex, subject, captures, HG_REGEX_CAPTURES_MAX);
    FUZZ_PROMISE(count >= 0 && count <= (int32_t)HG_REGEX_CAPTURES_MAX);
    for (int32_t i = 0; i < count; i++) {
        FUZZ_PROMISE(!hg_text_is_present(captures[i]) ||
                     (captures[i].data >= subject.data &&
                      captures[i].data + captures[i].length <= subject.data + subject.length));
    }
    (void)hgh_regex_match_from(regex, subject, size / 2, captures, 1);
    hgh_regex_free(regex);
    return 0;
}
