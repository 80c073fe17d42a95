/* host/control/admission.c - what can be said of a shared object before any code of it runs.
 *
 * libelf checks the bounds of what it hands out; what it does not check is checked here. */
#include "host/control/admission.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gelf.h>
#include <libelf.h>
#include <openssl/evp.h>

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#error "admission knows x86-64 and AArch64"
#endif

#define SYMBOL_PREFIX "hg_plugin_v"

/* ------------------------------------------------------------------------------------ file */

/* Who may have made a file that we are to run: root and ourselves. */
static bool owner_is_trusted(uid_t owner)
{
    return owner == 0 || owner == geteuid();
}

static hg_status
directory_check(const struct stat *status, const char *path, size_t length, hg_error *err)
{
    bool writable = (status->st_mode & (S_IWGRP | S_IWOTH)) != 0;
    /* In a sticky directory of root's, such as the system's temporary one, others cannot replace
     * what is ours. */
    bool sticky = (status->st_mode & S_ISVTX) != 0 && status->st_uid == 0;

    if (!owner_is_trusted(status->st_uid)) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "%.*s: belongs to user %u, wanted root or user %u: chown it",
                            (int)length, path, status->st_uid, geteuid());
    }
    if (writable && !sticky) {
        return hg_error_set(err, HG_ERR_INVALID, "%.*s: can be written by others: chmod go-w",
                            (int)length, path);
    }
    return HG_OK;
}

static hg_status kind_check(const struct stat *status, const char *path, hg_error *err)
{
    if (!S_ISREG(status->st_mode)) {
        return hg_error_set(err, HG_ERR_INVALID, "%s: is not a regular file", path);
    }
    if (status->st_size > (off_t)HGH_OBJECT_BYTES_MAX) {
        return hg_error_set(err, HG_ERR_TOO_LARGE, "%s: has %lld bytes, at most %u are taken", path,
                            (long long)status->st_size, HGH_OBJECT_BYTES_MAX);
    }
    return HG_OK;
}

static hg_status file_check(const struct stat *status, const char *path, hg_error *err)
{
    hg_status result = kind_check(status, path, err);

    if (result != HG_OK) {
        return result;
    }
    if (status->st_nlink != 1) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "%s: has %lu names: copy it, hard links can be changed elsewhere", path,
                            (unsigned long)status->st_nlink);
    }
    return directory_check(status, path, strlen(path), err);
}

/* Walks to the file, one component at a time, so that no link on the way is followed. */
static hg_status file_open(const char *path, int *out_fd, hg_error *err)
{
    int directory = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const char *at = path;
    struct stat status;
    hg_status result = HG_OK;

    while (*at == '/') {
        at++;
    }
    while (directory >= 0 && result == HG_OK) {
        size_t length = strcspn(at, "/");
        bool last = at[length + strspn(at + length, "/")] == '\0';
        char component[256];
        int next;

        if (length == 0 || length >= sizeof(component)) {
            result = hg_error_set(err, HG_ERR_INVALID, "%s: is no usable path", path);
            break;
        }
        memcpy(component, at, length);
        component[length] = '\0';
        /* NONBLOCK: opening a FIFO must not wait for its writer. */
        next =
            openat(directory, component,
                   (last ? O_RDONLY | O_NONBLOCK : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0 || fstat(next, &status) != 0) {
            int code = errno;

            result = hg_error_set(err, code == ENOENT ? HG_ERR_NOT_FOUND : HG_ERR_IO, "%.*s: %s",
                                  (int)(at + length - path), path,
                                  code == ELOOP || code == ENOTDIR
                                      ? "is a link, or not a directory: use the real path"
                                      : strerror(code));
        } else {
            result = last ? file_check(&status, path, err)
                          : directory_check(&status, path, (size_t)(at + length - path), err);
        }
        (void)close(directory);
        directory = next;
        if (result == HG_OK && last) {
            *out_fd = directory;
            return HG_OK;
        }
        at += length + strspn(at + length, "/");
    }
    if (directory >= 0) {
        (void)close(directory);
    }
    return result == HG_OK ? hg_error_set(err, HG_ERR_IO, "/: %s", strerror(errno)) : result;
}

static hg_status file_hash(hgh_object_file *file)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    if (EVP_Digest(file->bytes, file->size, digest, &length, EVP_sha256(), NULL) != 1) {
        return HG_ERR_NO_MEMORY;
    }
    for (unsigned i = 0; i < length && 2 * i + 2 < sizeof(file->sha256); i++) {
        (void)snprintf(file->sha256 + (size_t)2 * i, 3, "%02x", digest[i]);
    }
    return HG_OK;
}

