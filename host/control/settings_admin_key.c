/* host/control/settings_admin_key.c - generates the admin key into the configuration file.
 *
 * The file is the operator's: bytes are put in at one place, everything else stays as it is. What
 * comes out is parsed again before it replaces the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/control/settings.h"
#include "host/control/yaml.h"

#define KEY_BYTES   16u                   /* of randomness: 128 bits */
#define KEY_SIZE    (2u * KEY_BYTES + 1u) /* as hexadecimal text, with the NUL */
#define LEVEL_COUNT 3u                    /* deployment, admin, admin_key */
#define EDITS_MAX   16u                   /* entries without a key that are filled in */

static const char *const level_keys[LEVEL_COUNT] = {"deployment", "admin", "admin_key"};
static const char *const level_pointers[LEVEL_COUNT] = {"", "/deployment", "/deployment/admin"};

static bool needs_key(const hgh_settings *settings)
{
    if (!settings->enable_admin || !settings->admin_key_required) {
        return false;
    }
    for (size_t i = 0; i < settings->admin_key_count; i++) {
        if (settings->admin_key[i].key[0] == '\0') {
            return true;
        }
    }
    return settings->admin_key_count == 0;
}

static hg_status generate(char key[KEY_SIZE], hg_error *err)
{
    unsigned char bytes[KEY_BYTES];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        return hg_error_set(err, HG_ERR_IO, "no random numbers for an admin key: %s",
                            strerror(errno));
    }
    for (size_t i = 0; i < sizeof(bytes); i++) {
        (void)snprintf(key + 2 * i, 3, "%02x", bytes[i]);
    }
    return HG_OK;
}

/* Everything from a level's key down, in block style; the first line is not indented. */
static void print_block(FILE *out, size_t level, size_t indent, const char *key)
{
    static const struct {
        const char *text;
        size_t indent;
    } lines[] = {
        {"deployment:", 0},   {"admin:", 2},  {"admin_key:", 4},
        {"- name: admin", 6}, {"key: \"", 8}, {"role: admin", 8},
    };
    size_t shift = lines[level].indent;

    for (size_t i = level; i < sizeof(lines) / sizeof(lines[0]); i++) {
        bool is_key = strncmp(lines[i].text, "key", 3) == 0;

        (void)fprintf(out, "%s%*s%s%s%s", i == level ? "" : "\n",
                      i == level ? 0 : (int)(indent + lines[i].indent - shift), "", lines[i].text,
                      is_key ? key : "", is_key ? "\"" : "");
    }
}

/* The value of a level's key in flow style. */
static void print_flow(FILE *out, size_t level, const char *key)
{
    for (size_t i = level + 1; i < LEVEL_COUNT; i++) {
        (void)fprintf(out, "{%s: ", level_keys[i]);
    }
    (void)fprintf(out, "[{name: admin, key: \"%s\", role: admin}]", key);
    for (size_t i = level + 1; i < LEVEL_COUNT; i++) {
        (void)fputc('}', out);
    }
}

/* The text with the bytes from `start` to `end` replaced. */
typedef struct edit {
    const char *text;
    size_t length;
    FILE *out;
} edit;

static void copy(const edit *self, size_t start, size_t end)
{
    (void)fwrite(self->text + start, 1, end - start, self->out);
}

/* A member that is missing in a mapping. */
static void add_member(
    const edit *self, const hgh_yaml_mark *mapping, bool is_empty, size_t level, const char *key)
{
    size_t indent = mapping->column - 1;

    if (mapping->flow) {
        copy(self, 0, mapping->start + 1);
        (void)fprintf(self->out, "%s: ", level_keys[level]);
        print_flow(self->out, level, key);
        (void)fputs(is_empty ? "" : ", ", self->out);
        copy(self, mapping->start + 1, self->length);
    } else if (level == 0) { /* at the end of the file: what is there keeps its lines */
        copy(self, 0, self->length);
        if (self->length > 0 && self->text[self->length - 1] != '\n') {
            (void)fputc('\n', self->out);
        }
        (void)fprintf(self->out, "\n%*s", (int)indent, "");
        print_block(self->out, level, indent, key);
        (void)fputc('\n', self->out);
    } else {
        copy(self, 0, mapping->start);
        print_block(self->out, level, indent, key);
        (void)fprintf(self->out, "\n%*s", (int)indent, "");
        copy(self, mapping->start, self->length);
    }
}

