/* host/core/feed_reader.c - follows the feed: finds what is new since the last look. */
#include "host/core/feed_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORD_FILE_BYTES 4096u

hgh_feed_file *hgh_feed_file_ref(hgh_feed_file *file)
{
    file->references++;
    return file;
}

void hgh_feed_file_unref(hgh_feed_file *file)
{
    if (file == NULL || --file->references > 0) {
        return;
    }
    if (file->mapped) {
        (void)munmap((void *)(uintptr_t)file->bytes, file->size);
    } else {
        free((void *)(uintptr_t)file->bytes);
    }
    free(file);
}

hg_status hgh_feed_reader_open(hgh_feed_reader *reader, const char *directory, hg_error *err)
{
    char *path = NULL;
    struct stat status;
    void *memory;
    int fd;

    memset(reader, 0, sizeof(*reader));
    reader->directory = strdup(directory);
    if (reader->directory == NULL || asprintf(&path, "%s/%s", directory, HGH_FEED_WORD_FILE) < 0) {
        free(reader->directory);
        reader->directory = NULL;
        return hg_error_set(err, HG_ERR_NO_MEMORY, "feed: out of memory");
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &status) != 0) {
        (void)hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
        goto fail;
    }
    if (status.st_size < (off_t)WORD_FILE_BYTES) {
        (void)hg_error_set(err, HG_ERR_IO, "%s: cut short", path);
        goto fail;
    }
    memory = mmap(NULL, WORD_FILE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        (void)hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
        goto fail;
    }
    reader->word = memory;
    (void)close(fd);
    free(path);
    return HG_OK;

fail:
    if (fd >= 0) {
        (void)close(fd);
    }
    free(path);
    free(reader->directory);
    reader->directory = NULL;
    return HG_ERR_IO;
}

void hgh_feed_reader_done(hgh_feed_reader *reader)
{
    hgh_feed_file_unref(reader->file);
    hgh_feed_file_unref(reader->following);
    if (reader->word != NULL) {
        (void)munmap((void *)(uintptr_t)reader->word, WORD_FILE_BYTES);
    }
    free(reader->directory);
    memset(reader, 0, sizeof(*reader));
}

/* The caller's; NULL: no memory. */
static char *file_path(const char *directory, uint32_t epoch)
{
    char *path = NULL;

    return asprintf(&path, "%s/" HGH_FEED_FILE_FORMAT, directory, epoch) < 0 ? NULL : path;
}

static hg_status
file_open(const char *directory, uint32_t epoch, hgh_feed_file **out_file, hg_error *err)
{
    char *path = file_path(directory, epoch);
    hgh_feed_header header;
    hgh_feed_file *file = calloc(1, sizeof(*file));
    hg_status status = HG_OK;
    void *memory;
    int fd = -1;

    if (file == NULL || path == NULL) {
        free(file);
        free(path);
        return hg_error_set(err, HG_ERR_NO_MEMORY, "feed: out of memory");
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header)) {
        status =
            hg_error_set(err, HG_ERR_IO, "%s: %s", path, fd < 0 ? strerror(errno) : "cut short");
        goto cleanup;
    }
    if (memcmp(header.magic, HGH_FEED_MAGIC, sizeof(header.magic)) != 0 || header.epoch != epoch ||
        header.capacity < sizeof(header) ||
        header.capacity >= (uint64_t)1 << HGH_FEED_OFFSET_BITS) {
        status = hg_error_set(err, HG_ERR_INVALID, "%s: is no feed of this version", path);
        goto cleanup;
    }
    memory = mmap(NULL, header.capacity, PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        status = hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
        goto cleanup;
    }
    file->references = 1;
    file->epoch = epoch;
    file->bytes = memory;
    file->size = header.capacity;
    file->mapped = true;
    *out_file = file;
    file = NULL; /* now the caller's */

cleanup:
    if (fd >= 0) {
        (void)close(fd);
    }
    free(path);
    free(file);
    return status;
}

