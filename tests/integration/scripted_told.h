/* tests/integration/scripted_told.h - a scripted runner whose plugin `scripted` is told by its
 * configuration what to do, so that a route can say it, and a process of its own can do it.
 *
 * The value is a JSON object; all members may be left out:
 *
 *   ask               questions before the answer: names of variables; "(request body)",
 *                     "(response body)" and "(unknown)" are other ones
 *   hold              true: waits for scripted_runner_let_go()
 *   bytewise          true: everything in single bytes
 *   crash             true: ends the process by SIGSEGV
 *   exit              ends it with that code
 *   print             a line for its standard output
 *   answer            nothing    as a runner without plugins does; also without this member
 *                     stop       status, headers, body
 *                     tell       200, application/json: {pid, conf, call}, `call` as
 *                                scripted_runner_calls() says it, with what was asked
 *                     rewrite    path, headers, arguments, response_headers, body
 *                     respond    to HTTP_RESP_CALL: status, headers, body
 *                     error      RPC_ERROR with `code`
 *                     silent, close, half_close
 *                     garbage    a frame of the right type whose payload is none
 *                     large      a header that promises 16777215 bytes, and then the end
 *                     cut        half of a frame, and then the end
 *                     wrong_type a frame of type 1
 *                     wrong_id   an answer to another call
 *                     no_id      an answer without an id
 *                     late       `stop`, and then closes the connection
 *   prepare           the same for PrepareConf, but for stop, tell, rewrite, respond; and
 *                     zero       token 0
 *
 * Lists are arrays of [name, value], null for no value; texts may be {"hex": ...}.
 */
#ifndef TESTS_INTEGRATION_SCRIPTED_TOLD_H
#define TESTS_INTEGRATION_SCRIPTED_TOLD_H

#include "tests/integration/scripted_runner.h"

#define SCRIPTED_PLUGIN "scripted"

/** For scripted_runner_start(); needs no context. */
void scripted_told(void *context, scripted_call *call);

#endif