/* A member whose value is null or an empty list. */
static void replace_value(const edit *self,
                          const hgh_yaml_mark *mapping,
                          const hgh_yaml_mark *value,
                          size_t level,
                          const char *key)
{
    const char *newline = memchr(self->text + value->end, '\n', self->length - value->end);
    size_t line_end = newline == NULL ? self->length : (size_t)(newline - self->text);

    copy(self, 0, value->start);
    if (mapping->flow) {
        (void)fputs(value->start == value->end ? " " : "", self->out);
        print_flow(self->out, level, key);
        copy(self, value->end, self->length);
        return;
    }
    copy(self, value->end, line_end); /* a comment behind it stays on its line */
    (void)fprintf(self->out, "\n%*s", (int)value->key_column + 1, "");
    if (level + 1 < LEVEL_COUNT) {
        print_block(self->out, level + 1, value->key_column + 1, key);
    } else {
        size_t indent = value->key_column + 1;

        (void)fprintf(self->out, "- name: admin\n%*skey: \"%s\"\n%*srole: admin", (int)indent + 2,
                      "", key, (int)indent + 2, "");
    }
    copy(self, line_end, self->length);
}

/* The key of one entry: absent, null or empty. */
static bool
fill_entry(const edit *self, const hgh_yaml_marks *marks, const char *pointer, const char *key)
{
    char place[96];
    const hgh_yaml_mark *entry = hgh_yaml_find(marks, pointer);
    const hgh_yaml_mark *value;

    (void)snprintf(place, sizeof(place), "%s/key", pointer);
    value = hgh_yaml_find(marks, place);
    if (entry == NULL) {
        return false;
    }
    if (value != NULL) {
        copy(self, 0, value->start);
        (void)fprintf(self->out, "%s\"%s\"", value->start == value->end ? " " : "", key);
        copy(self, value->end, self->length);
        return true;
    }
    copy(self, 0, entry->start + (entry->flow ? 1 : 0));
    (void)fprintf(self->out, "key: \"%s\"", key);
    if (entry->flow) {
        (void)fputs(", ", self->out);
    } else {
        (void)fprintf(self->out, "\n%*s", (int)entry->column - 1, "");
    }
    copy(self, entry->start + (entry->flow ? 1 : 0), self->length);
    return true;
}

/* Number of the first entry without a key; the size of the list if there is none. */
static size_t find_empty_entry(const json_t *list)
{
    size_t i;

    for (i = 0; i < json_array_size(list); i++) {
        const json_t *key = json_object_get(json_array_get(list, i), "key");

        if (key == NULL || json_is_null(key) ||
            (json_is_string(key) && json_string_length(key) == 0)) {
            break;
        }
    }
    return i;
}

/* Puts one key where it is missing first. False if nothing is missing in the text itself. */
static bool
edit_once(const edit *self, const json_t *document, const hgh_yaml_marks *marks, const char *key)
{
    const json_t *old_list = json_object_get(json_object_get(document, "apisix"), "admin_key");
    const json_t *container = document;
    const json_t *list;
    const char *list_pointer = "/deployment/admin/admin_key";
    const char *container_pointer;
    const hgh_yaml_mark *mapping;
    const hgh_yaml_mark *value;
    size_t level = 0;
    char place[64];

    while (level + 1 < LEVEL_COUNT &&
           json_is_object(json_object_get(container, level_keys[level]))) {
        container = json_object_get(container, level_keys[level++]);
    }
    container_pointer = level_pointers[level];
    list = json_object_get(container, "admin_key");
    if (list == NULL && old_list != NULL) { /* where release 2.15 has it */
        level = LEVEL_COUNT - 1;
        container_pointer = "/apisix";
        container = json_object_get(document, "apisix");
        list = old_list;
        list_pointer = "/apisix/admin_key";
    }
    if (json_array_size(list) > 0) {
        size_t number = find_empty_entry(list);

        (void)snprintf(place, sizeof(place), "%s/%zu", list_pointer, number);
        return number < json_array_size(list) && fill_entry(self, marks, place, key);
    }
    (void)snprintf(place, sizeof(place), "%s/%s", container_pointer, level_keys[level]);
    mapping = hgh_yaml_find(marks, container_pointer);
    value = hgh_yaml_find(marks, place);
    if (json_is_object(container) && mapping != NULL && value != NULL) {
        replace_value(self, mapping, value, level, key);
    } else if (json_is_object(container) && mapping != NULL) {
        add_member(self, mapping, json_object_size(container) == 0, level, key);
    } else { /* no document: an empty file, or comments alone */
        add_member(self, &(hgh_yaml_mark){.line = 1, .column = 1}, true, 0, key);
    }
    return true;
}

