/* host/core/json_schema_reference.c - "$id" and "$ref": which schema a reference leads to. */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/json_schema_compiler.h"
#include "host/core/json_schema_meta.h"
#include "host/core/json_value.h"
#include "host/core/uri.h"

#define TOKEN_BYTES  1024u
#define INDEX_DIGITS 9u

/** Keeps a URI as long as the schema. */
static hg_status keep_base(hgh_schema_compiler *compiler, char *uri, const char **out_base)
{
    hgh_schema *schema = compiler->schema;
    char **bases =
        hgh_schema_grown(schema->bases, schema->base_count, &schema->base_room, sizeof(*bases));

    if (bases == NULL) {
        free(uri);
        return hgh_schema_no_memory(compiler);
    }
    schema->bases = bases;
    schema->bases[schema->base_count++] = uri;
    *out_base = uri;
    return HG_OK;
}

/** The first schema with a name keeps it. */
static hg_status name_place(hgh_schema_compiler *compiler, const char *uri, size_t place)
{
    if (json_object_get(compiler->ids, uri) == NULL &&
        json_object_set_new(compiler->ids, uri, json_integer((json_int_t)place)) != 0) {
        return hgh_schema_no_memory(compiler);
    }
    return HG_OK;
}

hg_status hgh_schema_note_id(hgh_schema_compiler *compiler,
                             size_t place,
                             const json_t *json,
                             const char *base,
                             const char **out_base)
{
    const json_t *id = json_object_get(json, "$id");
    hg_status status;
    char *uri;
    char *fragment;

    *out_base = base;
    if (id == NULL) {
        return HG_OK;
    }
    if (!json_is_string(id)) {
        return hgh_schema_refuse(compiler, "$id", id, "a string");
    }
    uri = hgh_uri_resolve(base, json_string_value(id));
    if (uri == NULL) {
        return hgh_schema_no_memory(compiler);
    }
    fragment = strchr(uri, '#');
    if (fragment != NULL && fragment[1] != '\0') { /* a name inside the document, no new base */
        status = name_place(compiler, uri, place);
        free(uri);
        return status;
    }
    if (fragment != NULL) {
        *fragment = '\0';
    }
    status = name_place(compiler, uri, place);
    if (status != HG_OK) {
        free(uri);
        return status;
    }
    return keep_base(compiler, uri, out_base);
}

hg_status hgh_schema_note_reference(hgh_schema_compiler *compiler, hgh_schema_node *node)
{
    const json_t *reference = json_object_get(node->source, "$ref");
    hgh_schema_pending *pending;

    if (!json_is_string(reference)) {
        return hgh_schema_refuse(compiler, "$ref", reference, "a string");
    }
    pending = hgh_schema_grown(compiler->pending, compiler->pending_count, &compiler->pending_room,
                               sizeof(*pending));
    if (pending == NULL) {
        return hgh_schema_no_memory(compiler);
    }
    compiler->pending = pending;
    pending[compiler->pending_count] = (hgh_schema_pending){
        .node = node,
        .pointer = strdup(hgh_text_builder_string(&compiler->pointer)),
    };
    if (pending[compiler->pending_count].pointer == NULL) {
        return hgh_schema_no_memory(compiler);
    }
    compiler->pending_count++;
    return HG_OK;
}

static int hex_value(char digit)
{
    return isdigit((unsigned char)digit) ? digit - '0' : tolower((unsigned char)digit) - 'a' + 10;
}

/** Takes one reference token off a pointer in a fragment: undoes %25, then ~1 and ~0. */
static bool take_token(const char **at, char *token, size_t size)
{
    size_t length = 0;
    size_t kept = 0;

    for ((*at)++; **at != '\0' && **at != '/'; (*at)++) {
        char byte = **at;

        if (byte == '%' && isxdigit((unsigned char)(*at)[1]) && isxdigit((unsigned char)(*at)[2])) {
            byte = (char)(hex_value((*at)[1]) * 16 + hex_value((*at)[2]));
            *at += 2;
        }
        if (length + 1 == size || byte == '\0') {
            return false;
        }
        token[length++] = byte;
    }
    token[length] = '\0';
    for (size_t i = 0; i < length; i++) {
        bool escape = token[i] == '~' && (token[i + 1] == '0' || token[i + 1] == '1');

        token[kept++] = escape ? (token[i + 1] == '0' ? '~' : '/') : token[i];
        i += escape ? 1 : 0;
    }
    token[kept] = '\0';
    return true;
}

