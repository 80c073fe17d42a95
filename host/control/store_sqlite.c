/* host/control/store_sqlite.c - the embedded store: one SQLite database in the instance. */
#include "host/control/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#define FILE_MODE       0600u      /* it holds secrets */
#define APPLICATION_ID  0x48474154 /* "HGAT": what SQLite's header says that a file is for */
#define FORMAT_OLDEST   1    /* differs from 2 in what a value may be: nothing is to be done */
#define BUSY_TIMEOUT_MS 2000 /* a backup may hold a lock; control's loop waits no longer */

/* Of the statements that are kept prepared. */
enum statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_MODIFIED,
    STATEMENT_PUT,
    STATEMENT_DELETE,
    STATEMENT_REVISION,
    STATEMENT_RANGE,
    STATEMENT_NEXT,
    STATEMENT_RECODE,
    STATEMENT_COUNT,
};

static const char *const statement_texts[STATEMENT_COUNT] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
    [STATEMENT_MODIFIED] = "SELECT modified_revision FROM objects WHERE key = ?1",
    [STATEMENT_PUT] = "INSERT INTO objects (key, value, created_revision, modified_revision,"
                      " expires_wall_s) VALUES (?1, ?2, ?5, ?3, ?4)"
                      " ON CONFLICT (key) DO UPDATE SET value = excluded.value,"
                      " modified_revision = excluded.modified_revision,"
                      " expires_wall_s = excluded.expires_wall_s",
    [STATEMENT_DELETE] = "DELETE FROM objects WHERE key = ?1",
    [STATEMENT_REVISION] = "UPDATE meta SET revision = ?1",
    [STATEMENT_RANGE] = "SELECT key, value, created_revision, modified_revision, expires_wall_s"
                        " FROM objects WHERE substr(key, 1, length(?1)) = ?1"
                        " ORDER BY created_revision, key",
    [STATEMENT_NEXT] = "SELECT key, value, created_revision, modified_revision, expires_wall_s"
                       " FROM objects WHERE key > ?1 ORDER BY key LIMIT 1",
    [STATEMENT_RECODE] = "UPDATE objects SET value = ?2 WHERE key = ?1",
};

static const char *const schema_text =
    "CREATE TABLE meta (format INTEGER NOT NULL, store_id BLOB NOT NULL,"
    " revision INTEGER NOT NULL);"
    "CREATE TABLE objects (key TEXT PRIMARY KEY, value TEXT NOT NULL,"
    " created_revision INTEGER NOT NULL, modified_revision INTEGER NOT NULL,"
    " expires_wall_s INTEGER) WITHOUT ROWID;";

typedef struct sqlite_store {
    hgh_store store; /* first: a store's address is ours */
    char *path;      /* owned */
    sqlite3 *database;
    sqlite3_stmt *statements[STATEMENT_COUNT];
} sqlite_store;

static sqlite_store *from_store(hgh_store *store)
{
    return (sqlite_store *)store;
}

static hg_status failure(const sqlite_store *store, const char *what, hg_error *err)
{
    int code = sqlite3_errcode(store->database);
    hg_status status = HG_ERR_IO;

    if (code == SQLITE_FULL) {
        status = HG_ERR_FULL;
    } else if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
        status = HG_ERR_INVALID;
    } else if (code == SQLITE_NOMEM) {
        status = HG_ERR_NO_MEMORY;
    }
    return hg_error_set(err, status, "%s: %s: %s", store->path, what,
                        sqlite3_errmsg(store->database));
}

static hg_status
execute(const sqlite_store *store, const char *text, const char *what, hg_error *err)
{
    return sqlite3_exec(store->database, text, NULL, NULL, NULL) == SQLITE_OK
               ? HG_OK
               : failure(store, what, err);
}

/* The first column of the first row as a number; false if there is none. */
static bool query_number(const sqlite_store *store, const char *text, int64_t *out_number)
{
    sqlite3_stmt *statement = NULL;
    bool is_there = sqlite3_prepare_v2(store->database, text, -1, &statement, NULL) == SQLITE_OK &&
                    sqlite3_step(statement) == SQLITE_ROW;

    if (is_there) {
        *out_number = sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_finalize(statement); /* repeats the step's result */
    return is_there;
}

/* SQLite would make the file with the umask's mode. */
static hg_status file_make(const char *path, bool *out_is_new, hg_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    struct stat about;

    if (fd < 0 || fstat(fd, &about) != 0) {
        hg_status status = hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));

        if (fd >= 0) {
            (void)close(fd);
        }
        return status;
    }
    (void)close(fd); /* SQLite's locks are the process's: close before it opens the file */
    *out_is_new = about.st_size == 0;
    return HG_OK;
}

