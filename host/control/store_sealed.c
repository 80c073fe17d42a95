/* host/control/store_sealed.c - a store whose values are encrypted, around any other one. */
#include "host/control/store_sealed.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct sealed_store {
    hgh_store store;      /* first: a store's address is ours */
    hgh_store *inner;     /* owned */
    hgh_keyring *keyring; /* owned; NULL: none */
    bool encrypts;
    hgh_store_on_committed done; /* of the commit that runs */
    void *context;
} sealed_store;

/* A walk over the inner store. */
typedef struct walk {
    sealed_store *store;
    hgh_store_on_object call;
    void *context;
} walk;

static sealed_store *from_store(hgh_store *store)
{
    return (sealed_store *)store;
}

/* Decrypts; *out_value is owned by the caller. What is no fault of the memory is the store's. */
static hg_status unseal(const sealed_store *store,
                        const hgh_store_object *object,
                        char **out_value,
                        size_t *out_length,
                        hg_error *err)
{
    hg_error why = HG_ERROR_INIT;
    hg_status status = HG_ERR_NOT_FOUND;

    if (store->keyring == NULL) {
        (void)hg_error_set(&why, status, "%s is encrypted, and there is no key", object->key);
    } else {
        status = hgh_keyring_open(store->keyring, object->key, (const uint8_t *)object->value,
                                  object->value_length, out_value, out_length, &why);
    }
    if (status == HG_OK || status == HG_ERR_NO_MEMORY) {
        return status == HG_OK ? status : hg_error_set(err, status, "%s", why.text);
    }
    return hg_error_set(err, HG_ERR_INVALID,
                        "%.400s; the store is left as it is: put its key into "
                        "apisix.data_encryption.keyring or into conf/keyring",
                        why.text);
}

static hg_status seal(const sealed_store *store, hgh_store_operation *operation, hg_error *err)
{
    size_t size = hgh_keyring_sealed_size(operation->value_length);
    uint8_t *sealed = malloc(size);
    hg_status status = sealed == NULL
                           ? hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory")
                           : hgh_keyring_seal(store->keyring, operation->key, operation->value,
                                              operation->value_length, sealed, err);

    if (status != HG_OK) {
        free(sealed);
        return status;
    }
    operation->value = (const char *)sealed;
    operation->value_length = size;
    operation->is_sealed = true;
    return HG_OK;
}

static void on_committed(void *context, hg_status status, uint64_t revision, const hg_error *err)
{
    sealed_store *store = context;

    store->store.revision = store->inner->revision;
    store->done(store->context, status, revision, err);
}

static void sealed_commit(hgh_store *base,
                          const hgh_store_commit *changes,
                          hgh_store_on_committed done,
                          void *context)
{
    sealed_store *store = from_store(base);
    hgh_store_operation *operations = calloc(changes->operation_count + 1, sizeof(*operations));
    hgh_store_commit sealed = *changes;
    hg_error err = HG_ERROR_INIT;
    hg_status status =
        operations == NULL ? hg_error_set(&err, HG_ERR_NO_MEMORY, "out of memory") : HG_OK;

    for (size_t i = 0; status == HG_OK && i < changes->operation_count; i++) {
        operations[i] = changes->operations[i];
        if (operations[i].value != NULL && store->encrypts) {
            status = seal(store, &operations[i], &err);
        }
    }
    store->done = done;
    store->context = context;
    sealed.operations = operations;
    if (status == HG_OK) {
        hgh_store_commit_run(store->inner, &sealed, on_committed, store);
    } else {
        done(context, status, base->revision, &err);
    }
    for (size_t i = 0; operations != NULL && i < changes->operation_count; i++) {
        if (operations[i].is_sealed) {
            free((void *)(uintptr_t)operations[i].value); /* ours, from seal() */
        }
    }
    free(operations);
}

static hg_status on_object(void *context, const hgh_store_object *object, hg_error *err)
{
    const walk *at = context;
    hgh_store_object opened = *object;
    char *value = NULL;
    hg_status status;

    if (!object->is_sealed) {
        return at->call(at->context, object, err);
    }
    status = unseal(at->store, object, &value, &opened.value_length, err);
    if (status == HG_OK) {
        opened.value = value;
        opened.is_sealed = false;
        status = at->call(at->context, &opened, err);
        explicit_bzero(value, opened.value_length);
    }
    free(value);
    return status;
}

static hg_status sealed_range(
    hgh_store *base, const char *prefix, hgh_store_on_object call, void *context, hg_error *err)
{
    walk at = {.store = from_store(base), .call = call, .context = context};

    return hgh_store_range(at.store->inner, prefix, on_object, &at, err);
}

/* A value's form as new ones are written; untouched if it has it. */
static hg_status on_recode(void *context,
                           const hgh_store_object *object,
                           char **out_value,
                           size_t *out_length,
                           bool *out_is_sealed,
                           hg_error *err)
{
    const sealed_store *store = context;
    hgh_store_operation operation = {
        .key = object->key, .value = object->value, .value_length = object->value_length};
    char *opened = NULL;
    hg_status status = HG_OK;

    if (object->is_sealed
            ? store->encrypts && store->keyring != NULL &&
                  hgh_keyring_is_current(store->keyring, (const uint8_t *)object->value,
                                         object->value_length)
            : !store->encrypts) {
        return HG_OK;
    }
    if (object->is_sealed) {
        status = unseal(store, object, &opened, &operation.value_length, err);
        operation.value = opened;
    }
    if (status == HG_OK && store->encrypts) {
        status = seal(store, &operation, err);
        free(opened);
        opened = status == HG_OK ? (char *)(uintptr_t)operation.value : NULL; /* ours now */
    }
    if (status == HG_OK) {
        *out_value = opened;
        *out_length = operation.value_length;
        *out_is_sealed = operation.is_sealed;
    }
    return status;
}

static hg_status sealed_recode(
    hgh_store *base, hgh_store_on_recode call, void *context, size_t *out_count, hg_error *err)
{
    (void)base;
    (void)call;
    (void)context;
    (void)out_count;
    return hg_error_set(err, HG_ERR_UNSUPPORTED, "its values are encrypted by itself");
}

static void sealed_close(hgh_store *base)
{
    sealed_store *store = from_store(base);

    hgh_store_close(store->inner);
    hgh_keyring_free(store->keyring);
    free(store);
}

static const hgh_store_functions sealed_functions = {
    .commit = sealed_commit,
    .range = sealed_range,
    .close = sealed_close,
    .recode = sealed_recode,
};

hg_status hgh_store_sealed_new(
    hgh_store *inner, hgh_keyring *keyring, bool encrypts, hgh_store **out_store, hg_error *err)
{
    sealed_store *store = calloc(1, sizeof(*store));

    if (store == NULL || (encrypts && keyring == NULL)) {
        free(store);
        hgh_store_close(inner);
        hgh_keyring_free(keyring);
        return encrypts && keyring == NULL
                   ? hg_error_set(err, HG_ERR_INVALID, "the store is to be encrypted without a key")
                   : hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    store->store = (hgh_store){.functions = &sealed_functions, .revision = inner->revision};
    memcpy(store->store.id, inner->id, sizeof(inner->id));
    store->inner = inner;
    store->keyring = keyring;
    store->encrypts = encrypts;
    *out_store = &store->store;
    return HG_OK;
}

hg_status hgh_store_sealed_settle(hgh_store *base, size_t *out_count, hg_error *err)
{
    sealed_store *store = from_store(base);

    return hgh_store_recode(store->inner, on_recode, store, out_count, err);
}
