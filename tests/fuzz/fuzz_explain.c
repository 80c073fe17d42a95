/* tests/fuzz/fuzz_explain.c - what is to be explained, and the tokens that ask for it.
 *
 * The first line is a token; the rest is a question as JSON. */
#include "host/control/explain_question.h"
#include "host/core/explain_token.h"
#include "tests/fuzz/fuzz.h"

static const hgh_explain_key key = {.bytes = "a key of the fuzzer"};

/* Every line of the head ends with CRLF and holds neither, so nothing else can be smuggled in. */
static void head_check(const char *text, size_t length)
{
    const char *end = strstr(text, "\r\n\r\n");

    FUZZ_PROMISE(end != NULL && strlen(text) <= length);
    for (const char *at = text; at < end; at++) {
        bool is_end = at[0] == '\r' && at[1] == '\n';

        FUZZ_PROMISE(is_end || ((unsigned char)*at >= ' ' && *at != 0x7f) || *at == '\t');
        at += is_end ? 1 : 0;
    }
}

static void question_try(const json_t *question)
{
    hg_issues issues = {0};
    char *text = NULL;
    size_t length = 0;

    if (hgh_explain_question_write(question, &text, &length, &issues) == HG_OK) {
        FUZZ_PROMISE(issues.count == 0);
        head_check(text, length);
    } else {
        FUZZ_PROMISE(text == NULL && issues.count > 0);
    }
    free(text);
    hgh_issues_done(&issues);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hg_text token = {0};
    json_t *question;

    if (!fuzz_line(&data, &size, &token)) {
        return 0;
    }
    /* Nobody finds a MAC by chance. */
    FUZZ_PROMISE(hgh_explain_token_check(&key, token, 0) == HG_ERR_INVALID);
    question = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (question != NULL) {
        question_try(question);
        json_decref(question);
    }
    return 0;
}
