/* file-logger.c - writes a line of JSON into a file for each request. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotgate/plugin.h>

#define PATH_LENGTH_MAX    4095
#define FILES_MAX          64u    /* open at once; the one that was used least recently is closed */
#define REOPEN_INTERVAL_MS 1000u  /* how often a path is looked at again */
#define ERROR_INTERVAL_MS  60000u /* how often a file that cannot be written is complained about */
#define VERSION            "3.18.0" /* the level of the interface, as clients of APISIX know it */
#define FILE_MODE          0640     /* requests hold credentials */
#define REPLACEMENT        "\xef\xbf\xbd" /* U+FFFD, for what is no UTF-8 */

typedef struct file_logger {
    hg_text path;
    const json_t *log_format; /* NULL: not given */
    bool include_request_body;
    bool include_response_body;
    int64_t request_body_max;
    int64_t response_body_max;
    const hg_expression *request_body_expression; /* NULL: always, as the next two */
    const hg_expression *response_body_expression;
    const hg_expression *match;
} file_logger;

/* What holds for all uses that do not say otherwise. */
typedef struct shared_settings {
    hg_text path;
    const json_t *log_format;
} shared_settings;

/* Text, or a variable's name behind a dollar sign; objects of these within one another. */
#define FORMAT_TEXT                                                                                \
    "{\"type\": \"string\", \"pattern\": \"^([^$]|\\\\$([a-zA-Z0-9_]+|post_arg[.].+)$|$)\"}"
#define FORMAT_LEVEL(inner)                                                                        \
    "{\"anyOf\": [" FORMAT_TEXT ", {\"type\": \"object\", \"additionalProperties\": " inner "}]}"
#define FORMAT_VALUE                                                                               \
    "{\"description\": \"Text, a variable's name behind a dollar sign (`$remote_addr`,"            \
    " `$post_arg.user.name`), or an object of these, up to five within one another.\", \"anyOf\":" \
    " [" FORMAT_TEXT ", {\"title\": \"object of such values\", \"type\": \"object\", "             \
    "\"additionalProperties\": " FORMAT_LEVEL(FORMAT_LEVEL(FORMAT_LEVEL(FORMAT_TEXT))) "}]}"
#define FORMAT(options)                                                                            \
    "{\"type\": \"object\", " options "\"additionalProperties\": " FORMAT_VALUE "}"

static const hg_field fields[] = {
    HG_STRING(file_logger,
              path,
              "path",
              .summary = "The file that lines are added to. Left out: that of the metadata.",
              .min_length = 1,
              .max_length = PATH_LENGTH_MAX),
    HG_JSON(file_logger,
            log_format,
            "log_format",
            .summary = "What a line holds, by name; `route_id` and `service_id` are added. Left "
                       "out: that of the metadata.",
            .example = "{\"host\": \"$host\", \"client_ip\": \"$remote_addr\"}",
            .schema = FORMAT("\"minProperties\": 1, ")),
    HG_BOOL(file_logger,
            include_request_body,
            "include_req_body",
            .summary = "With the request body.",
            .initial = "false"),
    HG_BOOL(file_logger,
            include_response_body,
            "include_resp_body",
            .summary = "With the response body.",
            .initial = "false"),
    HG_INT(file_logger,
           request_body_max,
           "max_req_body_bytes",
           .summary = "A longer request body is left out, and the log says so.",
           .min = 1,
           .initial = "524288"),
    HG_INT(file_logger,
           response_body_max,
           "max_resp_body_bytes",
           .summary = "A longer response body is cut.",
           .min = 1,
           .initial = "524288"),
    HG_EXPRESSION(file_logger,
                  request_body_expression,
                  "include_req_body_expr",
                  .summary = "Only requests for which it holds are logged with their body."),
    HG_EXPRESSION(file_logger,
                  response_body_expression,
                  "include_resp_body_expr",
                  .summary = "Only responses for which it holds are logged with their body; it is "
                             "looked at when their first piece is there."),
    HG_EXPRESSION(
        file_logger, match, "match", .summary = "Only requests for which it holds are logged."),
    HG_FIELDS_END,
};

static const hg_field metadata_fields[] = {
    HG_STRING(shared_settings,
              path,
              "path",
              .summary = "The file of configurations without one.",
              .min_length = 1,
              .max_length = PATH_LENGTH_MAX),
    HG_JSON(shared_settings,
            log_format,
            "log_format",
            .summary = "What a line holds where the configuration does not say it.",
            .example = "{\"host\": \"$host\", \"client_ip\": \"$remote_addr\"}",
            .schema = FORMAT("")),
    HG_FIELDS_END,
};

