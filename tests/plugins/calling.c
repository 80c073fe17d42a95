/* tests/plugins/calling.c - calls other servers as its configuration says, and tells what came. */
#include <hotgate/plugin.h>

#ifndef VERSION
#define VERSION "1.0.0"
#endif

#define CALLS_MAX 4u

typedef struct calling_config {
    hg_list urls; /* of hg_text */
    hg_text method;
    hg_list headers; /* of hg_text: "Name=value" */
    hg_text body;
    int64_t timeout_ms;
    int64_t connect_timeout_ms;
    int64_t body_max;
    bool has_body;
    bool insecure;
    bool keepalive;
    hg_text server_name;
    hg_text authorities;
    hg_text certificate;
    hg_text key;
    int32_t phase;
} calling_config;

enum {
    IN_ACCESS = 0,
    IN_REWRITE = 1,
    IN_BEFORE_PROXY = 2,
    IN_HEADER_FILTER = 3
};

static const hg_field text_item = HG_ITEM(HG_KIND_STRING, hg_text);

static const hg_field calling_fields[] = {
    HG_LIST(calling_config, urls, "urls", &text_item, .required = true),
    HG_STRING(calling_config, method, "method"),
    HG_LIST(calling_config, headers, "headers", &text_item),
    HG_STRING(calling_config, body, "body", .presence = HG_PRESENCE(calling_config, has_body)),
    HG_INT(calling_config, timeout_ms, "timeout"),
    HG_INT(calling_config, connect_timeout_ms, "connect_timeout"),
    HG_INT(calling_config, body_max, "body_max"),
    HG_BOOL(calling_config, insecure, "insecure"),
    HG_BOOL(calling_config, keepalive, "keepalive", .initial = "true"),
    HG_STRING(calling_config, server_name, "server_name"),
    HG_STRING(calling_config, authorities, "authorities"),
    HG_STRING(calling_config, certificate, "certificate"),
    HG_STRING(calling_config, key, "key"),
    HG_ENUM(calling_config,
            phase,
            "phase",
            .names = {"access", "rewrite", "before_proxy", "header_filter"},
            .initial = "access"),
    HG_FIELDS_END,
};

static size_t headers_take(const calling_config *own, hg_header *headers, size_t room)
{
    const hg_text *lines = own->headers.items;
    size_t count = 0;

    while (count < own->headers.count && count < room) {
        hg_text line = lines[count];
        size_t name = 0;

        while (name < line.length && line.data[name] != '=') {
            name++;
        }
        headers[count].name = (hg_text){line.data, name};
        headers[count].value = name == line.length
                                   ? (hg_text){"", 0}
                                   : (hg_text){line.data + name + 1, line.length - name - 1};
        count++;
    }
    return count;
}

static json_t *answer_tell(const hg_http_answer *answer)
{
    json_t *headers = json_object();

    for (size_t i = 0; i < answer->header_count; i++) {
        (void)json_object_set_new(headers, answer->headers[i].name.data,
                                  json_string(answer->headers[i].value.data));
    }
    return json_pack("{s:i, s:i, s:o, s:s%, s:s}", "result", answer->result, "status",
                     (int)answer->status, "headers", headers, "body",
                     answer->body.data == NULL ? "" : answer->body.data, answer->body.length,
                     "error", answer->error.data == NULL ? "" : answer->error.data);
}

/* All URLs at once, each with the same call. */
static hg_verdict call_all(hg_request *request, const calling_config *own)
{
    hg_header headers[8];
    const hg_text *urls = own->urls.items;
    hg_http_call calls[CALLS_MAX];
    hg_http_answer answers[CALLS_MAX];
    size_t count = own->urls.count < CALLS_MAX ? own->urls.count : CALLS_MAX;
    json_t *told = json_array();
    hg_status status;
    hg_verdict verdict;

    for (size_t i = 0; i < count; i++) {
        calls[i] = (hg_http_call){
            .url = urls[i],
            .method = own->method,
            .headers = headers,
            .header_count = headers_take(own, headers, 8),
            .body = own->has_body ? own->body : (hg_text){NULL, 0},
            .timeout_ms = (uint64_t)own->timeout_ms,
            .connect_timeout_ms = (uint64_t)own->connect_timeout_ms,
            .body_max_bytes = (size_t)own->body_max,
            .flags = (own->insecure ? HG_HTTP_INSECURE : 0u) |
                     (own->keepalive ? 0u : HG_HTTP_NO_KEEPALIVE),
            .server_name = own->server_name,
            .authorities = own->authorities,
            .certificate = own->certificate,
            .key = own->key,
        };
    }
    status = hg_http_all(request, calls, answers, count);
    hg_log(request, HG_LOG_NOTICE, "called -> %d at %llu", (int)status,
           (unsigned long long)hg_now_ms());
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(told, answer_tell(&answers[i]));
    }
    verdict = status == HG_CANCELED || hg_request_phase(request) > HG_PHASE_BEFORE_PROXY
                  ? HG_NEXT
                  : hg_exit_json(request, 200, told);
    json_decref(told);
    return verdict;
}

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    const calling_config *own = config;

    return own->phase == IN_REWRITE ? call_all(request, own) : HG_NEXT;
}

static hg_verdict on_access(hg_request *request, const void *config)
{
    const calling_config *own = config;

    return own->phase == IN_ACCESS ? call_all(request, own) : HG_NEXT;
}

static hg_verdict on_before_proxy(hg_request *request, const void *config)
{
    const calling_config *own = config;

    return own->phase == IN_BEFORE_PROXY ? call_all(request, own) : HG_NEXT;
}

static void on_header_filter(hg_request *request, const void *config)
{
    const calling_config *own = config;

    if (own->phase == IN_HEADER_FILTER) {
        (void)call_all(request, own);
    }
}

HG_PLUGIN("calling",
          VERSION,
          .summary = "Calls other servers as its configuration says, and tells what came.",
          .priority = 61,
          .flags = HG_WAITS,
          .config = HG_CONFIG(calling_config, calling_fields),
          .rewrite = on_rewrite,
          .access = on_access,
          .before_proxy = on_before_proxy,
          .header_filter = on_header_filter);
