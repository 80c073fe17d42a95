/* host/control/feed_writer.c - publishes what is in force to the workers. */
#include "host/control/feed_writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "host/core/feed.h"

#define WORD_FILE_BYTES  4096u
#define FILE_MODE        0640u
#define STORE_ID_BYTES   16u
#define EPOCH_MAX        ((1u << 24) - 1) /* what the word has room for */
#define NAME_MAX_BYTES   32u
#define COMPACT_FACTOR   4u           /* a feed of more than so many times the state is replaced */
#define RESERVE_CHUNK    (256u << 10) /* bytes: one call serves many small records */
#define COPY_BUFFER      (256u << 10) /* bytes written at once into a new epoch */
#define PAGE_BYTES       4096u
#define DECISION_TEXT    "{\"generation\":%llu}"
#define DECISION_ROOM    128u /* bytes: a COMMIT or ABORT record */
#define DECISION_VALUE   64u
#define GENERATION_FIELD "generation"

struct hgh_feed_writer {
    int directory;
    int wake; /* borrowed */
    int file; /* of the epoch; -1 before the first */
    gid_t group;
    uint8_t store_id[STORE_ID_BYTES];
    const hgh_resource_table *table; /* borrowed */
    hgh_feed_word *word;             /* mapped */
    uint32_t epoch;
    bool is_broken;    /* the table holds what could not be appended: the next epoch states it */
    uint64_t capacity; /* bytes that readers map */
    uint64_t offset;   /* committed */
    uint64_t reserved; /* bytes that are on disk */
    char *manifest;    /* owned; NULL: none */
    char *prepared;    /* owned; NULL: none waits for a decision */
    char *pending;     /* owned: the records of the transaction that was begun */
    size_t pending_size;
    size_t pending_used;
};

/* What the walk over an existing file found. */
typedef struct file_state {
    bool has_base;
    uint64_t revision;    /* of the last transaction */
    const char *manifest; /* borrowed from the mapping */
    const char *prepared; /* likewise */
} file_state;

static hg_status io_error(int code, const char *what, hg_error *err)
{
    bool is_full = code == ENOSPC || code == EFBIG || code == EDQUOT;

    return hg_error_set(err, is_full ? HG_ERR_FULL : HG_ERR_IO, "state/feed: %s: %s", what,
                        strerror(code));
}

static hg_status no_memory(hg_error *err)
{
    return hg_error_set(err, HG_ERR_NO_MEMORY, "state/feed: out of memory");
}

static void file_name(char *into, uint32_t epoch)
{
    (void)snprintf(into, NAME_MAX_BYTES, HGH_FEED_FILE_FORMAT, epoch);
}

/* Modes do not depend on the umask: workers of another user read through the group. */
static hg_status file_dress(const hgh_feed_writer *writer, int fd, hg_error *err)
{
    if (fchmod(fd, FILE_MODE) != 0 ||
        (writer->group != (gid_t)-1 && fchown(fd, (uid_t)-1, writer->group) != 0)) {
        return io_error(errno, "setting mode and group", err);
    }
    return HG_OK;
}

static hg_status space_reserve(int fd, uint64_t bytes, hg_error *err)
{
    int code;

    do {
        code = posix_fallocate(fd, 0, (off_t)bytes);
    } while (code == EINTR);
    return code == 0 ? HG_OK : io_error(code, "reserving disk space", err);
}

static hg_status write_all(int fd, const char *bytes, size_t length, uint64_t offset, hg_error *err)
{
    while (length > 0) {
        ssize_t written = pwrite(fd, bytes, length, (off_t)offset);

        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return io_error(written == 0 ? EIO : errno, "writing", err);
        }
        bytes += written;
        length -= (size_t)written;
        offset += (uint64_t)written;
    }
    return HG_OK;
}

static void word_move(hgh_feed_writer *writer, uint64_t offset)
{
    uint64_t one = 1;

    writer->offset = offset;
    /* Release: whoever sees the word sees the records before it. */
    atomic_store_explicit(&writer->word->value, hgh_feed_word_make(writer->epoch, offset),
                          memory_order_release);
    if (writer->wake >= 0) {
        /* A full counter has woken everybody already. */
        ssize_t ignored = write(writer->wake, &one, sizeof(one));

        (void)ignored;
    }
}

