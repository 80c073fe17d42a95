/* host/control/settings_decode.c - one decoder for each kind of value in config.yaml. */
#include "host/control/settings_decode.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/quantity.h"

#define FOUND_MAX_BYTES 80u   /* of a value in a message */
#define LOG_FORMAT_MAX  3500u /* bytes: nginx refuses a parameter over 4,096, quoting included */

/* --- findings --- */

void hgh_decode_report(hgh_decode_reader *self,
                       hg_issues *into,
                       const char *pointer,
                       bool at_key,
                       const char *found,
                       const char *wanted,
                       const char *sentence)
{
    const hgh_yaml_mark *mark = self->marks == NULL ? NULL : hgh_yaml_locate(self->marks, pointer);
    unsigned line = 1;
    unsigned column = 1;
    char *text = NULL;

    if (mark != NULL) {
        line = at_key ? mark->key_line : mark->line;
        column = at_key ? mark->key_column : mark->column;
    }
    if (asprintf(&text, "%s:%u:%u: %s%s%s", self->path, line, column, pointer,
                 pointer[0] == '\0' ? "" : ": ", sentence) < 0) {
        self->no_memory = true;
        return;
    }
    hgh_issues_add(into, pointer, found, wanted, text);
    free(text);
}

void hgh_decode_complain(hgh_decode_reader *self,
                         const char *pointer,
                         const char *found,
                         const char *wanted)
{
    char *sentence = NULL;

    if (asprintf(&sentence, "found %s, wanted %s", found, wanted) < 0) {
        self->no_memory = true;
        return;
    }
    hgh_decode_report(self, self->errors, pointer, false, found, wanted, sentence);
    free(sentence);
}

void hgh_decode_warn(hgh_decode_reader *self, const char *pointer, const char *sentence)
{
    hgh_decode_report(self, self->warnings, pointer, true, sentence, "", sentence);
}

/* A value for a message, short and on one line. */
static const char *show(const json_t *value, char buffer[FOUND_MAX_BYTES])
{
    char *json;

    if (json_is_object(value)) {
        return "a mapping";
    }
    if (json_is_array(value)) {
        return json_array_size(value) == 0 ? "an empty list" : "a list";
    }
    json = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    if (json == NULL) {
        return "a value";
    }
    (void)snprintf(buffer, FOUND_MAX_BYTES, "%s", json);
    if (strlen(json) >= FOUND_MAX_BYTES) {
        (void)snprintf(buffer + FOUND_MAX_BYTES - 4, 4, "...");
    }
    free(json);
    return buffer;
}

void hgh_decode_complain_value(hgh_decode_reader *self,
                               const char *pointer,
                               const json_t *value,
                               const char *wanted)
{
    char buffer[FOUND_MAX_BYTES];

    hgh_decode_complain(self, pointer, show(value, buffer), wanted);
}

void hgh_decode_complain_secret(hgh_decode_reader *self,
                                const char *pointer,
                                const json_t *value,
                                const char *wanted)
{
    hgh_decode_complain(self, pointer,
                        json_is_string(value)   ? "a text"
                        : json_is_number(value) ? "a number"
                                                : "another type",
                        wanted);
}

void hgh_decode_append_index(char *pointer, size_t size, const char *parent, size_t index)
{
    (void)snprintf(pointer, size, "%s/%zu", parent, index);
}

void hgh_decode_append_key(char *pointer, size_t size, const char *parent, const char *key)
{
    (void)snprintf(pointer, size, "%s", parent);
    (void)hgh_pointer_append(pointer, strlen(pointer), size, key);
}

/* --- members --- */

static void *member(hgh_decode_reader *self, size_t offset)
{
    return (char *)self->settings + offset;
}

static void put_integer(hgh_decode_reader *self, const hgh_decode_row *row, int64_t number)
{
    memcpy(member(self, row->offset), &number, sizeof(number));
}

static void put_bool(hgh_decode_reader *self, const hgh_decode_row *row, bool value)
{
    memcpy(member(self, row->offset), &value, sizeof(value));
}

