/* host/core/runner_call.h - a plugin runner is asked about a request or a response, and obeyed. */
#ifndef HOST_CORE_RUNNER_CALL_H
#define HOST_CORE_RUNNER_CALL_H

#include <hotgate/runner.h>

#include "host/core/request.h"
#include "host/core/runner_client.h"

/** What the runner is to run. Borrowed for the call. */
typedef struct hgh_runner_conf {
    /** Names these plugins and their values, and nothing else ever: runners that have seen it do
     * not look at the values again. The client adds what makes it its own. */
    hg_text key;
    const hg_runner_plugin *plugins;
    size_t count;
    uint32_t flags; /* of hg_runner_flag */
} hgh_runner_conf;

/** As hg_runner_request(). On a coroutine of the request, in rewrite or access. */
hg_status hgh_runner_call_request(hgh_runner_client *client,
                                  hg_request *request,
                                  const hgh_runner_conf *conf,
                                  hg_verdict *out_verdict,
                                  hg_error *err);

/** As hg_runner_response(). On a coroutine of the request, in response. */
hg_status hgh_runner_call_response(hgh_runner_client *client,
                                   hg_request *request,
                                   const hgh_runner_conf *conf,
                                   hg_error *err);

#endif
