/* host/control/nginx_config.h - run/nginx.conf, made from the settings. */
#ifndef HOST_CONTROL_NGINX_CONFIG_H
#define HOST_CONTROL_NGINX_CONFIG_H

#include <hotgate/error.h>

#include "host/control/instance.h"
#include "host/control/settings.h"

#define HGH_NGINX_CONFIG_FILE "run/nginx.conf"
#define HGH_NGINX_PID_FILE    "run/nginx.pid"

/**
 * Writes the file anew, as a whole or not at all. The descriptors in instance->shared are named in
 * it: nginx inherits them under the same numbers.
 * Returns HG_OK, HG_ERR_NOT_FOUND (our module is not installed), HG_ERR_IO or HG_ERR_NO_MEMORY.
 */
hg_status
hgh_nginx_config_write(const hgh_instance *instance, const hgh_settings *settings, hg_error *err);

#endif
