/* host/cli/page_file.c - a page of documentation, a part of which is made by a program. */
#include "host/cli/page_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_BYTES_MAX (16u << 20)

/* A page in memory. Its parts are the text in front of `begin`, between the two, and from `end`. */
typedef struct page {
    char *text; /* owned; NUL-terminated */
    size_t length;
    size_t begin; /* behind the first of the two lines */
    size_t end;   /* where the second one begins */
    struct stat info;
} page;

/* ------------------------------------------------------------------------------------ read */

static hg_status read_text(int fd, page *self, const char *path, hg_error *err)
{
    size_t size;

    if (fstat(fd, &self->info) != 0) {
        return hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(self->info.st_mode)) {
        return hg_error_set(err, HG_ERR_INVALID, "%s: is no file", path);
    }
    if (self->info.st_size > PAGE_BYTES_MAX) {
        return hg_error_set(err, HG_ERR_TOO_LARGE, "%s: is larger than %u bytes", path,
                            PAGE_BYTES_MAX);
    }
    size = (size_t)self->info.st_size;
    self->text = malloc(size + 1);
    if (self->text == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", path);
    }
    while (self->length < size) {
        ssize_t got = read(fd, self->text + self->length, size - self->length);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
        }
        if (got == 0) { /* somebody has cut it meanwhile */
            break;
        }
        self->length += (size_t)got;
    }
    self->text[self->length] = '\0';
    if (strlen(self->text) != self->length) {
        return hg_error_set(err, HG_ERR_INVALID, "%s: is no text", path);
    }
    return HG_OK;
}

/* Blanks behind a line do not show. */
static bool line_is(const char *line, size_t length, const char *wanted)
{
    while (length > 0 &&
           (line[length - 1] == ' ' || line[length - 1] == '\t' || line[length - 1] == '\r')) {
        length--;
    }
    return length == strlen(wanted) && memcmp(line, wanted, length) == 0;
}

/* Finds the one line of that text; `out_from` is where it begins, `out_to` where the next one. */
static hg_status find_line(const page *self,
                           const char *path,
                           const char *wanted,
                           size_t *out_from,
                           size_t *out_to,
                           hg_error *err)
{
    size_t number = 0;
    bool found = false;
    size_t from = 0;

    while (from < self->length) {
        size_t length = strcspn(self->text + from, "\n");
        size_t to = from + length + (self->text[from + length] == '\n' ? 1 : 0);

        number++;
        if (line_is(self->text + from, length, wanted)) {
            if (found) {
                return hg_error_set(err, HG_ERR_INVALID, "%s:%zu: the line \"%s\" a second time",
                                    path, number, wanted);
            }
            found = true;
            *out_from = from;
            *out_to = to;
        }
        from = to;
    }
    return found ? HG_OK
                 : hg_error_set(err, HG_ERR_INVALID, "%s: there is no line \"%s\"", path, wanted);
}

static hg_status find_part(page *self, const char *path, hg_error *err)
{
    size_t begin_from = 0;
    size_t end_to = 0;
    hg_status status = find_line(self, path, HGH_PAGE_FILE_BEGIN, &begin_from, &self->begin, err);

    if (status == HG_OK) {
        status = find_line(self, path, HGH_PAGE_FILE_END, &self->end, &end_to, err);
    }
    if (status == HG_OK && self->end < self->begin) {
        return hg_error_set(err, HG_ERR_INVALID, "%s: the line \"%s\" stands before \"%s\"", path,
                            HGH_PAGE_FILE_END, HGH_PAGE_FILE_BEGIN);
    }
    return status;
}

static hg_status page_read(page *self, const char *path, hg_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    hg_status status;

    if (fd < 0) {
        return hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
    }
    status = read_text(fd, self, path, err);
    (void)close(fd);
    return status == HG_OK ? find_part(self, path, err) : status;
}

static void page_done(page *self)
{
    free(self->text);
}

/* The part as it stands in a page: an empty line before it and one behind it, as Markdown wants. */
static char *part_make(const char *made)
{
    char *part = NULL;

    return asprintf(&part, "\n%s\n", made) < 0 ? NULL : part;
}

/* ----------------------------------------------------------------------------------- write */