void hgh_decode_put_text(hgh_decode_reader *self, const hgh_decode_row *row, const char *text)
{
    char **place = member(self, row->offset);

    free(*place);
    *place = strdup(text);
    if (*place == NULL) {
        self->no_memory = true;
    }
}

void hgh_decode_put_json(hgh_decode_reader *self, const hgh_decode_row *row, const json_t *value)
{
    json_t **place = member(self, row->offset);

    json_decref(*place);
    *place = json_deep_copy(value);
    if (*place == NULL) {
        self->no_memory = true;
    }
}

void hgh_decode_put_list(hgh_decode_reader *self,
                         const hgh_decode_row *row,
                         void *items,
                         size_t count)
{
    void **place = member(self, row->offset);

    *place = items;
    memcpy(member(self, row->count_offset), &count, sizeof(count));
}

/* --- scalars --- */

void hgh_decode_bool(hgh_decode_reader *self,
                     const hgh_decode_row *row,
                     json_t *value,
                     const char *pointer)
{
    if (!json_is_boolean(value)) {
        hgh_decode_complain_value(self, pointer, value, "true or false");
        return;
    }
    put_bool(self, row, json_is_true(value));
}

/* nginx's own toggles: APISIX's file has them as text. */
void hgh_decode_switch(hgh_decode_reader *self,
                       const hgh_decode_row *row,
                       json_t *value,
                       const char *pointer)
{
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    bool on = json_is_true(value) || strcmp(text, "on") == 0;

    if (!on && !json_is_false(value) && strcmp(text, "off") != 0) {
        hgh_decode_complain_value(self, pointer, value, "on or off");
        return;
    }
    put_bool(self, row, on);
}

static bool check_range(hgh_decode_reader *self,
                        const hgh_decode_row *row,
                        const json_t *value,
                        const char *pointer,
                        int64_t number,
                        const char *unit)
{
    char wanted[100];

    if (number >= row->min && number <= row->max) {
        return true;
    }
    (void)snprintf(wanted, sizeof(wanted), "%lld to %lld%s", (long long)row->min,
                   (long long)row->max, unit);
    hgh_decode_complain_value(self, pointer, value, wanted);
    return false;
}

void hgh_decode_integer(hgh_decode_reader *self,
                        const hgh_decode_row *row,
                        json_t *value,
                        const char *pointer)
{
    if (!json_is_integer(value)) {
        hgh_decode_complain_value(self, pointer, value, "a whole number");
    } else if (check_range(self, row, value, pointer, json_integer_value(value), "")) {
        put_integer(self, row, json_integer_value(value));
    }
}

void hgh_decode_workers(hgh_decode_reader *self,
                        const hgh_decode_row *row,
                        json_t *value,
                        const char *pointer)
{
    if (json_is_string(value) && strcmp(json_string_value(value), "auto") == 0) {
        put_integer(self, row, 0);
    } else if (!json_is_integer(value)) {
        hgh_decode_complain_value(self, pointer, value, "auto or a whole number");
    } else if (check_range(self, row, value, pointer, json_integer_value(value), " or auto")) {
        put_integer(self, row, json_integer_value(value));
    }
}

static bool read_decimal(const char *text, long max, long *out_number)
{
    char *end = NULL;
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 9 || text[digits] != '\0') {
        return false;
    }
    *out_number = strtol(text, &end, 10);
    return *out_number <= max;
}

/* As nginx takes it: parts such as 1h30m, or a number of seconds. */
static bool read_duration_text(const char *text, int64_t *out_ms)
{
    int64_t total_ms = 0;
    long seconds = 0;

    if (read_decimal(text, LONG_MAX / 1000, &seconds)) {
        *out_ms = seconds * 1000;
        return true;
    }
    for (const char *at = text; at == text || *at != '\0';) {
        size_t digits = strspn(at, "0123456789.");
        size_t length = digits + strcspn(at + digits, "0123456789");
        int64_t ms = 0;

        if (!hgh_duration_parse((hg_text){.data = at, .length = length}, &ms) ||
            ms > INT64_MAX - total_ms) {
            return false;
        }
        total_ms += ms;
        at += length;
    }
    *out_ms = total_ms;
    return true;
}