/* A piece of a response body that is kept for the log. */
typedef struct body_piece {
    struct body_piece *next;
    hg_text bytes;
} body_piece;

typedef struct logger_data {
    hg_text request_body;
    body_piece *first;
    body_piece *last;
    size_t length;
    bool response_judged; /* at its first piece */
    bool response_kept;
} logger_data;

/* ------------------------------------------------------------------------------------ files */

/* A file as this process has it open. */
typedef struct log_file {
    struct log_file *next;
    int fd; /* -1: it cannot be opened now */
    dev_t device;
    ino_t inode;
    uint64_t looked_ms; /* when its path was looked at */
    uint64_t used_ms;
    uint64_t complained_ms; /* 0: never */
    bool line_is_broken;    /* the disk was full in the middle of one */
    char path[];
} log_file;

static log_file *files; /* of this process; freed by leave() */
static uint32_t file_count;
static uint64_t complained_of_path_ms; /* that there is none; 0: never */

static void file_close(log_file *file)
{
    if (file->fd >= 0) {
        (void)close(file->fd); /* O_APPEND and one write() a line: nothing is left to lose */
    }
    file->fd = -1;
}

static void leave(void)
{
    while (files != NULL) {
        log_file *next = files->next;

        file_close(files);
        free(files);
        files = next;
    }
    file_count = 0;
}

/* Says what is wrong with a file, once a minute. */
static void complain(hg_request *request, log_file *file, const char *what, const char *why)
{
    if (file->complained_ms != 0 && hg_now_ms() - file->complained_ms < ERROR_INTERVAL_MS) {
        return;
    }
    file->complained_ms = hg_now_ms();
    hg_log(request, HG_LOG_ERROR, "failed to %s file: %s, error info: %s", what, file->path, why);
}

/* The same of a request that has no file. */
static void complain_of_path(hg_request *request)
{
    if (complained_of_path_ms == 0 || hg_now_ms() - complained_of_path_ms >= ERROR_INTERVAL_MS) {
        complained_of_path_ms = hg_now_ms();
        hg_log(request, HG_LOG_ERROR, "neither the configuration nor the metadata has a path");
    }
}

static void files_make_room(void)
{
    log_file **oldest = &files;
    log_file *gone;

    for (log_file **at = &files; *at != NULL; at = &(*at)->next) {
        if ((*at)->used_ms < (*oldest)->used_ms) {
            oldest = at;
        }
    }
    gone = *oldest;
    *oldest = gone->next;
    file_close(gone);
    free(gone);
    file_count--;
}

static log_file *file_find(hg_text path)
{
    log_file *file = files;

    while (file != NULL && strcmp(file->path, path.data) != 0) {
        file = file->next;
    }
    if (file != NULL) {
        return file;
    }
    if (file_count == FILES_MAX) {
        files_make_room();
    }
    file = calloc(1, sizeof(*file) + path.length + 1);
    if (file == NULL) {
        return NULL;
    }
    memcpy(file->path, path.data, path.length);
    file->fd = -1;
    file->next = files;
    files = file;
    file_count++;
    return file;
}

/* A pipe could block the whole worker, a device could do anything: only regular files. */
static void file_open(hg_request *request, log_file *file)
{
    struct stat status;

    file->fd = open(file->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                    FILE_MODE);
    if (file->fd < 0 || fstat(file->fd, &status) != 0) {
        complain(request, file, "open", strerror(errno));
        file_close(file);
        return;
    }
    if (!S_ISREG(status.st_mode)) {
        complain(request, file, "open", "not a regular file");
        file_close(file);
        return;
    }
    file->device = status.st_dev;
    file->inode = status.st_ino;
}

/* Opens what is not open, and what has been moved away since. */
static void file_refresh(hg_request *request, log_file *file)
{
    uint64_t now_ms = hg_now_ms();
    struct stat status;

    file->used_ms = now_ms;
    if (file->looked_ms != 0 && now_ms - file->looked_ms < REOPEN_INTERVAL_MS) {
        return;
    }
    file->looked_ms = now_ms;
    if (file->fd >= 0 && stat(file->path, &status) == 0 && status.st_dev == file->device &&
        status.st_ino == file->inode) {
        return;
    }
    file_close(file);
    file_open(request, file);
}

/* One call for one line, so that lines of several workers do not mix. `line` begins with a line
 * feed of its own, which goes out only behind a line that was cut. */
