/* host/control/standalone_file.c - conf/apisix.yaml or conf/apisix.json: one text with all objects.
 */
#include "host/control/standalone_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "host/control/json_place.h"
#include "host/control/object_kind.h"
#include "host/control/store_document.h"
#include "host/core/json_value.h"

#define END_MARK    "#END"
#define PLUGINS     "plugins"
#define OLD_SSL     "ssl" /* what release 2.15 calls ssls */
#define SSL         "ssls"
#define ID          "id"
#define POINTER_MAX 600u
#define TEXT_MAX    1100u

/* --- reading --- */

static bool sha256_set(hgh_standalone_file *file)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    if (EVP_Digest(file->text, file->length, digest, &length, EVP_sha256(), NULL) != 1) {
        return false;
    }
    for (unsigned i = 0; i < length && 2 * i + 2 < sizeof(file->sha256); i++) {
        (void)snprintf(file->sha256 + (size_t)2 * i, 3, "%02x", digest[i]);
    }
    return true;
}

/* Takes `text`, which has a NUL behind it. */
static hg_status adopt(char *text, size_t length, bool is_json, hgh_standalone_file *out_file)
{
    hgh_standalone_file file = {.is_json = is_json, .length = length, .text = text};

    if (!sha256_set(&file)) {
        hgh_standalone_file_done(&file);
        return HG_ERR_NO_MEMORY;
    }
    *out_file = file;
    return HG_OK;
}

hg_status hgh_standalone_file_take(const char *text,
                                   size_t length,
                                   bool is_json,
                                   hgh_standalone_file *out_file)
{
    char *copy = malloc(length + 1);

    if (copy == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    return adopt(copy, length, is_json, out_file);
}

static hg_status open_regular(const char *path, int *out_fd, size_t *out_size, hg_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us */
    struct stat about;
    hg_status status = HG_OK;

    if (fd < 0 && errno == EACCES) {
        return hg_error_set(err, HG_ERR_IO,
                            "%s: permission denied: as root, control runs as the user hotgate, "
                            "whose group must be able to read it (chgrp hotgate, chmod 0640)",
                            path);
    }
    if (fd < 0) {
        return hg_error_set(err, errno == ENOENT ? HG_ERR_NOT_FOUND : HG_ERR_IO, "%s: %s", path,
                            strerror(errno));
    }
    if (fstat(fd, &about) != 0) {
        status = hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(about.st_mode)) {
        status = hg_error_set(err, HG_ERR_IO, "%s: is not a regular file", path);
    } else if (about.st_size > (off_t)HGH_STANDALONE_BYTES_MAX) {
        status = hg_error_set(err, HG_ERR_TOO_LARGE, "%s: has more than %u MiB", path,
                              HGH_STANDALONE_BYTES_MAX >> 20);
    }
    if (status != HG_OK) {
        (void)close(fd);
        return status;
    }
    *out_fd = fd;
    *out_size = (size_t)about.st_size;
    return HG_OK;
}

hg_status hgh_standalone_file_read(const char *path,
                                   bool is_json,
                                   hgh_standalone_file *out_file,
                                   hg_error *err)
{
    int fd = -1;
    size_t size = 0;
    size_t length = 0;
    char *text = NULL;
    hg_status status = open_regular(path, &fd, &size, err);

    if (status != HG_OK) {
        return status;
    }
    text = malloc(size + 1);
    if (text == NULL) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", path);
    }
    /* What grows meanwhile is read the next time: that it grew is an event of its own. */
    while (status == HG_OK && length < size) {
        ssize_t got = read(fd, text + length, size - length);

        if (got < 0 && errno != EINTR) {
            status = hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
        }
        if (got == 0) {
            break;
        }
        length += got > 0 ? (size_t)got : 0;
    }
    (void)close(fd);
    if (status != HG_OK) {
        free(text);
        return status;
    }
    text[length] = '\0';
    return adopt(text, length, is_json, out_file) == HG_OK
               ? HG_OK
               : hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", path);
}

bool hgh_standalone_file_is_whole(const hgh_standalone_file *file)
{
    size_t end = file->length;

    while (end > 0 && strchr(" \t\r\n", file->text[end - 1]) != NULL) {
        end--;
    }
    return file->is_json || (end >= strlen(END_MARK) && memcmp(file->text + end - strlen(END_MARK),
                                                               END_MARK, strlen(END_MARK)) == 0);
}

