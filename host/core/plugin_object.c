/* host/core/plugin_object.c - opens a shared object and refuses a plugin that we could misread. */
#include "host/core/plugin_object.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(hg_plugin) == 192, "field added: raise HG_ABI_MINOR and this size");

struct hgh_plugin_object {
    void *library;               /* owned, from dlopen() */
    const hg_plugin *descriptor; /* borrowed from library */
    ElfW(Addr) base;
    ElfW(Addr) end; /* behind its last segment */
    char *path;     /* as the loader knows it */
};

static bool name_is_valid(const char *name)
{
    size_t length =
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

    return length > 0 && length <= HG_NAME_MAX && name[length] == '\0';
}

/* A version is shown everywhere. */
static bool version_is_valid(const char *version)
{
    size_t length = strnlen(version, HG_VERSION_MAX + 1);

    for (size_t i = 0; i < length; i++) {
        if (version[i] < ' ' || version[i] > '~') {
            return false;
        }
    }
    return length > 0 && length <= HG_VERSION_MAX;
}

hg_status hgh_plugin_descriptor_check(const hg_plugin *plugin, const char *name, hg_error *err)
{
    /* The version is read first: another ABI may have moved everything behind it. */
    if (plugin->abi_major != HG_ABI_MAJOR || plugin->abi_minor != HG_ABI_MINOR) {
        return hg_error_set(err, HG_ERR_ABI,
                            "built for ABI %u.%u, this host has ABI %u.%u: build it again",
                            plugin->abi_major, plugin->abi_minor, HG_ABI_MAJOR, HG_ABI_MINOR);
    }
    if (plugin->size != sizeof(hg_plugin)) {
        return hg_error_set(err, HG_ERR_ABI, "descriptor has %u bytes, ABI %u.%u has %zu",
                            plugin->size, HG_ABI_MAJOR, HG_ABI_MINOR, sizeof(hg_plugin));
    }
    if (plugin->name == NULL || !name_is_valid(plugin->name)) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "name: found \"%.80s\", wanted 1 to %u of [a-zA-Z0-9_-]",
                            plugin->name == NULL ? "" : plugin->name, HG_NAME_MAX);
    }
    if (strcmp(plugin->name, name) != 0) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "calls itself \"%s\" but its file is called \"%.80s.so\": they must "
                            "be the same",
                            plugin->name, name);
    }
    if (plugin->version == NULL || !version_is_valid(plugin->version)) {
        return hg_error_set(err, HG_ERR_INVALID, "version: wanted 1 to %u characters of ASCII",
                            HG_VERSION_MAX);
    }
    if (plugin->host == NULL) {
        return hg_error_set(err, HG_ERR_INVALID, "has no host slot: make it with HG_PLUGIN");
    }
    if ((plugin->flags & ~(uint32_t)(HG_AUTH | HG_WAITS | HG_PREFER_ROUTE | HG_STRICT)) != 0) {
        return hg_error_set(err, HG_ERR_INVALID, "flags: found 0x%x, unknown here", plugin->flags);
    }
    if ((plugin->flags & HG_AUTH) != 0 && plugin->rewrite == NULL) {
        return hg_error_set(err, HG_ERR_INVALID, "has HG_AUTH but no rewrite phase");
    }
    return HG_OK;
}

/* The loader's text names the path twice; operators need the reason. */
static const char *loader_reason(const char *path)
{
    const char *text = dlerror();
    size_t length = strlen(path);

    if (text == NULL) {
        return "unknown";
    }
    return strncmp(text, path, length) == 0 && strncmp(text + length, ": ", 2) == 0
               ? text + length + 2
               : text;
}

static int object_measure(struct dl_phdr_info *info, size_t size, void *context)
{
    hgh_plugin_object *object = context;

    (void)size;
    if (info->dlpi_addr != object->base || strcmp(info->dlpi_name, object->path) != 0) {
        return 0;
    }
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        ElfW(Addr) end = object->base + segment->p_vaddr + segment->p_memsz;

        if (segment->p_type == PT_LOAD && end > object->end) {
            object->end = end;
        }
    }
    return 1;
}

hg_status hgh_plugin_object_open(const char *path,
                                 const char *name,
                                 hgh_plugin_object **out_object,
                                 hg_error *err)
{
    hg_status status;
    struct link_map *map = NULL;
    hgh_plugin_object *object = calloc(1, sizeof(*object));
    char unused[HGH_LEFTOVER_TEXT];

    if (object == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", name);
    }
    /* NOW: a missing symbol fails this load, not a request. LOCAL: plugins may reuse a name. */
    object->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (object->library == NULL) {
        status = hg_error_set(err, HG_ERR_IO, "%s", loader_reason(path));
        goto cleanup;
    }
    if (dlinfo(object->library, RTLD_DI_LINKMAP, &map) != 0 ||
        (object->path = strdup(map->l_name)) == NULL) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
        goto cleanup;
    }
    object->base = map->l_addr;
    (void)dl_iterate_phdr(object_measure, object);
    object->descriptor = dlsym(object->library, HG_PLUGIN_SYMBOL);
    if (object->descriptor == NULL) {
        status = hg_error_set(err, HG_ERR_ABI, "exports no %s: no plugin, or one for another ABI",
                              HG_PLUGIN_SYMBOL);
        goto cleanup;
    }
    status = hgh_plugin_descriptor_check(object->descriptor, name, err);
    if (status == HG_OK) {
        *out_object = object;
        object = NULL; /* now the caller's */
    }

cleanup:
    (void)hgh_plugin_object_close(object, false, unused); /* accepts NULL and the half-built */
    return status;
}

const hg_plugin *hgh_plugin_object_descriptor(const hgh_plugin_object *object)
{
    return object->descriptor;
}

bool hgh_plugin_object_holds(const hgh_plugin_object *object,
                             const void *address,
                             uint64_t *out_offset)
{
    ElfW(Addr) at = (ElfW(Addr))address;

    if (at < object->base || at >= object->end) {
        return false;
    }
    *out_offset = at - object->base;
    return true;
}

bool hgh_plugin_object_find_code(const void *address, hgh_code_place *out_place)
{
    Dl_info info;

    if (dladdr(address, &info) == 0) {
        return false;
    }
    *out_place = (hgh_code_place){
        .file = info.dli_fname,
        .symbol = info.dli_sname,
        .offset = (uint64_t)((const char *)address - (const char *)info.dli_fbase),
    };
    return true;
}

static int object_is_mapped(struct dl_phdr_info *info, size_t size, void *context)
{
    const hgh_plugin_object *object = context;

    (void)size;
    return info->dlpi_addr == object->base && strcmp(info->dlpi_name, object->path) == 0;
}

bool hgh_plugin_object_close(hgh_plugin_object *object, bool stays, char why[HGH_LEFTOVER_TEXT])
{
    bool gone = true;

    if (object == NULL) {
        return true;
    }
    if (stays || hgh_leftover_find(object->base, object->end, why)) {
        gone = false;
    } else if (object->library != NULL) {
        (void)dlclose(object->library); /* it returns 0 also for what stays mapped */
        gone = object->path == NULL || dl_iterate_phdr(object_is_mapped, object) == 0;
        if (!gone) {
            (void)snprintf(why, HGH_LEFTOVER_TEXT, "the loader, for a symbol or another object");
        }
    }
    free(object->path);
    free(object);
    return gone;
}
