/* host/core/regex.c - regular expressions, by PCRE2 with JIT, with bounded effort. */
#include "host/core/regex.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define PATTERN_BYTES_MAX   4096u
#define MATCH_LIMIT         50000u        /* backtracking steps from one starting place; ours */
#define DEPTH_LIMIT         2000u         /* nested ones of the interpreter; ours */
#define HEAP_LIMIT_KIB      1024u         /* of the interpreter, where JIT is not to be had */
#define JIT_STACK_BYTES_MIN (32u * 1024)  /* what PCRE2 would take from the caller's stack */
#define JIT_STACK_BYTES_MAX (256u * 1024) /* address space; memory only for what was used */
#define WINDOW_BYTES        64u           /* starting places tried before the clock is looked at */
#define WINDOW_NS_FAST      (100 * 1000)  /* a window under this may be twice as large next time */
#define SEARCH_NS_MAX       (5 * 1000 * 1000) /* then the search is given up */
#define NS_PER_S            1000000000

struct hg_regex {
    pcre2_code *code;
    pcre2_match_context *match_context;
    pcre2_match_data *match_data; /* written by every match: one thread at a time */
    uint32_t captures;            /* with the whole match, at most HG_REGEX_CAPTURES_MAX */
    bool anchored;                /* can only match where the search begins */
};

/* The stack that JIT uses in a thread: a request on a coroutine has little to spare of its own. One
 * for all patterns, since each would be a mapping, of which a process may have 65,530 only. It
 * stays until the thread ends. NULL: no memory. */
static pcre2_jit_stack *jit_stack(void *unused)
{
    static _Thread_local pcre2_jit_stack *stack;

    (void)unused;
    if (stack == NULL) {
        stack = pcre2_jit_stack_create(JIT_STACK_BYTES_MIN, JIT_STACK_BYTES_MAX, NULL);
    }
    return stack;
}

static pcre2_code *
compile(const char *pattern, size_t length, bool ignore_case, hg_status *out_status, hg_error *err)
{
    /* A byte that is no UTF-8 in a subject matches nothing, instead of failing the match; \C would
     * break that. DOLLAR_ENDONLY: "^[a-z]+$" shall not accept a line feed at the end. */
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
                       PCRE2_DOLLAR_ENDONLY | PCRE2_USE_OFFSET_LIMIT;
    int code = 0;
    size_t offset = 0;
    char text[160]; /* PCRE2's longest message has fewer than 120 bytes */
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR8)pattern, length, options | (ignore_case ? PCRE2_CASELESS : 0u),
                      &code, &offset, NULL);

    if (compiled == NULL) {
        (void)pcre2_get_error_message(code, (PCRE2_UCHAR8 *)text, sizeof(text));
        *out_status =
            hg_error_set(err, code == PCRE2_ERROR_HEAP_FAILED ? HG_ERR_NO_MEMORY : HG_ERR_INVALID,
                         "%s at offset %zu", text, offset);
    }
    return compiled;
}

/** Allocates all that a match writes to. */
static bool prepare_match(hg_regex *regex)
{
    regex->match_context = pcre2_match_context_create(NULL);
    regex->match_data = pcre2_match_data_create(HG_REGEX_CAPTURES_MAX, NULL);
    if (regex->match_context == NULL || regex->match_data == NULL) {
        return false;
    }
    (void)pcre2_set_match_limit(regex->match_context, MATCH_LIMIT); /* these cannot fail */
    (void)pcre2_set_depth_limit(regex->match_context, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(regex->match_context, HEAP_LIMIT_KIB);
    if (pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE) == 0) { /* else it is interpreted */
        if (jit_stack(NULL) == NULL) {
            return false;
        }
        pcre2_jit_stack_assign(regex->match_context, jit_stack, NULL);
    }
    return true;
}

static void read_facts(hg_regex *regex)
{
    uint32_t groups = 0;
    uint32_t options = 0;

    (void)pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &groups); /* cannot fail */
    (void)pcre2_pattern_info(regex->code, PCRE2_INFO_ALLOPTIONS, &options);
    regex->captures = groups < HG_REGEX_CAPTURES_MAX ? groups + 1 : HG_REGEX_CAPTURES_MAX;
    regex->anchored = (options & PCRE2_ANCHORED) != 0;
}

hg_status hgh_regex_compile(
    const char *pattern, size_t length, bool ignore_case, hg_regex **out_regex, hg_error *err)
{
    hg_status status = HG_OK;
    hg_regex *regex = NULL;

    if (length > PATTERN_BYTES_MAX) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "regular expression has %zu bytes, wanted at most %u", length,
                            PATTERN_BYTES_MAX);
    }
    regex = calloc(1, sizeof(*regex));
    if (regex == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    regex->code = compile(pattern == NULL ? "" : pattern, length, ignore_case, &status, err);
    if (regex->code == NULL) {
        goto cleanup;
    }
    if (!prepare_match(regex)) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
        goto cleanup;
    }
    read_facts(regex);
    *out_regex = regex;
    regex = NULL;

