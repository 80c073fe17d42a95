/* host/core/host_api_config.c - the functions behind <hotgate/config.h>. */
#include "host/core/address.h"
#include "host/core/host_api_internal.h"
#include "host/core/issues.h"
#include "host/core/regex.h"
#include "host/core/template.h"

static void
config_issue_add(hg_issues *issues, const char *pointer, const char *found, const char *wanted)
{
    hgh_issues_add(issues, pointer, found, wanted, NULL);
}

static const hg_config_source *config_source(const hg_request *request)
{
    return &hgh_request_configuration(request)->source;
}

static const void *config_metadata(const hg_request *request)
{
    return hgh_chain_metadata(request->running, request->step);
}

static hg_text template_lookup(void *context, hg_text name)
{
    return hgh_request_variable(context, name);
}

static void *template_allocate(void *context, size_t size)
{
    return hgh_request_allocate(context, size);
}

static hg_text config_template_render(hg_request *request,
                                      const hg_template *compiled,
                                      const hg_text *captures,
                                      uint32_t captures_count)
{
    return hgh_template_render(compiled, captures, captures_count, template_lookup,
                               template_allocate, request, NULL);
}

static hg_text config_template_render_key(hg_request *request, const hg_template *compiled)
{
    size_t resolved = 0;
    hg_text text = hgh_template_render(compiled, NULL, 0, template_lookup, template_allocate,
                                       request, &resolved);

    return resolved == 0 ? (hg_text){0} : text;
}

const hg_config_api hgh_host_config_api = {
    .size = sizeof(hgh_host_config_api),
    .issue_add = config_issue_add,
    .source = config_source,
    .regex_compile = hgh_regex_compile,
    .regex_free = hgh_regex_free,
    .regex_match = hgh_regex_match,
    .template_compile = hgh_template_compile,
    .template_free = hgh_template_free,
    .template_render = config_template_render,
    .cidrs_parse = hgh_cidrs_parse,
    .cidrs_free = hgh_cidrs_free,
    .cidrs_contain = hgh_cidrs_contain,
    .address_parse = hgh_address_parse,
    .address_format = hgh_address_format,
    .regex_match_from = hgh_regex_match_from,
    .metadata = config_metadata,
    .template_render_key = config_template_render_key,
};
