/* host/control/listener_list.h - the sockets that a child of the supervisor inherits, by address.
 */
#ifndef HOST_CONTROL_LISTENER_LIST_H
#define HOST_CONTROL_LISTENER_LIST_H

#include <stddef.h>
#include <stdint.h>

#include <hotgate/error.h>

#include "host/control/settings.h"

#define HGH_LISTENER_LIST_TEXT_MAX 4096u /* bytes of a list as text */

/** One address and its socket; -1: it could not be opened. */
typedef struct hgh_listener_entry {
    hgh_listen listen;
    int fd;
} hgh_listener_entry;

/** Zero-initialise; hgh_listener_list_close(). */
typedef struct hgh_listener_list {
    size_t count;
    hgh_listener_entry *items;
} hgh_listener_list;

/** Whether the addresses that `list` does not have can be opened; opens none for good. */
hg_status hgh_listener_list_check(const hgh_listener_list *list,
                                  const hgh_listen *listens,
                                  size_t count,
                                  int64_t wait_ms,
                                  hg_error *err);

/** Makes it what is wanted: keeps the sockets it has, closes the others, opens none yet. */
hg_status hgh_listener_list_change(hgh_listener_list *list,
                                   const hgh_listen *listens,
                                   size_t count,
                                   hg_error *err);

/** Opens what is not open; wait_ms as in listener.h. */
hg_status hgh_listener_list_open(hgh_listener_list *list, int64_t wait_ms, hg_error *err);

/** Closes all of them; it is empty then. */
void hgh_listener_list_close(hgh_listener_list *list);

/**
 * Writes the descriptors as text: "5;6;" or "5,6".
 *
 * format       begins with the separator.
 * text         of HGH_LISTENER_LIST_TEXT_MAX bytes.
 * descriptors  room for `room`.
 * Returns how many there are.
 */
size_t hgh_listener_list_text(
    const hgh_listener_list *list, const char *format, char *text, int *descriptors, size_t room);

#endif
