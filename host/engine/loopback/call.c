/* host/engine/loopback/call.c - calls of plugins to other servers, answered by a test. */
#include "host/engine/loopback/call.h"

#include <string.h>

#include "host/core/text_builder.h"
#include "host/engine/loopback/gateway.h"

#define TEXT_MAX ((size_t)1 << 30)

void hg_test_on_call(hg_test *test,
                     bool (*answer)(void *context, const hg_test_call *call, hg_test_reply *reply),
                     void *context)
{
    test->answer_call = answer;
    test->answer_context = context;
}

static void headers_write(hgh_text_builder *lines, const hg_http_call *call)
{
    for (size_t i = 0; i < call->header_count; i++) {
        hgh_text_builder_add(lines, call->headers[i].name);
        hgh_text_builder_add(lines, HG_TEXT(": "));
        hgh_text_builder_add(lines, call->headers[i].value);
        hgh_text_builder_add(lines, HG_TEXT("\n"));
    }
}

static hg_text body_of(const hg_test_reply *reply)
{
    if (reply->body == NULL) {
        return HG_TEXT("");
    }
    return (hg_text){reply->body,
                     reply->body_length > 0 ? reply->body_length : strlen(reply->body)};
}

bool hgh_call_answer(const hg_http_call *call, hgh_http_reply *out_reply)
{
    hg_test *test = hgh_gateway_current;
    hgh_text_builder method = {.max = TEXT_MAX};
    hgh_text_builder url = {.max = TEXT_MAX};
    hgh_text_builder headers = {.max = TEXT_MAX};
    hgh_text_builder body = {.max = TEXT_MAX};
    hg_test_call told;
    hg_test_reply reply = {0};
    bool answered;

    if (test->answer_call == NULL) {
        return false;
    }
    hgh_text_builder_add(&method, call->method.data == NULL ? HG_TEXT("GET") : call->method);
    hgh_text_builder_add(&url, call->url);
    headers_write(&headers, call);
    hgh_text_builder_add(&body, call->body);
    told = (hg_test_call){
        .method = hgh_text_builder_string(&method),
        .url = hgh_text_builder_string(&url),
        .headers = hgh_text_builder_string(&headers),
        .body = hgh_text_builder_string(&body),
        .body_length = body.length,
        .timeout_ms = call->timeout_ms,
        .flags = call->flags,
    };
    answered = test->answer_call(test->answer_context, &told, &reply);
    hgh_text_builder_done(&method);
    hgh_text_builder_done(&url);
    hgh_text_builder_done(&headers);
    hgh_text_builder_done(&body);
    *out_reply = (hgh_http_reply){
        .failure = reply.failure,
        .status = reply.status == 0 ? 200 : reply.status,
        .headers = reply.headers,
        .body = body_of(&reply),
        .delay_ms = reply.delay_ms,
    };
    return answered;
}
