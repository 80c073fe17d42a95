/* host/control/settings_decode_signature.c - values of plugins_security. */
#include <string.h>

#include "host/control/settings_decode.h"
#include "host/control/signature.h"

/* Keys as text are judged here; files are read when signatures are judged. */
void hgh_decode_trusted_keys(hgh_decode_reader *self,
                             const hgh_decode_row *row,
                             json_t *value,
                             const char *pointer)
{
    bool is_good = json_is_array(value) && json_array_size(value) <= HGH_SIGNATURE_KEYS_MAX;

    if (!is_good) {
        hgh_decode_complain_value(self, pointer, value, "a list of up to 16 public keys");
        return;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        json_t *item = json_array_get(value, i);
        const char *text = json_string_value(item);
        hgh_public_key key;
        char place[HGH_DECODE_POINTER_MAX];

        if (text != NULL && text[0] != '\0' &&
            (!hgh_public_key_is_text(text) || hgh_public_key_parse(text, &key, NULL) == HG_OK)) {
            continue;
        }
        hgh_decode_append_index(place, sizeof(place), pointer, i);
        hgh_decode_complain_value(self, place, item,
                                  "the path of a public key, or \"" HGH_PUBLIC_KEY_PREFIX
                                  "\" and 32 bytes in base64");
        is_good = false;
    }
    if (is_good) {
        hgh_decode_put_json(self, row, value);
    }
}
