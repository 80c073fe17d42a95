/* tests/bench/noop.c - a plugin in every phase that does nothing; NAME, and VERSION to tell builds
 * apart, are given by the build. */
#include <hotgate/plugin.h>

static hg_verdict on_request(hg_request *request, const void *config)
{
    (void)request;
    (void)config;
    return HG_NEXT;
}

#ifndef VERSION
#define VERSION 1
#endif
#define TEXT_OF(value) #value
#define TEXT(value)    TEXT_OF(value)

static void on_response(hg_request *request, const void *config)
{
    (void)request;
    (void)config;
}

static void on_body(hg_request *request, hg_chunk *chunk, const void *config)
{
    (void)request;
    (void)chunk;
    (void)config;
}

HG_PLUGIN(NAME,
          "1.0." TEXT(VERSION),
          .priority = 1,
          .rewrite = on_request,
          .access = on_request,
          .before_proxy = on_request,
          .header_filter = on_response,
          .body_filter = on_body,
          .delayed_body_filter = on_body,
          .log = on_response);
