/* host/core/delegation.c - configurations of plugins inside the configuration of another one. */
#include "host/core/delegation.h"

#include <stdlib.h>
#include <string.h>

#include "host/core/configuration.h"
#include "host/core/issues.h"

#define POINTER_MAX 512u

static bool is_member_name(const char *name)
{
    size_t length =
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

    return length > 0 && length <= HG_NAME_MAX && name[length] == '\0';
}

hg_status
hgh_delegates_find(const hg_plugin *descriptor, const hg_delegates **out_delegates, hg_error *err)
{
    const hg_extension *extension = descriptor->extensions;
    const hg_delegates *delegates;

    while (extension != NULL && extension->id != NULL && strcmp(extension->id, HG_DELEGATES) != 0) {
        extension++;
    }
    if (extension == NULL || extension->id == NULL) {
        *out_delegates = NULL;
        return HG_OK;
    }
    delegates = extension->interface_data;
    if (delegates == NULL || delegates->size != sizeof(*delegates) || delegates->list == NULL ||
        !is_member_name(delegates->list)) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "extension %s: wanted an hg_delegates with the name of its list",
                            HG_DELEGATES);
    }
    *out_delegates = delegates;
    return HG_OK;
}

bool hgh_delegate_next(const hg_delegates *delegates, const json_t *value, hgh_delegate *delegate)
{
    json_t *list = json_object_get(value, delegates->list);

    while (delegate->index < json_array_size(list)) {
        json_t *object = json_array_get(list, delegate->index);

        delegate->member = delegate->member == NULL
                               ? json_object_iter(object)
                               : json_object_iter_next(object, delegate->member);
        if (delegate->member != NULL) {
            delegate->name = json_object_iter_key(delegate->member);
            delegate->value = json_object_iter_value(delegate->member);
            return true;
        }
        delegate->index++;
    }
    return false;
}

void hgh_delegate_pointer(const hg_delegates *delegates,
                          const hgh_delegate *delegate,
                          const char *prefix,
                          char *buffer,
                          size_t size)
{
    int length = snprintf(buffer, size, "%s/%s/%zu", prefix, delegates->list, delegate->index);

    if (length > 0 && (size_t)length < size) {
        (void)hgh_pointer_append(buffer, (size_t)length, size, delegate->name);
    }
}

const char *hgh_delegate_unfit(const hg_delegates *delegates, const hgh_plugin *plugin)
{
    if ((plugin->descriptor->flags & delegates->required_flags) != delegates->required_flags) {
        return "not of the kind that is wanted there";
    }
    return plugin->delegates != NULL ? "one that holds other plugins itself" : NULL;
}

/* ------------------------------------------------------------------------------- judgement */

/* The words of APISIX around a finding: what they say of one plugin inside another. */
static void issue_name(hgh_issue *issue, const char *outer, const char *name)
{
    char *text = NULL;
    char *prefix = NULL;
    const char *reason = issue->text == NULL ? issue->wanted : issue->text;

    if (asprintf(&prefix, "failed to check the configuration of plugin %s err: ", name) >= 0) {
        if (strncmp(reason, prefix, strlen(prefix)) == 0) {
            reason += strlen(prefix);
        }
        free(prefix);
    }
    if (asprintf(&text,
                 "failed to check the configuration of plugin %s err: plugin %s check schema "
                 "failed: %s",
                 outer, name, reason) >= 0) {
        free(issue->text);
        issue->text = text;
    }
}

static void delegate_refuse(hg_issues *issues,
                            const char *pointer,
                            const char *found,
                            const char *wanted,
                            const char *outer,
                            const char *name,
                            const char *why)
{
    char text[HG_ERROR_TEXT_MAX];

    (void)snprintf(text, sizeof(text),
                   "failed to check the configuration of plugin %s err: %.64s plugin %s", outer,
                   name, why);
    hgh_issues_add(issues, pointer, found, wanted, text);
}

/* What would decide whether a delegate runs, and is not looked at. */
static void meta_judge(const hgh_delegate *delegate, hg_issues *issues)
{
    static const char *const names[] = {"filter", "pre_function"};
    const json_t *meta = json_object_get(delegate->value, "_meta");

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (json_object_get(meta, names[i]) != NULL) {
            char pointer[64];

            (void)snprintf(pointer, sizeof(pointer), "/_meta/%s", names[i]);
            hgh_issues_add(issues, pointer, "a condition of a plugin inside another",
                           "a condition of the plugin around it", NULL);
        }
    }
}

static void delegate_judge(hgh_plugin *plugin,
                           const hgh_plugin *outer,
                           const hgh_delegate *delegate,
                           const char *resource,
                           const char *id,
                           const char *pointer,
                           hg_issues *issues,
                           hg_issues *warnings)
{
    hgh_configuration *configuration = NULL;
    hg_issues found = {0};
    hg_issues told = {0}; /* pointers begin at the delegate */

    meta_judge(delegate, &found);
    if (hgh_configuration_decode(plugin, HGH_USE_CONFIG, delegate->value, resource, id, "",
                                 &configuration, &found,
                                 warnings == NULL ? NULL : &told) == HG_OK) {
        (void)hgh_configuration_check(configuration, &found); /* it adds what it finds */
    }
    for (size_t i = 0; i < found.count; i++) {
        issue_name(&found.items[i], outer->name, plugin->name);
    }
    hgh_issues_take(issues, &found, pointer);
    if (warnings != NULL) {
        hgh_issues_take(warnings, &told, pointer);
    }
    hgh_configuration_unref(configuration);
}

void hgh_delegates_judge(const hgh_generation *generation,
                         const hgh_plugin *plugin,
                         const json_t *value,
                         const char *resource,
                         const char *id,
                         const char *prefix,
                         hg_issues *issues,
                         hg_issues *warnings)
{
    const hg_delegates *delegates = plugin->delegates;
    hgh_delegate delegate = {0};
    hg_issues found = {0};

    while (delegates != NULL && hgh_delegate_next(delegates, value, &delegate)) {
        hgh_plugin *inner = NULL;
        char pointer[POINTER_MAX];
        const char *unfit;

        hgh_delegate_pointer(delegates, &delegate, prefix, pointer, sizeof(pointer));
        switch (hgh_generation_find(generation, delegate.name, &inner, NULL)) {
        case HGH_PLUGIN_LOADED:
            unfit = hgh_delegate_unfit(delegates, inner);
            if (unfit != NULL) {
                delegate_refuse(&found, pointer, unfit, "a plugin that can stand there",
                                plugin->name, delegate.name, "is not supported");
            } else {
                delegate_judge(inner, plugin, &delegate, resource, id, pointer, &found, warnings);
            }
            break;
        case HGH_PLUGIN_IGNORED:
            if (warnings != NULL) {
                hgh_issues_add(warnings, pointer, "a plugin that the list `plugins` leaves out",
                               "one of the list: it does not run now", NULL);
            }
            break;
        case HGH_PLUGIN_MISSING:
            delegate_refuse(&found, pointer, "an unknown plugin", "one that is loaded",
                            plugin->name, delegate.name, "did not found");
            break;
        }
    }
    if (!hgh_configuration_is_disabled(value)) {
        hgh_issues_take(issues, &found, "");
    } else if (warnings != NULL) {
        hgh_issues_take(warnings, &found, ""); /* of a plugin that does not run: news, no more */
    }
    hgh_issues_done(&found);
}