/* One edit; the result is owned by the caller. */
static hg_status
edit_text(const char *text, size_t length, char **out_text, size_t *out_length, hg_error *err)
{
    char key[KEY_SIZE];
    char *edited = NULL;
    size_t edited_length = 0;
    json_t *document = NULL;
    hgh_yaml_marks *marks = NULL;
    edit self = {.text = text, .length = length};
    bool is_done = false;
    hg_status status = hgh_yaml_parse(text, length, &document, &marks, err);

    if (status != HG_OK) {
        return status;
    }
    status = generate(key, err);
    if (status != HG_OK) {
        goto cleanup;
    }
    self.out = open_memstream(&edited, &edited_length);
    if (self.out != NULL) {
        is_done = edit_once(&self, document, marks, key);
    }
    if (self.out == NULL || fclose(self.out) != 0) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
        goto cleanup;
    }
    if (!is_done) {
        status = hg_error_set(err, HG_ERR_INVALID, "the key is a variable that is empty");
        goto cleanup;
    }
    *out_text = edited;
    *out_length = edited_length;
    edited = NULL;

cleanup:
    free(edited);
    json_decref(document);
    hgh_yaml_marks_free(marks);
    return status;
}

/* What the edited text means; HG_ERR_INVALID if it is not what was intended. */
static hg_status reparse(
    const char *text, size_t length, const char *path, hgh_settings **out_settings, hg_error *err)
{
    hg_issues errors = {0};
    hg_issues warnings = {0};
    hg_status status = hgh_settings_parse(text, length, path, out_settings, &errors, &warnings);

    if (status != HG_OK) {
        status = hg_error_set(err, status, "there is no place in it that could be found");
    }
    hgh_issues_done(&errors);
    hgh_issues_done(&warnings);
    return status;
}

static hg_status write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, text, length);

        if (written < 0 && errno != EINTR) {
            return HG_ERR_IO;
        }
        if (written > 0) {
            text += written;
            length -= (size_t)written;
        }
    }
    return HG_OK;
}

/* So that a name, old or new, is there after a power cut. */
static void sync_directory(const char *path)
{
    char directory[PATH_MAX];
    char *slash;
    int fd;

    (void)snprintf(directory, sizeof(directory), "%s", path);
    slash = strrchr(directory, '/');
    if (slash == NULL) {
        (void)snprintf(directory, sizeof(directory), ".");
    } else {
        slash[slash == directory ? 1 : 0] = '\0';
    }
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd); /* the file itself is safe; some file systems cannot do this */
        (void)close(fd);
    }
}

/* Replaces the file, or makes it; readable by its owner alone, since it holds a key. */
static hg_status write_file(const char *path, const char *text, size_t length, hg_error *err)
{
    char temporary[PATH_MAX];
    struct stat info;
    bool exists = stat(path, &info) == 0;
    hg_status status = HG_OK;
    int fd;

    if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary)) {
        return hg_error_set(err, HG_ERR_IO, "it cannot be written: its name is too long");
    }
    fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
    if (fd < 0) {
        return hg_error_set(err, HG_ERR_IO, "it cannot be written: %s", strerror(errno));
    }
    if (write_all(fd, text, length) != HG_OK ||
        (exists && geteuid() == 0 && fchown(fd, info.st_uid, info.st_gid) != 0) || fsync(fd) != 0 ||
        rename(temporary, path) != 0) {
        status = hg_error_set(err, HG_ERR_IO, "it cannot be written: %s", strerror(errno));
        (void)unlink(temporary);
    }
    (void)close(fd);
    if (status == HG_OK) {
        sync_directory(path);
    }
    return status;
}

