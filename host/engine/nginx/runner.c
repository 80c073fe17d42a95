/* host/engine/nginx/runner.c - how workers reach runners of plugins: that of ext-plugin
 * (`hotgate_runner SOCKET NAME=NUMBER...`) and the gateway's own (`hotgate_isolation DIRECTORY
 * ...`).
 */
#include "host/engine/nginx/module.h"

#define OPTION(name)                                                                               \
    {                                                                                              \
        ngx_string(#name "="), offsetof(hgh_runner_options, name),                                 \
            sizeof(((hgh_runner_options *)NULL)->name)                                             \
    }

static const struct {
    ngx_str_t name;
    size_t offset;
    size_t size; /* which says the type: a bool, a uint32_t or a size_t */
} options[] = {
    OPTION(connect_timeout_ms), OPTION(send_timeout_ms),
    OPTION(prepare_timeout_ms), OPTION(call_timeout_ms),
    OPTION(idle_max),           OPTION(idle_ms),
    OPTION(body_max_bytes),     OPTION(empty_flag_arguments),
    OPTION(wait_for_start_ms),  OPTION(retries_broken),
};

static bool option_put(hgh_runner_options *into, size_t i, ngx_int_t number)
{
    char *place = (char *)into + options[i].offset;
    bool flag = number != 0;
    uint32_t small = (uint32_t)number;
    size_t large = (size_t)number;
    const void *value = options[i].size == sizeof(flag)    ? (const void *)&flag
                        : options[i].size == sizeof(small) ? (const void *)&small
                                                           : (const void *)&large;

    if (number < 0 || number > (ngx_int_t)INT32_MAX) {
        return false;
    }
    memcpy(place, value, options[i].size);
    return true;
}

static bool option_read(hgh_runner_options *into, const ngx_str_t *argument)
{
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        size_t length = options[i].name.len;

        if (argument->len > length &&
            ngx_strncmp(argument->data, options[i].name.data, length) == 0) {
            return option_put(into, i, ngx_atoi(argument->data + length, argument->len - length));
        }
    }
    return false;
}

char *hgh_nginx_runner_directive(ngx_conf_t *conf, ngx_command_t *command, void *target)
{
    hgh_runner_options *into = (void *)((char *)target + command->offset);
    const ngx_str_t *arguments = conf->args->elts;
    static char duplicate[] = "is duplicate";

    if (into->path != NULL) {
        return duplicate;
    }
    into->path = (const char *)arguments[1].data; /* nginx ends arguments with a NUL */
    for (ngx_uint_t i = 2; i < conf->args->nelts; i++) {
        if (!option_read(into, &arguments[i])) {
            ngx_conf_log_error(NGX_LOG_EMERG, conf, 0, "%V: \"%V\" is not known", &arguments[0],
                               &arguments[i]);
            return NGX_CONF_ERROR;
        }
    }
    return NGX_CONF_OK;
}