static hg_status create(sqlite_store *store, hg_error *err)
{
    uint8_t id[HGH_STORE_ID_BYTES];
    sqlite3_stmt *statement = NULL;
    char pragma[64];
    hg_status status;

    if (getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id)) {
        return hg_error_set(err, HG_ERR_IO, "%s: no random numbers: %s", store->path,
                            strerror(errno));
    }
    (void)sqlite3_snprintf(sizeof(pragma), pragma, "PRAGMA application_id = %d", APPLICATION_ID);
    status = execute(store, "BEGIN IMMEDIATE", "making the store", err);
    if (status == HG_OK) {
        status = execute(store, pragma, "making the store", err);
    }
    if (status == HG_OK) {
        status = execute(store, schema_text, "making the store", err);
    }
    if (status == HG_OK &&
        (sqlite3_prepare_v2(store->database, "INSERT INTO meta VALUES (?1, ?2, 0)", -1, &statement,
                            NULL) != SQLITE_OK ||
         sqlite3_bind_int(statement, 1, HGH_STORE_SQLITE_FORMAT) != SQLITE_OK ||
         sqlite3_bind_blob(statement, 2, id, sizeof(id), SQLITE_STATIC) != SQLITE_OK ||
         sqlite3_step(statement) != SQLITE_DONE)) {
        status = failure(store, "making the store", err);
    }
    (void)sqlite3_finalize(statement); /* repeats the step's result */
    if (status == HG_OK) {
        status = execute(store, "COMMIT", "making the store", err);
    }
    return status;
}

/* A database without a table: its making was cut short. */
static bool is_empty(const sqlite_store *store)
{
    int64_t application = -1;
    int64_t tables = -1;

    return query_number(store, "PRAGMA application_id", &application) && application == 0 &&
           query_number(store, "SELECT count(*) FROM sqlite_master", &tables) && tables == 0;
}

/* Only what is surely ours may be written to. */
static hg_status check_identity(const sqlite_store *store, hg_error *err)
{
    int64_t number = 0;

    if (!query_number(store, "PRAGMA application_id", &number)) {
        return failure(store, "not readable, left as it is", err);
    }
    if (number != APPLICATION_ID) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "%s: found a database of something else, wanted a hotgate store; "
                            "it is left as it is",
                            store->path);
    }
    if (!query_number(store, "SELECT format FROM meta", &number)) {
        return failure(store, "not readable, left as it is", err);
    }
    if (number < FORMAT_OLDEST || number > HGH_STORE_SQLITE_FORMAT) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "%s: found store format %lld, wanted %d: it was written by a newer "
                            "hotgate; it is left as it is",
                            store->path, (long long)number, HGH_STORE_SQLITE_FORMAT);
    }
    return HG_OK;
}

static hg_status upgrade(const sqlite_store *store, hg_error *err)
{
    int64_t format = HGH_STORE_SQLITE_FORMAT;
    char text[64];

    if (!query_number(store, "SELECT format FROM meta", &format)) {
        return failure(store, "reading its format", err);
    }
    if (format == HGH_STORE_SQLITE_FORMAT) {
        return HG_OK;
    }
    (void)sqlite3_snprintf(sizeof(text), text, "UPDATE meta SET format = %d",
                           HGH_STORE_SQLITE_FORMAT);
    return execute(store, text, "bringing it to this version's format", err);
}

static hg_status check_integrity(const sqlite_store *store, hg_error *err)
{
    sqlite3_stmt *statement = NULL;
    hg_status status = HG_OK;

    if (sqlite3_prepare_v2(store->database, "PRAGMA quick_check(1)", -1, &statement, NULL) !=
            SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW) {
        status = failure(store, "damaged, left as it is", err);
    } else {
        const char *text = (const char *)sqlite3_column_text(statement, 0);

        if (text == NULL || strcmp(text, "ok") != 0) {
            status = hg_error_set(err, HG_ERR_INVALID, "%s: damaged, left as it is: %s",
                                  store->path, text == NULL ? "out of memory" : text);
        }
    }
    (void)sqlite3_finalize(statement); /* repeats the step's result */
    return status;
}