static bool read_duration(const json_t *value, int64_t *out_ms)
{
    if (json_is_string(value)) {
        return read_duration_text(json_string_value(value), out_ms);
    }
    if (json_is_integer(value) && json_integer_value(value) >= 0 &&
        json_integer_value(value) < INT64_MAX / 1000) {
        *out_ms = json_integer_value(value) * 1000;
        return true;
    }
    return false;
}

void hgh_decode_milliseconds(hgh_decode_reader *self,
                             const hgh_decode_row *row,
                             json_t *value,
                             const char *pointer)
{
    int64_t ms = 0;

    if (!read_duration(value, &ms)) {
        hgh_decode_complain_value(self, pointer, value,
                                  "a duration such as 60s, 500ms or a number of seconds");
    } else if (check_range(self, row, value, pointer, ms, " ms")) {
        put_integer(self, row, ms);
    }
}

void hgh_decode_seconds(hgh_decode_reader *self,
                        const hgh_decode_row *row,
                        json_t *value,
                        const char *pointer)
{
    int64_t ms = 0;

    if (!read_duration(value, &ms) || ms % 1000 != 0) {
        hgh_decode_complain_value(self, pointer, value,
                                  "a duration in whole seconds, such as 5 or 1m");
    } else if (check_range(self, row, value, pointer, ms / 1000, " s")) {
        put_integer(self, row, ms / 1000);
    }
}

void hgh_decode_bytes(hgh_decode_reader *self,
                      const hgh_decode_row *row,
                      json_t *value,
                      const char *pointer)
{
    int64_t bytes = 0;
    bool is_size =
        json_is_string(value) && hgh_bytes_parse(hg_text_of(json_string_value(value)), &bytes);

    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        bytes = json_integer_value(value);
        is_size = true;
    }
    if (!is_size) {
        hgh_decode_complain_value(self, pointer, value,
                                  "a size such as 64m, 512k or a number of bytes");
    } else if (check_range(self, row, value, pointer, bytes, " bytes")) {
        put_integer(self, row, bytes);
    }
}

bool hgh_decode_has_word(const char *words, const char *text)
{
    size_t length = strlen(text);

    for (const char *at = words; *at != '\0';) {
        size_t word = strcspn(at, " ");

        if (word == length && strncmp(at, text, length) == 0) {
            return true;
        }
        at += word;
        at += *at == ' ' ? 1 : 0;
    }
    return false;
}

void hgh_decode_word(hgh_decode_reader *self,
                     const hgh_decode_row *row,
                     json_t *value,
                     const char *pointer)
{
    char wanted[200];

    if (json_is_string(value) && hgh_decode_has_word(row->words, json_string_value(value))) {
        hgh_decode_put_text(self, row, json_string_value(value));
        return;
    }
    (void)snprintf(wanted, sizeof(wanted), "one of: %s", row->words);
    hgh_decode_complain_value(self, pointer, value, wanted);
}

bool hgh_settings_is_safe(const char *text)
{
    if (text[0] == '\0') {
        return false;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (iscntrl((unsigned char)*at) || strchr("\"'`;{}$\\#", *at) != NULL) {
            return false;
        }
    }
    return true;
}

void hgh_decode_path(hgh_decode_reader *self,
                     const hgh_decode_row *row,
                     json_t *value,
                     const char *pointer)
{
    if (!json_is_string(value) || !hgh_settings_is_safe(json_string_value(value)) ||
        json_string_length(value) >= PATH_MAX) {
        hgh_decode_complain_value(
            self, pointer, value,
            "a path without control characters and any of \" ' ` ; { } $ \\ #");
        return;
    }
    hgh_decode_put_text(self, row, json_string_value(value));
}

void hgh_decode_file(hgh_decode_reader *self,
                     const hgh_decode_row *row,
                     json_t *value,
                     const char *pointer)
{
    if (!json_is_string(value) || json_string_length(value) > 0) { /* "" is none, as in APISIX */
        hgh_decode_path(self, row, value, pointer);
    }
}