/* Reads what is open; closes it. */
static hg_status file_take(int fd, const char *path, hgh_object_file *out_file, hg_error *err)
{
    hgh_object_file file = {0};
    hg_status result = HG_OK;
    struct stat status;

    if (fstat(fd, &status) != 0 || (file.bytes = malloc((size_t)status.st_size + 1)) == NULL) {
        (void)close(fd);
        return hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", path);
    }
    while (file.size < (size_t)status.st_size) {
        ssize_t got = read(fd, file.bytes + file.size, (size_t)status.st_size - file.size);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            result = hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
            break;
        }
        if (got == 0) {
            break; /* cut while we read: the check will say what is missing */
        }
        file.size += (size_t)got;
    }
    (void)close(fd);
    if (result == HG_OK && file_hash(&file) != HG_OK) {
        result = hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", path);
    }
    if (result == HG_OK) {
        *out_file = file;
    } else {
        free(file.bytes);
    }
    return result;
}

hg_status hgh_object_file_read(const char *path, hgh_object_file *out_file, hg_error *err)
{
    int fd = -1;
    hg_status result = file_open(path, &fd, err);

    return result == HG_OK ? file_take(fd, path, out_file, err) : result;
}

hg_status hgh_object_file_read_anywhere(const char *path, hgh_object_file *out_file, hg_error *err)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    hg_status result = HG_OK;
    struct stat status;

    if (fd < 0 || fstat(fd, &status) != 0) {
        result = hg_error_set(err, errno == ENOENT ? HG_ERR_NOT_FOUND : HG_ERR_IO, "%s: %s", path,
                              strerror(errno));
    } else {
        result = kind_check(&status, path, err);
    }
    if (result == HG_OK) {
        return file_take(fd, path, out_file, err);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return result;
}

void hgh_object_file_done(hgh_object_file *file)
{
    free(file->bytes);
    file->bytes = NULL;
    file->size = 0;
}

/* ----------------------------------------------------------------------------------- checks */

typedef struct inspection {
    const hgh_object_file *file;
    const char *name;
    const json_t *allow_libraries;
    Elf *elf;
    GElf_Ehdr header;
    hgh_object_claims claims;
    hg_issues *issues;
    uint64_t dynamic_offset;  /* of the segment that the loader takes */
    uint64_t symbols_address; /* of the table that it takes; 0: none */
    bool other_abi;
    bool has_note;
    bool has_symbol;
} inspection;

static void found(inspection *work, const char *where, const char *what, const char *remedy)
{
    hgh_issues_add(work->issues, where, what, remedy, NULL);
}

/* True if a range lies inside the file. */
static bool range_is_inside(const inspection *work, uint64_t offset, uint64_t size)
{
    return offset <= work->file->size && size <= work->file->size - offset;
}

