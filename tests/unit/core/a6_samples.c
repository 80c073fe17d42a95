/* tests/unit/core/a6_samples.c - messages of each kind, empty, full and in between. */
#include "tests/unit/core/a6_samples.h"

#include "tests/unit/unit.h"

/** HG_TEXT() for what is static. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const hg_header lines[] = {
    {TEXT("host"), TEXT("example.test")}, {TEXT("x-a"), TEXT("one")}, {TEXT("x-a"), TEXT("two")},
    {TEXT("x-empty"), TEXT("")},          {TEXT("flag"), {NULL, 0}},  {{NULL, 0}, TEXT("no name")},
    {TEXT(""), TEXT("empty name")},
};

const a6_sample a6_samples[] = {
    {"A6.Err.Resp", {.error = {HGH_A6_BAD_REQUEST}}},
    {"A6.Err.Resp", {.error = {HGH_A6_CONF_TOKEN_NOT_FOUND}}},
    {"A6.Err.Resp", {.error = {255}}},
    {"A6.PrepareConf.Req", {.prepare_request = {{NULL, 0}, {NULL, 0}}}},
    {"A6.PrepareConf.Req", {.prepare_request = {{lines, 4}, TEXT("route#1#x#12")}}},
    {"A6.PrepareConf.Req", {.prepare_request = {{lines, 7}, TEXT("")}}},
    {"A6.PrepareConf.Resp", {.prepare_answer = {0}}},
    {"A6.PrepareConf.Resp", {.prepare_answer = {UINT32_MAX}}},
    {"A6.HTTPReqCall.Req", {.request_call = {0}}},
    {"A6.HTTPReqCall.Req",
     {.request_call = {1, {"\x7f\0\0\1", 4}, 14, TEXT("/a"), {lines, 7}, {lines, 5}, 9}}},
    {"A6.HTTPReqCall.Req",
     {.request_call = {UINT32_MAX,
                       {"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16},
                       0,
                       TEXT(""),
                       {NULL, 0},
                       {lines + 3, 1},
                       UINT32_MAX}}},
    {"A6.HTTPReqCall.Resp", {.request_answer = {0}}},
    {"A6.HTTPReqCall.Resp", {.request_answer = {.id = 7}}},
    {"A6.HTTPReqCall.Resp", {.request_answer = {.action = HGH_A6_STOP}}},
    {"A6.HTTPReqCall.Resp",
     {.request_answer = {.id = 7,
                         .action = HGH_A6_STOP,
                         .status = 65535,
                         .headers = {lines, 7},
                         .body = TEXT("a\0b")}}},
    {"A6.HTTPReqCall.Resp", {.request_answer = {.id = 7, .action = HGH_A6_REWRITE}}},
    {"A6.HTTPReqCall.Resp",
     {.request_answer = {.id = 7,
                         .action = HGH_A6_REWRITE,
                         .path = TEXT("/abc"),
                         .headers = {lines, 2},
                         .arguments = {lines + 4, 3},
                         .response_headers = {lines + 1, 2},
                         .body = TEXT("")}}},
    {"A6.ExtraInfo.Req", {.question = {HGH_A6_NO_INFO, {NULL, 0}}}},
    {"A6.ExtraInfo.Req", {.question = {HGH_A6_VAR, TEXT("host")}}},
    {"A6.ExtraInfo.Req", {.question = {HGH_A6_VAR, {NULL, 0}}}},
    {"A6.ExtraInfo.Req", {.question = {HGH_A6_REQUEST_BODY, {NULL, 0}}}},
    {"A6.ExtraInfo.Req", {.question = {HGH_A6_RESPONSE_BODY, {NULL, 0}}}},
    {"A6.ExtraInfo.Resp", {.question_answer = {{NULL, 0}}}},
    {"A6.ExtraInfo.Resp", {.question_answer = {TEXT("")}}},
    {"A6.ExtraInfo.Resp", {.question_answer = {TEXT("\xff\0\xfe")}}},
    {"A6.HTTPRespCall.Req", {.response_call = {0}}},
    {"A6.HTTPRespCall.Req", {.response_call = {3, 200, {lines, 7}, 8}}},
    {"A6.HTTPRespCall.Resp", {.response_answer = {0}}},
    {"A6.HTTPRespCall.Resp", {.response_answer = {3, 418, {lines, 3}, TEXT("tea")}}},
};

const size_t a6_sample_count = ARRAY_SIZE(a6_samples);