/* --- findings --- */

void hgh_standalone_file_place(hgh_standalone_file *file, json_t *finding)
{
    const char *pointer = json_string_value(json_object_get(finding, "pointer"));
    char own[POINTER_MAX];
    unsigned line = 1;
    unsigned column = 1;

    (void)snprintf(own, sizeof(own), "%s", pointer == NULL ? "" : pointer);
    if (file->has_old_ssl && strncmp(own, "/" SSL, strlen("/" SSL)) == 0) {
        (void)snprintf(own, sizeof(own), "/" OLD_SSL "%s", pointer + strlen("/" SSL));
    }
    if (file->is_json) {
        hgh_json_place(file->expanded, file->expanded_length, own, &line, &column);
    } else {
        const hgh_yaml_mark *mark;
        json_t *again = NULL;

        /* Most files have no finding: places are worth their memory only then. */
        if (file->marks == NULL) {
            (void)hgh_yaml_parse(file->expanded, file->expanded_length, &again, &file->marks, NULL);
            json_decref(again);
        }
        mark = file->marks == NULL ? NULL : hgh_yaml_locate(file->marks, own);
        line = mark == NULL ? 1 : mark->line;
        column = mark == NULL ? 1 : mark->column;
    }
    (void)json_object_set_new(finding, "line", json_integer(line));
    (void)json_object_set_new(finding, "column", json_integer(column));
}

static void complain(hgh_standalone_file *file,
                     json_t *errors,
                     const char *pointer,
                     const char *found,
                     const char *wanted)
{
    char text[TEXT_MAX];

    (void)snprintf(text, sizeof(text), "found %s, wanted %s", found, wanted);
    hgh_document_error(errors, NULL, pointer, found, wanted, text);
    hgh_standalone_file_place(file, json_array_get(errors, json_array_size(errors) - 1));
}

/* What cannot be read at all; `text` begins with LINE:COLUMN if `line` is 0. */
static void complain_syntax(
    const hgh_standalone_file *file, json_t *errors, const char *text, int line, int column)
{
    int used = 0;
    json_t *finding;

    if (line == 0 && sscanf(text, "%d:%d: %n", &line, &column, &used) >= 2) {
        text += used;
    }
    finding =
        json_pack("{s:s, s:s, s:s, s:s, s:i, s:i}", "error", text, "pointer", "", "found", text,
                  "wanted", file->is_json ? "JSON" : "YAML", "line", line, "column", column);
    if (finding == NULL) { /* libyaml may quote what is no UTF-8 */
        finding = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i}", "error", "it cannot be read",
                            "pointer", "", "found", "what cannot be read", "wanted",
                            file->is_json ? "JSON" : "YAML", "line", line, "column", column);
    }
    (void)json_array_append_new(errors, finding);
}

/* --- taking apart --- */

/* The list of plugins leaves the document: it is no list of objects. */
static bool plugins_take(hgh_standalone_file *file, json_t *errors)
{
    json_t *list = json_object_get(file->document, PLUGINS);
    size_t index;
    json_t *item;

    if (list == NULL) {
        return true;
    }
    if (!json_is_array(list)) {
        complain(file, errors, "/" PLUGINS, json_is_null(list) ? "nothing" : "no list",
                 "a list of names; [] loads none, without the key config.yaml decides");
        return json_object_del(file->document, PLUGINS) == 0;
    }
    file->plugins = json_array();
    json_array_foreach(list, index, item)
    {
        json_t *name = json_is_object(item) ? json_object_get(item, "name") : item;
        char pointer[POINTER_MAX];

        if (!json_is_string(name)) {
            (void)snprintf(pointer, sizeof(pointer), "/" PLUGINS "/%zu", index);
            complain(file, errors, pointer, "no name", "a name, or an object with `name`");
        } else if (!json_is_true(json_object_get(item, "stream")) && /* of layer 4 */
                   json_array_append(file->plugins, name) != 0) {
            return false;
        }
    }
    return file->plugins != NULL && json_object_del(file->document, PLUGINS) == 0;
}

