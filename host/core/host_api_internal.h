/* host/core/host_api_internal.h - what the files of the host API share; nobody else includes it. */
#ifndef HOST_CORE_HOST_API_INTERNAL_H
#define HOST_CORE_HOST_API_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include <hotgate/plugin.h>

#include "host/core/engine.h"
#include "host/core/plugin.h"
#include "host/core/request.h"

extern const hg_config_api hgh_host_config_api;
extern const hg_request_api hgh_host_request_api;
extern const hg_response_api hgh_host_response_api;
extern const hg_dict_api hgh_host_dict_api;
extern const hg_metric_api hgh_host_metric_api;
extern const hg_log_api hgh_host_log_api;
extern const hg_delegate_api hgh_host_delegate_api;
extern const hg_expression_api hgh_host_expression_api;
extern const hg_schema_api hgh_host_schema_api;
extern const hg_random_api hgh_host_random_api;
extern const hg_wait_api hgh_host_wait_api;
extern const hg_http_api hgh_host_http_api;
extern const hg_timer_api hgh_host_timer_api;
extern const hg_runner_api hgh_host_runner_api;

/** Memory that lives as long as the request; NULL: there is none. */
void *hgh_request_allocate(hg_request *request, size_t size);

/** A copy of a text that lives as long as the request and ends with NUL; absent: no memory, or the
 * text was. */
hg_text hgh_request_text_copy(hg_request *request, hg_text text);

/** The same of a header's name and value, in one piece; an absent value becomes empty. False: no
 * memory. */
bool hgh_request_header_copy(hg_request *request, hg_text *name, hg_text *value);

/** A part of a query, percent-decoded, "+" being a blank; absent: no memory. */
hg_text hgh_query_decode(hg_request *request, hg_text text);

/** True if a value cannot end a header line early. */
bool hgh_value_is_clean(hg_text value);

/** True for what may be the name of a field, or a method. */
bool hgh_name_is_token(hg_text name);

/** True while the request may be changed or ended. */
bool hgh_request_is_open(const hg_request *request);

/** As in <hotgate/request.h>, as are those below. */
hg_text hgh_request_method(hg_request *request);
hg_status hgh_host_set_header(hg_request *request, hg_text name, hg_text value);
hg_status hgh_host_remove_header(hg_request *request, hg_text name);
hg_status hgh_host_set_arguments(hg_request *request, hg_text arguments);
hg_status hgh_host_set_body(hg_request *request, const void *data, size_t length);
hg_status hgh_host_set_response_status(hg_request *request, uint32_t status);
hg_status hgh_host_set_response_header(hg_request *request, hg_text name, hg_text value);
hg_status hgh_host_add_response_header(hg_request *request, hg_text name, hg_text value);
hg_status hgh_host_remove_response_header(hg_request *request, hg_text name);
hg_status hgh_request_remove_argument(hg_request *request, hg_text name);
hg_status hgh_request_remove_cookie(hg_request *request, hg_text name);

/** As hg_request_set_uri(), of any bytes but NUL behind the "/". */
hg_status hgh_request_set_path(hg_request *request, hg_text path);

/** What was set or added of that name before there is a response will not be put on it. */
void hgh_host_forget_response_header(hg_request *request, hg_text name);

const hg_consumer *hgh_host_consumer_find(hg_request *request, hg_text key);
const hg_consumer *hgh_host_consumer_named(hg_request *request, hg_text name);
bool hgh_host_consumer_any(hg_request *request);
const void *hgh_host_consumer_config(hg_request *request, const hg_consumer *consumer);
hg_text hgh_host_consumer_name(const hg_consumer *consumer);
hg_status hgh_host_consumer_attach(hg_request *request, const hg_consumer *consumer);

hg_verdict hgh_host_exit(hg_request *request, uint32_t status, hg_text content_type, hg_text body);
hg_verdict hgh_host_exit_json(hg_request *request, uint32_t status, const json_t *body);
hg_verdict
hgh_host_exit_member(hg_request *request, uint32_t status, const char *member, hg_text text);
hg_verdict
hgh_host_exit_unauthorized(hg_request *request, const char *scheme, hg_text realm, hg_text text);

#endif
