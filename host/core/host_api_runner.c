/* host/core/host_api_runner.c - the functions behind <hotgate/runner.h>. */
#include <stdio.h>

#include "host/core/host_api_internal.h"
#include "host/core/runner_call.h"

#define KEY_BYTES_MAX 512u /* names and ids of objects are shorter */

/* A part of a key: what stands in it ends somewhere. */
static uint64_t text_hash(uint64_t hash, hg_text text)
{
    for (size_t i = 0; i < text.length; i++) {
        hash = (hash ^ (unsigned char)text.data[i]) * UINT64_C(0x100000001b3);
    }
    return (hash ^ text.length) * UINT64_C(0x100000001b3);
}

/* FNV-1a: what stands in a configuration is the operator's, and another hash of the same object is
 * enough to tell a change. */
static uint64_t plugins_hash(const hg_runner_plugin *plugins, size_t count)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < count; i++) {
        hash = text_hash(hash, plugins[i].name);
        hash = text_hash(hash, plugins[i].value);
    }
    return hash;
}

/* RESOURCE#ID#PLUGIN#HASH, of the configuration whose callback asks. */
static hgh_runner_conf conf_make(const hg_request *request,
                                 const hg_runner_plugin *plugins,
                                 size_t count,
                                 uint32_t flags,
                                 char key[KEY_BYTES_MAX])
{
    const hgh_configuration *configuration = hgh_request_configuration(request);
    const hg_config_source *source = &configuration->source;
    int length = snprintf(key, KEY_BYTES_MAX, "%016llx#%s#%s#%s",
                          (unsigned long long)plugins_hash(plugins, count),
                          configuration->plugin->name, source->resource.data, source->id.data);

    return (hgh_runner_conf){
        .key = {key, (size_t)length < KEY_BYTES_MAX ? (size_t)length : KEY_BYTES_MAX - 1},
        .plugins = plugins,
        .count = count,
        .flags = flags,
    };
}

static hgh_runner_client *client_of(const hg_host *host, hg_error *err)
{
    const hgh_plugin *plugin = host->plugin;

    if (plugin->plugin_host->runner == NULL) {
        (void)hg_error_set(err, HG_ERR_UNSUPPORTED,
                           "no plugin runner is configured (ext-plugin in config.yaml)");
    }
    return plugin->plugin_host->runner;
}

static hg_status runner_request(const hg_host *host,
                                hg_request *request,
                                const hg_runner_plugin *plugins,
                                size_t count,
                                hg_verdict *out_verdict,
                                hg_error *err)
{
    hgh_runner_client *client = client_of(host, err);
    char key[KEY_BYTES_MAX];
    hgh_runner_conf conf;

    if (client == NULL) {
        return HG_ERR_UNSUPPORTED;
    }
    if (request == NULL ||
        (request->phase != HG_PHASE_REWRITE && request->phase != HG_PHASE_ACCESS)) {
        return hg_error_set(err, HG_ERR_UNSUPPORTED,
                            "a runner is asked about a request in rewrite and access alone");
    }
    conf = conf_make(request, plugins, count, 0, key);
    return hgh_runner_call_request(client, request, &conf, out_verdict, err);
}

static hg_status runner_response(const hg_host *host,
                                 hg_request *request,
                                 const hg_runner_plugin *plugins,
                                 size_t count,
                                 uint32_t flags,
                                 hg_error *err)
{
    hgh_runner_client *client = client_of(host, err);
    char key[KEY_BYTES_MAX];
    hgh_runner_conf conf;

    if (client == NULL) {
        return HG_ERR_UNSUPPORTED;
    }
    if (request == NULL || request->phase != HG_PHASE_RESPONSE) {
        return hg_error_set(err, HG_ERR_UNSUPPORTED,
                            "a runner is asked about a response in the phase response alone");
    }
    conf = conf_make(request, plugins, count, flags, key);
    return hgh_runner_call_response(client, request, &conf, err);
}

const hg_runner_api hgh_host_runner_api = {
    .size = sizeof(hgh_host_runner_api),
    .request = runner_request,
    .response = runner_response,
};
