/* tests/plugins/prometheus.c - stands in for prometheus: it needs no configuration, and says in the
 * log what the real one would count. */
#include <hotgate/plugin.h>

typedef struct prometheus_config {
    bool unused; /* a struct has a member */
} prometheus_config;

static const hg_field prometheus_fields[] = {
    HG_FIELDS_END,
};

static void prometheus_log(hg_request *request, const void *config)
{
    (void)config;
    hg_log(request, HG_LOG_NOTICE, "counted on route %s",
           hg_request_object(request, HG_OBJECT_ROUTE_ID).data);
}

HG_PLUGIN("prometheus",
          "0.2",
          .summary = "Stands in for the plugin of that name.",
          .priority = 500,
          .flags = HG_PREFER_ROUTE | HG_STRICT,
          .config = HG_CONFIG(prometheus_config, prometheus_fields),
          .log = prometheus_log);
