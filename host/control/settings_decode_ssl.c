/* host/control/settings_decode_ssl.c - values of apisix.ssl. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/settings_decode.h"

#define PROTOCOLS_MAX 64u /* bytes: all of them once */

static bool add_word(char *into, size_t size, const char *word)
{
    size_t length = strlen(into);

    return snprintf(into + length, size - length, "%s%s", length > 0 ? " " : "", word) <
           (int)(size - length);
}

/* "TLSv1.2 TLSv1.3" or a list of them. */
void hgh_decode_protocols(hgh_decode_reader *self,
                          const hgh_decode_row *row,
                          json_t *value,
                          const char *pointer)
{
    char text[PROTOCOLS_MAX] = "";
    char *copy = strdup(json_is_string(value) ? json_string_value(value) : "");
    char *state = NULL;
    bool is_good = json_is_string(value) || json_is_array(value);

    if (copy == NULL) {
        self->no_memory = true;
        return;
    }
    for (char *word = strtok_r(copy, " ", &state); word != NULL;
         word = strtok_r(NULL, " ", &state)) {
        is_good =
            is_good && hgh_decode_has_word(row->words, word) && add_word(text, sizeof(text), word);
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *word = json_string_value(json_array_get(value, i));

        is_good = is_good && word != NULL && hgh_decode_has_word(row->words, word) &&
                  add_word(text, sizeof(text), word);
    }
    free(copy);
    if (!is_good || text[0] == '\0') {
        char wanted[200];

        (void)snprintf(wanted, sizeof(wanted), "one or more of: %s", row->words);
        hgh_decode_complain_value(self, pointer, value, wanted);
        return;
    }
    hgh_decode_put_text(self, row, text);
}

/* Names of ciphers as OpenSSL takes them; "" is none, as in APISIX. */
void hgh_decode_ciphers(hgh_decode_reader *self,
                        const hgh_decode_row *row,
                        json_t *value,
                        const char *pointer)
{
    const char *text = json_is_string(value) ? json_string_value(value) : " ";

    for (const char *at = text; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && strchr("-_:!+@=,", *at) == NULL) {
            hgh_decode_complain_value(self, pointer, value, "names of ciphers, a `:` between them");
            return;
        }
    }
    if (text[0] != '\0') {
        hgh_decode_put_text(self, row, text);
    }
}

/* A file, or "system": then the member stays NULL. */
void hgh_decode_trust(hgh_decode_reader *self,
                      const hgh_decode_row *row,
                      json_t *value,
                      const char *pointer)
{
    if (!json_is_string(value) || strcmp(json_string_value(value), "system") != 0) {
        hgh_decode_path(self, row, value, pointer);
    }
}
