/* host/core/json_schema_judge.c - findings, places and the budget of a judgement. */
#include "host/core/json_schema_judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "host/core/json_value.h"
#include "host/core/regex.h"

#define EFFORT_MAX        3000000u /* checks; each takes some 100 ns */
#define CLOCK_EFFORT      2000u    /* between two looks at the clock: 40 patterns at most */
#define TIME_NS_MAX       (500 * INT64_C(1000000)) /* for what checks do not tell: patterns */
#define EFFORT_OF_FINDING 20u                      /* its text is made even if it is not kept */
#define CALLS_MAX         1024u /* nested schemas: four to a level of the value */
#define EFFORT_OF_PATTERN 50u   /* compared with a check of a number */
#define QUOTED_BYTES_MAX  512u  /* of a text in a message; each may take two */

/** True if the judgement has taken too long: time of this thread, whatever else the machine does.
 */
static bool is_late(hgh_judge *judge)
{
    struct timespec now;
    int64_t now_ns;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* cannot fail */
    now_ns = (int64_t)now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
    if (judge->began_ns == 0) {
        judge->began_ns = now_ns;
    }
    judge->clock_effort = judge->effort + CLOCK_EFFORT;
    return now_ns - judge->began_ns > TIME_NS_MAX;
}

bool hgh_judge_spend(hgh_judge *judge, uint64_t effort)
{
    judge->effort += effort;
    if (judge->stop == HGH_JUDGE_GOES_ON &&
        (judge->effort > EFFORT_MAX || (judge->effort >= judge->clock_effort && is_late(judge)))) {
        judge->stop = HGH_JUDGE_TOO_COMPLEX;
    }
    return judge->stop == HGH_JUDGE_GOES_ON;
}

bool hgh_judge_go_down(hgh_judge *judge)
{
    if (!hgh_judge_spend(judge, 1)) {
        return false;
    }
    if (judge->calls == CALLS_MAX) {
        judge->stop = HGH_JUDGE_TOO_DEEP;
        return false;
    }
    judge->calls++;
    return true;
}

void hgh_judge_go_up(hgh_judge *judge)
{
    judge->calls--;
}

bool hgh_judge_matches(hgh_judge *judge, const hg_regex *regex, hg_text subject)
{
    return hgh_judge_spend(judge, EFFORT_OF_PATTERN + subject.length / HGH_BYTES_PER_EFFORT) &&
           hgh_regex_match(regex, subject, NULL, 0) > 0;
}

bool hgh_judge_find(
    hgh_judge *judge, const char *found, const char *wanted, const char *format, ...)
{
    char message[2 * HGH_QUOTED_MAX + 128];
    va_list arguments;

    if (judge->issues == NULL || !hgh_judge_spend(judge, EFFORT_OF_FINDING)) {
        return false;
    }
    if (judge->issues->count == HGH_ISSUES_MAX) { /* counted, not kept */
        judge->issues->dropped++;
        return false;
    }
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments); /* all its parts are bounded */
    va_end(arguments);
    hgh_text_builder_cut(&judge->text, 0);
    hgh_text_builder_add(&judge->text, hg_text_of(hgh_text_builder_string(&judge->prefix)));
    if (judge->fixed_length > 0) {
        hgh_text_builder_cut(&judge->text, judge->fixed_length);
    } else {
        hgh_text_builder_add(&judge->text, hg_text_of(message));
    }
    hgh_issues_add(judge->issues, hgh_text_builder_string(&judge->pointer), found, wanted,
                   hgh_text_builder_string(&judge->text));
    return false;
}

hgh_judge_place hgh_judge_enter(hgh_judge *judge, const char *segment)
{
    hgh_judge_place place = {judge->pointer.length, judge->prefix.length};

    if (judge->issues != NULL) {
        hgh_text_builder_add_segment(&judge->pointer, segment);
    }
    return place;
}

void hgh_judge_prefix(hgh_judge *judge, const char *format, ...)
{
    char piece[2 * HGH_QUOTED_MAX + 128];
    va_list arguments;

    if (judge->issues != NULL) {
        va_start(arguments, format);
        (void)vsnprintf(piece, sizeof(piece), format, arguments); /* all its parts are bounded */
        va_end(arguments);
        hgh_text_builder_add(&judge->prefix, hg_text_of(piece));
    }
}

void hgh_judge_leave(hgh_judge *judge, hgh_judge_place place)
{
    hgh_text_builder_cut(&judge->pointer, place.pointer);
    hgh_text_builder_cut(&judge->prefix, place.prefix);
}

const char *hgh_judge_show(const hgh_schema_node *node, const json_t *value, char *buffer)
{
    return node->is_secret ? "***" : hgh_json_describe(value, buffer, HGH_JSON_DESCRIBE_MAX);
}

const char *hgh_judge_quote(const char *text, char *buffer)
{
    size_t length = hgh_utf8_fitting(text, strlen(text), QUOTED_BYTES_MAX);
    size_t to = 0;

    buffer[to++] = '"';
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"' || text[i] == '\\' || text[i] == '\n' || text[i] == '\r') {
            buffer[to++] = '\\';
        }
        buffer[to++] = text[i] == '\r' ? 'r' : text[i];
    }
    (void)snprintf(buffer + to, HGH_QUOTED_MAX - to, "\"%s", text[length] == '\0' ? "" : "...");
    return buffer;
}

void hgh_judge_done(hgh_judge *judge)
{
    hgh_text_builder_done(&judge->pointer);
    hgh_text_builder_done(&judge->prefix);
    hgh_text_builder_done(&judge->text);
}