/* A user's name, or a header's: no character that nginx.conf or HTTP would read otherwise. */
void hgh_decode_token(hgh_decode_reader *self,
                      const hgh_decode_row *row,
                      json_t *value,
                      const char *pointer)
{
    const char *text = json_is_string(value) ? json_string_value(value) : "";

    if (text[0] == '\0' || text[0] == '-' || strlen(text) > NAME_MAX ||
        text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")] !=
            '\0') {
        hgh_decode_complain_value(self, pointer, value,
                                  "a name of letters, digits, `_`, `-` and `.`");
        return;
    }
    hgh_decode_put_text(self, row, text);
}

void hgh_decode_log_format(hgh_decode_reader *self,
                           const hgh_decode_row *row,
                           json_t *value,
                           const char *pointer)
{
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    bool is_clean = text[0] != '\0' && strlen(text) <= LOG_FORMAT_MAX;

    for (const char *at = text; *at != '\0'; at++) {
        is_clean = is_clean && !iscntrl((unsigned char)*at);
    }
    if (!is_clean) {
        hgh_decode_complain_value(
            self, pointer, value,
            "text on one line, without control characters, of at most 3500 bytes");
        return;
    }
    hgh_decode_put_text(self, row, text);
}

void hgh_decode_snippet(hgh_decode_reader *self,
                        const hgh_decode_row *row,
                        json_t *value,
                        const char *pointer)
{
    if (!json_is_string(value)) {
        hgh_decode_complain_value(self, pointer, value, "text: lines of nginx.conf");
        return;
    }
    hgh_decode_put_text(self, row, json_string_value(value));
}

/* --- lists of text --- */

static bool is_address(const char *text, size_t length, int *out_bits)
{
    char copy[INET6_ADDRSTRLEN];
    unsigned char bytes[16];

    if (length == 0 || length >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (inet_pton(AF_INET, copy, bytes) == 1) {
        *out_bits = 32;
        return true;
    }
    *out_bits = 128;
    return inet_pton(AF_INET6, copy, bytes) == 1;
}

static bool is_network(const char *text)
{
    const char *slash = strchr(text, '/');
    size_t length = slash == NULL ? strlen(text) : (size_t)(slash - text);
    int bits = 0;
    long prefix;

    return is_address(text, length, &bits) &&
           (slash == NULL || read_decimal(slash + 1, bits, &prefix));
}

static bool is_trusted(const char *text)
{
    return strcmp(text, "unix:") == 0 || is_network(text);
}

/* As nginx's `resolver` takes it: an address, IPv6 in brackets, and perhaps a port. */
static bool is_name_server(const char *text)
{
    const char *rest;
    int bits = 0;
    long port;

    if (text[0] == '[') {
        const char *close = strchr(text, ']');

        if (close == NULL || !is_address(text + 1, (size_t)(close - text) - 1, &bits)) {
            return false;
        }
        rest = close + 1;
    } else {
        size_t length = strcspn(text, ":");

        if (!is_address(text, length, &bits)) {
            return false;
        }
        rest = text + length;
    }
    return rest[0] == '\0' || (rest[0] == ':' && read_decimal(rest + 1, 65535, &port) && port > 0);
}

void hgh_decode_texts(hgh_decode_reader *self,
                      const hgh_decode_row *row,
                      const json_t *value,
                      const char *pointer,
                      bool (*is_good)(const char *text),
                      const char *wanted)
{
    size_t count = json_array_size(value);
    size_t taken = 0;
    char **texts;

    if (!json_is_array(value) || count < (size_t)row->min || count > HGH_DECODE_LIST_MAX) {
        hgh_decode_complain_value(self, pointer, value, wanted);
        return;
    }
    texts = calloc(count + 1, sizeof(*texts));
    if (texts == NULL) {
        self->no_memory = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(value, i);

        if (json_is_string(item) && is_good(json_string_value(item))) {
            texts[taken] = strdup(json_string_value(item));
            self->no_memory = self->no_memory || texts[taken] == NULL;
            taken++;
        } else {
            char place[HGH_DECODE_POINTER_MAX];

            hgh_decode_append_index(place, sizeof(place), pointer, i);
            hgh_decode_complain_value(self, place, item, wanted);
        }
    }
    hgh_decode_put_list(self, row, texts, taken);
}

void hgh_decode_networks(hgh_decode_reader *self,
                         const hgh_decode_row *row,
                         json_t *value,
                         const char *pointer)
{
    hgh_decode_texts(self, row, value, pointer, is_network,
                     "a list of addresses and networks, not empty; 0.0.0.0/0 and ::/0 are all");
}

void hgh_decode_trusted(hgh_decode_reader *self,
                        const hgh_decode_row *row,
                        json_t *value,
                        const char *pointer)
{
    hgh_decode_texts(self, row, value, pointer, is_trusted,
                     "a list of addresses, networks and unix:");
}

void hgh_decode_name_servers(hgh_decode_reader *self,
                             const hgh_decode_row *row,
                             json_t *value,
                             const char *pointer)
{
    hgh_decode_texts(self, row, value, pointer, is_name_server,
                     "a list of name servers such as 10.0.0.2, 10.0.0.2:53 or [fd00::2]:53");
}

/* Plugin names, file names: no separator, since they become parts of paths. */
void hgh_decode_names(hgh_decode_reader *self,
                      const hgh_decode_row *row,
                      json_t *value,
                      const char *pointer)
{
    bool is_good = json_is_array(value);

    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *name = json_string_value(json_array_get(value, i));
        char place[HGH_DECODE_POINTER_MAX];

        if (name != NULL && hgh_settings_is_safe(name) && strpbrk(name, "/ ") == NULL) {
            continue;
        }
        hgh_decode_append_index(place, sizeof(place), pointer, i);
        hgh_decode_complain_value(self, place, json_array_get(value, i), "a name");
        is_good = false;
    }
    if (!json_is_array(value)) {
        hgh_decode_complain_value(self, pointer, value, "a list of names");
    }
    if (is_good) {
        hgh_decode_put_json(self, row, value);
    }
}