/* A new epoch: written whole beside the old file, then one move of the word. */
typedef struct epoch_file {
    int fd;
    uint64_t offset; /* bytes written */
    size_t used;     /* bytes waiting in buffer */
    size_t size;
    char *buffer; /* owned */
} epoch_file;

static hg_status epoch_flush(epoch_file *into, hg_error *err)
{
    hg_status status = write_all(into->fd, into->buffer, into->used, into->offset, err);

    if (status == HG_OK) {
        into->offset += into->used;
        into->used = 0;
    }
    return status;
}

static hg_status
epoch_add(epoch_file *into, hgh_feed_kind kind, const hgh_resource_object *object, hg_error *err)
{
    size_t size = hgh_feed_record_size(object->key_length, object->value_length);

    if (size > into->size - into->used) {
        hg_status status = epoch_flush(into, err);

        if (status != HG_OK) {
            return status;
        }
    }
    if (size > into->size) {
        char *grown = realloc(into->buffer, size);

        if (grown == NULL) {
            return no_memory(err);
        }
        into->buffer = grown;
        into->size = size;
    }
    hgh_feed_record_write(into->buffer + into->used, kind, object->modified, object->created,
                          object->key, object->key_length, object->value, object->value_length);
    into->used += size;
    return HG_OK;
}

static hg_status epoch_add_text(const hgh_feed_writer *writer,
                                epoch_file *into,
                                hgh_feed_kind kind,
                                const char *value,
                                hg_error *err)
{
    hgh_resource_object record = {
        .key = "",
        .value = value,
        .value_length = strlen(value),
        .modified = hgh_resource_table_revision(writer->table),
    };

    return epoch_add(into, kind, &record, err);
}

static size_t text_record_size(const char *value)
{
    return value == NULL ? 0 : hgh_feed_record_size(0, strlen(value));
}

static hg_status epoch_write_state(const hgh_feed_writer *writer, epoch_file *into, hg_error *err)
{
    hg_status status = HG_OK;

    if (writer->manifest != NULL) {
        status = epoch_add_text(writer, into, HGH_FEED_MANIFEST, writer->manifest, err);
    }
    for (const hgh_resource_object *object = hgh_resource_table_first(writer->table, NULL);
         object != NULL && status == HG_OK;
         object = hgh_resource_table_next_of_all(writer->table, object)) {
        status = epoch_add(into, HGH_FEED_PUT, object, err);
    }
    if (status == HG_OK) {
        status = epoch_add_text(writer, into, HGH_FEED_BASE, "", err);
    }
    if (status == HG_OK && writer->prepared != NULL) {
        status = epoch_add_text(writer, into, HGH_FEED_PREPARE, writer->prepared, err);
    }
    return status == HG_OK ? epoch_flush(into, err) : status;
}

static void epoch_remove(const hgh_feed_writer *writer, uint32_t epoch)
{
    char name[NAME_MAX_BYTES];

    file_name(name, epoch);
    (void)unlinkat(writer->directory, name, 0); /* most often it is not there */
}

