/* host/control/settings_decode_runner.c - values of ext-plugin, and what its runner inherits. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "host/control/settings_decode.h"

#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1) /* bytes */

static bool is_argument(const char *text)
{
    (void)text;
    return true; /* no shell reads it */
}

/* A program and its arguments. */
void hgh_decode_command(hgh_decode_reader *self,
                        const hgh_decode_row *row,
                        json_t *value,
                        const char *pointer)
{
    const char *program = json_string_value(json_array_get(value, 0));
    char place[HGH_DECODE_POINTER_MAX];

    hgh_decode_texts(self, row, value, pointer, is_argument,
                     "a list of texts: a program and its arguments");
    if (program != NULL && program[0] == '\0') {
        hgh_decode_append_index(place, sizeof(place), pointer, 0);
        hgh_decode_complain(self, place, "\"\"", "a program");
    }
}

/* Where a runner listens. */
void hgh_decode_socket_path(hgh_decode_reader *self,
                            const hgh_decode_row *row,
                            json_t *value,
                            const char *pointer)
{
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    char wanted[120];

    if (text[0] != '/' || strlen(text) > SOCKET_PATH_MAX || !hgh_settings_is_safe(text)) {
        (void)snprintf(wanted, sizeof(wanted),
                       "the absolute path of a socket, without unix:, of at most %zu bytes",
                       SOCKET_PATH_MAX);
        hgh_decode_complain_value(self, pointer, value, wanted);
        return;
    }
    hgh_decode_put_text(self, row, text);
}

/* NAME, or NAME=VALUE as nginx takes it too. */
static bool is_variable(const char *text)
{
    size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

    if (length == 0 || isdigit((unsigned char)text[0]) ||
        (text[length] != '\0' && text[length] != '=')) {
        return false;
    }
    for (const char *at = text + length; *at != '\0'; at++) {
        if (iscntrl((unsigned char)*at)) {
            return false;
        }
    }
    return true;
}

void hgh_decode_environment(hgh_decode_reader *self,
                            const hgh_decode_row *row,
                            json_t *value,
                            const char *pointer)
{
    hgh_decode_texts(self, row, value, pointer, is_variable,
                     "a list of names of environment variables, or NAME=VALUE");
}