void hgh_decode_attributes(hgh_decode_reader *self,
                           const hgh_decode_row *row,
                           json_t *value,
                           const char *pointer)
{
    if (!json_is_object(value)) {
        hgh_decode_complain_value(self, pointer, value, "a mapping of plugin names");
        return;
    }
    hgh_decode_put_json(self, row, value);
}

/* --- listeners --- */

static bool put_address(hgh_listen *listen, const char *text, size_t length)
{
    int bits = 0;

    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
    }
    if (!is_address(text, length, &bits)) {
        return false;
    }
    memcpy(listen->address, text, length);
    listen->address[length] = '\0';
    return true;
}

static bool put_port(hgh_listen *listen, json_int_t port)
{
    listen->port = (uint16_t)port;
    return port > 0 && port <= UINT16_MAX;
}

/* Keys of {ip, port}; those with TLS or HTTP/2 are known to the data plane's own lists. */
static const json_t *
check_listen_keys(hgh_decode_reader *self, json_t *value, const char *pointer, hgh_listen *listen)
{
    const char *key;
    json_t *item;

    json_object_foreach(value, key, item)
    {
        char place[HGH_DECODE_POINTER_MAX];

        hgh_decode_append_key(place, sizeof(place), pointer, key);
        if (strcmp(key, "enable_http2") == 0 && json_is_boolean(item)) {
            listen->http2 = json_is_true(item);
        } else if (strcmp(key, "enable_http2") == 0) {
            hgh_decode_complain_value(self, place, item, "true or false");
        } else if (strcmp(key, "enable_http3") == 0) {
            hgh_decode_warn(self, place, "known from APISIX, has no effect in this gateway");
        } else if (strcmp(key, "ip") != 0 && strcmp(key, "port") != 0) {
            hgh_decode_complain(self, place, "an unknown key", "ip or port");
        }
    }
    return json_object_get(value, "port");
}

