/* host/core/feed.c - writes and checks the records of the feed. */
#include "host/core/feed.h"

#include <string.h>
#include <zlib.h>

/* The checksum covers all behind its own field. */
#define CRC_BEGIN (offsetof(hgh_feed_record, crc) + sizeof(uint32_t))

static uint32_t checksum(const void *record, size_t length)
{
    return (uint32_t)crc32_z(0, (const unsigned char *)record + CRC_BEGIN, length - CRC_BEGIN);
}

size_t hgh_feed_record_size(size_t key_length, size_t value_length)
{
    size_t length = sizeof(hgh_feed_record) + key_length + 1 + value_length + 1;

    return (length + HGH_FEED_ALIGNMENT - 1) & ~(size_t)(HGH_FEED_ALIGNMENT - 1);
}

void hgh_feed_record_write(void *into,
                           hgh_feed_kind kind,
                           uint64_t revision,
                           uint64_t created,
                           const char *key,
                           size_t key_length,
                           const char *value,
                           size_t value_length)
{
    size_t length = hgh_feed_record_size(key_length, value_length);
    hgh_feed_record record = {
        .length = (uint32_t)length,
        .revision = revision,
        .created = created,
        .kind = (uint32_t)kind,
        .key_length = (uint32_t)key_length,
        .value_length = (uint32_t)value_length,
    };
    char *at = (char *)into + sizeof(record);

    memset(at, 0, length - sizeof(record));
    if (key_length > 0) {
        memcpy(at, key, key_length);
    }
    if (value_length > 0) {
        memcpy(at + key_length + 1, value, value_length);
    }
    memcpy(into, &record, sizeof(record));
    record.crc = checksum(into, length);
    memcpy(into, &record, sizeof(record));
}

const hgh_feed_record *hgh_feed_record_check(const void *bytes, uint64_t available)
{
    const hgh_feed_record *record = bytes;

    if (available < sizeof(*record) || record->length > available ||
        record->key_length > HGH_FEED_KEY_MAX || record->value_length > HGH_FEED_VALUE_MAX ||
        record->length != hgh_feed_record_size(record->key_length, record->value_length) ||
        record->crc != checksum(record, record->length)) {
        return NULL;
    }
    if (hgh_feed_record_key(record)[record->key_length] != '\0' ||
        hgh_feed_record_value(record)[record->value_length] != '\0') {
        return NULL;
    }
    return record;
}
