/* host/control/admin_target.c - what the path of a request to the Admin API names. */
#include "host/control/admin_target.h"

#include <stdlib.h>
#include <string.h>

#include "host/control/object_kind.h"

bool hgh_admin_target_is_under_root(const char *path)
{
    size_t length = strlen(HGH_ADMIN_ROOT);

    return strncmp(path, HGH_ADMIN_ROOT, length) == 0 &&
           (path[length] == '\0' || path[length] == '/');
}

/* The next segment of a path, cut off; NULL at its end. Empty segments do not count. */
static char *segment_take(char **rest)
{
    char *segment = *rest + strspn(*rest, "/");
    size_t length = strcspn(segment, "/");

    *rest = segment + length;
    if (**rest != '\0') {
        **rest = '\0';
        (*rest)++;
    }
    return length == 0 ? NULL : segment;
}

/* /consumers/NAME/credentials/ID: an object below another one. `rest` is the sub-path. */
static void target_descend(hgh_admin_target *into, char *rest)
{
    const hgh_object_kind *kind;
    size_t length = strcspn(rest, "/");

    for (size_t i = 0; into->sub_path != NULL && (kind = hgh_object_kind_at(i)) != NULL; i++) {
        if (kind->parent != NULL && strcmp(kind->parent, into->resource) == 0 &&
            strncmp(kind->name, rest, length) == 0 && kind->name[length] == '\0') {
            into->parent = into->id;
            into->resource = segment_take(&rest);
            into->id = segment_take(&rest);
            rest += strspn(rest, "/");
            into->sub_path = *rest == '\0' ? NULL : rest;
            return;
        }
    }
}

/* What a kind was called in APISIX 2. */
static const char *resource_of(const char *name)
{
    static const char *const names[][2] = {{"ssl", "ssls"}, {"proto", "protos"}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i][0], name) == 0) {
            return names[i][1];
        }
    }
    return name;
}

bool hgh_admin_target_parse(const char *path, hgh_admin_target *into)
{
    char *rest;
    size_t length;

    into->text = strdup(path);
    if (into->text == NULL) {
        return false;
    }
    rest = into->text + strlen(HGH_ADMIN_ROOT);
    into->resource = segment_take(&rest);
    into->id = segment_take(&rest);
    into->resource = into->resource == NULL ? "" : resource_of(into->resource);
    if (strcmp(into->resource, "schema") == 0 && into->id != NULL &&
        strcmp(into->id, "plugins") == 0 && rest[strspn(rest, "/")] != '\0') {
        into->resource = into->id; /* /schema/plugins/NAME is /plugins/NAME */
        into->id = segment_take(&rest);
    }
    rest += strspn(rest, "/");
    for (length = strlen(rest); length > 0 && rest[length - 1] == '/'; length--) {
        rest[length - 1] = '\0';
    }
    into->sub_path = length == 0 ? NULL : rest;
    target_descend(into, rest);
    return true;
}

void hgh_admin_target_done(hgh_admin_target *target)
{
    free(target->text);
    *target = (hgh_admin_target){0};
}