static bool header_check(inspection *work)
{
    const unsigned char *ident = work->file->bytes;

    if (work->file->size < sizeof(Elf64_Ehdr) || memcmp(ident, ELFMAG, SELFMAG) != 0) {
        found(work, "", "no ELF object", "a shared object as the linker wrote it");
        return false;
    }
    if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB) {
        found(work, "", "an object for another word size or byte order", "one for this machine");
        return false;
    }
    work->elf = elf_memory((char *)(uintptr_t)work->file->bytes, work->file->size);
    if (work->elf == NULL || gelf_getehdr(work->elf, &work->header) == NULL) {
        found(work, "", "a damaged ELF header", "a shared object as the linker wrote it");
        return false;
    }
    if (work->header.e_machine != MACHINE) {
        char text[80];

        (void)snprintf(text, sizeof(text), "an object for machine %u", work->header.e_machine);
        found(work, "", text, "one for this machine: build it here");
        return false;
    }
    if (work->header.e_type != ET_DYN) {
        found(work, "", "no shared object", "one that is linked with -shared");
        return false;
    }
    if (!range_is_inside(work, work->header.e_phoff,
                         (uint64_t)work->header.e_phnum * sizeof(Elf64_Phdr)) ||
        work->header.e_phentsize != sizeof(Elf64_Phdr) ||
        (work->header.e_shnum > 0 &&
         (work->header.e_shentsize != sizeof(Elf64_Shdr) ||
          !range_is_inside(work, work->header.e_shoff,
                           (uint64_t)work->header.e_shnum * sizeof(Elf64_Shdr))))) {
        found(work, "", "a file that is cut short", "the whole file: copy it again");
        return false;
    }
    return true;
}

static void segment_check(inspection *work, const GElf_Phdr *segment)
{
    bool write = (segment->p_flags & PF_W) != 0;
    bool execute = (segment->p_flags & PF_X) != 0;

    if (segment->p_type == PT_LOAD && write && execute) {
        found(work, "", "a segment that is writable and executable",
              "none: link without -z rwx, -N or --omagic");
    }
    if (segment->p_type == PT_GNU_STACK && execute) {
        found(work, "", "a request for an executable stack",
              "none: add .note.GNU-stack to assembler sources, or link with -z noexecstack");
    }
    if (segment->p_type == PT_INTERP) {
        found(work, "", "a program", "a shared object: link with -shared");
    }
}

/* Copies a text field of the note, which may lack its NUL. */
static bool claim_copy(char *into, size_t size, const char *from)
{
    memcpy(into, from, size);
    into[size - 1] = '\0';
    return from[size - 1] == '\0';
}

static void note_read(inspection *work, const GElf_Nhdr *note, const char *data)
{
    size_t size = sizeof(hg_note) - offsetof(hg_note, abi_major);
    hg_note copy;

    if (note->n_descsz < sizeof(uint16_t) * 2) {
        return;
    }
    memset(&copy, 0, sizeof(copy));
    memcpy((char *)&copy + offsetof(hg_note, abi_major), data,
           note->n_descsz < size ? note->n_descsz : size);
    work->has_note = true;
    work->claims.abi_major = copy.abi_major;
    work->claims.abi_minor = copy.abi_minor;
    if (!claim_copy(work->claims.name, sizeof(work->claims.name), copy.name) ||
        !claim_copy(work->claims.version, sizeof(work->claims.version), copy.version)) {
        found(work, "", "a damaged note", "the one that HG_PLUGIN writes");
    }
}

static void build_id_read(inspection *work, const GElf_Nhdr *note, const unsigned char *data)
{
    for (size_t i = 0; i < note->n_descsz && 2 * i + 2 < sizeof(work->claims.build_id); i++) {
        (void)snprintf(work->claims.build_id + 2 * i, 3, "%02x", data[i]);
    }
}

static void notes_read(inspection *work, const GElf_Phdr *segment)
{
    Elf_Data *data =
        elf_getdata_rawchunk(work->elf, (int64_t)segment->p_offset, segment->p_filesz, ELF_T_NHDR);
    size_t offset = 0;

    while (data != NULL && offset < data->d_size) {
        GElf_Nhdr note;
        size_t name;
        size_t content;
        size_t next = gelf_getnote(data, offset, &note, &name, &content);
        const char *bytes = data->d_buf;

        if (next == 0) {
            return;
        }
        if (note.n_type == HG_NOTE_TYPE && note.n_namesz == sizeof(HG_NOTE_OWNER) &&
            memcmp(bytes + name, HG_NOTE_OWNER, sizeof(HG_NOTE_OWNER)) == 0) {
            note_read(work, &note, bytes + content);
        } else if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
                   memcmp(bytes + name, "GNU", 4) == 0) {
            build_id_read(work, &note, (const unsigned char *)bytes + content);
        }
        offset = next;
    }
}