static void file_write(hg_request *request, log_file *file, const char *line, size_t length)
{
    size_t skipped = file->line_is_broken ? 0 : 1;
    ssize_t written;

    if (file->fd < 0) {
        return;
    }
    written = write(file->fd, line + skipped, length - skipped);
    if (written < 0) {
        complain(request, file, "write", strerror(errno));
        return;
    }
    file->line_is_broken = (size_t)written < length - skipped;
    if (file->line_is_broken) {
        complain(request, file, "write", "the line was cut: is the disk full?");
    }
}

/* ------------------------------------------------------------------------------------ entry */

/* A text as JSON; what is no UTF-8 in it becomes U+FFFD. */
static json_t *json_of(hg_request *request, hg_text text)
{
    json_t *value;
    char *clean;
    size_t length = 0;

    if (text.data == NULL) {
        return NULL;
    }
    value = json_stringn(text.data, text.length);
    clean = value != NULL ? NULL : hg_request_allocate(request, text.length * 3 + 1);
    if (clean == NULL) {
        return value;
    }
    for (size_t i = 0; i < text.length;) {
        json_t *character = NULL;
        size_t size = 0;

        while (character == NULL && size < 4 && i + size < text.length) {
            character = json_stringn(text.data + i, ++size);
        }
        if (character != NULL) {
            memcpy(clean + length, text.data + i, size);
            length += size;
            i += size;
        } else {
            memcpy(clean + length, REPLACEMENT, sizeof(REPLACEMENT) - 1);
            length += sizeof(REPLACEMENT) - 1;
            i++;
        }
        json_decref(character);
    }
    return json_stringn(clean, length);
}

static json_t *variable(hg_request *request, const char *name)
{
    return json_of(request, hg_request_variable(request, hg_text_of(name)));
}

static json_t *number_variable(hg_request *request, const char *name)
{
    hg_text text = hg_request_variable(request, hg_text_of(name));

    return text.data == NULL ? NULL : json_integer(strtoll(text.data, NULL, 10));
}

/* Milliseconds of a variable in seconds: the sum of a list such as "0.100, 0.250"; -1: no value. */
static double milliseconds(hg_request *request, const char *name)
{
    hg_text text = hg_request_variable(request, hg_text_of(name));
    const char *at = text.data;
    double sum = -1;

    while (at != NULL && *at != '\0') {
        char *end = NULL;
        double seconds = strtod(at, &end);

        if (end != at) {
            sum = (sum < 0 ? 0 : sum) + seconds * 1000.0;
        }
        at = end == at ? at + 1 : end;
    }
    return sum;
}

/* Adds a member; several values of one name become an array. */
static void member_add(json_t *object, const char *name, json_t *value)
{
    json_t *there = json_object_get(object, name);

    if (value == NULL) {
        return;
    }
    if (there == NULL) {
        (void)json_object_set_new(object, name, value); /* without memory it is missing */
        return;
    }
    if (!json_is_array(there)) {
        json_t *array = json_pack("[O]", there);

        (void)json_object_set_new(object, name, array);
        there = array;
    }
    (void)json_array_append_new(there, value);
}

/* Names in lower case, as APISIX writes them. */
static const char *lower_case(hg_request *request, hg_text name)
{
    char *copy = hg_request_allocate(request, name.length + 1);

    if (copy == NULL) {
        return "";
    }
    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];

        copy[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    copy[name.length] = '\0';
    return copy;
}

static json_t *headers(hg_request *request,
                       bool (*at)(hg_request *request, size_t index, hg_header *out_header))
{
    json_t *object = json_object();
    hg_header header;

    for (size_t i = 0; object != NULL && at(request, i, &header); i++) {
        member_add(object, lower_case(request, header.name), json_of(request, header.value));
    }
    return object;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static hg_text query_decode(hg_request *request, const char *from, const char *end)
{
    char *decoded = hg_request_allocate(request, (size_t)(end - from) + 1);
    hg_text none = {NULL, 0};
    size_t length = 0;

    if (decoded == NULL) {
        return none;
    }
    for (; from < end; from++) {
        char c = *from == '+' ? ' ' : *from;

        if (c == '%' && end - from > 2 && hex_value(from[1]) >= 0 && hex_value(from[2]) >= 0) {
            c = (char)(hex_value(from[1]) * 16 + hex_value(from[2]));
            from += 2;
        }
        decoded[length++] = c;
    }
    decoded[length] = '\0';
    return (hg_text){decoded, length};
}

/* The arguments by name; one without "=" is true. */
static json_t *query(hg_request *request)
{
    hg_text arguments = hg_request_arguments(request);
    const char *at = arguments.data;
    const char *end = at + arguments.length;
    json_t *object = json_object();

    while (object != NULL && at < end) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        const char *equals;
        hg_text name;

        stop = stop == NULL ? end : stop;
        equals = memchr(at, '=', (size_t)(stop - at));
        name = query_decode(request, at, equals == NULL ? stop : equals);
        if (name.length > 0) {
            json_t *key = json_of(request, name); /* for a key that is UTF-8 */

            member_add(object, key == NULL ? "" : json_string_value(key),
                       equals == NULL ? json_true()
                                      : json_of(request, query_decode(request, equals + 1, stop)));
            json_decref(key);
        }
        at = stop + 1;
    }
    return object;
}

