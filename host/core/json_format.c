/* host/core/json_format.c - the values of JSON Schema's "format" that the host checks. */
#include "host/core/json_format.h"

#include <ctype.h>
#include <idn2.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/address.h"
#include "host/core/regex.h"
#include "host/core/uri.h"

#define HOST_NAME_MAX_BYTES  253u /* RFC 1035, section 2.3.4, without the length bytes */
#define LABEL_MAX_BYTES      63u
#define EFFORT               20u  /* compared with the check of a number */
#define EFFORT_OF_HOSTNAME   100u /* with A-labels */
#define EFFORT_OF_REGEX      100u
#define LOCAL_PART_MAX_BYTES 64u /* RFC 5321, section 4.5.3.1.1 */

static bool has_digits(hg_text text, size_t at, size_t count)
{
    if (text.length < at + count) {
        return false;
    }
    for (size_t i = at; i < at + count; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    return true;
}

static unsigned two_digits(hg_text text, size_t at)
{
    return (unsigned)(text.data[at] - '0') * 10u + (unsigned)(text.data[at + 1] - '0');
}

/** RFC 3339 full-date. */
static bool is_date(hg_text text)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year;
    unsigned month;
    bool leap;

    if (text.length != 10 || !has_digits(text, 0, 4) || text.data[4] != '-' ||
        !has_digits(text, 5, 2) || text.data[7] != '-' || !has_digits(text, 8, 2)) {
        return false;
    }
    year = two_digits(text, 0) * 100u + two_digits(text, 2);
    month = two_digits(text, 5);
    leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month >= 1 && month <= 12 && two_digits(text, 8) >= 1 &&
           two_digits(text, 8) <= days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

/** RFC 3339 time-offset from `at` to the end; minutes to add for UTC. */
static bool read_offset(hg_text text, size_t at, int *out_minutes)
{
    unsigned hours;
    unsigned minutes;

    if (text.length == at + 1 && (text.data[at] == 'Z' || text.data[at] == 'z')) {
        *out_minutes = 0;
        return true;
    }
    if (text.length != at + 6 || (text.data[at] != '+' && text.data[at] != '-') ||
        !has_digits(text, at + 1, 2) || text.data[at + 3] != ':' || !has_digits(text, at + 4, 2)) {
        return false;
    }
    hours = two_digits(text, at + 1);
    minutes = two_digits(text, at + 4);
    *out_minutes = (int)(hours * 60u + minutes) * (text.data[at] == '+' ? -1 : 1);
    return hours <= 23 && minutes <= 59;
}

/** RFC 3339 full-time; a 60th second only where UTC puts leap seconds. */
static bool is_time(hg_text text)
{
    size_t at = 8;
    unsigned hours;
    unsigned minutes;
    unsigned seconds;
    int offset;

    if (!has_digits(text, 0, 2) || !has_digits(text, 3, 2) || !has_digits(text, 6, 2) ||
        text.data[2] != ':' || text.data[5] != ':') {
        return false;
    }
    if (text.length > at && text.data[at] == '.') {
        do {
            at++;
        } while (has_digits(text, at, 1));
        if (at == 9) {
            return false;
        }
    }
    hours = two_digits(text, 0);
    minutes = two_digits(text, 3);
    seconds = two_digits(text, 6);
    if (hours > 23 || minutes > 59 || seconds > 60 || !read_offset(text, at, &offset)) {
        return false;
    }
    return seconds < 60 || (((int)(hours * 60u + minutes) + offset + 2 * 1440) % 1440) == 1439;
}

static bool is_date_time(hg_text text)
{
    hg_text date = {text.data, 10};

    return text.length > 11 && is_date(date) && (text.data[10] == 'T' || text.data[10] == 't') &&
           is_time((hg_text){text.data + 11, text.length - 11});
}

/** RFC 5890 section 2.3.2.1: if it begins as an A-label, it is one: the only form of what it says.
 */
static bool is_label_of_ascii(hg_text label)
{
    char written[LABEL_MAX_BYTES + 1];
    char *unicode = NULL;
    bool is_proper;

    if (label.length < 4 || strncasecmp(label.data, "xn--", 4) != 0) {
        return true;
    }
    for (size_t i = 0; i < label.length; i++) {
        written[i] = (char)tolower((unsigned char)label.data[i]);
    }
    written[label.length] = '\0';
    if (idn2_to_unicode_8z8z(written, &unicode, 0) != IDN2_OK) {
        return false;
    }
    is_proper = idn2_register_u8((const uint8_t *)unicode, (const uint8_t *)written, NULL, 0) ==
                IDN2_OK; /* with all rules of RFC 5892, also those about neighbours */
    idn2_free(unicode);
    return is_proper;
}

/** RFC 1123 section 2.1: letters, digits and inner hyphens between dots. */
static bool is_hostname(hg_text text)
{
    size_t label = 0; /* bytes of the current one */

    if (text.length == 0 || text.length > HOST_NAME_MAX_BYTES) {
        return false;
    }
    for (size_t i = 0; i <= text.length; i++) {
        if (i == text.length || text.data[i] == '.') {
            if (label == 0 || label > LABEL_MAX_BYTES || text.data[i - 1] == '-' ||
                !is_label_of_ascii((hg_text){text.data + i - label, label})) {
                return false;
            }
            label = 0;
        } else if (isalnum((unsigned char)text.data[i]) || (text.data[i] == '-' && label > 0)) {
            label++;
        } else {
            return false;
        }
    }
    return true;
}

static bool is_ipv4(hg_text text)
{
    hg_address address;

    return hgh_address_parse(text, &address) == HG_OK && address.family == HG_ADDRESS_IPV4;
}

static bool is_ipv6(hg_text text)
{
    hg_address address;

    return hgh_address_parse(text, &address) == HG_OK && address.family == HG_ADDRESS_IPV6 &&
           text.data[0] != '[';
}

/** RFC 5321 section 4.1.2: Dot-string or Quoted-string. */
static bool is_local_part(hg_text text)
{
    bool quoted = text.length >= 2 && text.data[0] == '"' && text.data[text.length - 1] == '"';

    if (text.length == 0 || text.length > LOCAL_PART_MAX_BYTES) {
        return false;
    }
    for (size_t i = quoted ? 1 : 0; i < text.length - (quoted ? 1 : 0); i++) {
        unsigned char byte = (unsigned char)text.data[i];

        if (quoted && byte == '\\' && i + 2 < text.length) {
            i++;
        } else if (quoted && (byte == '"' || byte == '\\' || byte < ' ' || byte > '~')) {
            return false;
        } else if (!quoted && byte == '.') {
            if (i == 0 || i + 1 == text.length || text.data[i + 1] == '.') {
                return false;
            }
        } else if (!quoted && (byte == '\0' || byte > '~' ||
                               (!isalnum(byte) && strchr("!#$%&'*+-/=?^_`{|}~", byte) == NULL))) {
            return false;
        }
    }
    return true;
}

/** RFC 5321 section 4.1.3: "[127.0.0.1]" or "[IPv6:::1]". */
static bool is_address_literal(hg_text text)
{
    hg_text inside = {text.data + 1, text.length - 2};

    if (hg_text_starts_with(inside, HG_TEXT("IPv6:"))) {
        return is_ipv6((hg_text){inside.data + 5, inside.length - 5});
    }
    return is_ipv4(inside);
}

static bool is_email(hg_text text)
{
    const char *at = text.length == 0 ? NULL : memrchr(text.data, '@', text.length);
    hg_text domain;

    if (at == NULL || !is_local_part((hg_text){text.data, (size_t)(at - text.data)})) {
        return false;
    }
    domain = (hg_text){at + 1, text.length - (size_t)(at - text.data) - 1};
    if (domain.length > 2 && domain.data[0] == '[' && domain.data[domain.length - 1] == ']') {
        return is_address_literal(domain);
    }
    return is_hostname(domain);
}

/** RFC 6901 section 3. */
static bool is_json_pointer(hg_text text)
{
    if (text.length > 0 && text.data[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == '~' &&
            (i + 1 == text.length || (text.data[i + 1] != '0' && text.data[i + 1] != '1'))) {
            return false;
        }
    }
    return true;
}

/** RFC 4122 section 3. */
static bool is_uuid(hg_text text)
{
    if (text.length != 36) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;

        if (hyphen ? text.data[i] != '-' : !isxdigit((unsigned char)text.data[i])) {
            return false;
        }
    }
    return true;
}

const hgh_json_format *hgh_json_format_find(const char *name)
{
    static const hgh_json_format formats[] = {
        {"date-time", is_date_time, EFFORT},
        {"date", is_date, EFFORT},
        {"time", is_time, EFFORT},
        {"email", is_email, EFFORT},
        {"hostname", is_hostname, EFFORT_OF_HOSTNAME},
        {"ipv4", is_ipv4, EFFORT},
        {"ipv6", is_ipv6, EFFORT},
        {"uri", hgh_uri_is_absolute, EFFORT},
        {"uri-reference", hgh_uri_is_reference, EFFORT},
        {"json-pointer", is_json_pointer, EFFORT},
        {"regex", hgh_regex_is_valid, EFFORT_OF_REGEX},
        {"uuid", is_uuid, EFFORT},
    };

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (strcmp(formats[i].name, name) == 0) {
            return &formats[i];
        }
    }
    return NULL;
}