static const json_t *step_into(const json_t *json, const char *token)
{
    size_t digits = strspn(token, "0123456789");

    if (json_is_array(json) && digits > 0 && digits <= INDEX_DIGITS && token[digits] == '\0') {
        return json_array_get(json, strtoul(token, NULL, 10));
    }
    return json_object_get(json, token);
}

/**
 * Follows a JSON Pointer from a schema. What it leads to may lie under a keyword that is not known:
 * then it is compiled now, with the base that the schemas on the way give it.
 */
static hg_status follow_pointer(hgh_schema_compiler *compiler,
                                const hgh_schema_node *from,
                                const char *pointer,
                                const hgh_schema_node **out_node)
{
    const json_t *json = from->source;
    const char *base = from->base;
    char token[TOKEN_BYTES];

    while (*pointer != '\0') {
        const json_t *id;

        if (!take_token(&pointer, token, sizeof(token))) {
            return HG_ERR_NOT_FOUND;
        }
        json = step_into(json, token);
        if (json == NULL) {
            return HG_ERR_NOT_FOUND;
        }
        id = json_object_get(json, "$id");
        if (*pointer != '\0' && json_is_string(id) && json_object_get(json, "$ref") == NULL) {
            char *uri = hgh_uri_resolve(base, json_string_value(id));
            char *fragment = uri == NULL ? NULL : strchr(uri, '#');
            hg_status status;

            if (uri == NULL) {
                return hgh_schema_no_memory(compiler);
            }
            if (fragment != NULL) {
                *fragment = '\0';
            }
            status = keep_base(compiler, uri, &base);
            if (status != HG_OK) {
                return status;
            }
        }
    }
    return hgh_schema_compile_node(compiler, json, base, out_node);
}

/** Another document by its URI, a new reference; NULL: there is none, or no memory (said so). */
static json_t *find_document(hgh_schema_compiler *compiler, const char *uri, hg_status *out_status)
{
    json_t *document = json_object_get(compiler->documents, uri);

    if (document != NULL) {
        return json_incref(document);
    }
    if (strcmp(uri, HGH_SCHEMA_META_URI) != 0) {
        *out_status = HG_ERR_NOT_FOUND;
        return NULL;
    }
    document = json_loads(hgh_schema_meta, 0, NULL);
    if (document == NULL) {
        *out_status = hgh_schema_no_memory(compiler);
    }
    return document;
}

/** Compiles another document, under the URI by which it was referred to and its own. */
static hg_status compile_other(hgh_schema_compiler *compiler, const char *uri)
{
    size_t place = compiler->schema->count;
    size_t before = compiler->pointer.length;
    hg_status status = HG_OK;
    json_t *document = find_document(compiler, uri, &status);
    const hgh_schema_node *root;
    const char *base;
    char *kept;

    if (document == NULL) {
        return status;
    }
    kept = strdup(uri);
    status = kept == NULL ? hgh_schema_no_memory(compiler) : keep_base(compiler, kept, &base);
    if (status == HG_OK) {
        hgh_text_builder_format(&compiler->pointer, "%s#", uri);
        status = hgh_schema_compile_document(compiler, document, base, &root);
        hgh_text_builder_cut(&compiler->pointer, before);
    }
    json_decref(document);
    return status == HG_OK ? name_place(compiler, uri, place) : status;
}

/** Finds the root of the document with this URI, which has no fragment. */
static hg_status
find_root(hgh_schema_compiler *compiler, const char *uri, const hgh_schema_node **out_root)
{
    const json_t *place = json_object_get(compiler->ids, uri);

    if (place == NULL) {
        hg_status status = compile_other(compiler, uri);

        if (status != HG_OK) {
            return status;
        }
        place = json_object_get(compiler->ids, uri);
    }
    *out_root = compiler->schema->nodes[json_integer_value(place)];
    return HG_OK;
}