static hg_status read_meta(sqlite_store *store, hg_error *err)
{
    sqlite3_stmt *statement = NULL;
    hg_status status = HG_OK;

    if (sqlite3_prepare_v2(store->database, "SELECT store_id, revision FROM meta", -1, &statement,
                           NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW) {
        status = failure(store, "reading its identity", err);
    } else if (sqlite3_column_bytes(statement, 0) != (int)HGH_STORE_ID_BYTES) {
        status =
            hg_error_set(err, HG_ERR_INVALID, "%s: damaged, left as it is: store id", store->path);
    } else {
        memcpy(store->store.id, sqlite3_column_blob(statement, 0), HGH_STORE_ID_BYTES);
        store->store.revision = (uint64_t)sqlite3_column_int64(statement, 1);
    }
    (void)sqlite3_finalize(statement); /* repeats the step's result */
    return status;
}

static hg_status prepare(sqlite_store *store, hg_error *err)
{
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        if (sqlite3_prepare_v3(store->database, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &store->statements[i], NULL) != SQLITE_OK) {
            return failure(store, "preparing", err);
        }
    }
    return HG_OK;
}

static int step_once(sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);

    (void)sqlite3_reset(statement); /* repeats the step's result */
    return code;
}

static hg_status expect(sqlite_store *store, const hgh_store_expectation *expected, hg_error *err)
{
    sqlite3_stmt *statement = store->statements[STATEMENT_MODIFIED];
    uint64_t found = 0;
    int code;

    if (sqlite3_bind_text(statement, 1, expected->key, -1, SQLITE_STATIC) != SQLITE_OK) {
        return failure(store, "comparing", err);
    }
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        found = (uint64_t)sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_reset(statement); /* repeats the step's result */
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        return failure(store, "comparing", err);
    }
    return found == expected->modified
               ? HG_OK
               : hg_error_set(err, HG_ERR_CONFLICT, "value changed before overwritten");
}

/* A type of its own tells encrypted values from texts. */
static int
bind_value(sqlite3_stmt *statement, int index, const char *value, size_t length, bool is_sealed)
{
    return is_sealed ? sqlite3_bind_blob(statement, index, value, (int)length, SQLITE_STATIC)
                     : sqlite3_bind_text(statement, index, value, (int)length, SQLITE_STATIC);
}

static hg_status apply(sqlite_store *store,
                       const hgh_store_operation *operation,
                       int64_t expires_wall_s,
                       uint64_t created,
                       uint64_t revision,
                       hg_error *err)
{
    bool is_put = operation->value != NULL;
    sqlite3_stmt *statement = store->statements[is_put ? STATEMENT_PUT : STATEMENT_DELETE];
    int code = sqlite3_bind_text(statement, 1, operation->key, -1, SQLITE_STATIC);

    if (code == SQLITE_OK && is_put) {
        code = bind_value(statement, 2, operation->value, operation->value_length,
                          operation->is_sealed);
        if (code == SQLITE_OK) {
            code = sqlite3_bind_int64(statement, 3, (sqlite3_int64)revision);
        }
        if (code == SQLITE_OK) {
            code = expires_wall_s == 0 ? sqlite3_bind_null(statement, 4)
                                       : sqlite3_bind_int64(statement, 4, expires_wall_s);
        }
        if (code == SQLITE_OK) {
            code = sqlite3_bind_int64(statement, 5, (sqlite3_int64)created);
        }
    }
    if (code != SQLITE_OK || step_once(statement) != SQLITE_DONE) {
        return failure(store, is_put ? "writing" : "deleting", err);
    }
    return HG_OK;
}

