/* tests/fuzz/fuzz_feed.c - a feed file with any bytes is followed to its end.
 *
 * Input: flags, then eight bytes of the word's offset, then the file. Flag 1: the header is made
 * one that is accepted. Flag 2: so are the checksums of the records, as far as their lengths go. */
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "host/core/feed_reader.h"
#include "tests/fuzz/fuzz.h"

#define EPOCH       1u
#define HEADER_SIZE sizeof(hgh_feed_header)
#define PREFIX_SIZE 9u
#define WORD_BYTES  4096u

static char directory[64];
static char feed_path[96];
static char word_path[96];

static void remove_files(void)
{
    (void)unlink(feed_path);
    (void)unlink(word_path);
    (void)rmdir(directory);
}

static void make_directory(void)
{
    if (directory[0] == '\0') {
        (void)snprintf(directory, sizeof(directory), "/tmp/hotgate-fuzz-feed-XXXXXX");
        FUZZ_PROMISE(mkdtemp(directory) != NULL);
        (void)snprintf(feed_path, sizeof(feed_path), "%s/" HGH_FEED_FILE_FORMAT, directory, EPOCH);
        (void)snprintf(word_path, sizeof(word_path), "%s/" HGH_FEED_WORD_FILE, directory);
        (void)atexit(remove_files);
    }
}

static void write_file(const char *path, const void *bytes, size_t size, size_t whole)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    FUZZ_PROMISE(fd >= 0);
    FUZZ_PROMISE(write(fd, bytes, size) == (ssize_t)size);
    FUZZ_PROMISE(ftruncate(fd, (off_t)whole) == 0);
    FUZZ_PROMISE(close(fd) == 0);
}

static void mend_header(uint8_t *file, size_t size)
{
    hgh_feed_header header;

    if (size >= HEADER_SIZE) {
        memcpy(&header, file, HEADER_SIZE);
        memcpy(header.magic, HGH_FEED_MAGIC, sizeof(header.magic));
        header.epoch = EPOCH;
        header.capacity = HGH_FEED_CAPACITY_MIN;
        memcpy(file, &header, HEADER_SIZE);
    }
}

static void mend_records(uint8_t *file, size_t size)
{
    const size_t from = offsetof(hgh_feed_record, crc) + sizeof(uint32_t);

    for (size_t at = HEADER_SIZE; at + sizeof(hgh_feed_record) <= size;) {
        uint32_t length;
        uint32_t crc;

        memcpy(&length, file + at, sizeof(length));
        if (length < sizeof(hgh_feed_record) || length > size - at) {
            return;
        }
        crc = (uint32_t)crc32(0, file + at + from, length - (uInt)from);
        memcpy(file + at + offsetof(hgh_feed_record, crc), &crc, sizeof(crc));
        at += length;
    }
}

static void follow(uint64_t word)
{
    hgh_feed_reader reader = {0};
    hg_error err = HG_ERROR_INIT;
    bool switched = false;
    const hgh_feed_record *record = NULL;

    FUZZ_PROMISE(hgh_feed_reader_open(&reader, directory, &err) == HG_OK);
    if (hgh_feed_reader_follow(&reader, word, &switched, &err) == HG_OK) {
        do {
            record = NULL;
            if (hgh_feed_reader_next(&reader, word, &record, &err) != HG_OK) {
                FUZZ_PROMISE(err.text[0] != '\0');
            } else if (record != NULL) {
                hgh_feed_slice slice = hgh_feed_slice_of(&reader, record);
                hg_text text = hgh_feed_slice_text(&slice);

                FUZZ_PROMISE(hgh_feed_record_key(record)[record->key_length] == '\0');
                FUZZ_PROMISE(text.data[text.length] == '\0');
                hgh_feed_file_unref(slice.file);
            }
        } while (record != NULL);
    }
    hgh_feed_reader_done(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t offset;
    uint8_t *file;

    if (size < PREFIX_SIZE) {
        return 0;
    }
    make_directory();
    memcpy(&offset, data + 1, sizeof(offset));
    file = (uint8_t *)fuzz_string(data + PREFIX_SIZE, size - PREFIX_SIZE);
    size -= PREFIX_SIZE;
    if ((data[0] & 1u) != 0) {
        mend_header(file, size);
        offset = size;
    }
    if ((data[0] & 2u) != 0) {
        mend_records(file, size);
    }
    write_file(word_path, "", 0, WORD_BYTES);
    write_file(feed_path, file, size, size);
    follow(hgh_feed_word_make(EPOCH, offset & (((uint64_t)1 << HGH_FEED_OFFSET_BITS) - 1)));
    free(file);
    return 0;
}
