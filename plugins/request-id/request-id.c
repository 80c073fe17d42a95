/* request-id.c - gives every request an identifier that upstream and client see. */
#include <string.h>

#include <hotgate/plugin.h>

#define ID_MAX           64u /* characters of the identifiers of fixed length, with a NUL */
#define RANGE_LENGTH_MAX 1024
#define KSUID_EPOCH_S    1400000000 /* 2014-05-13: where KSUID begins to count */
#define KSUID_BYTES      20
#define KSUID_LENGTH     27u
#define NANOID_LENGTH    21u
#define BASE62           "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

typedef enum algorithm {
    ALGORITHM_UUID,
    ALGORITHM_NANOID,
    ALGORITHM_RANGE_ID,
    ALGORITHM_KSUID,
    ALGORITHM_UUID_V7,
} algorithm;

typedef struct range_id {
    int64_t length;
    hg_text char_set;
} range_id;

typedef struct request_id {
    hg_text header_name;
    bool include_in_response;
    int32_t algorithm;
    range_id range;
} request_id;

static const hg_field range_fields[] = {
    HG_INT(range_id,
           length,
           "length",
           .summary = "Characters of the identifier.",
           .min = 6,
           .max = RANGE_LENGTH_MAX,
           .initial = "16"),
    HG_STRING(range_id,
              char_set,
              "char_set",
              .summary = "What the identifier is made of: visible ASCII characters.",
              .min_length = 6,
              .pattern = "^[!-~]+$",
              .initial = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
    HG_FIELDS_END,
};

static const hg_field fields[] = {
    HG_STRING(request_id,
              header_name,
              "header_name",
              .summary = "The header that holds the identifier.",
              .min_length = 1,
              .pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
              .initial = "X-Request-Id"),
    HG_BOOL(request_id,
            include_in_response,
            "include_in_response",
            .summary = "The client sees the identifier too.",
            .initial = "true"),
    HG_ENUM(request_id,
            algorithm,
            "algorithm",
            .summary = "How it is made.",
            .initial = "uuid",
            .names = {"uuid", "nanoid", "range_id", "ksuid", "uuidv7"}),
    HG_OBJECT(request_id,
              range,
              range_id,
              "range_id",
              range_fields,
              .summary = "Of the algorithm `range_id`."),
    HG_FIELDS_END,
};

typedef struct request_data {
    hg_text id; /* absent: the response is not to have it */
} request_data;

/* RFC 9562 section 4: the version in the high bits of byte 6, the variant in those of byte 8. */
static void uuid_write(char *out, unsigned char *bytes, unsigned version)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;

    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | version << 4);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            out[at++] = '-';
        }
        out[at++] = digits[bytes[i] >> 4];
        out[at++] = digits[bytes[i] & 15];
    }
    out[at] = '\0';
}

static void uuid_make(char *out)
{
    unsigned char bytes[16];

    hg_random_bytes(bytes, sizeof(bytes));
    uuid_write(out, bytes, 4);
}

/* RFC 9562 section 5.7: 48 bits of milliseconds since 1970, the rest is random. */
static void uuid_v7_make(char *out)
{
    unsigned char bytes[16];
    uint64_t now_ms = (uint64_t)hg_wall_ms();

    hg_random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < 6; i++) {
        bytes[i] = (unsigned char)(now_ms >> (40 - 8 * i));
    }
    uuid_write(out, bytes, 7);
}

static void random_text(char *out, size_t length, hg_text characters)
{
    for (size_t i = 0; i < length; i++) {
        out[i] = characters.data[hg_random_below(characters.length)];
    }
    out[length] = '\0';
}

/* Seconds since its epoch and 16 random bytes, as a number of base 62 with leading zeros. */
static void ksuid_make(char *out)
{
    unsigned char bytes[KSUID_BYTES];
    uint32_t now_s = (uint32_t)(hg_wall_ms() / 1000 - KSUID_EPOCH_S);

    hg_random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < 4; i++) {
        bytes[i] = (unsigned char)(now_s >> (24 - 8 * i));
    }
    for (size_t place = KSUID_LENGTH; place-- > 0;) {
        unsigned rest = 0;

        for (size_t i = 0; i < sizeof(bytes); i++) { /* divides the number by 62 */
            unsigned part = rest << 8 | bytes[i];

            bytes[i] = (unsigned char)(part / 62);
            rest = part % 62;
        }
        out[place] = BASE62[rest];
    }
    out[KSUID_LENGTH] = '\0';
}

/* Absent: no memory. */
static hg_text id_make(hg_request *request, const request_id *own)
{
    size_t size = own->algorithm == ALGORITHM_RANGE_ID ? (size_t)own->range.length + 1 : ID_MAX;
    char *id = hg_request_allocate(request, size);

    if (id == NULL) {
        return hg_text_of(NULL);
    }
    switch ((algorithm)own->algorithm) {
    case ALGORITHM_UUID:
        uuid_make(id);
        break;
    case ALGORITHM_NANOID:
        random_text(id, NANOID_LENGTH, HG_TEXT(BASE62 "_-"));
        break;
    case ALGORITHM_RANGE_ID:
        random_text(id, (size_t)own->range.length, own->range.char_set);
        break;
    case ALGORITHM_KSUID:
        ksuid_make(id);
        break;
    case ALGORITHM_UUID_V7:
        uuid_v7_make(id);
        break;
    }
    return hg_text_of(id);
}

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    const request_id *own = config;
    hg_text id = hg_request_header(request, own->header_name);
    request_data *data = hg_request_data(request);

    if (id.length == 0) {
        id = id_make(request, own);
        if (id.data == NULL || hg_request_set_header(request, own->header_name, id) != HG_OK) {
            hg_log(request, HG_LOG_ERROR, "no memory for an identifier");
            return HG_NEXT;
        }
    }
    if (own->include_in_response && data != NULL) {
        data->id = id;
    }
    return HG_NEXT;
}

static void on_header_filter(hg_request *request, const void *config)
{
    const request_id *own = config;
    const request_data *data = hg_request_data(request);

    if (data != NULL && hg_text_is_present(data->id) &&
        !hg_text_is_present(hg_response_header(request, own->header_name)) &&
        hg_response_set_header(request, own->header_name, data->id) != HG_OK) {
        hg_log(request, HG_LOG_ERROR, "the identifier cannot be sent");
    }
}

HG_PLUGIN("request-id",
          "1.0.0",
          .summary = "Gives every request an identifier that upstream and client see.",
          .priority = 12015,
          .config = HG_CONFIG(request_id, fields),
          .request_size = (uint32_t)sizeof(request_data),
          .rewrite = on_rewrite,
          .header_filter = on_header_filter);