static bool segments_check(inspection *work)
{
    bool has_load = false;
    bool has_dynamic = false;

    for (int i = 0; i < work->header.e_phnum; i++) {
        GElf_Phdr segment;

        if (gelf_getphdr(work->elf, i, &segment) == NULL ||
            !range_is_inside(work, segment.p_offset, segment.p_filesz) ||
            segment.p_filesz > segment.p_memsz ||
            segment.p_vaddr + segment.p_memsz < segment.p_vaddr) {
            found(work, "", "a segment outside the file", "the whole file: copy it again");
            return false;
        }
        has_load = has_load || segment.p_type == PT_LOAD;
        if (segment.p_type == PT_DYNAMIC) {
            has_dynamic = true;
            work->dynamic_offset = segment.p_offset;
        }
        segment_check(work, &segment);
        if (segment.p_type == PT_NOTE) {
            notes_read(work, &segment);
        }
    }
    if (!has_load || !has_dynamic) {
        found(work, "", "an object without dynamic section", "one that is linked with -shared");
        return false;
    }
    return true;
}

/* Libraries that a plugin may need: the C library's, and what the host has loaded anyway. */
static bool library_is_allowed(const inspection *work, const char *library)
{
    static const char *const patterns[] = {
        "libc.so.*",
        "libm.so.*",
        "libgcc_s.so.*",
        "ld-linux*.so.*",
        "libjansson.so.*",
        "libpcre2-8.so.*",
        "libcrypto.so.*",
        "libssl.so.*",
        "libz.so.*",
        "libhiredis.so.*",
        "libluajit-5.1.so.*",
#if defined(__SANITIZE_ADDRESS__)
        "libasan.so.*",
        "libubsan.so.*",
#endif
    };
    size_t index;
    json_t *item;

    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        if (fnmatch(patterns[i], library, 0) == 0) {
            return true;
        }
    }
    json_array_foreach((json_t *)(uintptr_t)work->allow_libraries, index, item)
    {
        const char *allowed = json_string_value(item);
        size_t length = allowed == NULL ? 0 : strlen(allowed);

        if (length > 0 && strncmp(library, allowed, length) == 0 &&
            (library[length] == '\0' || strncmp(library + length, ".so", 3) == 0)) {
            return true;
        }
    }
    return false;
}

static void library_check(inspection *work, const char *library)
{
    char text[300];

    if (library == NULL) {
        found(work, "", "a damaged string table", "the whole file: copy it again");
    } else if (!library_is_allowed(work, library)) {
        (void)snprintf(text, sizeof(text), "a need for the library %.200s", library);
        found(work, library, text,
              "libraries of the built-in list only: link it statically, or name it in "
              "hotgate.allow_libraries");
    }
}

static void flags_check(inspection *work, int64_t tag, uint64_t value)
{
    if (tag == DT_TEXTREL || (tag == DT_FLAGS && (value & DF_TEXTREL) != 0)) {
        found(work, "", "text relocations", "position-independent code: compile with -fPIC");
    }
    if (tag == DT_FLAGS && (value & DF_STATIC_TLS) != 0) {
        found(work, "", "thread-local storage of the initial-exec model",
              "another model: build it without -ftls-model=initial-exec");
    }
    if (tag == DT_FLAGS_1 && (value & DF_1_NODELETE) != 0) {
        found(work, "", "links with -z nodelete", "an object that can go: build without it");
    }
    if (tag == DT_FLAGS_1 && (value & DF_1_PIE) != 0) {
        found(work, "", "a program", "a shared object: link with -shared");
    }
}