/* A list with nothing in it, and the name of release 2.15. */
static bool lists_settle(hgh_standalone_file *file, json_t *errors)
{
    json_t *old = json_object_get(file->document, OLD_SSL);
    const char *name;
    void *next;
    json_t *list;

    if (old != NULL && json_object_get(file->document, SSL) != NULL) {
        complain(file, errors, "/" OLD_SSL, "ssl beside ssls", "one of the two");
    } else if (old != NULL) {
        file->has_old_ssl = true;
        if (json_object_set(file->document, SSL, old) != 0 ||
            json_object_del(file->document, OLD_SSL) != 0) {
            return false;
        }
    }
    json_object_foreach_safe(file->document, next, name, list)
    {
        if (json_is_null(list)) { /* a key with nothing behind it */
            (void)json_object_del(file->document, name);
        }
    }
    return true;
}

/* APISIX's names for objects that have none: their places in the list, from 1. */
static bool names_give(json_t *list)
{
    size_t index;
    json_t *object;

    json_array_foreach(list, index, object)
    {
        if (json_is_object(object) && json_object_get(object, ID) == NULL &&
            json_object_set_new(object, ID, json_sprintf("arr_%zu", index + 1)) != 0) {
            return false;
        }
    }
    return true;
}

static bool document_settle(hgh_standalone_file *file, json_t *errors)
{
    bool is_done = plugins_take(file, errors) && lists_settle(file, errors);

    for (size_t i = 0; is_done && hgh_object_kind_at(i) != NULL; i++) {
        const hgh_object_kind *kind = hgh_object_kind_at(i);

        if (kind->parent == NULL && hgh_object_kind_has_id(kind) && !kind->is_metadata) {
            is_done = names_give(json_object_get(file->document, kind->name));
        }
    }
    return is_done;
}

/* The expanded text as a value in file->document; without one there is a finding. */
static hg_status value_parse(hgh_standalone_file *file, json_t *errors)
{
    hg_error err = HG_ERROR_INIT;
    hg_status status = HG_OK;
    json_t *value = NULL;

    if (file->is_json) {
        json_error_t where;

        value = json_loadb(file->expanded, file->expanded_length,
                           JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &where);
        if (value == NULL) {
            complain_syntax(file, errors, where.text, where.line, where.column);
        }
    } else {
        status = hgh_yaml_parse(file->expanded, file->expanded_length, &value, NULL, &err);
        if (status != HG_OK && status != HG_ERR_NO_MEMORY) {
            complain_syntax(file, errors, err.text, 0, 0);
            status = HG_OK;
        }
    }
    if (value != NULL && hgh_json_is_too_deep(value)) {
        json_decref(value);
        value = NULL;
        complain_syntax(file, errors, "found more than 256 levels", 1, 1);
    }
    if (json_is_null(value)) {
        value = json_object(); /* nothing but comments: no objects */
        status = value == NULL ? HG_ERR_NO_MEMORY : status;
    }
    file->document = value == NULL ? NULL : hgh_json_make_whole(value);
    return status;
}

hg_status hgh_standalone_file_parse(hgh_standalone_file *file, json_t *errors)
{
    hg_error err = HG_ERROR_INIT;
    hg_status status =
        hgh_yaml_expand(file->text, file->length, &file->expanded, &file->expanded_length, &err);

    if (status != HG_OK && status != HG_ERR_NO_MEMORY) {
        complain_syntax(file, errors, err.text, 0, 0);
        return HG_OK;
    }
    if (status == HG_OK) {
        status = value_parse(file, errors);
    }
    if (status == HG_OK && file->document != NULL && !json_is_object(file->document)) {
        complain(file, errors, "", "no object", "an object of lists");
    } else if (status == HG_OK && file->document != NULL && !document_settle(file, errors)) {
        status = HG_ERR_NO_MEMORY;
    }
    return status;
}

/* Its texts may hold secrets. */
static void wipe(char *text, size_t length)
{
    if (text != NULL) {
        explicit_bzero(text, length);
    }
    free(text);
}

void hgh_standalone_file_done(hgh_standalone_file *file)
{
    wipe(file->text, file->length);
    wipe(file->expanded, file->expanded_length);
    json_decref(file->document);
    json_decref(file->plugins);
    hgh_yaml_marks_free(file->marks);
    *file = (hgh_standalone_file){0};
}