static hg_status
transaction(sqlite_store *store, const hgh_store_commit *changes, uint64_t revision, hg_error *err)
{
    sqlite3_stmt *set_revision = store->statements[STATEMENT_REVISION];
    hg_status status = HG_OK;

    if (step_once(store->statements[STATEMENT_BEGIN]) != SQLITE_DONE) {
        return failure(store, "beginning a transaction", err);
    }
    for (size_t i = 0; i < changes->expectation_count && status == HG_OK; i++) {
        status = expect(store, &changes->expectations[i], err);
    }
    for (size_t i = 0; i < changes->operation_count && status == HG_OK; i++) {
        const hgh_store_operation *operation = &changes->operations[i];

        status = apply(
            store, operation,
            operation->expires_wall_s == 0 ? changes->expires_wall_s : operation->expires_wall_s,
            changes->is_numbered ? store->store.revision + 1 + i : revision, revision, err);
    }
    if (status == HG_OK &&
        (sqlite3_bind_int64(set_revision, 1, (sqlite3_int64)revision) != SQLITE_OK ||
         step_once(set_revision) != SQLITE_DONE ||
         step_once(store->statements[STATEMENT_COMMIT]) != SQLITE_DONE)) {
        status = failure(store, "committing", err);
    }
    if (status != HG_OK && sqlite3_get_autocommit(store->database) == 0) {
        (void)step_once(store->statements[STATEMENT_ROLLBACK]); /* the first failure is told */
    }
    return status;
}

static void sqlite_commit(hgh_store *base,
                          const hgh_store_commit *changes,
                          hgh_store_on_committed done,
                          void *context)
{
    uint64_t revision =
        base->revision + (changes->is_numbered ? (uint64_t)changes->operation_count : 1);
    hg_error err = HG_ERROR_INIT;
    hg_status status = transaction(from_store(base), changes, revision, &err);

    if (status == HG_OK) {
        base->revision = revision;
    }
    done(context, status, base->revision, &err);
}

/* The row that a statement stands at; good until its next step. */
static hg_status read_row(const sqlite_store *store,
                          sqlite3_stmt *statement,
                          hgh_store_object *out_object,
                          hg_error *err)
{
    bool is_sealed = sqlite3_column_type(statement, 1) == SQLITE_BLOB;

    *out_object = (hgh_store_object){
        .key = (const char *)sqlite3_column_text(statement, 0),
        .value = is_sealed ? sqlite3_column_blob(statement, 1)
                           : (const char *)sqlite3_column_text(statement, 1),
        .value_length = (size_t)sqlite3_column_bytes(statement, 1),
        .is_sealed = is_sealed,
        .created = (uint64_t)sqlite3_column_int64(statement, 2),
        .modified = (uint64_t)sqlite3_column_int64(statement, 3),
        .expires_wall_s = sqlite3_column_int64(statement, 4), /* NULL reads as 0 */
    };
    return out_object->key == NULL || out_object->value == NULL
               ? hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", store->path)
               : HG_OK;
}

static hg_status sqlite_range(
    hgh_store *base, const char *prefix, hgh_store_on_object call, void *context, hg_error *err)
{
    sqlite_store *store = from_store(base);
    sqlite3_stmt *statement = store->statements[STATEMENT_RANGE];
    hg_status status = HG_OK;
    int code;

    if (sqlite3_bind_text(statement, 1, prefix, -1, SQLITE_STATIC) != SQLITE_OK) {
        return failure(store, "reading", err);
    }
    for (code = sqlite3_step(statement); code == SQLITE_ROW && status == HG_OK;
         code = sqlite3_step(statement)) {
        hgh_store_object object;

        status = read_row(store, statement, &object, err);
        if (status == HG_OK) {
            status = call(context, &object, err);
        }
    }
    if (status == HG_OK && code != SQLITE_DONE) {
        status = failure(store, "reading", err);
    }
    (void)sqlite3_reset(statement); /* repeats the step's result */
    return status;
}

static hg_status recode_value(sqlite_store *store,
                              const char *key,
                              const char *value,
                              size_t length,
                              bool is_sealed,
                              hg_error *err)
{
    sqlite3_stmt *statement = store->statements[STATEMENT_RECODE];

    return sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC) == SQLITE_OK &&
                   bind_value(statement, 2, value, length, is_sealed) == SQLITE_OK &&
                   step_once(statement) == SQLITE_DONE
               ? HG_OK
               : failure(store, "writing", err);
}

