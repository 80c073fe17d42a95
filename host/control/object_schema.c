/* host/control/object_schema.c - what each kind of object may hold, as JSON Schema. */
#include "host/control/object_schema.h"

#include <stddef.h>
#include <string.h>

#define REFERENCE_PREFIX "#/definitions/"

/* The preprocessor quotes it: what stands between the parentheses is JSON. */
#define JSON(...) #__VA_ARGS__

/* Texts by name. They refer to each other as #/definitions/NAME, which is replaced by what it
 * names when a schema is made: clients read schemas that stand alone. */
/* clang-format off: it would lay JSON out as C */
static const struct {
    const char *name;
    const char *text;
} texts[] = {
    {"id", JSON({
         "anyOf" : [
             {
                 "type" : "string",
                 "minLength" : 1,
                 "maxLength" : 64,
                 "pattern" : "^[a-zA-Z0-9-_.]+$"
             },
             {"type" : "integer", "minimum" : 1, "maximum" : 9223372036854775807}
         ]
     })},
    {"name", JSON({"type" : "string", "minLength" : 1, "maxLength" : 256})},
    {"desc", JSON({"type" : "string", "maxLength" : 256})},
    {"labels", JSON({
         "type" : "object",
         "description" : "key/value pairs to specify attributes",
         "patternProperties" : {
             ".*" : {
                 "type" : "string",
                 "description" : "value of label",
                 "minLength" : 1,
                 "maxLength" : 256,
                 "pattern" : "^\\S+$"
             }
         }
     })},
    {"timestamp", JSON({"type" : "integer"})},
    {"certificate", JSON({"type" : "string", "minLength" : 128, "maxLength" : 65536})},
    {"private_key",
     JSON({"type" : "string", "minLength" : 64, "maxLength" : 65536, "writeOnly" : true})},
    {"sni", JSON({"type" : "string", "pattern" : "^\\*?[0-9a-zA-Z-.]+$", "maxLength" : 253})},
    {"host", JSON({"type" : "string", "pattern" : "^\\*$|^\\*?[0-9a-zA-Z-._\\[\\]:]+$"})},
    {"ip", JSON({
         "type" : "string",
         "description" : "client IP",
         "anyOf" : [
             {"title" : "IPv4", "type" : "string", "format" : "ipv4"}, {
                 "title" : "IPv4/CIDR",
                 "type" : "string",
                 "pattern" : "^([0-9]{1,3}\\.){3}[0-9]{1,3}/([12]?[0-9]|3[0-2])$"
             },
             {"title" : "IPv6", "type" : "string", "format" : "ipv6"}, {
                 "title" : "IPv6/CIDR",
                 "type" : "string",
                 "pattern" : "^[a-fA-F0-9]{0,4}(:[a-fA-F0-9]{0,4}){2,8}(:[0-9.]+)?/[0-9]{1,3}$"
             }
         ]
     })},
    {"timeout", JSON({
         "type" : "object",
         "properties" : {
             "connect" : {"type" : "number", "exclusiveMinimum" : 0},
             "send" : {"type" : "number", "exclusiveMinimum" : 0},
             "read" : {"type" : "number", "exclusiveMinimum" : 0}
         },
         "required" : [ "connect", "send", "read" ]
     })},
    {"plugins_member", JSON({"type" : "object"})},
    {"nodes", JSON({
         "anyOf" : [
             {
                 "type" : "object",
                 "patternProperties" :
                     {".*" : {"type" : "integer", "description" : "weight of node", "minimum" : 0}}
             },
             {
                 "type" : "array",
                 "items" : {
                     "type" : "object",
                     "properties" : {
                         "host" : {"$ref" : "#/definitions/host"},
                         "port" : {
                             "type" : "integer",
                             "description" : "port of node",
                             "minimum" : 1,
                             "maximum" : 65535
                         },
                         "weight" :
                             {"type" : "integer", "description" : "weight of node", "minimum" : 0},
                         "priority" : {
                             "type" : "integer",
                             "description" : "priority of node",
                             "default" : 0
                         },
                         "metadata" : {"type" : "object", "description" : "metadata of node"}
                     },
                     "required" : [ "host", "weight" ]
                 }
             }
         ]
     })},
    {"check_type",
     JSON({"type" : "string", "enum" : [ "http", "https", "tcp" ], "default" : "http"})},
    {"check_status", JSON({"type" : "integer", "minimum" : 200, "maximum" : 599})},
    {"check_count", JSON({"type" : "integer", "minimum" : 1, "maximum" : 254})},
    {"check_count_or_none", JSON({"type" : "integer", "minimum" : 0, "maximum" : 254})},
    {"check_interval", JSON({"type" : "integer", "minimum" : 1, "maximum" : 86400, "default" : 1})},
    {"check_statuses", JSON({
         "type" : "array",
         "minItems" : 1,
         "items" : {"$ref" : "#/definitions/check_status"},
         "uniqueItems" : true
     })},
    {"checks", JSON({
         "type" : "object",
         "properties" : {
             "active" : {
                 "type" : "object",
                 "properties" : {
                     "type" : {"$ref" : "#/definitions/check_type"},
                     "timeout" : {
                         "type" : "number",
                         "exclusiveMinimum" : 0,
                         "maximum" : 86400,
                         "default" : 1
                     },
                     "concurrency" :
                         {"type" : "integer", "minimum" : 1, "maximum" : 1000000, "default" : 10},
                     "host" : {"$ref" : "#/definitions/host"},
                     "port" : {"type" : "integer", "minimum" : 1, "maximum" : 65535},
                     "http_method" : {"type" : "string", "default" : "GET"},
                     "http_path" : {"type" : "string", "default" : "/"},
                     "http_req_body" : {"type" : "string", "default" : ""},
                     "https_verify_certificate" : {"type" : "boolean", "default" : true},
                     "req_headers" : {
                         "type" : "array",
                         "minItems" : 1,
                         "items" : {"type" : "string"},
                         "uniqueItems" : true
                     },
                     "healthy" : {
                         "type" : "object",
                         "properties" : {
                             "interval" : {"$ref" : "#/definitions/check_interval"},
                             "http_statuses" : {"$ref" : "#/definitions/check_statuses"},
                             "successes" : {"$ref" : "#/definitions/check_count"}
                         }
                     },
                     "unhealthy" : {
                         "type" : "object",
                         "properties" : {
                             "interval" : {"$ref" : "#/definitions/check_interval"},
                             "http_statuses" : {"$ref" : "#/definitions/check_statuses"},
                             "http_failures" : {"$ref" : "#/definitions/check_count"},
                             "tcp_failures" : {"$ref" : "#/definitions/check_count"},
                             "timeouts" : {"$ref" : "#/definitions/check_count"}
                         }
                     }
                 }
             },
             "passive" : {
                 "type" : "object",
                 "properties" : {
                     "type" : {"$ref" : "#/definitions/check_type"},
                     "healthy" : {
                         "type" : "object",
                         "properties" : {
                             "http_statuses" : {"$ref" : "#/definitions/check_statuses"},
                             "successes" : {"$ref" : "#/definitions/check_count_or_none"}
                         }
                     },
                     "unhealthy" : {
                         "type" : "object",
                         "properties" : {
                             "http_statuses" : {"$ref" : "#/definitions/check_statuses"},
                             "http_failures" : {"$ref" : "#/definitions/check_count_or_none"},
                             "tcp_failures" : {"$ref" : "#/definitions/check_count_or_none"},
                             "timeouts" : {"$ref" : "#/definitions/check_count_or_none"}
                         }
                     }
                 }
             }
         },
         "required" : ["active"]
     })},
    {"upstream", JSON({
         "type" : "object",
         "properties" : {
             "id" : {"$ref" : "#/definitions/id"},
             "name" : {"$ref" : "#/definitions/name"},
             "desc" : {"$ref" : "#/definitions/desc"},
             "labels" : {"$ref" : "#/definitions/labels"},
             "create_time" : {"$ref" : "#/definitions/timestamp"},
             "update_time" : {"$ref" : "#/definitions/timestamp"},
             "nodes" : {"$ref" : "#/definitions/nodes"},
             "retries" : {"type" : "integer", "minimum" : 0},
             "retry_timeout" : {"type" : "number", "minimum" : 0},
             "timeout" : {"$ref" : "#/definitions/timeout"},
             "tls" : {
                 "type" : "object",
                 "properties" : {
                     "client_cert_id" : {"$ref" : "#/definitions/id"},
                     "client_cert" : {"$ref" : "#/definitions/certificate"},
                     "client_key" : {"$ref" : "#/definitions/private_key"},
                     "verify" : {
                         "type" : "boolean",
                         "description" : "whether the certificate of a node is checked",
                         "default" : false
                     }
                 },
                 "dependencies" : {
                     "client_cert" :
                         {"required" : ["client_key"], "not" : {"required" : ["client_cert_id"]}},
                     "client_key" :
                         {"required" : ["client_cert"], "not" : {"required" : ["client_cert_id"]}},
                     "client_cert_id" : {"not" : {"required" : [ "client_cert", "client_key" ]}}
                 }
             },
             "keepalive_pool" : {
                 "type" : "object",
                 "properties" : {
                     "size" : {"type" : "integer", "default" : 320, "minimum" : 1},
                     "idle_timeout" : {"type" : "number", "default" : 60, "minimum" : 0},
                     "requests" : {"type" : "integer", "default" : 1000, "minimum" : 1}
                 }
             },
             "type" : {
                 "type" : "string",
                 "description" : "algorithms of load balancing",
                 "default" : "roundrobin"
             },
             "checks" : {"$ref" : "#/definitions/checks"},
             "hash_on" : {
                 "type" : "string",
                 "default" : "vars",
                 "enum" : [ "vars", "header", "cookie", "consumer", "vars_combinations" ]
             },
             "key" :
                 {"type" : "string", "description" : "the key of chash for dynamic load balancing"},
             "scheme" : {
                 "default" : "http",
                 "enum" : [ "grpc", "grpcs", "http", "https", "tcp", "tls", "udp", "kafka" ]
             },
             "discovery_type" : {"type" : "string", "description" : "discovery type"},
             "discovery_args" : {
                 "type" : "object",
                 "properties" : {
                     "namespace_id" : {"type" : "string", "description" : "namespace id"},
                     "group_name" : {"type" : "string", "description" : "group name"}
                 }
             },
             "pass_host" : {
                 "type" : "string",
                 "description" : "mod of host passing",
                 "enum" : [ "pass", "node", "rewrite" ],
                 "default" : "pass"
             },
             "upstream_host" : {"$ref" : "#/definitions/host"},
             "service_name" : {"type" : "string", "minLength" : 1, "maxLength" : 256}
         },
         "oneOf" :
             [ {"required" : ["nodes"]}, {"required" : [ "service_name", "discovery_type" ]} ],
         "additionalProperties" : false
     })},
    {"route", JSON({
         "type" : "object",
         "properties" : {
             "id" : {"$ref" : "#/definitions/id"},
             "name" : {"$ref" : "#/definitions/name"},
             "desc" : {"$ref" : "#/definitions/desc"},
             "labels" : {"$ref" : "#/definitions/labels"},
             "create_time" : {"$ref" : "#/definitions/timestamp"},
             "update_time" : {"$ref" : "#/definitions/timestamp"},
             "uri" : {"type" : "string", "minLength" : 1, "maxLength" : 4096},
             "uris" : {
                 "type" : "array",
                 "items" : {"type" : "string", "description" : "HTTP uri"},
                 "minItems" : 1,
                 "uniqueItems" : true
             },
             "priority" : {"type" : "integer", "default" : 0},
             "methods" : {
                 "type" : "array",
                 "items" : {
                     "type" : "string",
                     "description" : "HTTP method",
                     "enum" : [
                         "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT",
                         "TRACE", "PURGE"
                     ]
                 },
                 "uniqueItems" : true
             },
             "host" : {"$ref" : "#/definitions/host"},
             "hosts" : {
                 "type" : "array",
                 "items" : {"$ref" : "#/definitions/host"},
                 "minItems" : 1,
                 "uniqueItems" : true
             },
             "remote_addr" : {"$ref" : "#/definitions/ip"},
             "remote_addrs" : {
                 "type" : "array",
                 "items" : {"$ref" : "#/definitions/ip"},
                 "minItems" : 1,
                 "uniqueItems" : true
             },
             "timeout" : {"$ref" : "#/definitions/timeout"},
             "vars" : {"type" : "array"},
             "filter_func" : {"type" : "string", "minLength" : 10, "pattern" : "^function"},
             "script" : {"type" : "string", "minLength" : 10, "maxLength" : 102400},
             "script_id" : {"$ref" : "#/definitions/id"},
             "plugins" : {"$ref" : "#/definitions/plugins_member"},
             "plugin_config_id" : {"$ref" : "#/definitions/id"},
             "service_id" : {"$ref" : "#/definitions/id"},
             "upstream" : {"$ref" : "#/definitions/upstream"},
             "upstream_id" : {"$ref" : "#/definitions/id"},
             "enable_websocket" :
                 {"type" : "boolean", "description" : "enable websocket for request"},
             "status" : {
                 "type" : "integer",
                 "description" : "route status, 1 to enable, 0 to disable",
                 "enum" : [ 1, 0 ],
                 "default" : 1
             }
         },
         "allOf" : [
             {"oneOf" : [ {"required" : ["uri"]}, {"required" : ["uris"]} ]}, {
                 "oneOf" : [
                     {"not" : {"anyOf" : [ {"required" : ["host"]}, {"required" : ["hosts"]} ]}},
                     {"required" : ["host"]}, {"required" : ["hosts"]}
                 ]
             },
             {
                 "oneOf" : [
                     {
                         "not" : {
                             "anyOf" :
                                 [ {"required" : ["remote_addr"]},
                                   {"required" : ["remote_addrs"]} ]
                         }
                     },
                     {"required" : ["remote_addr"]}, {"required" : ["remote_addrs"]}
                 ]
             }
         ],
         "anyOf" : [
             {"required" : [ "plugins", "uri" ]}, {"required" : [ "upstream", "uri" ]},
             {"required" : [ "upstream_id", "uri" ]}, {"required" : [ "service_id", "uri" ]},
             {"required" : [ "plugins", "uris" ]}, {"required" : [ "upstream", "uris" ]},
             {"required" : [ "upstream_id", "uris" ]}, {"required" : [ "service_id", "uris" ]},
             {"required" : [ "script", "uri" ]}, {"required" : [ "script", "uris" ]}
         ],
         "not" : {
             "anyOf" : [
                 {"required" : [ "script", "plugins" ]},
                 {"required" : [ "script", "plugin_config_id" ]}
             ]
         },
         "additionalProperties" : false
     })},
    {"service", JSON({
         "type" : "object",
         "properties" : {
             "id" : {"$ref" : "#/definitions/id"},
             "name" : {"$ref" : "#/definitions/name"},
             "desc" : {"$ref" : "#/definitions/desc"},
             "labels" : {"$ref" : "#/definitions/labels"},
             "create_time" : {"$ref" : "#/definitions/timestamp"},
             "update_time" : {"$ref" : "#/definitions/timestamp"},
             "plugins" : {"$ref" : "#/definitions/plugins_member"},
             "upstream" : {"$ref" : "#/definitions/upstream"},
             "upstream_id" : {"$ref" : "#/definitions/id"},
             "script" : {"type" : "string", "minLength" : 10, "maxLength" : 102400},
             "enable_websocket" :
                 {"type" : "boolean", "description" : "enable websocket for request"},
             "hosts" : {
                 "type" : "array",
                 "items" : {"$ref" : "#/definitions/host"},
                 "minItems" : 1,
                 "uniqueItems" : true
             }
         },
         "additionalProperties" : false
     })},
    {"ssl", JSON({
         "type" : "object",
         "properties" : {
             "id" : {"$ref" : "#/definitions/id"},
             "name" : {"$ref" : "#/definitions/name"},
             "desc" : {"$ref" : "#/definitions/desc"},
             "labels" : {"$ref" : "#/definitions/labels"},
             "create_time" : {"$ref" : "#/definitions/timestamp"},
             "update_time" : {"$ref" : "#/definitions/timestamp"},
             "type" : {
                 "type" : "string",
                 "description" : "server: shown to clients, client: shown to upstreams",
                 "default" : "server",
                 "enum" : [ "server", "client" ]
             },
             "cert" : {"$ref" : "#/definitions/certificate"},
             "key" : {"$ref" : "#/definitions/private_key"},
             "sni" : {"$ref" : "#/definitions/sni"},
             "snis" : {"type" : "array", "items" : {"$ref" : "#/definitions/sni"}, "minItems" : 1},
             "certs" : {
                 "type" : "array",
                 "items" : {"$ref" : "#/definitions/certificate"},
                 "maxItems" : 16
             },
             "keys" : {
                 "type" : "array",
                 "items" : {"$ref" : "#/definitions/private_key"},
                 "maxItems" : 16
             },
             "client" : {
                 "type" : "object",
                 "properties" : {
                     "ca" : {"$ref" : "#/definitions/certificate"},
                     "depth" : {"type" : "integer", "minimum" : 0, "maximum" : 100, "default" : 1},
                     "skip_mtls_uri_regex" : {
                         "type" : "array",
                         "minItems" : 1,
                         "uniqueItems" : true,
                         "items" : {
                             "type" : "string",
                             "description" : "uri regular expression to skip mtls"
                         }
                     }
                 },
                 "required" : ["ca"]
             },
             "status" : {
                 "type" : "integer",
                 "description" : "ssl status, 1 to enable, 0 to disable",
                 "enum" : [ 1, 0 ],
                 "default" : 1
             },
             "ssl_protocols" : {
                 "type" : "array",
                 "description" : "set ssl protocols",
                 "maxItems" : 3,
                 "uniqueItems" : true,
                 "items" : {"enum" : [ "TLSv1.1", "TLSv1.2", "TLSv1.3" ]}
             },
             "exptime" : {"type" : "integer", "minimum" : 1588262400},
             "validity_start" : {"type" : "integer"},
             "validity_end" : {"type" : "integer"}
         },
         "if" : {"properties" : {"type" : {"enum" : ["server"]}}},
         "then" : {
             "oneOf" : [
                 {"required" : [ "sni", "key", "cert" ]}, {"required" : [ "snis", "key", "cert" ]}
             ]
         },
         "else" : {"required" : [ "key", "cert" ]},
         "additionalProperties" : false
     })},
    {"consumer", JSON({
         "type" : "object",
         "properties" : {
             "id" : {"$ref" : "#/definitions/id"},
             "username" : {
                 "type" : "string",
                 "minLength" : 1,
                 "maxLength" : 256,
                 "pattern" : "^[a-zA-Z0-9_\\-]+$"
             },
             "desc" : {"$ref" : "#/definitions/desc"},
             "labels" : {"$ref" : "#/definitions/labels"},
             "create_time" : {"$ref" : "#/definitions/timestamp"},
             "update_time" : {"$ref" : "#/definitions/timestamp"},
             "group_id" : {"$ref" : "#/definitions/id"},
             "plugins" : {"$ref" : "#/definitions/plugins_member"}
         },
         "required" : ["username"],
         "additionalProperties" : false
     })},
    {"credential", JSON({
         "type" : "object",
         "properties" : {
             "id" : {"$ref" : "#/definitions/id"},
             "name" : {"$ref" : "#/definitions/name"},
             "desc" : {"$ref" : "#/definitions/desc"},
             "labels" : {"$ref" : "#/definitions/labels"},
             "create_time" : {"$ref" : "#/definitions/timestamp"},
             "update_time" : {"$ref" : "#/definitions/timestamp"},
             "plugins" : {"type" : "object", "maxProperties" : 1}
         },
         "additionalProperties" : false
     })},
    {"plugin_config", JSON({
         "type" : "object",
         "properties" : {
             "id" : {"$ref" : "#/definitions/id"},
             "name" : {"type" : "string"},
             "desc" : {"$ref" : "#/definitions/desc"},
             "labels" : {"$ref" : "#/definitions/labels"},
             "create_time" : {"$ref" : "#/definitions/timestamp"},
             "update_time" : {"$ref" : "#/definitions/timestamp"},
             "plugins" : {"$ref" : "#/definitions/plugins_member"}
         },
         "required" : [ "id", "plugins" ],
         "additionalProperties" : false
     })},
    {"consumer_group", JSON({
         "type" : "object",
         "properties" : {
             "id" : {"$ref" : "#/definitions/id"},
             "name" : {"$ref" : "#/definitions/name"},
             "desc" : {"$ref" : "#/definitions/desc"},
             "labels" : {"$ref" : "#/definitions/labels"},
             "create_time" : {"$ref" : "#/definitions/timestamp"},
             "update_time" : {"$ref" : "#/definitions/timestamp"},
             "plugins" : {"$ref" : "#/definitions/plugins_member"}
         },
         "required" : [ "id", "plugins" ],
         "additionalProperties" : false
     })},
    {"global_rule", JSON({
         "type" : "object",
         "properties" : {
             "id" : {"$ref" : "#/definitions/id"},
             "create_time" : {"$ref" : "#/definitions/timestamp"},
             "update_time" : {"$ref" : "#/definitions/timestamp"},
             "plugins" : {"$ref" : "#/definitions/plugins_member"}
         },
         "required" : [ "id", "plugins" ],
         "additionalProperties" : false
     })},
    {"plugin_metadata", JSON({"type" : "object"})},
    {"plugins", JSON({
         "type" : "array",
         "items" : {
             "type" : "object",
             "properties" :
                 {"name" : {"type" : "string", "minLength" : 1}, "stream" : {"type" : "boolean"}},
             "required" : ["name"]
         }
     })},
    {"proto", JSON({
         "type" : "object",
         "properties" : {
             "id" : {"$ref" : "#/definitions/id"},
             "name" : {"$ref" : "#/definitions/name"},
             "desc" : {"$ref" : "#/definitions/desc"},
             "labels" : {"$ref" : "#/definitions/labels"},
             "create_time" : {"$ref" : "#/definitions/timestamp"},
             "update_time" : {"$ref" : "#/definitions/timestamp"},
             "content" : {"type" : "string", "minLength" : 1, "maxLength" : 1048576}
         },
         "required" : ["content"],
         "additionalProperties" : false
     })},
    {"stream_route", JSON({
         "type" : "object",
         "properties" : {
             "id" : {"$ref" : "#/definitions/id"},
             "name" : {"$ref" : "#/definitions/name"},
             "desc" : {"$ref" : "#/definitions/desc"},
             "labels" : {"$ref" : "#/definitions/labels"},
             "create_time" : {"$ref" : "#/definitions/timestamp"},
             "update_time" : {"$ref" : "#/definitions/timestamp"},
             "remote_addr" : {"$ref" : "#/definitions/ip"},
             "server_addr" : {"$ref" : "#/definitions/ip"},
             "server_port" : {"type" : "integer", "minimum" : 1, "maximum" : 65535},
             "sni" : {"$ref" : "#/definitions/host"},
             "upstream" : {"$ref" : "#/definitions/upstream"},
             "upstream_id" : {"$ref" : "#/definitions/id"},
             "service_id" : {"$ref" : "#/definitions/id"},
             "plugins" : {"$ref" : "#/definitions/plugins_member"},
             "protocol" : {
                 "type" : "object",
                 "properties" : {
                     "name" : {"type" : "string"},
                     "superior_id" : {"$ref" : "#/definitions/id"},
                     "conf" : {"type" : "object"},
                     "logger" : {"type" : "array", "items" : {"type" : "object"}}
                 },
                 "required" : ["name"]
             }
         },
         "additionalProperties" : false
     })},
    {"upstream_hash_vars_schema", JSON({
         "type" : "string",
         "anyOf" : [
             {
                 "enum" : [
                     "uri", "server_name", "server_addr", "request_uri", "remote_port",
                     "remote_addr", "query_string", "host", "hostname", "mqtt_client_id"
                 ]
             },
             {"pattern" : "^arg_[0-9a-zA-Z_-]+$"}
         ]
     })},
    {"upstream_hash_header_schema", JSON({"type" : "string", "pattern" : "^[a-zA-Z0-9-_]+$"})},
};
/* clang-format on */
static hg_status resolve(json_t *value, hg_error *err);

