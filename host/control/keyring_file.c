/* host/control/keyring_file.c - conf/keyring: keys of the store that nobody had to think of. */
#include "host/control/keyring_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE 0600u
#define LINE_MAX  300u /* bytes, with newline and NUL */
#define KEYS_MAX  256u
#define KEY_MIN   16u /* characters, as in the configuration */
#define KEY_BYTES 32u /* of randomness in a generated one */
#define GENERATED                                                                                  \
    "# The keys of state/store.db: the first one encrypts, all decrypt. Keep a copy elsewhere:\n"  \
    "# without them the store cannot be read.\n"

void hgh_keyring_texts_free(char **keys, size_t count)
{
    for (size_t i = 0; keys != NULL && i < count; i++) {
        explicit_bzero(keys[i], strlen(keys[i]));
        free(keys[i]);
    }
    free(keys);
}

static bool is_key(const char *line)
{
    for (const char *at = line; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~') {
            return false;
        }
    }
    return strlen(line) >= KEY_MIN;
}

/* One line after the other; `line` holds secrets and is the caller's to wipe. */
static hg_status read_keys(
    FILE *file, const char *path, char line[LINE_MAX], char **keys, size_t *count, hg_error *err)
{
    for (unsigned number = 1; fgets(line, (int)LINE_MAX, file) != NULL; number++) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '\0' || line[0] == '#') {
            continue;
        }
        if (!is_key(line) || *count == KEYS_MAX) {
            return hg_error_set(err, HG_ERR_INVALID,
                                "%s:%u: found %s, wanted a key of 16 to 256 printable ASCII "
                                "characters without blanks",
                                path, number, *count == KEYS_MAX ? "too many keys" : "no key");
        }
        keys[*count] = strdup(line);
        if (keys[*count] == NULL) {
            return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
        }
        (*count)++;
    }
    return ferror(file) == 0 ? HG_OK
                             : hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
}

hg_status
hgh_keyring_file_read(const char *path, char ***out_keys, size_t *out_count, hg_error *err)
{
    char **keys = calloc(KEYS_MAX + 1, sizeof(*keys));
    size_t count = 0;
    char line[LINE_MAX] = "";
    struct stat info;
    FILE *file = NULL;
    hg_status status = HG_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us */

    if (keys == NULL) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    } else if (fd < 0 && errno != ENOENT) {
        status = hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
    } else if (fd >= 0 && (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))) {
        status = hg_error_set(err, HG_ERR_INVALID, "%s: is not a regular file", path);
    } else if (fd >= 0) {
        file = fdopen(fd, "r");
        status = file == NULL ? hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory")
                              : read_keys(file, path, line, keys, &count, err);
    }
    explicit_bzero(line, sizeof(line));
    if (file != NULL) {
        (void)fclose(file);
    } else if (fd >= 0) {
        (void)close(fd);
    }
    if (status != HG_OK) {
        hgh_keyring_texts_free(keys, count);
        return status;
    }
    *out_keys = keys;
    *out_count = count;
    return HG_OK;
}

/* On disk before anything is encrypted with it, directory and all. */
static bool write_key(const char *path, const char *key)
{
    char *directory = strdup(path);
    FILE *file = NULL;
    bool is_done = false;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    int folder;

    if (fd >= 0 && fchmod(fd, FILE_MODE) == 0 && (file = fdopen(fd, "w")) != NULL) {
        is_done = fputs(GENERATED, file) >= 0 && fprintf(file, "%s\n", key) > 0 &&
                  fflush(file) == 0 && fsync(fd) == 0;
        is_done = fclose(file) == 0 && is_done;
    } else if (fd >= 0) {
        (void)close(fd);
    }
    if (fd >= 0 && !is_done) {
        int error = errno;

        (void)unlink(path);
        errno = error;
    }
    if (is_done && directory != NULL) {
        *strrchr(directory, '/') = '\0';
        folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder >= 0) {
            (void)fsync(folder); /* some file systems cannot do this */
            (void)close(folder);
        }
    }
    free(directory);
    return is_done;
}

hg_status hgh_keyring_file_make(const char *path, hg_error *err)
{
    uint8_t bytes[KEY_BYTES];
    char key[2 * KEY_BYTES + 1];
    hg_status status = HG_OK;

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        return hg_error_set(err, HG_ERR_IO, "no random numbers for a key of the store: %s",
                            strerror(errno));
    }
    for (size_t i = 0; i < sizeof(bytes); i++) {
        (void)snprintf(key + 2 * i, 3, "%02x", bytes[i]);
    }
    if (!write_key(path, key)) {
        status = hg_error_set(err, HG_ERR_IO,
                              "%s: a key for the store cannot be written there: %s; set "
                              "apisix.data_encryption.keyring, or enable_encrypt_fields: false",
                              path, strerror(errno));
    }
    explicit_bzero(bytes, sizeof(bytes));
    explicit_bzero(key, sizeof(key));
    return status;
}