/* True if the file has that many bytes. It grows while it is mapped; reading behind its end, which
 * a damaged disk may have moved, would end the process. */
static bool file_has(const hgh_feed_reader *reader, uint64_t bytes)
{
    hgh_feed_file *file = reader->file;
    struct stat status;
    char *path;

    if (bytes <= file->present) {
        return true;
    }
    path = file_path(reader->directory, file->epoch);
    if (path != NULL && stat(path, &status) == 0) {
        file->present = (uint64_t)status.st_size;
    }
    free(path);
    return bytes <= file->present;
}

/* What is left of the current file, if the following one continues it. */
static uint64_t rest_end(hgh_feed_reader *reader)
{
    const hgh_feed_header *header = (const hgh_feed_header *)(const void *)reader->following->bytes;
    uint64_t end = header->previous_end;

    return reader->file != NULL && reader->file->epoch + 1 == header->epoch &&
                   end > reader->offset && end <= reader->file->size && file_has(reader, end)
               ? end
               : 0;
}

hg_status
hgh_feed_reader_follow(hgh_feed_reader *reader, uint64_t word, bool *out_switched, hg_error *err)
{
    uint32_t epoch = hgh_feed_word_epoch(word);

    *out_switched = false;
    if (!hgh_feed_reader_is_behind(reader, word)) {
        return HG_OK;
    }
    if (reader->following == NULL || reader->following->epoch != epoch) {
        hgh_feed_file *file = NULL;
        hg_status status = file_open(reader->directory, epoch, &file, err);

        if (status != HG_OK) {
            return status;
        }
        hgh_feed_file_unref(reader->following);
        reader->following = file;
    }
    reader->rest_end = rest_end(reader);
    if (reader->rest_end != 0) {
        return HG_OK;
    }
    hgh_feed_file_unref(reader->file);
    reader->file = reader->following;
    reader->following = NULL;
    reader->offset = sizeof(hgh_feed_header);
    *out_switched = true;
    return HG_OK;
}

hg_status hgh_feed_reader_next(hgh_feed_reader *reader,
                               uint64_t word,
                               const hgh_feed_record **out_record,
                               hg_error *err)
{
    uint64_t end = reader->rest_end != 0 ? reader->rest_end : hgh_feed_word_offset(word);
    const hgh_feed_record *record;

    if (end > reader->file->size || !file_has(reader, end)) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "feed: the word points behind the file of epoch %u",
                            reader->file->epoch);
    }
    if (reader->offset >= end) {
        *out_record = NULL;
        return HG_OK;
    }
    record = hgh_feed_record_check(reader->file->bytes + reader->offset, end - reader->offset);
    if (record == NULL && reader->rest_end != 0) {
        reader->offset = end; /* what is lost is in the state that the next file begins with */
        *out_record = NULL;
        return HG_OK;
    }
    if (record == NULL) {
        return hg_error_set(err, HG_ERR_INVALID, "feed: damaged record in epoch %u at offset %llu",
                            reader->file->epoch, (unsigned long long)reader->offset);
    }
    reader->offset += record->length;
    *out_record = record;
    return HG_OK;
}

hgh_feed_slice hgh_feed_slice_of(hgh_feed_reader *reader, const hgh_feed_record *record)
{
    const unsigned char *value = (const unsigned char *)hgh_feed_record_value(record);
    hgh_feed_slice slice = {
        .file = hgh_feed_file_ref(reader->file),
        .offset = (uint64_t)(value - reader->file->bytes),
        .length = record->value_length,
    };

    return slice;
}

hgh_feed_slice hgh_feed_slice_copy(const char *text, size_t length)
{
    hgh_feed_slice slice = {0};
    hgh_feed_file *file = calloc(1, sizeof(*file));
    char *copy = malloc(length + 1);

    if (file == NULL || copy == NULL) {
        free(file);
        free(copy);
        return slice;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    file->references = 1;
    file->bytes = (const unsigned char *)copy;
    file->size = length;
    slice.file = file;
    slice.length = (uint32_t)length;
    return slice;
}
