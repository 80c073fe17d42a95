/* host/core/host_api.c - the functions that plugins reach through their host slot. */
#include "host/core/host_api.h"

#include "host/core/encoding.h"
#include "host/core/host_api_internal.h"

static const hg_encoding_api hgh_host_encoding_api = {
    .size = sizeof(hgh_host_encoding_api),
    .encode = hgh_encode,
    .decode = hgh_decode,
    .secret_equal = hgh_secret_equal,
};

hg_host hgh_host_api(int32_t log_level, struct hgh_plugin *plugin)
{
    return (hg_host){
        .size = sizeof(hg_host),
        .abi_major = HG_ABI_MAJOR,
        .abi_minor = HG_ABI_MINOR,
        .log_level = log_level,
        .plugin = plugin,
        .config = &hgh_host_config_api,
        .request = &hgh_host_request_api,
        .response = &hgh_host_response_api,
        .wait = &hgh_host_wait_api,
        .dict = &hgh_host_dict_api,
        .metric = &hgh_host_metric_api,
        .log = &hgh_host_log_api,
        .encoding = &hgh_host_encoding_api,
        .delegate = &hgh_host_delegate_api,
        .expression = &hgh_host_expression_api,
        .schema = &hgh_host_schema_api,
        .random = &hgh_host_random_api,
        .http = &hgh_host_http_api,
        .timer = &hgh_host_timer_api,
        .runner = &hgh_host_runner_api,
    };
}