static void dynamic_check(inspection *work, Elf_Scn *section, const GElf_Shdr *header)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = data == NULL || header->sh_entsize == 0 ? 0 : data->d_size / header->sh_entsize;

    for (size_t i = 0; i < count && i <= INT32_MAX; i++) {
        GElf_Dyn entry;

        if (gelf_getdyn(data, (int)i, &entry) == NULL || entry.d_tag == DT_NULL) {
            break;
        }
        flags_check(work, entry.d_tag, entry.d_un.d_val);
        if (entry.d_tag == DT_SYMTAB) {
            work->symbols_address = entry.d_un.d_ptr;
        }
        if (entry.d_tag == DT_NEEDED) {
            library_check(work, elf_strptr(work->elf, header->sh_link, entry.d_un.d_val));
        }
    }
}

/* Functions that would outlive the object or take the process down. */
static const char *import_refusal(const char *symbol)
{
    static const struct {
        const char *pattern;
        const char *remedy;
    } refused[] = {
        {"pthread_create", "no thread of its own: it would run on after the object is gone"},
        {"pthread_key_create", "no thread-specific key: its destructor would outlive the object"},
        {"pthread_atfork", "no fork handler: it would outlive the object"},
        {"__register_atfork", "no fork handler: it would outlive the object"},
        {"signal", "no signal handler: signals are the gateway's"},
        {"sigaction", "no signal handler: signals are the gateway's"},
        {"on_exit", "no exit handler: use the exit callback"},
        {"putenv", "no putenv: its string would outlive the object; use setenv"},
        {"setvbuf", "no setvbuf: its buffer would outlive the object"},
        {"exit", "no exit: return an error"},
        {"_exit", "no exit: return an error"},
        {"_Exit", "no exit: return an error"},
        {"quick_exit", "no exit: return an error"},
        {"fork", "no fork: the gateway's workers are not to be doubled"},
        {"vfork", "no fork: the gateway's workers are not to be doubled"},
        {"exec*", "no exec: it would replace the worker"},
        {"system", "no system: it would stop the worker"},
        {"popen", "no popen: it would stop the worker"},
        {"dlopen", "no dlopen: what it loads would stay"},
        {"dlmopen", "no dlopen: what it loads would stay"},
        {"dlclose", "no dlclose"},
        {"__cxa_thread_atexit*", "no thread_local with a destructor: it would pin the object"},
    };

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (fnmatch(refused[i].pattern, symbol, 0) == 0) {
            return refused[i].remedy;
        }
    }
    return NULL;
}

static void export_check(inspection *work, const char *symbol)
{
    char text[160];

    if (strcmp(symbol, HG_PLUGIN_SYMBOL) == 0) {
        work->has_symbol = true;
    } else if (strncmp(symbol, SYMBOL_PREFIX, strlen(SYMBOL_PREFIX)) == 0) {
        (void)snprintf(text, sizeof(text), "built for another ABI: exports %.60s", symbol);
        found(work, symbol, text, HG_PLUGIN_SYMBOL ": build it against this gateway's SDK");
        work->other_abi = true;
    } else if (symbol[0] != '_') { /* the linker's own: _init, _fini, __bss_start, _edata, _end */
        (void)snprintf(text, sizeof(text), "an exported symbol %.100s", symbol);
        found(work, symbol, text,
              "no export but " HG_PLUGIN_SYMBOL ": compile with -fvisibility=hidden");
    }
}

static void symbol_check(inspection *work, const char *name, const GElf_Sym *symbol)
{
    const char *remedy;
    char text[160];

    if (GELF_ST_BIND(symbol->st_info) == STB_GNU_UNIQUE) {
        (void)snprintf(text, sizeof(text), "a unique symbol %.100s", name);
        found(work, name, text, "none, it would pin the object: compile C++ with -fno-gnu-unique");
        return;
    }
    if (symbol->st_shndx != SHN_UNDEF) {
        if (GELF_ST_BIND(symbol->st_info) != STB_LOCAL &&
            GELF_ST_VISIBILITY(symbol->st_other) == STV_DEFAULT) {
            export_check(work, name);
        }
        return;
    }
    remedy = import_refusal(name);
    if (remedy != NULL) {
        (void)snprintf(text, sizeof(text), "a call of %.100s", name);
        found(work, name, text, remedy);
    }
}

