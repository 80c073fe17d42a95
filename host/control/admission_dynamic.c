/* host/control/admission_dynamic.c - what an object's dynamic section makes the loader do. */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "host/control/admission_parts.h"

/* Libraries that a plugin may need: the C library's, and what the host has loaded anyway. */
static const char *const library_patterns[] = {
    "libc.so.*",       "libm.so.*",       "libgcc_s.so.*",      "ld-linux*.so.*",
    "libjansson.so.*", "libpcre2-8.so.*", "libcrypto.so.*",     "libssl.so.*",
    "libz.so.*",       "libhiredis.so.*", "libluajit-5.1.so.*",
#if defined(__SANITIZE_ADDRESS__)
    "libasan.so.*",    "libubsan.so.*",
#endif
};

static bool library_is_known(const char *library)
{
    for (size_t i = 0; i < sizeof(library_patterns) / sizeof(library_patterns[0]); i++) {
        if (fnmatch(library_patterns[i], library, FNM_PATHNAME) == 0) {
            return true;
        }
    }
    return false;
}

static bool library_is_allowed(const hgh_admission *work, const char *library)
{
    size_t index;
    json_t *item;

    json_array_foreach((json_t *)(uintptr_t)work->allow_libraries, index, item)
    {
        const char *allowed = json_string_value(item);
        size_t length = allowed == NULL ? 0 : strlen(allowed);

        if (length > 0 && strncmp(library, allowed, length) == 0 &&
            (library[length] == '\0' || strncmp(library + length, ".so", 3) == 0)) {
            return true;
        }
    }
    return library_is_known(library);
}

static void library_check(hgh_admission *work, const char *library)
{
    char *listed = work->claims.libraries;
    size_t length = strlen(listed);
    char text[300];

    (void)snprintf(listed + length, sizeof(work->claims.libraries) - length, "%s%.100s",
                   length == 0 ? "" : ", ", library);
    if (strchr(library, '/') != NULL || !library_is_allowed(work, library)) {
        (void)snprintf(text, sizeof(text), "a need for the library %.200s", library);
        hgh_admission_found(work, library, text,
                            "libraries of the built-in list only: link it statically, or name it "
                            "in hotgate.allow_libraries");
    }
}

/* The loader gives a later need for that library this object. */
static void own_name_check(hgh_admission *work, const char *name)
{
    char text[160];

    if (library_is_allowed(work, name)) {
        (void)snprintf(text, sizeof(text), "an object that calls itself the library %.100s", name);
        hgh_admission_found(work, name, text, "a name of its own: link with another -soname");
    }
}

/* ------------------------------------------------------------------------------------ tags */

static const struct {
    int64_t tag;
    uint64_t bits; /* of a tag that holds flags; 0: any */
    const char *found;
    const char *remedy;
} refused_tags[] = {
    {DT_TEXTREL, 0, "text relocations", "position-independent code: compile with -fPIC"},
    {DT_FLAGS, DF_TEXTREL, "text relocations", "position-independent code: compile with -fPIC"},
    {DT_FLAGS, DF_STATIC_TLS, "thread-local storage of the initial-exec model",
     "another model: build it without -ftls-model=initial-exec"},
    {DT_FLAGS_1, DF_1_NODELETE, "links with -z nodelete",
     "an object that can go: build without it"},
    {DT_FLAGS_1, DF_1_PIE, "a program", "a shared object: link with -shared"},
    {DT_FLAGS_1, DF_1_NOOPEN, "links with -z nodlopen", "an object that can be opened"},
    {DT_FLAGS_1, DF_1_INITFIRST, "links with -z initfirst", "an object that waits for its turn"},
    {DT_FLAGS_1, DF_1_GLOBAL, "links with -z global", "symbols of its own: build without it"},
    {DT_FLAGS_1, DF_1_INTERPOSE, "links with -z interpose", "symbols of its own: build without it"},
    {DT_RPATH, 0, "a search path for libraries", "none: link without -rpath"},
    {DT_RUNPATH, 0, "a search path for libraries", "none: link without -rpath"},
    {DT_AUDIT, 0, "a library that audits the process", "none: link without --audit"},
    {DT_DEPAUDIT, 0, "a library that audits the process", "none: link without --depaudit"},
    {DT_FILTER, 0, "another object that takes its place", "none: link without --filter"},
    {DT_AUXILIARY, 0, "another object that takes its place", "none: link without --auxiliary"},
};