/* The object behind `*key`, which becomes its own; *out_key is NULL at the end. */
static hg_status recode_next(sqlite_store *store,
                             char **key,
                             hgh_store_on_recode call,
                             void *context,
                             size_t *count,
                             hg_error *err)
{
    sqlite3_stmt *statement = store->statements[STATEMENT_NEXT];
    hgh_store_object object;
    char *next = NULL;
    char *value = NULL;
    size_t length = 0;
    bool is_sealed = false;
    hg_status status = HG_OK;
    int code = sqlite3_bind_text(statement, 1, *key, -1, SQLITE_STATIC);

    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW) {
        status = read_row(store, statement, &object, err);
        next = status == HG_OK ? strdup(object.key) : NULL;
        if (status == HG_OK && next == NULL) {
            status = hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", store->path);
        }
        if (status == HG_OK) {
            status = call(context, &object, &value, &length, &is_sealed, err);
        }
    } else if (code != SQLITE_DONE) {
        status = failure(store, "reading", err);
    }
    (void)sqlite3_reset(statement); /* repeats the step's result */
    if (status == HG_OK && value != NULL) {
        status = recode_value(store, next, value, length, is_sealed, err);
        *count += 1;
    }
    free(value);
    free(*key);
    *key = next;
    return status;
}

static hg_status sqlite_recode(
    hgh_store *base, hgh_store_on_recode call, void *context, size_t *out_count, hg_error *err)
{
    sqlite_store *store = from_store(base);
    char *key = strdup("");
    size_t count = 0;
    hg_status status = HG_OK;

    if (key == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", store->path);
    }
    if (step_once(store->statements[STATEMENT_BEGIN]) != SQLITE_DONE) {
        free(key);
        return failure(store, "beginning a transaction", err);
    }
    while (status == HG_OK && key != NULL) {
        status = recode_next(store, &key, call, context, &count, err);
    }
    free(key);
    if (status == HG_OK && step_once(store->statements[STATEMENT_COMMIT]) != SQLITE_DONE) {
        status = failure(store, "committing", err);
    }
    if (status != HG_OK && sqlite3_get_autocommit(store->database) == 0) {
        (void)step_once(store->statements[STATEMENT_ROLLBACK]); /* the first failure is told */
    }
    if (status == HG_OK && count > 0) { /* the log has what the values were */
        status = execute(store, "PRAGMA wal_checkpoint(TRUNCATE)", "emptying its log", err);
    }
    if (status == HG_OK) {
        *out_count = count;
    }
    return status;
}

static void sqlite_close(hgh_store *base)
{
    sqlite_store *store = from_store(base);

    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        (void)sqlite3_finalize(store->statements[i]);
    }
    (void)sqlite3_close(store->database); /* accepts NULL; no statement is left */
    free(store->path);
    free(store);
}

static const hgh_store_functions sqlite_functions = {
    .commit = sqlite_commit,
    .range = sqlite_range,
    .close = sqlite_close,
    .recode = sqlite_recode,
};

hg_status hgh_store_sqlite_open(const char *path, hgh_store **out_store, hg_error *err)
{
    sqlite_store *store = calloc(1, sizeof(*store));
    bool is_new = false;
    hg_status status;

    if (store == NULL || (store->path = strdup(path)) == NULL) {
        free(store);
        return hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", path);
    }
    store->store.functions = &sqlite_functions;
    status = file_make(path, &is_new, err);
    if (status != HG_OK) {
        goto cleanup;
    }
    if (sqlite3_open_v2(path, &store->database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        status = store->database == NULL
                     ? hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", path)
                     : failure(store, "opening", err);
        goto cleanup;
    }
    (void)sqlite3_busy_timeout(store->database, BUSY_TIMEOUT_MS); /* always SQLITE_OK */
    (void)sqlite3_extended_result_codes(store->database, 0);      /* always SQLITE_OK */
    /* What is there is judged before the first statement that could write to it; closing it must
     * not move its log into it either. */
    (void)sqlite3_db_config(store->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    is_new = is_new || is_empty(store);
    status = is_new ? HG_OK : check_identity(store, err);
    if (status == HG_OK && !is_new) {
        status = check_integrity(store, err);
    }
    if (status == HG_OK) {
        /* What is deleted or replaced is overwritten: it may be a secret. */
        status = execute(store,
                         "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                         " PRAGMA secure_delete = ON",
                         "choosing its journal", err);
    }
    if (status == HG_OK) {
        status = is_new ? create(store, err) : upgrade(store, err);
    }
    if (status == HG_OK) {
        status = prepare(store, err);
    }
    if (status == HG_OK) {
        status = read_meta(store, err);
    }
    if (status == HG_OK) {
        (void)sqlite3_db_config(store->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
        *out_store = &store->store;
        store = NULL;
    }

cleanup:
    if (store != NULL) {
        sqlite_close(&store->store);
    }
    return status;
}
