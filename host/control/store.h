/* host/control/store.h - the durable truth: what every kind of store does. */
#ifndef HOST_CONTROL_STORE_H
#define HOST_CONTROL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hotgate/error.h>

#define HGH_STORE_ID_BYTES 16u

/** Objects by key ("routes/1"), each a JSON text, with one revision that each commit raises. */
typedef struct hgh_store hgh_store;

/** One change; all borrowed for the call. */
typedef struct hgh_store_operation {
    const char *key;
    const char *value; /* JSON text; NULL: the object goes */
    size_t value_length;
    bool is_sealed;         /* the value is no text but what host/control/keyring.h made of it */
    int64_t expires_wall_s; /* 0: as the commit says */
} hgh_store_operation;

/** A condition: the object's last revision; 0: there is no such object. */
typedef struct hgh_store_expectation {
    const char *key;
    uint64_t modified;
} hgh_store_expectation;

/** Changes that take effect together or not at all. */
typedef struct hgh_store_commit {
    const hgh_store_operation *operations;
    size_t operation_count;
    const hgh_store_expectation *expectations;
    size_t expectation_count;
    int64_t expires_wall_s; /* of everything put; 0: never. Whoever holds the lease deletes it */
    /** The revision goes up by the number of operations, and what is new is created at one after
     * the other: it has an order. */
    bool is_numbered;
} hgh_store_commit;

/** One stored object; borrowed for the call it is handed to. */
typedef struct hgh_store_object {
    const char *key;
    const char *value;
    size_t value_length;
    uint64_t created;
    uint64_t modified;
    int64_t expires_wall_s; /* 0: never */
    bool is_sealed;
} hgh_store_object;

/**
 * The end of a commit. Called once, possibly before commit() returns.
 *
 * status  HG_OK: durable, at `revision`. HG_ERR_CONFLICT: an expectation did not hold. HG_ERR_FULL,
 *         HG_ERR_IO, HG_ERR_UNSUPPORTED (read only): not stored; `err` says why.
 */
typedef void (*hgh_store_on_committed)(void *context,
                                       hg_status status,
                                       uint64_t revision,
                                       const hg_error *err);

/** Gets each object of a range; anything but HG_OK ends it with that status. */
typedef hg_status (*hgh_store_on_object)(void *context,
                                         const hgh_store_object *object,
                                         hg_error *err);

/**
 * How an object's value is to be written instead.
 *
 * out_value  the new value, from malloc(), which the store frees; untouched: it stays as it is.
 */
typedef hg_status (*hgh_store_on_recode)(void *context,
                                         const hgh_store_object *object,
                                         char **out_value,
                                         size_t *out_length,
                                         bool *out_is_sealed,
                                         hg_error *err);

/** What a kind of store implements. Fields are only appended (watch, for one that others write). */
typedef struct hgh_store_functions {
    void (*commit)(hgh_store *store,
                   const hgh_store_commit *changes,
                   hgh_store_on_committed done,
                   void *context);
    hg_status (*range)(hgh_store *store,
                       const char *prefix,
                       hgh_store_on_object call,
                       void *context,
                       hg_error *err);
    void (*close)(hgh_store *store);
    hg_status (*recode)(hgh_store *store,
                        hgh_store_on_recode call,
                        void *context,
                        size_t *out_count,
                        hg_error *err);
} hgh_store_functions;

/** Every store begins with this. */
struct hgh_store {
    const hgh_store_functions *functions;
    uint8_t id[HGH_STORE_ID_BYTES]; /* random, from its making */
    uint64_t revision;              /* of its last commit; 0: none yet */
};

/** Makes the changes durable. Not again before the last one has ended. */
static inline void hgh_store_commit_run(hgh_store *store,
                                        const hgh_store_commit *changes,
                                        hgh_store_on_committed done,
                                        void *context)
{
    store->functions->commit(store, changes, done, context);
}

/** All objects whose key begins with `prefix`, by created revision. */
static inline hg_status hgh_store_range(
    hgh_store *store, const char *prefix, hgh_store_on_object call, void *context, hg_error *err)
{
    return store->functions->range(store, prefix, call, context, err);
}

/**
 * Writes values otherwise, all of them or none; their revisions stay. What they were is not left
 * in the store's files.
 *
 * out_count  how many were written.
 */
static inline hg_status hgh_store_recode(
    hgh_store *store, hgh_store_on_recode call, void *context, size_t *out_count, hg_error *err)
{
    return store->functions->recode(store, call, context, out_count, err);
}

/** Accepts NULL. */
static inline void hgh_store_close(hgh_store *store)
{
    if (store != NULL) {
        store->functions->close(store);
    }
}

#endif