static bool write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t done = write(fd, text, length);

        if (done < 0 && errno != EINTR) {
            return false;
        }
        if (done > 0) {
            text += done;
            length -= (size_t)done;
        }
    }
    return true;
}

static bool write_page(int fd, const page *self, const char *part, const struct stat *info)
{
    return write_all(fd, self->text, self->begin) && write_all(fd, part, strlen(part)) &&
           write_all(fd, self->text + self->end, self->length - self->end) &&
           (geteuid() != 0 || fchown(fd, info->st_uid, info->st_gid) == 0) &&
           fchmod(fd, info->st_mode & 07777) == 0 && fsync(fd) == 0;
}

static hg_status replace(const page *self, const char *path, const char *part, hg_error *err)
{
    char real[PATH_MAX];
    char temporary[PATH_MAX];
    int saved;
    int fd;

    if (realpath(path, real) == NULL) {
        return hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", real) >= (int)sizeof(temporary)) {
        return hg_error_set(err, HG_ERR_IO, "%s: the name is too long", path);
    }
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        return hg_error_set(err, HG_ERR_IO, "%s: %s", temporary, strerror(errno));
    }
    if (!write_page(fd, self, part, &self->info) || rename(temporary, real) != 0) {
        saved = errno;
        (void)close(fd);
        (void)unlink(temporary);
        return hg_error_set(err, HG_ERR_IO, "%s: cannot be written: %s", path, strerror(saved));
    }
    (void)close(fd);
    return HG_OK;
}

static bool part_is(const page *self, const char *part)
{
    return strlen(part) == self->end - self->begin &&
           memcmp(self->text + self->begin, part, self->end - self->begin) == 0;
}

hg_status hgh_page_file_update(const char *path, const char *made, hg_error *err)
{
    char *part = part_make(made);
    page self = {0};
    hg_status status;

    if (part == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", path);
    }
    status = page_read(&self, path, err);
    if (status == HG_OK && !part_is(&self, part)) {
        status = replace(&self, path, part, err);
    }
    page_done(&self);
    free(part);
    return status;
}

/* --------------------------------------------------------------------------------- compare */

/* A copy of the line that begins here; NULL: none does, or no memory. */
static char *line_copy(const char *text, const char *end)
{
    return text < end ? strndup(text, strcspn(text, "\n")) : NULL;
}

/* Where the first lines that differ begin. `found` and `wanted` are moved there. */
static size_t first_difference(const char **found,
                               const char *found_end,
                               const char **wanted,
                               const char *wanted_end)
{
    size_t lines = 0;

    while (*found < found_end && *wanted < wanted_end) {
        size_t length = strcspn(*found, "\n");

        if (length != strcspn(*wanted, "\n") || memcmp(*found, *wanted, length) != 0) {
            break;
        }
        *found += length + 1;
        *wanted += length + 1;
        lines++;
    }
    return lines;
}

static size_t lines_before(const char *text, size_t length)
{
    size_t lines = 0;

    for (size_t i = 0; i < length; i++) {
        lines += text[i] == '\n' ? 1 : 0;
    }
    return lines;
}

hg_status hgh_page_file_check(const char *path,
                              const char *made,
                              hgh_page_difference *out_difference,
                              hg_error *err)
{
    char *part = part_make(made);
    page self = {0};
    hg_status status;

    if (part == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", path);
    }
    status = page_read(&self, path, err);
    if (status == HG_OK && part_is(&self, part)) {
        *out_difference = (hgh_page_difference){0};
    } else if (status == HG_OK) {
        const char *found = self.text + self.begin;
        const char *wanted = part;
        const char *wanted_end = part + strlen(part);
        size_t same = first_difference(&found, self.text + self.end, &wanted, wanted_end);

        *out_difference = (hgh_page_difference){
            .line = lines_before(self.text, self.begin) + same + 1,
            .found = line_copy(found, self.text + self.end),
            .wanted = line_copy(wanted, wanted_end),
        };
    }
    page_done(&self);
    free(part);
    return status;
}

void hgh_page_difference_done(hgh_page_difference *difference)
{
    free(difference->found);
    free(difference->wanted);
    *difference = (hgh_page_difference){0};
}