/* 9080, "10.0.0.1:9080", "[::1]:9080", or {ip, port}; the row says which address is meant. */
static bool decode_listen_entry(hgh_decode_reader *self,
                                const hgh_decode_row *row,
                                json_t *value,
                                const char *pointer,
                                hgh_listen *listen)
{
    bool is_good = false;

    (void)snprintf(listen->address, sizeof(listen->address), "%s", row->words);
    listen->http2 = row->min > 0;
    if (json_is_integer(value)) {
        is_good = put_port(listen, json_integer_value(value));
    } else if (json_is_string(value)) {
        const char *text = json_string_value(value);
        const char *colon = strrchr(text, ':');
        long port = 0;

        is_good = read_decimal(colon == NULL ? text : colon + 1, UINT16_MAX, &port) &&
                  put_port(listen, port) &&
                  (colon == NULL || put_address(listen, text, (size_t)(colon - text)));
    } else if (json_is_object(value)) {
        const json_t *ip = json_object_get(value, "ip");
        const json_t *port = check_listen_keys(self, value, pointer, listen);

        is_good = json_is_integer(port) && put_port(listen, json_integer_value(port)) &&
                  (ip == NULL || json_is_null(ip) ||
                   (json_is_string(ip) &&
                    put_address(listen, json_string_value(ip), json_string_length(ip))));
    }
    if (!is_good) {
        hgh_decode_complain_value(
            self, pointer, value,
            "a port of 1 to 65535, \"ADDRESS:PORT\", or {ip: ADDRESS, port: PORT}");
    }
    return is_good;
}

static hgh_listen *listen_of(hgh_decode_reader *self, const hgh_decode_row *row)
{
    return (hgh_listen *)(void *)((char *)self->settings + row->offset);
}

void hgh_decode_listen_ip(hgh_decode_reader *self,
                          const hgh_decode_row *row,
                          json_t *value,
                          const char *pointer)
{
    if (!json_is_string(value) ||
        !put_address(listen_of(self, row), json_string_value(value), json_string_length(value))) {
        hgh_decode_complain_value(self, pointer, value, "an IP address to listen on");
    }
}

void hgh_decode_listen_port(hgh_decode_reader *self,
                            const hgh_decode_row *row,
                            json_t *value,
                            const char *pointer)
{
    json_int_t port = json_integer_value(value);

    if (!json_is_integer(value) || port < row->min || port > UINT16_MAX) {
        hgh_decode_complain_value(self, pointer, value,
                                  row->min == 0 ? "a port of 1 to 65535, or 0: none"
                                                : "a port of 1 to 65535");
        return;
    }
    listen_of(self, row)->port = (uint16_t)port;
}

static bool listens_twice(const hgh_listen *listens, size_t count)
{
    for (size_t i = 0; i + 1 < count; i++) {
        if (listens[i].port == listens[count - 1].port &&
            strcmp(listens[i].address, listens[count - 1].address) == 0) {
            return true;
        }
    }
    return false;
}

void hgh_decode_listen(hgh_decode_reader *self,
                       const hgh_decode_row *row,
                       json_t *value,
                       const char *pointer)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    size_t taken = 0;
    hgh_listen *listens;

    if (count == 0 || count > HGH_DECODE_LIST_MAX) {
        hgh_decode_complain_value(self, pointer, value, "at least one port to listen on");
        return;
    }
    listens = calloc(count, sizeof(*listens));
    if (listens == NULL) {
        self->no_memory = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        char place[HGH_DECODE_POINTER_MAX];

        (void)snprintf(place, sizeof(place), "%s", pointer);
        if (json_is_array(value)) {
            hgh_decode_append_index(place, sizeof(place), pointer, i);
        }
        if (!decode_listen_entry(self, row, item, place, &listens[taken])) {
            continue;
        }
        taken++;
        if (listens_twice(listens, taken)) {
            hgh_decode_complain_value(self, place, item, "an address that is not in the list yet");
        }
    }
    hgh_decode_put_list(self, row, listens, taken);
}
