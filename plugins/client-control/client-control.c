/* client-control.c - bounds what a client may send as a body. */
#include <hotgate/plugin.h>

typedef struct client_control {
    int64_t max_body_size; /* 0: not given, or no limit */
} client_control;

static const hg_field fields[] = {
    HG_INT(client_control,
           max_body_size,
           "max_body_size",
           .summary = "Bytes that a body may have: a longer one is answered with 413. 0: no limit "
                      "beyond the gateway's own.",
           .example = "1048576",
           .min = 0),
    HG_FIELDS_END,
};

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    const client_control *own = config;
    hg_status status = hg_request_limit_body(request, (uint64_t)own->max_body_size);

    if (status == HG_OK) {
        return HG_NEXT;
    }
    if (status == HG_ERR_TOO_LARGE) {
        return hg_exit(request, 413);
    }
    hg_log(request, HG_LOG_ERROR, "no memory for the limit of the body");
    return hg_exit(request, 500);
}

HG_PLUGIN("client-control",
          "1.0.0",
          .summary = "Bounds what a client may send as a body.",
          .priority = 22000,
          .config = HG_CONFIG(client_control, fields),
          .rewrite = on_rewrite);
