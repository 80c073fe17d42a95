/* host/core/host_api_text.c - texts that the host API takes and gives. */
#include <string.h>

#include "host/core/host_api_internal.h"

void *hgh_request_allocate(hg_request *request, size_t size)
{
    return request->engine->allocate(request->engine_request, size);
}

/* A copy of a text that lives as long as the request and ends with NUL. */
hg_text hgh_request_text_copy(hg_request *request, hg_text text)
{
    char *copy;

    if (text.data == NULL) {
        return text;
    }
    copy = hgh_request_allocate(request, text.length + 1);
    if (copy == NULL) {
        return (hg_text){0};
    }
    if (text.length > 0) {
        memcpy(copy, text.data, text.length);
    }
    copy[text.length] = '\0';
    return (hg_text){copy, text.length};
}

bool hgh_request_header_copy(hg_request *request, hg_text *name, hg_text *value)
{
    char *copy = hgh_request_allocate(request, name->length + 1 + value->length + 1);

    if (copy == NULL) {
        return false;
    }
    memcpy(copy, name->data, name->length);
    copy[name->length] = '\0';
    name->data = copy;
    copy += name->length + 1;
    if (value->length > 0) {
        memcpy(copy, value->data, value->length);
    }
    copy[value->length] = '\0';
    value->data = copy;
    return true;
}

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* True if any of eight bytes is below ' ': nearly never, and then they are looked at one by one. */
static inline bool has_control(uint64_t bytes)
{
    return ((bytes - EACH_BYTE(' ')) & ~bytes & EACH_BYTE(0x80)) != 0;
}

static bool bytes_are_clean(const char *at, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (at[i] == '\0' || at[i] == '\r' || at[i] == '\n') {
            return false;
        }
    }
    return true;
}

/* A value that would end a header line early could forge the next one. */
bool hgh_value_is_clean(hg_text value)
{
    const char *at = value.data;
    size_t left = value.length;

    for (; left >= sizeof(uint64_t); left -= sizeof(uint64_t), at += sizeof(uint64_t)) {
        uint64_t bytes;

        memcpy(&bytes, at, sizeof(bytes));
        if (has_control(bytes) && !bytes_are_clean(at, sizeof(bytes))) {
            return false;
        }
    }
    return bytes_are_clean(at, left);
}

/* A field name is a token: RFC 9110 section 5.6.2. */
bool hgh_name_is_token(hg_text name)
{
    static const char kinds[] = /* of the characters from 0 to 127 */
        "                                "
        " t ttttt  tt tt tttttttttt      "
        " tttttttttttttttttttttttttt   tt"
        "ttttttttttttttttttttttttttt t t ";
    const unsigned char *at = (const unsigned char *)name.data;
    const unsigned char *end = at + name.length;

    while (at < end && *at < 128 && kinds[*at] == 't') {
        at++;
    }
    return at == end && name.length > 0;
}

bool hgh_request_is_open(const hg_request *request)
{
    return hgh_phase_is_early(request->phase);
}