/* States the table in a new file with room for `needed` bytes more. Nothing changes on failure. */
static hg_status epoch_start(hgh_feed_writer *writer, uint64_t needed, hg_error *err)
{
    uint64_t state_bytes = sizeof(hgh_feed_header) + text_record_size(writer->manifest) +
                           hgh_resource_table_feed_bytes(writer->table) + text_record_size("") +
                           text_record_size(writer->prepared);
    uint64_t reserve = state_bytes + needed + DECISION_ROOM;
    uint64_t capacity = COMPACT_FACTOR * reserve;
    hgh_feed_header header = {.magic = HGH_FEED_MAGIC, .epoch = writer->epoch + 1};
    epoch_file into = {.fd = -1, .size = COPY_BUFFER};
    char name[NAME_MAX_BYTES];
    hg_status status;

    if (writer->epoch >= EPOCH_MAX) {
        return hg_error_set(err, HG_ERR_FULL,
                            "state/feed: all %u epochs are used up; stop the gateway and remove it",
                            EPOCH_MAX);
    }
    if (writer->file >= 0 && !writer->is_broken) {
        header.previous_end = writer->offset;
    }
    capacity = capacity < HGH_FEED_CAPACITY_MIN ? HGH_FEED_CAPACITY_MIN : capacity;
    capacity = (capacity + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
    header.capacity = capacity;
    header.base_revision = hgh_resource_table_revision(writer->table);
    header.base_end = sizeof(hgh_feed_header) + text_record_size(writer->manifest) +
                      hgh_resource_table_feed_bytes(writer->table) + text_record_size("");
    memcpy(header.store_id, writer->store_id, STORE_ID_BYTES);
    file_name(name, header.epoch);
    into.buffer = malloc(into.size);
    if (into.buffer == NULL) {
        return no_memory(err);
    }
    epoch_remove(writer, header.epoch); /* left by a crash: never published, nobody maps it */
    into.fd = openat(writer->directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    if (into.fd < 0) {
        status = io_error(errno, name, err);
        goto cleanup;
    }
    status = file_dress(writer, into.fd, err);
    if (status == HG_OK) {
        status = space_reserve(into.fd, reserve, err);
    }
    if (status == HG_OK) {
        memcpy(into.buffer, &header, sizeof(header));
        into.used = sizeof(header);
        status = epoch_write_state(writer, &into, err);
    }
    if (status != HG_OK) {
        epoch_remove(writer, header.epoch);
        goto cleanup;
    }
    if (writer->file >= 0) {
        (void)close(writer->file);
    }
    writer->file = into.fd;
    into.fd = -1;
    writer->epoch = header.epoch;
    writer->capacity = capacity;
    writer->reserved = reserve;
    writer->is_broken = false;
    word_move(writer, into.offset);
    if (writer->epoch >= 2) {
        epoch_remove(writer, writer->epoch - 2); /* a worker may be reading the one before this */
    }

cleanup:
    if (into.fd >= 0) {
        (void)close(into.fd);
    }
    free(into.buffer);
    return status;
}

static hg_status word_open(hgh_feed_writer *writer, hg_error *err)
{
    void *mapped;
    hg_status status;
    int fd = openat(writer->directory, HGH_FEED_WORD_FILE,
                    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);

    if (fd < 0) {
        return io_error(errno, HGH_FEED_WORD_FILE, err);
    }
    status = file_dress(writer, fd, err);
    if (status == HG_OK) {
        status = space_reserve(fd, WORD_FILE_BYTES, err);
    }
    if (status == HG_OK) {
        mapped = mmap(NULL, WORD_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (mapped == MAP_FAILED) {
            status = io_error(errno, "mapping the word", err);
        } else {
            writer->word = mapped;
        }
    }
    (void)close(fd);
    return status;
}

static bool texts_equal(const char *left, const char *right)
{
    return left == NULL || right == NULL ? left == right : strcmp(left, right) == 0;
}

/* Walks the records; false if one is damaged or there is no complete state. */
static bool file_walk(const char *bytes, uint64_t length, file_state *state)
{
    uint64_t at = sizeof(hgh_feed_header);

    while (at < length) {
        const hgh_feed_record *record = hgh_feed_record_check(bytes + at, length - at);

        if (record == NULL) {
            return false;
        }
        if (state->has_base || record->kind == HGH_FEED_BASE) {
            state->revision = record->revision;
        }
        switch (record->kind) {
        case HGH_FEED_BASE:
            state->has_base = true;
            break;
        case HGH_FEED_MANIFEST:
            state->manifest = hgh_feed_record_value(record);
            break;
        case HGH_FEED_PREPARE:
            state->prepared = hgh_feed_record_value(record);
            break;
        case HGH_FEED_COMMIT:
            state->manifest = state->prepared;
            state->prepared = NULL;
            break;
        case HGH_FEED_ABORT:
            state->prepared = NULL;
            break;
        default: /* PUT and DELETE: the table has them */
            break;
        }
        at += record->length;
    }
    return state->has_base;
}

/* Continues the file of the published epoch, if it says what the table says. */
static hg_status file_resume(hgh_feed_writer *writer, const char *manifest, hg_error *err)
{
    uint64_t word = atomic_load_explicit(&writer->word->value, memory_order_relaxed);
    uint64_t length = hgh_feed_word_offset(word);
    hg_status status = HG_ERR_NOT_FOUND; /* no feed to continue: not a failure, no text */
    const hgh_feed_header *header;
    file_state state = {0};
    char name[NAME_MAX_BYTES];
    struct stat about;
    void *mapped = MAP_FAILED;
    int fd = -1;

    writer->epoch = hgh_feed_word_epoch(word);
    if (word == 0 || length < sizeof(*header)) {
        return status;
    }
    file_name(name, writer->epoch);
    fd = openat(writer->directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &about) != 0 || (uint64_t)about.st_size < length) {
        goto cleanup;
    }
    mapped = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) {
        goto cleanup;
    }
    header = mapped;
    if (memcmp(header->magic, HGH_FEED_MAGIC, sizeof(header->magic)) != 0 ||
        header->epoch != writer->epoch || header->capacity < length ||
        memcmp(header->store_id, writer->store_id, STORE_ID_BYTES) != 0 ||
        !file_walk(mapped, length, &state) ||
        state.revision != hgh_resource_table_revision(writer->table) ||
        (!texts_equal(state.manifest, manifest) &&
         (state.prepared == NULL || !texts_equal(state.prepared, manifest)))) {
        goto cleanup;
    }
    writer->manifest = state.manifest == NULL ? NULL : strdup(state.manifest);
    writer->prepared = state.prepared == NULL ? NULL : strdup(state.prepared);
    if ((state.manifest != NULL && writer->manifest == NULL) ||
        (state.prepared != NULL && writer->prepared == NULL)) {
        status = no_memory(err);
        goto cleanup;
    }
    writer->capacity = header->capacity;
    writer->offset = length;
    writer->reserved = length;
    writer->file = fd;
    fd = -1;
    status = HG_OK;

cleanup:
    if (mapped != MAP_FAILED) {
        (void)munmap(mapped, length);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

/* The number of a feed file; 0 for any other name. */
static uint32_t epoch_of_name(const char *name)
{
    char again[NAME_MAX_BYTES];
    unsigned long epoch = strtoul(name, NULL, 10);

    if (epoch == 0 || epoch > EPOCH_MAX) {
        return 0;
    }
    file_name(again, (uint32_t)epoch);
    return strcmp(again, name) == 0 ? (uint32_t)epoch : 0;
}

/* Calls for each feed file: raises *out_highest (if not NULL) or removes what is out of use. */
static void files_visit(const hgh_feed_writer *writer, uint32_t *out_highest)
{
    int copy = openat(writer->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = copy < 0 ? NULL : fdopendir(copy);

    if (listing == NULL) {
        if (copy >= 0) {
            (void)close(copy);
        }
        return; /* nothing is removed then; a name that is taken is replaced when it is needed */
    }
    for (const struct dirent *item = readdir(listing); item != NULL; item = readdir(listing)) {
        uint32_t epoch = epoch_of_name(item->d_name);

        if (epoch == 0) {
            continue;
        }
        if (out_highest != NULL) {
            *out_highest = epoch > *out_highest ? epoch : *out_highest;
        } else if (epoch > writer->epoch || epoch + 1 < writer->epoch) {
            epoch_remove(writer, epoch);
        }
    }
    (void)closedir(listing);
}

static uint64_t generation_of(const char *manifest)
{
    json_t *value = json_loads(manifest, 0, NULL);
    uint64_t generation = (uint64_t)json_integer_value(json_object_get(value, GENERATION_FIELD));

    json_decref(value);
    return generation;
}

/* A crash between PREPARE and its decision: what is in force says which it was. */
static hg_status prepared_settle(hgh_feed_writer *writer, const char *manifest, hg_error *err)
{
    uint64_t generation;

    if (writer->prepared == NULL) {
        return HG_OK;
    }
    generation = generation_of(writer->prepared);
    return texts_equal(writer->prepared, manifest) ? hgh_feed_writer_commit(writer, generation, err)
                                                   : hgh_feed_writer_abort(writer, generation, err);
}

hg_status hgh_feed_writer_open(const hgh_feed_writer_options *options,
                               hgh_feed_writer **out_writer,
                               hg_error *err)
{
    hgh_feed_writer *writer = calloc(1, sizeof(*writer));
    hg_status status;

    if (writer == NULL) {
        return no_memory(err);
    }
    writer->file = -1;
    writer->wake = options->wake;
    writer->group = options->group;
    writer->table = options->table;
    memcpy(writer->store_id, options->store_id, STORE_ID_BYTES);
    writer->directory = open(options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (writer->directory < 0) {
        status = io_error(errno, options->directory, err);
        goto cleanup;
    }
    status = word_open(writer, err);
    if (status != HG_OK) {
        goto cleanup;
    }
    status = file_resume(writer, options->manifest, err);
    if (status == HG_OK) {
        status = prepared_settle(writer, options->manifest, err);
    } else if (status == HG_ERR_NOT_FOUND) {
        /* A worker may still map a file of a higher number than the word now says. */
        files_visit(writer, &writer->epoch);
        writer->manifest = options->manifest == NULL ? NULL : strdup(options->manifest);
        status = options->manifest != NULL && writer->manifest == NULL
                     ? no_memory(err)
                     : epoch_start(writer, 0, err);
    }
    if (status == HG_OK) {
        files_visit(writer, NULL);
        *out_writer = writer;
        writer = NULL;
    }

cleanup:
    hgh_feed_writer_close(writer);
    return status;
}

void hgh_feed_writer_close(hgh_feed_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    if (writer->word != NULL) {
        (void)munmap(writer->word, WORD_FILE_BYTES);
    }
    if (writer->file >= 0) {
        (void)close(writer->file);
    }
    if (writer->directory >= 0) {
        (void)close(writer->directory);
    }
    free(writer->manifest);
    free(writer->prepared);
    free(writer->pending);
    free(writer);
}

/* Room on disk up to `end`; a chunk more if there is that much. */
static hg_status reserve_up_to(hgh_feed_writer *writer, uint64_t end, hg_error *err)
{
    uint64_t chunk = (end + RESERVE_CHUNK - 1) / RESERVE_CHUNK * RESERVE_CHUNK;
    hg_status status;

    if (end <= writer->reserved) {
        return HG_OK;
    }
    chunk = chunk > writer->capacity ? writer->capacity : chunk;
    status = space_reserve(writer->file, chunk, err);
    if (status == HG_ERR_FULL && chunk > end) {
        chunk = end;
        status = space_reserve(writer->file, chunk, err);
    }
    if (status == HG_OK) {
        writer->reserved = chunk;
    }
    return status;
}

hg_status hgh_feed_writer_begin(hgh_feed_writer *writer, size_t bytes, hg_error *err)
{
    uint64_t needed = (uint64_t)bytes + DECISION_ROOM;
    hg_status status = HG_OK;

    hgh_feed_writer_cancel(writer);
    if (writer->is_broken || needed > writer->capacity - writer->offset) {
        status = epoch_start(writer, needed, err);
    } else if (writer->offset > HGH_FEED_CAPACITY_MIN &&
               writer->offset / COMPACT_FACTOR > hgh_resource_table_feed_bytes(writer->table)) {
        (void)epoch_start(writer, needed, NULL); /* without it there is still room for this one */
    }
    if (status == HG_OK) {
        status = reserve_up_to(writer, writer->offset + needed, err);
    }
    if (status != HG_OK) {
        return status;
    }
    writer->pending = malloc(bytes == 0 ? 1 : bytes);
    if (writer->pending == NULL) {
        return no_memory(err);
    }
    writer->pending_size = bytes;
    return HG_OK;
}

static void pending_add(hgh_feed_writer *writer,
                        hgh_feed_kind kind,
                        uint64_t revision,
                        uint64_t created,
                        const char *key,
                        const char *value,
                        size_t value_length)
{
    size_t key_length = strlen(key);
    size_t size = hgh_feed_record_size(key_length, value_length);

    if (size > writer->pending_size - writer->pending_used) {
        /* Never happens to a caller that reserved what it adds; publishing then states the whole
         * table instead of losing a change. */
        writer->is_broken = true;
        return;
    }
    hgh_feed_record_write(writer->pending + writer->pending_used, kind, revision, created, key,
                          key_length, value, value_length);
    writer->pending_used += size;
}

void hgh_feed_writer_put(hgh_feed_writer *writer,
                         uint64_t revision,
                         uint64_t created,
                         const char *key,
                         const char *value,
                         size_t value_length)
{
    pending_add(writer, HGH_FEED_PUT, revision, created, key, value, value_length);
}

void hgh_feed_writer_delete(hgh_feed_writer *writer, uint64_t revision, const char *key)
{
    pending_add(writer, HGH_FEED_DELETE, revision, 0, key, "", 0);
}

/* Appends and moves the word; if the disk refuses what it had reserved, a new file may do. */
static hg_status append(hgh_feed_writer *writer, const char *bytes, size_t length, hg_error *err)
{
    if (!writer->is_broken &&
        write_all(writer->file, bytes, length, writer->offset, NULL) == HG_OK) {
        word_move(writer, writer->offset + length);
        return HG_OK;
    }
    writer->is_broken = true;
    return epoch_start(writer, 0, err);
}

hg_status hgh_feed_writer_publish(hgh_feed_writer *writer, hg_error *err)
{
    hg_status status = append(writer, writer->pending, writer->pending_used, err);

    hgh_feed_writer_cancel(writer);
    return status;
}

void hgh_feed_writer_cancel(hgh_feed_writer *writer)
{
    free(writer->pending);
    writer->pending = NULL;
    writer->pending_size = 0;
    writer->pending_used = 0;
}

hg_status hgh_feed_writer_prepare(hgh_feed_writer *writer, const char *manifest, hg_error *err)
{
    uint64_t revision = hgh_resource_table_revision(writer->table);
    hg_status status = hgh_feed_writer_begin(writer, text_record_size(manifest), err);
    char *copy;

    if (status != HG_OK) {
        return status;
    }
    copy = strdup(manifest);
    if (copy == NULL) {
        hgh_feed_writer_cancel(writer);
        return no_memory(err);
    }
    pending_add(writer, HGH_FEED_PREPARE, revision, 0, "", manifest, strlen(manifest));
    free(writer->prepared);
    writer->prepared = copy;
    status = hgh_feed_writer_publish(writer, err);
    if (status != HG_OK) {
        free(writer->prepared);
        writer->prepared = NULL;
    }
    return status;
}

static hg_status
decide(hgh_feed_writer *writer, hgh_feed_kind kind, uint64_t generation, hg_error *err)
{
    char record[DECISION_ROOM];
    char value[DECISION_VALUE];
    size_t length =
        (size_t)snprintf(value, sizeof(value), DECISION_TEXT, (unsigned long long)generation);
    size_t size = hgh_feed_record_size(0, length);

    hgh_feed_writer_cancel(writer);
    if (size > writer->capacity - writer->offset) {
        writer->is_broken = true; /* never behind a prepare: it left room */
    } else if (writer->offset + size > writer->reserved) { /* prepared by an earlier process */
        hg_status status = reserve_up_to(writer, writer->offset + size, err);

        if (status != HG_OK) {
            return status;
        }
    }
    hgh_feed_record_write(record, kind, hgh_resource_table_revision(writer->table), 0, "", 0, value,
                          length);
    return append(writer, record, size, err);
}

hg_status hgh_feed_writer_commit(hgh_feed_writer *writer, uint64_t generation, hg_error *err)
{
    /* First, so that a new epoch in the place of the record says the same. */
    if (writer->prepared != NULL) {
        free(writer->manifest);
        writer->manifest = writer->prepared;
        writer->prepared = NULL;
    }
    return decide(writer, HGH_FEED_COMMIT, generation, err);
}

hg_status hgh_feed_writer_abort(hgh_feed_writer *writer, uint64_t generation, hg_error *err)
{
    free(writer->prepared);
    writer->prepared = NULL;
    return decide(writer, HGH_FEED_ABORT, generation, err);
}

uint64_t hgh_feed_writer_word(const hgh_feed_writer *writer)
{
    return atomic_load_explicit(&writer->word->value, memory_order_relaxed);
}

const char *hgh_feed_writer_manifest(const hgh_feed_writer *writer)
{
    return writer->manifest;
}
