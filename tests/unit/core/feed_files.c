/* tests/unit/core/feed_files.c - writes feeds record by record, sound and damaged ones. */
#include "tests/unit/core/feed_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define WORD_BYTES 4096u
#define CAPACITY   (8u << 20)

static const char *feed_path(const feed_files *feed, uint32_t epoch)
{
    static char path[128];

    (void)snprintf(path, sizeof(path), "%s/" HGH_FEED_FILE_FORMAT, feed->directory, epoch);
    return path;
}

void feed_files_init(feed_files *feed)
{
    char path[128];
    int fd;

    *feed = (feed_files){.fd = -1};
    (void)snprintf(feed->directory, sizeof(feed->directory), "/tmp/hotgate-unit-XXXXXX");
    assert_non_null(mkdtemp(feed->directory));
    (void)snprintf(path, sizeof(path), "%s/%s", feed->directory, HGH_FEED_WORD_FILE);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, WORD_BYTES), 0);
    feed->word = mmap(NULL, WORD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(feed->word, MAP_FAILED);
    (void)close(fd);
}

void feed_files_done(feed_files *feed)
{
    char path[128];

    if (feed->fd >= 0) {
        (void)close(feed->fd);
    }
    for (uint32_t epoch = 0; epoch < 16; epoch++) {
        (void)unlink(feed_path(feed, epoch));
    }
    (void)snprintf(path, sizeof(path), "%s/%s", feed->directory, HGH_FEED_WORD_FILE);
    (void)unlink(path);
    (void)rmdir(feed->directory);
    (void)munmap(feed->word, WORD_BYTES);
}

void feed_damage(feed_files *feed, uint64_t offset, const void *bytes, uint64_t length)
{
    assert_int_equal(pwrite(feed->fd, bytes, length, (off_t)offset), length);
}

void feed_epoch(feed_files *feed, uint32_t epoch)
{
    if (feed->fd >= 0) {
        (void)close(feed->fd);
    }
    feed->fd = open(feed_path(feed, epoch), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(feed->fd >= 0);
    feed->epoch = epoch;
    feed->header = (hgh_feed_header){.magic = HGH_FEED_MAGIC, .epoch = epoch, .capacity = CAPACITY};
    feed_damage(feed, 0, &feed->header, sizeof(feed->header));
    feed->offset = sizeof(feed->header);
}

void feed_add(
    feed_files *feed, hgh_feed_kind kind, uint64_t revision, const char *key, const char *value)
{
    size_t size = hgh_feed_record_size(strlen(key), strlen(value));
    void *record = calloc(1, size);

    hgh_feed_record_write(record, kind, revision, revision, key, strlen(key), value, strlen(value));
    feed_damage(feed, feed->offset, record, size);
    feed->offset += size;
    free(record);
}

void feed_base(feed_files *feed, uint64_t revision)
{
    feed_add(feed, HGH_FEED_BASE, revision, "", "");
    feed->header.base_revision = revision;
    feed->header.base_end = feed->offset;
    feed_damage(feed, 0, &feed->header, sizeof(feed->header));
}

void feed_publish(feed_files *feed)
{
    atomic_store(&feed->word->value, hgh_feed_word_make(feed->epoch, feed->offset));
}

bool feed_is_mapped(const feed_files *feed, uint32_t epoch)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    bool found = false;

    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        found = found || strstr(line, feed_path(feed, epoch)) != NULL;
    }
    if (maps != NULL) {
        (void)fclose(maps);
    }
    return found;
}
