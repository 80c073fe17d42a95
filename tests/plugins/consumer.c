/* tests/plugins/consumer.c - identifies consumers by the value of the header X-Token. */
#include <hotgate/plugin.h>

#ifndef KEY_FIELD
#define KEY_FIELD "token"
#endif

typedef struct consumer_config {
    hg_text anonymous; /* who comes without a token */
    bool ends;         /* the request, although it has attached somebody */
} consumer_config;

typedef struct credential {
    hg_text token;
    hg_text role;
} credential;

static const hg_field consumer_fields[] = {
    HG_STRING(consumer_config, anonymous, "anonymous"),
    HG_BOOL(consumer_config, ends, "ends", .initial = "false"),
    HG_FIELDS_END,
};
static const hg_field credential_fields[] = {
    HG_SECRET(credential, token, "token", .required = true, .min_length = 1),
    HG_STRING(credential, role, "role", .initial = "user"),
    HG_FIELDS_END,
};

static hg_verdict consumer_rewrite(hg_request *request, const void *config)
{
    hg_text token = hg_request_header(request, HG_TEXT("X-Token"));
    const consumer_config *own = config;
    const hg_consumer *consumer;
    const credential *found;

    hg_log(request, HG_LOG_NOTICE, "any -> %d", (int)hg_consumer_any(request));
    consumer = hg_consumer_find(request, token);
    if (consumer == NULL && own->anonymous.data != NULL) {
        consumer = hg_consumer_named(request, own->anonymous);
    }
    if (consumer == NULL) {
        return hg_exit_message(request, 401, HG_TEXT("who are you"));
    }
    found = hg_consumer_config(request, consumer);
    hg_log(request, HG_LOG_NOTICE, "%s is a %s", hg_consumer_name(consumer).data,
           found == NULL ? "?" : found->role.data);
    (void)hg_consumer_attach(request, consumer);
    if (own->ends) {
        return hg_exit(request, 403);
    }
    return HG_NEXT;
}

HG_PLUGIN("consumer",
          "1.0.0",
          .summary = "Identifies consumers by a token.",
          .priority = 70,
          .flags = HG_AUTH,
          .config = HG_CONFIG(consumer_config, consumer_fields),
          .consumer = HG_CONSUMER(credential, credential_fields, KEY_FIELD),
          .rewrite = consumer_rewrite);
