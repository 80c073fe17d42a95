/* host/control/schema_changes.c - how the schemas of two versions of a plugin differ. */
#include "host/control/schema_changes.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "host/core/issues.h"

#define POINTER_MAX 256u /* bytes; what lies deeper is told of at its parent */

typedef struct comparison {
    json_t *changes;
    size_t left_out;
    char pointer[POINTER_MAX];
} comparison;

static void change_add(comparison *self, const char *change, const json_t *from, const json_t *to)
{
    if (json_array_size(self->changes) == HGH_SCHEMA_CHANGES_MAX) {
        self->left_out++;
        return;
    }
    (void)json_array_append_new(self->changes,
                                json_pack("{s:s, s:s, s:O*, s:O*}", "pointer", self->pointer,
                                          "change", change, "from", from, "to", to));
}

static void compare(comparison *self, const json_t *before, const json_t *after);

/* One member of two objects; either may be NULL. */
static void
member_compare(comparison *self, const char *key, const json_t *before, const json_t *after)
{
    size_t length = strlen(self->pointer);

    if (before != NULL && after != NULL && json_equal(before, after)) {
        return;
    }
    if (length + 2 * strlen(key) + 2 > POINTER_MAX) {
        change_add(self, "changed", NULL, NULL);
        return;
    }
    (void)hgh_pointer_append(self->pointer, length, POINTER_MAX, key);
    compare(self, before, after);
    self->pointer[length] = '\0';
}

static void compare(comparison *self, const json_t *before, const json_t *after)
{
    const char *key;
    json_t *value;

    if (before == NULL) {
        change_add(self, "added", NULL, after);
    } else if (after == NULL) {
        change_add(self, "removed", before, NULL);
    } else if (!json_is_object(before) || !json_is_object(after)) {
        change_add(self, "changed", before, after);
    } else {
        json_object_foreach((json_t *)(uintptr_t)before, key, value)
        {
            member_compare(self, key, value, json_object_get(after, key));
        }
        json_object_foreach((json_t *)(uintptr_t)after, key, value)
        {
            if (json_object_get(before, key) == NULL) {
                member_compare(self, key, NULL, value);
            }
        }
    }
}

json_t *hgh_schema_changes(const json_t *before, const json_t *after)
{
    static const char *const schemas[] = {"schema", "metadata_schema", "consumer_schema"};
    comparison self = {.changes = json_array()};

    for (size_t i = 0; self.changes != NULL && i < sizeof(schemas) / sizeof(schemas[0]); i++) {
        const json_t *old = json_object_get(before, schemas[i]);
        const json_t *new = json_object_get(after, schemas[i]);

        if (json_is_null(old)) {
            old = NULL;
        }
        if (json_is_null(new)) {
            new = NULL;
        }
        if (old != NULL || new != NULL) {
            member_compare(&self, schemas[i], old, new);
        }
    }
    if (self.left_out > 0) {
        (void)json_array_append_new(self.changes,
                                    json_pack("{s:s, s:s, s:I}", "pointer", "", "change", "more",
                                              "to", (json_int_t)self.left_out));
    }
    return self.changes;
}
