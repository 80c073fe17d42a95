/* host/control/store_copy.c - a copy of the embedded store, also while control writes to it. */
#include "host/control/store_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "host/control/store_sqlite.h"

#define FILE_MODE       0600u
#define BUSY_TIMEOUT_MS 10000
#define ALL_PAGES       (-1)

static hg_status failure(sqlite3 *database, const char *path, const char *what, hg_error *err)
{
    int code = database == NULL ? SQLITE_NOMEM : sqlite3_errcode(database);
    hg_status status = code == SQLITE_FULL                               ? HG_ERR_FULL
                       : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? HG_ERR_INVALID
                                                                         : HG_ERR_IO;

    return hg_error_set(err, status, "%s: %s: %s", path, what,
                        database == NULL ? "out of memory" : sqlite3_errmsg(database));
}

/* One number of the database; false: it is not to be had. */
static bool query(sqlite3 *database, const char *text, int64_t *out_number)
{
    sqlite3_stmt *statement = NULL;
    bool is_there = sqlite3_prepare_v2(database, text, -1, &statement, NULL) == SQLITE_OK &&
                    sqlite3_step(statement) == SQLITE_ROW;

    if (is_there) {
        *out_number = sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_finalize(statement); /* repeats the step's result */
    return is_there;
}

static hg_status open_source(const char *path, sqlite3 **out_database, hg_error *err)
{
    struct stat info;

    if (stat(path, &info) != 0) {
        return hg_error_set(err, errno == ENOENT ? HG_ERR_NOT_FOUND : HG_ERR_IO, "%s: %s", path,
                            strerror(errno));
    }
    /* Not read-only: a log that nobody has open must be read through an index beside it. */
    if (sqlite3_open_v2(path, out_database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK) {
        return failure(*out_database, path, "opening", err);
    }
    (void)sqlite3_busy_timeout(*out_database, BUSY_TIMEOUT_MS); /* always SQLITE_OK */
    /* A damaged store is left as it is. */
    (void)sqlite3_db_config(*out_database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return HG_OK;
}

/* SQLite would make the file with the umask's mode. */
static hg_status open_target(const char *path, sqlite3 **out_database, hg_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);

    if (fd < 0) {
        return hg_error_set(err, errno == EEXIST ? HG_ERR_EXISTS : HG_ERR_IO, "%s: %s", path,
                            strerror(errno));
    }
    (void)close(fd);
    return sqlite3_open_v2(path, out_database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) ==
                   SQLITE_OK
               ? HG_OK
               : failure(*out_database, path, "opening", err);
}

static hg_status copy(sqlite3 *source, sqlite3 *target, const char *to, hg_error *err)
{
    sqlite3_backup *backup = sqlite3_backup_init(target, "main", source, "main");

    if (backup == NULL) {
        return failure(target, to, "copying", err);
    }
    (void)sqlite3_backup_step(backup, ALL_PAGES); /* its result is the finish's */
    return sqlite3_backup_finish(backup) == SQLITE_OK ? HG_OK : failure(target, to, "copying", err);
}

/* One file, whole and a store: what was asked for. */
static hg_status check(sqlite3 *target,
                       const char *from,
                       const char *to,
                       uint64_t *out_revision,
                       uint64_t *out_count,
                       hg_error *err)
{
    int64_t revision = 0;
    int64_t count = 0;

    if (sqlite3_exec(target, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK) {
        return failure(target, to, "completing", err);
    }
    if (!query(target, "SELECT revision FROM meta", &revision) ||
        !query(target, "SELECT count(*) FROM objects", &count)) {
        return hg_error_set(err, HG_ERR_INVALID, "%s: found no hotgate store", from);
    }
    *out_revision = (uint64_t)revision;
    *out_count = (uint64_t)count;
    return HG_OK;
}

hg_status hgh_store_copy(
    const char *from, const char *to, uint64_t *out_revision, uint64_t *out_count, hg_error *err)
{
    sqlite3 *source = NULL;
    sqlite3 *target = NULL;
    bool is_made = false;
    hg_status status = open_source(from, &source, err);

    if (status == HG_OK) {
        status = open_target(to, &target, err);
        is_made = status != HG_ERR_EXISTS;
    }
    if (status == HG_OK) {
        status = copy(source, target, to, err);
    }
    if (status == HG_OK) {
        status = check(target, from, to, out_revision, out_count, err);
    }
    (void)sqlite3_close(target); /* accepts NULL; no statement is left */
    (void)sqlite3_close(source);
    if (status != HG_OK && is_made && target != NULL) {
        (void)unlink(to);
    }
    return status;
}
