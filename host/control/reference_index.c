/* host/control/reference_index.c - who names what, found in one lookup. */
#include "host/control/reference_index.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 1200u /* of kind and key; longer ones name nothing */

typedef struct hgh_reference_target {
    hgh_map_node node;    /* key: KIND NUL KEY */
    size_t open;          /* references that hold it */
    hgh_reference *first; /* of those that are entered */
    hgh_reference *last;
    char text[];
} hgh_reference_target;

void hgh_reference_index_init(hgh_reference_index *index)
{
    hgh_map_init(&index->targets);
}

void hgh_reference_index_done(hgh_reference_index *index)
{
    hgh_map_done(&index->targets);
}

/* KIND NUL KEY in the caller's buffer; absent: it does not fit. */
static hg_text name_of(const char *kind, const char *key, char *into)
{
    size_t kind_size = strlen(kind) + 1;
    size_t key_length = strlen(key);

    if (kind_size + key_length > NAME_MAX_BYTES) {
        return (hg_text){0};
    }
    memcpy(into, kind, kind_size);
    memcpy(into + kind_size, key, key_length);
    return (hg_text){into, kind_size + key_length};
}

static hgh_reference_target *target_find(const hgh_reference_index *index, hg_text name)
{
    hgh_map_node *node = name.data == NULL ? NULL : hgh_map_find(&index->targets, name);

    return node == NULL ? NULL : HGH_CONTAINER_OF(node, hgh_reference_target, node);
}

static hgh_reference_target *target_make(hgh_reference_index *index, hg_text name)
{
    hgh_reference_target *target = calloc(1, sizeof(*target) + name.length + 1); /* NUL */

    if (target == NULL) {
        return NULL;
    }
    memcpy(target->text, name.data, name.length);
    target->node.key = (hg_text){target->text, name.length};
    if (hgh_map_add(&index->targets, &target->node) != HG_OK) {
        free(target);
        return NULL;
    }
    return target;
}

hg_status hgh_reference_open(hgh_reference_index *index,
                             hgh_reference *reference,
                             const char *kind,
                             const char *key)
{
    char buffer[NAME_MAX_BYTES];
    hg_text name = name_of(kind, key, buffer);
    hgh_reference_target *target = target_find(index, name);

    *reference = (hgh_reference){0};
    if (name.data == NULL) {
        return HG_OK; /* nothing can have that key: it is never found */
    }
    if (target == NULL) {
        target = target_make(index, name);
    }
    if (target == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    target->open++;
    reference->target = target;
    return HG_OK;
}

void hgh_reference_enter(hgh_reference *reference, const void *owner)
{
    hgh_reference_target *target = reference->target;

    if (target == NULL) {
        return;
    }
    reference->owner = owner;
    reference->next = NULL;
    reference->previous = target->last;
    if (target->last == NULL) {
        target->first = reference;
    } else {
        target->last->next = reference;
    }
    target->last = reference;
}

static void leave(hgh_reference *reference)
{
    hgh_reference_target *target = reference->target;

    if (reference->previous == NULL) {
        target->first = reference->next;
    } else {
        reference->previous->next = reference->next;
    }
    if (reference->next == NULL) {
        target->last = reference->previous;
    } else {
        reference->next->previous = reference->previous;
    }
    reference->owner = NULL;
}

void hgh_reference_close(hgh_reference_index *index, hgh_reference *reference)
{
    hgh_reference_target *target = reference->target;

    if (target == NULL) {
        return;
    }
    if (reference->owner != NULL) {
        leave(reference);
    }
    reference->target = NULL;
    if (--target->open == 0) {
        hgh_map_remove(&index->targets, &target->node);
        free(target);
    }
}

const hgh_reference *
hgh_reference_find(const hgh_reference_index *index, const char *kind, const char *key)
{
    char buffer[NAME_MAX_BYTES];
    const hgh_reference_target *target = target_find(index, name_of(kind, key, buffer));

    return target == NULL ? NULL : target->first;
}

typedef struct each_walk {
    void (*visit)(void *context, const char *key, const hgh_reference *first);
    void *context;
} each_walk;

static void each_target(void *context, hgh_map_node *node)
{
    const each_walk *walk = context;
    const hgh_reference_target *target = HGH_CONTAINER_OF(node, hgh_reference_target, node);

    if (target->first != NULL) {
        walk->visit(walk->context, target->text + strlen(target->text) + 1, target->first);
    }
}

void hgh_reference_each(const hgh_reference_index *index,
                        void (*visit)(void *context, const char *key, const hgh_reference *first),
                        void *context)
{
    each_walk walk = {visit, context};

    /* The map is only read. */
    hgh_map_each((hgh_map *)(uintptr_t)&index->targets, each_target, &walk);
}