/** Finds a schema that has a name in its document: "BASE#NAME". */
static hg_status find_named(const hgh_schema_compiler *compiler,
                            const char *base,
                            const char *name,
                            const hgh_schema_node **out_node)
{
    const json_t *place;
    char *uri = NULL;

    if (asprintf(&uri, "%s#%s", base, name) < 0) {
        return HG_ERR_NO_MEMORY;
    }
    place = json_object_get(compiler->ids, uri);
    free(uri);
    if (place == NULL) {
        return HG_ERR_NOT_FOUND;
    }
    *out_node = compiler->schema->nodes[json_integer_value(place)];
    return HG_OK;
}

/** Finds a schema by its URI, which is taken apart here. */
static hg_status
find_schema(hgh_schema_compiler *compiler, char *uri, const hgh_schema_node **out_node)
{
    size_t before = compiler->pointer.length;
    const hgh_schema_node *root;
    char *fragment = strchr(uri, '#');
    hg_status status;

    if (fragment != NULL) {
        *fragment++ = '\0';
    }
    status = find_root(compiler, uri, &root);
    if (status != HG_OK) {
        return status;
    }
    if (fragment == NULL || fragment[0] == '\0') {
        *out_node = root;
        return HG_OK;
    }
    if (fragment[0] != '/') { /* the document may have another name than it was looked for by */
        status = find_named(compiler, uri, fragment, out_node);
        return status == HG_ERR_NOT_FOUND ? find_named(compiler, root->base, fragment, out_node)
                                          : status;
    }
    hgh_text_builder_format(&compiler->pointer, "%s%s%s", uri, uri[0] == '\0' ? "" : "#", fragment);
    status = follow_pointer(compiler, root, fragment, out_node);
    hgh_text_builder_cut(&compiler->pointer, before);
    return status;
}

static hg_status resolve(hgh_schema_compiler *compiler, const hgh_schema_pending *pending)
{
    const json_t *reference = json_object_get(pending->node->source, "$ref");
    char *uri = hgh_uri_resolve(pending->node->base, json_string_value(reference));
    hg_status status;

    if (uri == NULL) {
        return hgh_schema_no_memory(compiler);
    }
    status = find_schema(compiler, uri, &pending->node->reference);
    if (status == HG_ERR_NOT_FOUND) {
        char shown[HGH_JSON_DESCRIBE_MAX];

        status =
            hg_error_set(compiler->err, HG_ERR_INVALID,
                         "%s/$ref: found %s, wanted a schema within this document or a known one",
                         pending->pointer, hgh_json_describe(reference, shown, sizeof(shown)));
    }
    free(uri);
    return status;
}

/** Makes all references of a chain lead to its end: each is walked over twice in all. */
static hg_status shorten(hgh_schema_compiler *compiler, const hgh_schema_pending *pending)
{
    const hgh_schema_node *end = pending->node;

    for (size_t steps = 0; end->reference != NULL; steps++) {
        if (steps > compiler->pending_count) {
            return hg_error_set(compiler->err, HG_ERR_INVALID,
                                "%s/$ref: found a reference that leads to itself, wanted a schema",
                                pending->pointer);
        }
        end = end->reference;
    }
    /* The nodes are the compiler's to change; they are const to those that refer to them. */
    for (hgh_schema_node *at = pending->node; at != end;) {
        const hgh_schema_node *next = at->reference;

        at->reference = end;
        at = (hgh_schema_node *)(uintptr_t)next;
    }
    return HG_OK;
}

hg_status hgh_schema_resolve_references(hgh_schema_compiler *compiler)
{
    hg_status status = name_place(compiler, "", 0); /* the document itself, with "$id" or without */

    /* Compiling what a reference leads to may add references, and so move the list. */
    for (size_t i = 0; status == HG_OK && i < compiler->pending_count; i++) {
        hgh_schema_pending pending = compiler->pending[i];

        status = resolve(compiler, &pending);
    }
    for (size_t i = 0; status == HG_OK && i < compiler->pending_count; i++) {
        status = shorten(compiler, &compiler->pending[i]);
    }
    return status;
}
