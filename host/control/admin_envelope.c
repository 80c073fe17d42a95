/* host/control/admin_envelope.c - objects as the Admin API shows them, in its two formats. */
#include "host/control/admin_envelope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/object_kind.h"

#define STATUS_OK     200u
#define STATUS_FAILED 500u

/* An answer whose text is composed of stored texts: nothing is parsed. */
typedef struct composition {
    FILE *stream;
    char *text;
    size_t length;
} composition;

static void begin(composition *made)
{
    *made = (composition){0};
    made->stream = open_memstream(&made->text, &made->length);
}

static void end(composition *made, hgh_admin_answer *answer, unsigned status, bool is_complete)
{
    bool is_whole = made->stream != NULL && fputc('\n', made->stream) != EOF && is_complete;

    if (made->stream != NULL && fclose(made->stream) != 0) {
        is_whole = false;
    }
    if (is_whole) {
        hgh_admin_answer_text(answer, status, made->text, made->length);
    } else { /* no memory */
        free(made->text);
        hgh_admin_answer_text(answer, STATUS_FAILED, NULL, 0);
    }
}

/* Ids hold no character that JSON would escape. */
static bool add_member(composition *made, const char *key, const char *value)
{
    char shown[HGH_OBJECT_KEY_MAX];

    hgh_object_key_show(key, shown, sizeof(shown));
    return made->stream != NULL &&
           fprintf(made->stream, "\"key\":\"" HGH_ADMIN_PREFIX "/%s\",\"value\":%s", shown, value) >
               0;
}

static bool add_object(composition *made,
                       const hgh_resource_object *object,
                       bool has_indexes,
                       hgh_admin_show show,
                       void *context)
{
    char *shown = show == NULL ? NULL : show(context, object);
    bool is_added = (show == NULL || shown != NULL) && made->stream != NULL &&
                    add_member(made, object->key, shown == NULL ? object->value : shown);

    free(shown);
    return is_added &&
           (!has_indexes ||
            fprintf(made->stream, ",\"createdIndex\":%llu,\"modifiedIndex\":%llu",
                    (unsigned long long)object->created, (unsigned long long)object->modified) > 0);
}

static bool add_text(composition *made, const char *text)
{
    return made->stream != NULL && fputs(text, made->stream) != EOF;
}

void hgh_admin_envelope_written(hgh_admin_answer *answer,
                                hgh_admin_format format,
                                unsigned status,
                                const char *action,
                                const char *key,
                                const char *value,
                                const json_t *warnings)
{
    char *extra = json_array_size(warnings) == 0 ? NULL : json_dumps(warnings, JSON_COMPACT);
    composition made;
    bool is_complete;

    begin(&made);
    if (format == HGH_ADMIN_V3) {
        is_complete = add_text(&made, "{") && add_member(&made, key, value);
        if (extra != NULL) {
            is_complete =
                is_complete && add_text(&made, ",\"warnings\":") && add_text(&made, extra);
        }
        is_complete = is_complete && add_text(&made, "}");
    } else {
        is_complete = add_text(&made, "{\"action\":\"") && add_text(&made, action) &&
                      add_text(&made, "\",\"node\":{") && add_member(&made, key, value) &&
                      add_text(&made, "}}");
    }
    free(extra);
    end(&made, answer, status, is_complete);
}

void hgh_admin_envelope_one(hgh_admin_answer *answer,
                            hgh_admin_format format,
                            const hgh_resource_object *object,
                            hgh_admin_show show,
                            void *context)
{
    bool is_v3 = format == HGH_ADMIN_V3;
    composition made;
    bool is_complete;

    begin(&made);
    is_complete = add_text(&made, is_v3 ? "{" : "{\"action\":\"get\",\"count\":1,\"node\":{") &&
                  add_object(&made, object, is_v3, show, context) &&
                  add_text(&made, is_v3 ? "}" : "}}");
    end(&made, answer, STATUS_OK, is_complete);
}