static json_t *url(hg_request *request)
{
    hg_text scheme = hg_request_scheme(request);
    hg_text host = hg_request_host(request);
    hg_text port = hg_request_variable(request, HG_TEXT("server_port"));
    hg_text target = hg_request_raw_uri(request);
    size_t size = scheme.length + host.length + port.length + target.length + sizeof("://:");
    char *text = hg_request_allocate(request, size);
    hg_text none = {NULL, 0};
    int length;

    if (text == NULL) {
        return json_of(request, none);
    }
    length = snprintf(text, size, "%s://%s:%s%s", scheme.data, host.data == NULL ? "" : host.data,
                      port.data == NULL ? "" : port.data, target.data);
    return json_of(request, (hg_text){text, (size_t)length});
}

static json_t *response_body(hg_request *request, const logger_data *data)
{
    char *joined = hg_request_allocate(request, data->length + 1);
    hg_text none = {NULL, 0};
    size_t length = 0;

    if (joined == NULL) {
        return json_of(request, none);
    }
    for (const body_piece *piece = data->first; piece != NULL; piece = piece->next) {
        memcpy(joined + length, piece->bytes.data, piece->bytes.length);
        length += piece->bytes.length;
    }
    return json_of(request, (hg_text){joined, length});
}

static json_t *hostname(hg_request *request)
{
    return json_pack("{s:o*, s:s}", "hostname", variable(request, "hostname"), "version", VERSION);
}

static json_t *default_entry(hg_request *request, const file_logger *own, const logger_data *data)
{
    hg_text service = hg_request_object(request, HG_OBJECT_SERVICE_ID);
    hg_text consumer = hg_request_object(request, HG_OBJECT_CONSUMER_NAME);
    double latency = milliseconds(request, "request_time");
    double upstream = milliseconds(request, "upstream_response_time");
    double own_latency = latency - (upstream < 0 ? 0 : upstream);
    hg_text none = {NULL, 0};

    return json_pack(
        "{s:{s:o*, s:o*, s:o*, s:o*, s:o*, s:o*, s:o*}, s:{s:i, s:o*, s:o*, s:o*}, s:o*, s:o*,"
        " s:o*, s:o*, s:o*, s:o*, s:I, s:f, s:o*, s:f}",
        "request", "url", url(request), "uri", json_of(request, hg_request_raw_uri(request)),
        "method", json_of(request, hg_request_method(request)), "headers",
        headers(request, hg_request_header_at), "querystring", query(request), "size",
        number_variable(request, "request_length"), "body",
        own->include_request_body && data != NULL &&
                hg_expression_holds(request, own->request_body_expression)
            ? json_of(request, data->request_body)
            : NULL,
        "response", "status", (int)hg_response_status(request), "headers",
        headers(request, hg_response_header_at), "size", number_variable(request, "bytes_sent"),
        "body", data != NULL && data->response_kept ? response_body(request, data) : NULL, "server",
        hostname(request), "upstream", variable(request, "upstream_addr"), "service_id",
        json_of(request, service.data == NULL ? HG_TEXT("") : service), "route_id",
        json_of(request, hg_request_object(request, HG_OBJECT_ROUTE_ID)), "consumer",
        consumer.data == NULL ? NULL : json_pack("{s:o*}", "username", json_of(request, consumer)),
        "client_ip", variable(request, "remote_addr"), "start_time",
        (json_int_t)(hg_wall_ms() - (int64_t)(latency < 0 ? 0 : latency)), "latency", latency,
        "upstream_latency", upstream < 0 ? json_of(request, none) : json_real(upstream),
        "apisix_latency", own_latency < 0 ? 0.0 : own_latency);
}

