/* tests/integration/origin.h - an upstream in threads of the test, told by each request what to do.
 *
 * Without arguments it answers 200 and a JSON object: origin (its port), connection (a number),
 * request (a number on that connection), method, target, headers (lower case names), body_length
 * and body (its first 4096 bytes). Arguments of the target change that:
 *
 *   status=503      another status
 *   status_at=PORT  only on the origin of that port
 *   delay=MS        waits before it answers
 *   delay_at=PORT   only the origin of that port
 *   bytes=N         a body of N bytes instead of the echo: 'a' to 'z' and again
 *   chunked=1       no Content-Length
 *   gzip=1          a compressed body
 *   close=1         closes the connection instead of answering
 *   cut=N           closes it after N bytes of the body
 *   slow=MS         waits that long after each 64 KiB of the body
 *   plain=1         sends a line that is no HTTP, and closes
 *   etag=1          sends an ETag and Accept-Ranges
 *   body_delay=MS   waits between the headers and the body
 *   part=1          sends a Content-Range
 *   unbuffered=1    asks nginx to pass on the body as it comes
 *   redirect=1      asks nginx to go to /redirected instead
 *
 * With an Upgrade header it answers 101 and sends back what comes.
 */
#ifndef TESTS_INTEGRATION_ORIGIN_H
#define TESTS_INTEGRATION_ORIGIN_H

#include <stddef.h>

typedef struct origin origin;

/** Starts one on a free port of 127.0.0.1. Fails the test if it cannot. */
origin *origin_start(void);

/** Ends it and all its connections, which is waited for. Accepts NULL. */
void origin_stop(origin *self);

unsigned origin_port(const origin *self);

/** Requests that were read so far. */
size_t origin_requests(origin *self);

/** From now on targets that begin with /health get that status; 0: 200 again. */
void origin_set_health(origin *self, unsigned status);

/** Requests for targets that begin with /health. */
size_t origin_checks(origin *self);

/** A port of 127.0.0.1 that is free and not given out by the system for outgoing connections. */
unsigned free_port(void);

#endif