static hg_status make_file(const char *path, char **out_text, size_t *out_length, hg_error *err)
{
    char key[KEY_SIZE];
    char *text = NULL;
    size_t length = 0;
    FILE *out;
    hg_status status = generate(key, err);

    if (status != HG_OK) {
        return status;
    }
    out = open_memstream(&text, &length);
    if (out != NULL) {
        (void)fputs("# The configuration of this instance of hotgate. Every key with its default "
                    "stands in\n# share/hotgate/config-default.yaml of the installation; what is "
                    "written here counts before it.\n\n# Send the key as X-API-KEY to the Admin "
                    "API. It was generated at the first start.\n",
                    out);
        print_block(out, 0, 0, key);
        (void)fputc('\n', out);
    }
    if (out == NULL || fclose(out) != 0) {
        free(text);
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    status = write_file(path, text, length, err);
    if (status != HG_OK) {
        free(text);
        return status;
    }
    *out_text = text;
    *out_length = length;
    return HG_OK;
}

/* Fills in every key that is missing and writes the file once. */
static hg_status edit_file(const hgh_settings *settings,
                           const char *path,
                           hgh_settings **out_settings,
                           hg_error *err)
{
    hgh_settings *updated = NULL;
    char *text = NULL;
    size_t length = 0;
    hg_status status;

    if (access(path, F_OK) != 0 && errno == ENOENT) {
        status = make_file(path, &text, &length, err);
        if (status == HG_OK) {
            status = reparse(text, length, settings->path, out_settings, err);
        }
        free(text);
        return status;
    }
    status = hgh_settings_read(path, &text, &length, err);
    for (unsigned i = 0; status == HG_OK && (updated == NULL || needs_key(updated)); i++) {
        char *edited = NULL;
        size_t edited_length = 0;

        hgh_settings_free(updated);
        updated = NULL;
        status = i < EDITS_MAX ? edit_text(text, length, &edited, &edited_length, err)
                               : hg_error_set(err, HG_ERR_INVALID, "too many entries lack one");
        if (status == HG_OK) {
            free(text);
            text = edited;
            length = edited_length;
            status = reparse(text, length, settings->path, &updated, err);
        }
    }
    if (status == HG_OK) {
        status = write_file(path, text, length, err);
    }
    if (status == HG_OK) {
        *out_settings = updated;
        updated = NULL;
    }
    hgh_settings_free(updated);
    free(text);
    return status;
}

/* What an operator has to write himself. */
static hg_status refuse(const char *path, const char *why, hg_error *err)
{
    char key[KEY_SIZE];
    char *lines = NULL;
    size_t length = 0;
    FILE *out;
    hg_status status = generate(key, err);

    if (status != HG_OK) {
        return status;
    }
    out = open_memstream(&lines, &length);
    if (out != NULL) {
        print_block(out, 0, 0, key);
    }
    if (out == NULL || fclose(out) != 0) {
        free(lines);
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    status = hg_error_set(err, HG_ERR_INVALID,
                          "%.160s: no admin key, and %.120s. Add these lines to it, or set what is "
                          "empty:\n%s",
                          path, why, lines);
    free(lines);
    return status;
}

hg_status hgh_settings_ensure_admin_key(hgh_settings *settings,
                                        const char *path,
                                        bool may_write,
                                        hg_error *err)
{
    hg_error why = HG_ERROR_INIT;
    hgh_settings *updated = NULL;
    hgh_settings previous;
    char *real = NULL;
    hg_status status;

    if (!needs_key(settings)) {
        return HG_OK;
    }
    if (!may_write) {
        return refuse(path, "it lies outside the instance, where hotgate writes nothing", err);
    }
    real = realpath(path, NULL); /* a link stays a link */
    status = edit_file(settings, real == NULL ? path : real, &updated, &why);
    free(real);
    if (status == HG_ERR_NO_MEMORY) {
        return hg_error_set(err, status, "%s: out of memory", path);
    }
    if (status != HG_OK) {
        return refuse(path, why.text, err);
    }
    previous = *settings;
    *settings = *updated;
    *updated = previous;
    hgh_settings_free(updated);
    return HG_OK;
}