cleanup:
    hgh_regex_free(regex);
    return status;
}

bool hgh_regex_is_valid(hg_text pattern)
{
    hg_status status;
    pcre2_code *code = NULL;

    if (pattern.length <= PATTERN_BYTES_MAX) {
        code =
            compile(pattern.data == NULL ? "" : pattern.data, pattern.length, false, &status, NULL);
    }
    pcre2_code_free(code);
    return code != NULL;
}

void hgh_regex_free(hg_regex *regex)
{
    if (regex != NULL) {
        pcre2_match_data_free(regex->match_data);
        pcre2_match_context_free(regex->match_context);
        pcre2_code_free(regex->code);
        free(regex);
    }
}

/** Time of this thread: what other processes take is no effort of the pattern's. */
static int64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* cannot fail */
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/** The start of the first character at or behind `at`: a search never begins inside one. */
static size_t character_start(hg_text subject, size_t at)
{
    while (at < subject.length && ((unsigned char)subject.data[at] & 0xc0u) == 0x80u) {
        at++;
    }
    return at;
}

/** What came of a search. */
typedef enum outcome {
    OUTCOME_NONE, /* no match */
    OUTCOME_MATCH,
    OUTCOME_FAILED, /* the effort ran out */
} outcome;

/**
 * PCRE2's match limit counts anew from each starting place, so that a long subject multiplies it.
 * Hence the search goes in windows of starting places with a look at the clock between them.
 */
static outcome search(const hg_regex *regex, hg_text subject, size_t from)
{
    size_t window = WINDOW_BYTES;
    size_t start = from;
    int64_t began = 0;
    int64_t last = 0;

    for (;;) {
        bool is_last = regex->anchored || subject.length - start <= window;
        size_t next = is_last ? subject.length : character_start(subject, start + window);
        int found;
        int64_t now;

        if (!is_last && start == from) {
            began = now_ns();
            last = began;
        }
        (void)pcre2_set_offset_limit(regex->match_context, is_last ? PCRE2_UNSET : next - 1);
        found = pcre2_match(regex->code, (PCRE2_SPTR8)subject.data, subject.length, start, 0,
                            regex->match_data, regex->match_context);
        if (found >= 0) {
            return OUTCOME_MATCH;
        }
        if (found != PCRE2_ERROR_NOMATCH) {
            return OUTCOME_FAILED;
        }
        if (is_last) {
            return OUTCOME_NONE;
        }
        now = now_ns();
        if (now - began > SEARCH_NS_MAX) {
            return OUTCOME_FAILED;
        }
        if (now - last < WINDOW_NS_FAST && window < subject.length) {
            window *= 2;
        }
        last = now;
        start = next;
    }
}

/** Copies the captures of a match; a group that took no part becomes absent. */
static uint32_t
copy_captures(const hg_regex *regex, hg_text subject, hg_text *captures, uint32_t captures_max)
{
    const size_t *offsets = pcre2_get_ovector_pointer(regex->match_data);
    uint32_t count = regex->captures < captures_max ? regex->captures : captures_max;

    for (uint32_t i = 0; i < count; i++) {
        size_t from = offsets[2 * (size_t)i];
        size_t end = offsets[2 * (size_t)i + 1];

        captures[i] = hg_text_of(NULL);
        if (from != PCRE2_UNSET && from <= end) {
            captures[i] = (hg_text){subject.data + from, end - from};
        }
    }
    return count;
}

int32_t hgh_regex_match_from(
    const hg_regex *regex, hg_text subject, size_t from, hg_text *captures, uint32_t captures_max)
{
    hg_text searched = subject.data == NULL ? HG_TEXT("") : subject;

    if (from > searched.length ||
        search(regex, searched, character_start(searched, from)) != OUTCOME_MATCH) {
        return 0;
    }
    if (captures == NULL || captures_max == 0) {
        return (int32_t)regex->captures;
    }
    return (int32_t)copy_captures(regex, searched, captures, captures_max);
}

int32_t
hgh_regex_match(const hg_regex *regex, hg_text subject, hg_text *captures, uint32_t captures_max)
{
    return hgh_regex_match_from(regex, subject, 0, captures, captures_max);
}

bool hgh_regex_search(const hg_regex *regex, hg_text subject, bool *out_failed)
{
    outcome found = search(regex, subject.data == NULL ? HG_TEXT("") : subject, 0);

    *out_failed |= found == OUTCOME_FAILED;
    return found == OUTCOME_MATCH;
}
