/* ip-restriction.c - lets requests pass or refuses them by the client's address. */
#include <hotgate/plugin.h>

#define MESSAGE_MAX 1024 /* characters */

typedef struct ip_restriction {
    const hg_cidrs *whitelist; /* NULL: not given */
    const hg_cidrs *blacklist;
    hg_text message;
    int64_t response_code;
} ip_restriction;

static const hg_field fields[] = {
    HG_CIDRS(ip_restriction,
             whitelist,
             "whitelist",
             .summary = "Only clients in one of these networks pass.",
             .example = "[\"127.0.0.1\", \"10.0.0.0/8\"]",
             .min_length = 1),
    HG_CIDRS(ip_restriction,
             blacklist,
             "blacklist",
             .summary = "Clients in one of these networks are refused.",
             .example = "[\"2001:db8::/32\"]",
             .min_length = 1),
    HG_STRING(ip_restriction,
              message,
              "message",
              .summary = "What a refused client is told.",
              .min_length = 1,
              .max_length = MESSAGE_MAX,
              .initial = "Your IP address is not allowed"),
    HG_INT(ip_restriction,
           response_code,
           "response_code",
           .summary = "The status of a refusal.",
           .min = 403,
           .max = 404,
           .initial = "403"),
    HG_RULE(HG_EXACTLY_ONE, "whitelist", "blacklist"),
    HG_FIELDS_END,
};

/* A client without an IP address, on a Unix socket, is in no network. */
static hg_verdict on_access(hg_request *request, const void *config)
{
    const ip_restriction *own = config;
    const hg_address *client = hg_request_client_address(request);
    bool passes = own->whitelist != NULL ? hg_cidrs_contain(own->whitelist, client)
                                         : !hg_cidrs_contain(own->blacklist, client);

    return passes ? HG_NEXT : hg_exit_message(request, (uint32_t)own->response_code, own->message);
}

HG_PLUGIN("ip-restriction",
          "1.0.0",
          .summary = "Lets requests pass or refuses them by the client's address.",
          .priority = 3000,
          .config = HG_CONFIG(ip_restriction, fields),
          .access = on_access);