static void tag_judge(hgh_admission *work, const Elf64_Dyn *entry)
{
    for (size_t i = 0; i < sizeof(refused_tags) / sizeof(refused_tags[0]); i++) {
        if (refused_tags[i].tag == entry->d_tag &&
            (refused_tags[i].bits == 0 || (entry->d_un.d_val & refused_tags[i].bits) != 0)) {
            hgh_admission_found(work, "", refused_tags[i].found, refused_tags[i].remedy);
        }
    }
}

static void tag_take(const Elf64_Dyn *entry, hgh_dynamic_table *table)
{
    uint64_t value = entry->d_un.d_val;

    if (entry->d_tag >= 0 && entry->d_tag < DT_NUM) {
        table->value[entry->d_tag] = value;
        table->present |= (uint64_t)1 << entry->d_tag;
        return;
    }
    switch (entry->d_tag) {
    case DT_GNU_HASH:
        table->gnu_hash = value;
        break;
    case DT_VERSYM:
        table->versions = value;
        break;
    case DT_VERNEED:
        table->needed_versions = value;
        break;
    case DT_VERNEEDNUM:
        table->needed_version_count = value;
        break;
    case DT_VERDEF:
        table->own_versions = value;
        break;
    case DT_VERDEFNUM:
        table->own_version_count = value;
        break;
    case DT_RELACOUNT:
        table->relative_count = value;
        break;
    default:
        break;
    }
}

/* Entry i of the section that the loader takes; false: it ends before, or here. */
static bool entry_get(const hgh_admission *work, size_t i, Elf64_Dyn *out_entry)
{
    if (i >= work->dynamic.p_filesz / sizeof(*out_entry)) {
        return false;
    }
    memcpy(out_entry, work->file->bytes + work->dynamic.p_offset + i * sizeof(*out_entry),
           sizeof(*out_entry));
    return out_entry->d_tag != DT_NULL;
}

static bool table_read(hgh_admission *work, hgh_dynamic_table *table)
{
    Elf64_Dyn entry = {0};
    size_t i = 0;

    /* The loader writes into it, and reads until its end is marked. */
    if (work->dynamic.p_vaddr % sizeof(uint64_t) != 0 ||
        !hgh_admission_is_mapped(work, work->dynamic.p_vaddr, work->dynamic.p_memsz, PF_W) ||
        hgh_admission_bytes(work, work->dynamic.p_vaddr, work->dynamic.p_filesz) !=
            work->file->bytes + work->dynamic.p_offset) {
        return hgh_admission_damaged(work, "dynamic section");
    }
    while (entry_get(work, i, &entry)) {
        tag_take(&entry, table);
        tag_judge(work, &entry);
        i++;
    }
    return i < work->dynamic.p_filesz / sizeof(entry) ||
           hgh_admission_damaged(work, "dynamic section");
}

/* --------------------------------------------------------------------------------- strings */

const char *hgh_admission_string(const hgh_admission *work, uint64_t offset)
{
    return offset < work->strings_size ? work->strings + offset : NULL;
}

static bool strings_find(hgh_admission *work, const hgh_dynamic_table *table)
{
    uint64_t size = table->value[DT_STRSZ];
    const unsigned char *strings = hgh_admission_bytes(work, table->value[DT_STRTAB], size);

    if (strings == NULL || size == 0 || strings[size - 1] != '\0') {
        return hgh_admission_damaged(work, "string table");
    }
    work->strings = (const char *)strings;
    work->strings_size = size;
    return true;
}

static bool names_check(hgh_admission *work)
{
    Elf64_Dyn entry;

    for (size_t i = 0; entry_get(work, i, &entry); i++) {
        const char *name;

        if (entry.d_tag != DT_NEEDED && entry.d_tag != DT_SONAME) {
            continue;
        }
        name = hgh_admission_string(work, entry.d_un.d_val);
        if (name == NULL) {
            return hgh_admission_damaged(work, "string table");
        }
        if (entry.d_tag == DT_NEEDED) {
            library_check(work, name);
        } else {
            own_name_check(work, name);
        }
    }
    return true;
}

bool hgh_admission_check_dynamic(hgh_admission *work)
{
    hgh_dynamic_table table = {0};

    if (!table_read(work, &table) || !strings_find(work, &table) || !names_check(work)) {
        return false;
    }
    if (hgh_admission_bytes(work, table.value[DT_SYMTAB], sizeof(Elf64_Sym)) != work->symbols) {
        hgh_admission_found(work, "", "sections that do not tell of its symbols",
                            "a shared object as the linker wrote it");
        return false;
    }
    return hgh_admission_check_tables(work, &table);
}
