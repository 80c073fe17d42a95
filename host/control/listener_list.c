/* host/control/listener_list.c - the sockets that a child of the supervisor inherits, by address.
 */
#include "host/control/listener_list.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/control/listener.h"

static bool is_same(const hgh_listen *a, const hgh_listen *b)
{
    return a->port == b->port && strcmp(a->address, b->address) == 0;
}

static hgh_listener_entry *entry_find(const hgh_listener_list *list, const hgh_listen *listen)
{
    for (size_t i = 0; i < list->count; i++) {
        if (is_same(&list->items[i].listen, listen)) {
            return &list->items[i];
        }
    }
    return NULL;
}

void hgh_listener_list_close(hgh_listener_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].fd >= 0) {
            (void)close(list->items[i].fd);
        }
    }
    free(list->items);
    *list = (hgh_listener_list){0};
}

hg_status hgh_listener_list_check(const hgh_listener_list *list,
                                  const hgh_listen *listens,
                                  size_t count,
                                  int64_t wait_ms,
                                  hg_error *err)
{
    hg_status status = HG_OK;

    for (size_t i = 0; i < count && status == HG_OK; i++) {
        int fd = -1;

        if (entry_find(list, &listens[i]) == NULL) {
            status = hgh_listener_open(&listens[i], wait_ms, &fd, err);
        }
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    return status;
}

hg_status hgh_listener_list_change(hgh_listener_list *list,
                                   const hgh_listen *listens,
                                   size_t count,
                                   hg_error *err)
{
    hgh_listener_list changed = {.items = calloc(count + 1, sizeof(*changed.items)),
                                 .count = count};

    if (changed.items == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        hgh_listener_entry *kept = entry_find(list, &listens[i]);

        changed.items[i] = (hgh_listener_entry){.listen = listens[i], .fd = -1};
        if (kept != NULL) {
            changed.items[i].fd = kept->fd;
            kept->fd = -1;
        }
    }
    hgh_listener_list_close(list);
    *list = changed;
    return HG_OK;
}

hg_status hgh_listener_list_open(hgh_listener_list *list, int64_t wait_ms, hg_error *err)
{
    hg_status status = HG_OK;

    for (size_t i = 0; i < list->count && status == HG_OK; i++) {
        if (list->items[i].fd < 0) {
            status = hgh_listener_open(&list->items[i].listen, wait_ms, &list->items[i].fd, err);
        }
    }
    return status;
}

size_t hgh_listener_list_text(
    const hgh_listener_list *list, const char *format, char *text, int *descriptors, size_t room)
{
    size_t length = 0;
    size_t count = 0;

    text[0] = '\0';
    for (size_t i = 0; i < list->count && count < room; i++) {
        char number[16];

        if (list->items[i].fd < 0) {
            continue;
        }
        (void)snprintf(number, sizeof(number), "%s%d%s", format[0] == ',' && count > 0 ? "," : "",
                       list->items[i].fd, format[0] == ';' ? ";" : "");
        if (length + strlen(number) >= HGH_LISTENER_LIST_TEXT_MAX) {
            break;
        }
        length +=
            (size_t)snprintf(text + length, HGH_LISTENER_LIST_TEXT_MAX - length, "%s", number);
        descriptors[count++] = list->items[i].fd;
    }
    return count;
}