static void symbols_check(inspection *work, Elf_Scn *section, const GElf_Shdr *header)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = data == NULL || header->sh_entsize == 0 ? 0 : data->d_size / header->sh_entsize;

    for (size_t i = 1; i < count && i <= INT32_MAX; i++) {
        GElf_Sym symbol;
        const char *name;

        if (gelf_getsym(data, (int)i, &symbol) == NULL ||
            (name = elf_strptr(work->elf, header->sh_link, symbol.st_name)) == NULL) {
            found(work, "", "a damaged symbol table", "the whole file: copy it again");
            return;
        }
        symbol_check(work, name, &symbol);
    }
}

/* The loader goes by segments and addresses, we go by sections: they must say the same. */
static void sections_check(inspection *work)
{
    Elf_Scn *section = NULL;
    uint64_t symbols_address = 0;
    bool has_symbols = false;
    bool has_dynamic = false;

    while ((section = elf_nextscn(work->elf, section)) != NULL) {
        GElf_Shdr header;

        if (gelf_getshdr(section, &header) == NULL ||
            (header.sh_type != SHT_NOBITS &&
             !range_is_inside(work, header.sh_offset, header.sh_size))) {
            found(work, "", "a section outside the file", "the whole file: copy it again");
            return;
        }
        if (header.sh_type == SHT_DYNAMIC && header.sh_offset == work->dynamic_offset) {
            has_dynamic = true;
            dynamic_check(work, section, &header);
        } else if (header.sh_type == SHT_DYNSYM) {
            has_symbols = true;
            symbols_address = header.sh_addr;
            symbols_check(work, section, &header);
        }
    }
    if (!has_symbols) {
        found(work, "", "an object without section headers",
              "one with its dynamic symbols: do not strip sections");
    } else if (!has_dynamic || work->symbols_address != symbols_address) {
        found(work, "", "sections that do not tell of its dynamic section or its symbols",
              "a shared object as the linker wrote it");
    }
}

static void claims_check(inspection *work)
{
    char text[160];

    if (!work->has_symbol && !work->other_abi) {
        found(work, "", "no symbol " HG_PLUGIN_SYMBOL, "a plugin: one file of it uses HG_PLUGIN");
    }
    if (!work->has_note && !work->other_abi) {
        found(work, "", "no note of HG_PLUGIN", "the section " HG_NOTE_SECTION ": do not strip it");
        return;
    }
    if (work->has_note &&
        (work->claims.abi_major != HG_ABI_MAJOR || work->claims.abi_minor != HG_ABI_MINOR)) {
        (void)snprintf(text, sizeof(text), "built for ABI %u.%u", work->claims.abi_major,
                       work->claims.abi_minor);
        found(work, "", text, "the ABI of this gateway: build it against its SDK");
        work->other_abi = true;
    } else if (work->has_note && strcmp(work->claims.name, work->name) != 0) {
        (void)snprintf(text, sizeof(text), "the plugin \"%s\"", work->claims.name);
        found(work, "", text, "the name of its file: rename one of them");
    }
}

hg_status hgh_admission_check(const hgh_object_file *file,
                              const char *name,
                              const json_t *allow_libraries,
                              hgh_object_claims *out_claims,
                              hg_issues *issues)
{
    inspection work = {
        .file = file,
        .name = name,
        .allow_libraries = allow_libraries,
        .issues = issues,
    };
    size_t before = issues->count;

    (void)elf_version(EV_CURRENT);
    if (header_check(&work) && segments_check(&work)) {
        sections_check(&work);
        claims_check(&work);
    }
    (void)elf_end(work.elf);
    if (issues->count > before || issues->dropped > 0) {
        return work.other_abi ? HG_ERR_ABI : HG_ERR_INVALID;
    }
    if (out_claims != NULL) {
        *out_claims = work.claims;
    }
    return HG_OK;
}
