/* ua-restriction.c - lets requests pass or refuses them by their User-Agent. */
#include <hotgate/plugin.h>

#define MESSAGE_MAX 1024 /* characters */

typedef struct ua_restriction {
    hg_list allowlist; /* of hg_regex *; empty: not given */
    hg_list denylist;
    bool bypass_missing;
    hg_text message;
} ua_restriction;

static const hg_field pattern = HG_ITEM(HG_KIND_REGEX, const hg_regex *, .min_length = 1);

static const hg_field fields[] = {
    HG_LIST(ua_restriction,
            allowlist,
            "allowlist",
            &pattern,
            .summary = "Only agents that match one of these patterns pass.",
            .example = "[\"my-bot\", \"Mozilla/\\\\d\"]",
            .min_length = 1),
    HG_LIST(ua_restriction,
            denylist,
            "denylist",
            &pattern,
            .summary = "Agents that match one of these patterns are refused.",
            .example = "[\"bad-bot\"]",
            .min_length = 1),
    HG_BOOL(ua_restriction,
            bypass_missing,
            "bypass_missing",
            .summary = "A request without `User-Agent` passes.",
            .initial = "false"),
    HG_STRING(ua_restriction,
              message,
              "message",
              .summary = "What a refused client is told.",
              .min_length = 1,
              .max_length = MESSAGE_MAX,
              .initial = "Not allowed"),
    HG_RULE(HG_EXACTLY_ONE, "allowlist", "denylist"),
    HG_FIELDS_END,
};

static bool matches(const hg_list *list, hg_text agent)
{
    const hg_regex *const *patterns = list->items;

    for (size_t i = 0; i < list->count; i++) {
        if (hg_regex_match(patterns[i], agent, NULL, 0) > 0) {
            return true;
        }
    }
    return false;
}

/* Of several headers one that is denied is enough, and one that is allowed is not. */
static bool passes(const ua_restriction *own, hg_text agent)
{
    return own->allowlist.count > 0 ? matches(&own->allowlist, agent)
                                    : !matches(&own->denylist, agent);
}

static hg_verdict on_access(hg_request *request, const void *config)
{
    const ua_restriction *own = config;
    hg_header header;
    bool missing = true;
    bool all_pass = true;

    for (size_t i = 0; hg_request_header_at(request, i, &header); i++) {
        if (hg_text_equal_ignoring_case(header.name, HG_TEXT("User-Agent"))) {
            missing = false;
            all_pass = all_pass && passes(own, header.value);
        }
    }
    if (missing ? own->bypass_missing : all_pass) {
        return HG_NEXT;
    }
    return hg_exit_message(request, 403, own->message);
}

HG_PLUGIN("ua-restriction",
          "1.0.0",
          .summary = "Lets requests pass or refuses them by their User-Agent.",
          .priority = 2999,
          .config = HG_CONFIG(ua_restriction, fields),
          .access = on_access);
