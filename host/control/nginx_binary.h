/* host/control/nginx_binary.h - the nginx that is to run: found, and known to load our module. */
#ifndef HOST_CONTROL_NGINX_BINARY_H
#define HOST_CONTROL_NGINX_BINARY_H

#include <hotgate/error.h>

/**
 * Finds the program: a path as it is, a name in PATH and the directories for administrators.
 *
 * out_path  on HG_OK owned by the caller.
 * Returns HG_OK, HG_ERR_NOT_FOUND or HG_ERR_NO_MEMORY.
 */
hg_status hgh_nginx_binary_find(const char *name, char **out_path, hg_error *err);

/**
 * Asks it (`nginx -V`) for its version and for --with-compat, which the module needs. An nginx that
 * does not fit would refuse the module with a text that helps nobody.
 * Returns HG_OK, HG_ERR_INVALID (another version), HG_ERR_TIMEOUT or HG_ERR_IO.
 */
hg_status hgh_nginx_binary_check(const char *path, hg_error *err);

#endif