/* Text as it is, or the variable behind a dollar sign; one without a value is left out. */
static json_t *format_object(hg_request *request, const json_t *format)
{
    json_t *object = json_object();
    const char *name;
    json_t *part;

    json_object_foreach((json_t *)(uintptr_t)format, name, part)
    {
        hg_text value = {json_string_value(part), json_string_length(part)};

        if (json_is_object(part)) {
            member_add(object, name, format_object(request, part));
            continue;
        }
        if (value.length > 0 && value.data[0] == '$') {
            value = hg_request_variable(request, (hg_text){value.data + 1, value.length - 1});
        }
        member_add(object, name, json_of(request, value));
    }
    return object;
}

static json_t *format_entry(hg_request *request, const json_t *format)
{
    json_t *entry = format_object(request, format);

    if (entry != NULL) {
        json_t *route = json_of(request, hg_request_object(request, HG_OBJECT_ROUTE_ID));
        json_t *service = json_of(request, hg_request_object(request, HG_OBJECT_SERVICE_ID));

        if (route != NULL) {
            (void)json_object_set_new(entry, "route_id", route);
        }
        if (service != NULL) {
            (void)json_object_set_new(entry, "service_id", service);
        }
    }
    return entry;
}

/* ----------------------------------------------------------------------------------- phases */

static hg_verdict on_access(hg_request *request, const void *config)
{
    const file_logger *own = config;
    logger_data *data = own->include_request_body ? hg_request_data(request) : NULL;

    if (data != NULL && hg_request_body(request, (size_t)own->request_body_max,
                                        &data->request_body) == HG_ERR_TOO_LARGE) {
        hg_log(request, HG_LOG_WARN,
               "the request body is larger than max_req_body_bytes and is "
               "left out");
    }
    return HG_NEXT;
}

static void on_body_filter(hg_request *request, hg_chunk *chunk, const void *config)
{
    const file_logger *own = config;
    hg_text bytes = hg_chunk_data(chunk);
    logger_data *data = own->include_response_body ? hg_request_data(request) : NULL;
    body_piece *piece;
    char *copy;

    if (data != NULL && !data->response_judged) {
        data->response_judged = true;
        data->response_kept = hg_expression_holds(request, own->response_body_expression);
    }
    if (data == NULL || !data->response_kept || bytes.length == 0 ||
        data->length >= (size_t)own->response_body_max) {
        return;
    }
    if (bytes.length > (size_t)own->response_body_max - data->length) {
        bytes.length = (size_t)own->response_body_max - data->length;
    }
    piece = hg_request_allocate(request, sizeof(*piece));
    copy = hg_request_allocate(request, bytes.length);
    if (piece == NULL || copy == NULL) {
        return;
    }
    memcpy(copy, bytes.data, bytes.length);
    piece->bytes = (hg_text){copy, bytes.length};
    piece->next = NULL;
    *(data->last == NULL ? &data->first : &data->last->next) = piece;
    data->last = piece;
    data->length += bytes.length;
}

static void on_log(hg_request *request, const void *config)
{
    const file_logger *own = config;
    const shared_settings *shared = hg_request_metadata(request);
    const json_t *format = own->log_format == NULL ? shared->log_format : own->log_format;
    hg_text path = own->path.length > 0 ? own->path : shared->path;
    log_file *file;
    json_t *entry;
    size_t length;
    char *line;

    if (!hg_expression_holds(request, own->match)) {
        return;
    }
    if (path.length == 0) {
        complain_of_path(request);
        return;
    }
    file = file_find(path);
    entry = json_object_size(format) > 0 ? format_entry(request, format)
                                         : default_entry(request, own, hg_request_data(request));
    length = json_dumpb(entry, NULL, 0, JSON_COMPACT);
    line = length == 0 ? NULL : hg_request_allocate(request, length + 2);
    if (file == NULL || line == NULL) {
        hg_log(request, HG_LOG_ERROR, "no memory for a line of %s", path.data);
    } else {
        line[0] = '\n';
        (void)json_dumpb(entry, line + 1, length, JSON_COMPACT); /* its length is known */
        line[length + 1] = '\n';
        file_refresh(request, file);
        file_write(request, file, line, length + 2);
    }
    json_decref(entry);
}

HG_PLUGIN("file-logger",
          "1.1.0",
          .summary = "Writes a line of JSON into a file for each request.",
          .priority = 399,
          .flags = HG_WAITS,
          .config = HG_CONFIG(file_logger, fields),
          .metadata = HG_CONFIG(shared_settings, metadata_fields),
          .request_size = (uint32_t)sizeof(logger_data),
          .exit = leave,
          .access = on_access,
          .body_filter = on_body_filter,
          .log = on_log);