void hgh_admin_envelope_list_begin(hgh_admin_envelope_list *list)
{
    *list = (hgh_admin_envelope_list){0};
    list->stream = open_memstream(&list->text, &list->length);
    list->is_broken = list->stream == NULL;
}

void hgh_admin_envelope_list_add(hgh_admin_envelope_list *list,
                                 const hgh_resource_object *object,
                                 hgh_admin_show show,
                                 void *context)
{
    composition made = {.stream = list->stream};

    list->is_broken = list->is_broken || !add_text(&made, list->count++ == 0 ? "{" : ",{") ||
                      !add_object(&made, object, true, show, context) || !add_text(&made, "}");
}

void hgh_admin_envelope_list_add_text(hgh_admin_envelope_list *list, const char *text)
{
    composition made = {.stream = list->stream};

    list->is_broken =
        list->is_broken || (list->count++ > 0 && !add_text(&made, ",")) || !add_text(&made, text);
}

void hgh_admin_envelope_list_done(hgh_admin_envelope_list *list)
{
    if (list->stream != NULL) {
        (void)fclose(list->stream); /* nobody reads it */
    }
    free(list->text);
    *list = (hgh_admin_envelope_list){0};
}

void hgh_admin_envelope_list_answer_between(hgh_admin_envelope_list *list,
                                            const char *before,
                                            const char *after,
                                            hgh_admin_answer *answer)
{
    composition made;
    bool is_complete = list->stream != NULL && fclose(list->stream) == 0 && !list->is_broken;

    list->stream = NULL;
    begin(&made);
    is_complete = is_complete && add_text(&made, before) &&
                  fwrite(list->text, 1, list->length, made.stream) == list->length &&
                  add_text(&made, after);
    end(&made, answer, STATUS_OK, is_complete);
    hgh_admin_envelope_list_done(list);
}

void hgh_admin_envelope_list_answer(hgh_admin_envelope_list *list,
                                    hgh_admin_format format,
                                    const char *directory,
                                    size_t total,
                                    hgh_admin_answer *answer)
{
    char before[HGH_OBJECT_KEY_MAX];

    if (format == HGH_ADMIN_V3) {
        (void)snprintf(before, sizeof(before), "{\"total\":%zu,\"list\":[", total);
    } else {
        (void)snprintf(before, sizeof(before),
                       "{\"action\":\"get\",\"count\":%zu,\"node\":{\"dir\":true,"
                       "\"key\":\"" HGH_ADMIN_PREFIX "/%s\",\"nodes\":[",
                       total, directory);
    }
    hgh_admin_envelope_list_answer_between(list, before, format == HGH_ADMIN_V3 ? "]}" : "]}}",
                                           answer);
}

void hgh_admin_envelope_deleted(hgh_admin_answer *answer, hgh_admin_format format, const char *key)
{
    char shown[HGH_OBJECT_KEY_MAX];
    json_t *body;

    hgh_object_key_show(key, shown, sizeof(shown));
    body =
        json_pack("{s:o, s:s}", "key", json_sprintf(HGH_ADMIN_PREFIX "/%s", shown), "deleted", "1");

    if (format == HGH_ADMIN_V2 && body != NULL &&
        (json_object_set_new(body, "action", json_string("delete")) != 0 ||
         json_object_set_new(body, "node", json_object()) != 0)) {
        json_decref(body);
        body = NULL;
    }
    hgh_admin_answer_json(answer, STATUS_OK, body);
}

void hgh_admin_envelope_missing(hgh_admin_answer *answer,
                                hgh_admin_format format,
                                const char *action)
{
    json_t *body = json_pack("{s:s}", "message", "Key not found");

    if (format == HGH_ADMIN_V2 && body != NULL &&
        json_object_set_new(body, "action", json_string(action)) != 0) {
        json_decref(body);
        body = NULL;
    }
    hgh_admin_answer_json(answer, 404, body);
}