static hg_status no_memory(hg_error *err)
{
    return hg_error_set(err, HG_ERR_NO_MEMORY, "schema: out of memory");
}

/* What a member or an item becomes: the named text if it is a reference, else itself, resolved.
 * *out_replacement is a new reference or NULL. */
static hg_status replacement_of(json_t *value, json_t **out_replacement, hg_error *err)
{
    const char *reference = json_string_value(json_object_get(value, "$ref"));
    size_t prefix = strlen(REFERENCE_PREFIX);

    if (reference == NULL || strncmp(reference, REFERENCE_PREFIX, prefix) != 0) {
        return resolve(value, err);
    }
    return hgh_object_schema_make(reference + prefix, out_replacement, err);
}

/* Replaces references in place. The texts above are no deeper than a dozen levels. */
static hg_status resolve(json_t *value, hg_error *err)
{
    hg_status status = HG_OK;
    const char *name;
    json_t *child;
    size_t i;

    json_object_foreach(value, name, child)
    {
        json_t *made = NULL;

        status = replacement_of(child, &made, err);
        if (status != HG_OK) {
            return status;
        }
        if (made != NULL && json_object_set_new(value, name, made) != 0) {
            return no_memory(err);
        }
    }
    json_array_foreach(value, i, child)
    {
        json_t *made = NULL;

        status = replacement_of(child, &made, err);
        if (status != HG_OK) {
            return status;
        }
        if (made != NULL && json_array_set_new(value, i, made) != 0) {
            return no_memory(err);
        }
    }
    return HG_OK;
}

hg_status hgh_object_schema_make(const char *name, json_t **out_schema, hg_error *err)
{
    const char *text = NULL;
    json_t *schema;
    hg_status status;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(texts[i].name, name) == 0) {
            text = texts[i].text;
        }
    }
    if (text == NULL) {
        return hg_error_set(err, HG_ERR_NOT_FOUND, "not found schema: %s", name);
    }
    schema = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (schema == NULL) {
        return no_memory(err); /* the texts are ours and tested */
    }
    status = resolve(schema, err);
    if (status != HG_OK) {
        json_decref(schema);
        return status;
    }
    *out_schema = schema;
    return HG_OK;
}
