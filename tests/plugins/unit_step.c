/* tests/plugins/unit_step.c - says in the log what is called; built under several names. */
#include <hotgate/plugin.h>

enum step_phase {
    STEP_REWRITE = 0,
    STEP_ACCESS = 1,
    STEP_BEFORE_PROXY = 2,
};

typedef struct step_config {
    hg_text tag;
    int64_t exit_status; /* 0: goes on */
    int32_t exit_in;
    bool late;        /* attaches the consumer in access */
    int64_t sleep_ms; /* in rewrite, with HG_WAITS */
    int64_t sleeps;
} step_config;

typedef struct step_credential {
    hg_text key;
} step_credential;

#ifndef KEY_FIELD
#define KEY_FIELD "key"
#endif
#ifndef TAG_MAX
#define TAG_MAX 100
#endif

static const hg_field step_fields[] = {
    HG_STRING(step_config, tag, "tag", .max_length = TAG_MAX, .initial = "-"),
    HG_INT(step_config, exit_status, "exit_status"),
    HG_ENUM(step_config,
            exit_in,
            "exit_in",
            .initial = "access",
            .names = {"rewrite", "access", "before_proxy"}),
    HG_BOOL(step_config, late, "late"),
    HG_INT(step_config, sleep_ms, "sleep_ms"),
    HG_INT(step_config, sleeps, "sleeps", .initial = "1"),
    HG_FIELDS_END,
};

static const hg_field step_credential_fields[] = {
    HG_STRING(step_credential, key, "key", .required = true),
    HG_FIELDS_END,
};

static void say(hg_request *request, const char *phase, const step_config *own)
{
    hg_log(request, HG_LOG_NOTICE, "%s:%s", phase, own->tag.data);
}

static hg_verdict ends_in(hg_request *request, const step_config *own, enum step_phase phase)
{
    return own->exit_status == 0 || own->exit_in != (int32_t)phase
               ? HG_NEXT
               : hg_exit(request, (uint32_t)own->exit_status);
}

static const hg_consumer *find(hg_request *request)
{
    hg_text key = hg_request_header(request, HG_TEXT("key"));

    return key.data == NULL ? NULL : hg_consumer_find(request, key);
}

static hg_status attach(hg_request *request, const hg_consumer *consumer)
{
    const step_credential *credential;

    if (consumer == NULL) {
        return HG_OK;
    }
    credential = hg_consumer_config(request, consumer);
    hg_log(request, HG_LOG_NOTICE, "key:%s", credential == NULL ? "" : credential->key.data);
    return hg_consumer_attach(request, consumer);
}

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    const step_config *own = config;
    const hg_consumer *consumer = own->late ? NULL : find(request);

    say(request, "rewrite", own);
    for (int64_t i = 0; own->sleep_ms > 0 && i < own->sleeps; i++) {
        hg_log(request, HG_LOG_NOTICE, "slept:%d", (int)hg_sleep(request, (uint64_t)own->sleep_ms));
    }
    if (attach(request, consumer) != HG_OK) {
        return hg_exit(request, 500);
    }
    return ends_in(request, own, STEP_REWRITE);
}

static hg_verdict on_access(hg_request *request, const void *config)
{
    const step_config *own = config;

    say(request, "access", own);
    if (own->late) {
        hg_log(request, HG_LOG_NOTICE, "late:%d", (int)attach(request, find(request)));
    }
    return ends_in(request, own, STEP_ACCESS);
}

static hg_verdict on_before_proxy(hg_request *request, const void *config)
{
    say(request, "before_proxy", config);
    return ends_in(request, config, STEP_BEFORE_PROXY);
}

static void on_header_filter(hg_request *request, const void *config)
{
    say(request, "header_filter", config);
}

static void on_body_filter(hg_request *request, hg_chunk *chunk, const void *config)
{
    (void)chunk;
    say(request, "body_filter", config);
}

#ifdef DELAYED
static void on_delayed_body_filter(hg_request *request, hg_chunk *chunk, const void *config)
{
    (void)chunk;
    say(request, "delayed_body_filter", config);
}
#else
#define on_delayed_body_filter NULL
#endif

static void on_log(hg_request *request, const void *config)
{
    say(request, "log", config);
}

static hg_status on_init(const void *attributes, hg_error *err)
{
    (void)attributes;
    (void)err;
    hg_log(NULL, HG_LOG_NOTICE, "init");
    return HG_OK;
}

static void on_exit_call(void)
{
    hg_log(NULL, HG_LOG_NOTICE, "exit");
}

HG_PLUGIN(NAME,
          "1.0.0",
          .summary = "Says in the log what is called.",
          .priority = PRIORITY,
          .flags = FLAGS,
          .config = HG_CONFIG(step_config, step_fields),
          .consumer = ((FLAGS)&HG_AUTH) == 0
                          ? NULL
                          : HG_CONSUMER(step_credential, step_credential_fields, KEY_FIELD),
          .init = on_init,
          .exit = on_exit_call,
          .rewrite = on_rewrite,
          .access = on_access,
          .before_proxy = on_before_proxy,
          .header_filter = on_header_filter,
          .body_filter = on_body_filter,
          .delayed_body_filter = on_delayed_body_filter,
          .log = on_log);
