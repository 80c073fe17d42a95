/* host/control/admission.c - what can be said of a shared object before any code of it runs.
 *
 * libelf checks the bounds of what it hands out; what it does not check is checked here. */
#include "host/control/admission.h"

#include <stdio.h>
#include <string.h>

#include "host/control/admission_parts.h"

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#error "admission knows x86-64 and AArch64"
#endif

#define PAGE_BYTES       4096u
#define ALIGNMENT_MAX    (64u << 20) /* bytes; linkers ask for pages, large ones at most */
#define MAPPED_BYTES_MAX (1024u << 20)
#define TLS_BYTES_MAX    (16u << 20)
#define WHOLE_FILE       "the whole file as the linker wrote it: copy it again"

void hgh_admission_found(hgh_admission *work,
                         const char *where,
                         const char *what,
                         const char *remedy)
{
    hgh_issues_add(work->issues, where, what, remedy, NULL);
}

bool hgh_admission_damaged(hgh_admission *work, const char *part)
{
    char text[80];

    (void)snprintf(text, sizeof(text), "a damaged %s", part);
    hgh_admission_found(work, "", text, WHOLE_FILE);
    return false;
}

bool hgh_admission_is_in_file(const hgh_admission *work, uint64_t offset, uint64_t size)
{
    return offset <= work->file->size && size <= work->file->size - offset;
}

/* ---------------------------------------------------------------------------------- header */

static bool header_check(hgh_admission *work)
{
    const unsigned char *ident = work->file->bytes;
    char text[80];

    if (work->file->size < sizeof(Elf64_Ehdr) || memcmp(ident, ELFMAG, SELFMAG) != 0) {
        hgh_admission_found(work, "", "no ELF object", "a shared object as the linker wrote it");
        return false;
    }
    if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB) {
        hgh_admission_found(work, "", "an object for another word size or byte order",
                            "one for this machine");
        return false;
    }
    work->elf = elf_memory((char *)(uintptr_t)work->file->bytes, work->file->size);
    if (work->elf == NULL || gelf_getehdr(work->elf, &work->header) == NULL ||
        work->header.e_version != EV_CURRENT) {
        return hgh_admission_damaged(work, "ELF header");
    }
    if (work->header.e_machine != MACHINE) {
        (void)snprintf(text, sizeof(text), "an object for machine %u", work->header.e_machine);
        hgh_admission_found(work, "", text, "one for this machine: build it here");
        return false;
    }
    if (work->header.e_type != ET_DYN) {
        hgh_admission_found(work, "", "no shared object", "one that is linked with -shared");
        return false;
    }
    if (!hgh_admission_is_in_file(work, work->header.e_phoff,
                                  (uint64_t)work->header.e_phnum * sizeof(Elf64_Phdr)) ||
        work->header.e_phentsize != sizeof(Elf64_Phdr) ||
        (work->header.e_shnum > 0 &&
         (work->header.e_shentsize != sizeof(Elf64_Shdr) ||
          !hgh_admission_is_in_file(work, work->header.e_shoff,
                                    (uint64_t)work->header.e_shnum * sizeof(Elf64_Shdr))))) {
        hgh_admission_found(work, "", "a file that is cut short", "the whole file: copy it again");
        return false;
    }
    return true;
}

/* ----------------------------------------------------------------------------------- notes */

/* Copies a text field of the note, which may lack its NUL. */
static bool claim_copy(char *into, size_t size, const char *from)
{
    memcpy(into, from, size);
    into[size - 1] = '\0';
    return from[size - 1] == '\0';
}

static void note_read(hgh_admission *work, const GElf_Nhdr *note, const char *data)
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
        hgh_admission_found(work, "", "a damaged note", "the one that HG_PLUGIN writes");
    }
}

static void build_id_read(hgh_admission *work, const GElf_Nhdr *note, const unsigned char *data)
{
    for (size_t i = 0; i < note->n_descsz && 2 * i + 2 < sizeof(work->claims.build_id); i++) {
        (void)snprintf(work->claims.build_id + 2 * i, 3, "%02x", data[i]);
    }
}

static void notes_read(hgh_admission *work, const GElf_Phdr *segment)
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

/* -------------------------------------------------------------------------------- segments */

/* The mapped segment that holds an address; NULL: none. */
static const Elf64_Phdr *load_of(const hgh_admission *work, uint64_t address)
{
    for (size_t i = 0; i < work->load_count; i++) {
        const Elf64_Phdr *load = &work->loads[i];

        if (address >= load->p_vaddr && address - load->p_vaddr <= load->p_memsz) {
            return load;
        }
    }
    return NULL;
}

const unsigned char *hgh_admission_bytes(const hgh_admission *work, uint64_t address, uint64_t size)
{
    const Elf64_Phdr *load = load_of(work, address);

    if (load == NULL || address - load->p_vaddr > load->p_filesz ||
        size > load->p_filesz - (address - load->p_vaddr)) {
        return NULL;
    }
    return work->file->bytes + load->p_offset + (address - load->p_vaddr);
}

bool hgh_admission_is_mapped(const hgh_admission *work,
                             uint64_t address,
                             uint64_t size,
                             uint32_t flags)
{
    const Elf64_Phdr *load = load_of(work, address);

    return load != NULL && size <= load->p_memsz - (address - load->p_vaddr) &&
           (load->p_flags & flags) == flags;
}

static bool is_power_of_two(uint64_t number)
{
    return number != 0 && (number & (number - 1)) == 0;
}

/* What is mapped is in order, each where its alignment says, and not more than anybody needs. */
static bool load_is_sound(const hgh_admission *work, const GElf_Phdr *load)
{
    const Elf64_Phdr *first = work->load_count == 0 ? load : &work->loads[0];
    const Elf64_Phdr *before = work->load_count == 0 ? NULL : &work->loads[work->load_count - 1];

    return is_power_of_two(load->p_align) && load->p_align >= PAGE_BYTES &&
           load->p_align <= ALIGNMENT_MAX &&
           load->p_offset % load->p_align == load->p_vaddr % load->p_align &&
           (before == NULL || load->p_vaddr >= before->p_vaddr + before->p_memsz) &&
           load->p_vaddr + load->p_memsz - first->p_vaddr <= MAPPED_BYTES_MAX;
}

static bool load_take(hgh_admission *work, const GElf_Phdr *load)
{
    if ((load->p_flags & PF_W) != 0 && (load->p_flags & PF_X) != 0) {
        hgh_admission_found(work, "", "a segment that is writable and executable",
                            "none: link without -z rwx, -N or --omagic");
    }
    if (work->load_count == HGH_ADMISSION_LOADS_MAX || !load_is_sound(work, load)) {
        return hgh_admission_damaged(work, "table of segments");
    }
    work->loads[work->load_count++] = *load;
    return true;
}

/* What the loader protects and copies must lie in what it maps. */
static bool part_check(hgh_admission *work, const GElf_Phdr *part)
{
    const Elf64_Phdr *load = load_of(work, part->p_vaddr);
    uint64_t page = load == NULL ? 1 : load->p_align;
    uint64_t end = load == NULL ? 0 : load->p_vaddr + load->p_memsz;

    if (part->p_type == PT_GNU_RELRO) {
        /* Linkers let it end with the page. */
        return (load != NULL && (load->p_flags & PF_W) != 0 &&
                part->p_vaddr + part->p_memsz <= (end + page - 1) / page * page) ||
               hgh_admission_damaged(work, "range that becomes read-only");
    }
    return (load != NULL && part->p_memsz <= TLS_BYTES_MAX && part->p_align <= PAGE_BYTES &&
            (part->p_align == 0 || is_power_of_two(part->p_align)) &&
            (part->p_filesz == 0 ||
             hgh_admission_bytes(work, part->p_vaddr, part->p_filesz) != NULL)) ||
           hgh_admission_damaged(work, "thread-local segment");
}

/* The first look, at what the second one needs. */
static bool segment_take(hgh_admission *work, const GElf_Phdr *segment)
{
    switch (segment->p_type) {
    case PT_LOAD:
        return load_take(work, segment);
    case PT_DYNAMIC:
        if (work->dynamic.p_type == PT_DYNAMIC) {
            return hgh_admission_damaged(work, "table of segments");
        }
        work->dynamic = *segment;
        return true;
    case PT_INTERP:
        hgh_admission_found(work, "", "a program", "a shared object: link with -shared");
        return true;
    case PT_NOTE:
        notes_read(work, segment);
        return true;
    default:
        return true;
    }
}

static bool segment_get(hgh_admission *work, int i, GElf_Phdr *out_segment)
{
    if (gelf_getphdr(work->elf, i, out_segment) != NULL &&
        hgh_admission_is_in_file(work, out_segment->p_offset, out_segment->p_filesz) &&
        out_segment->p_filesz <= out_segment->p_memsz &&
        out_segment->p_vaddr + out_segment->p_memsz >= out_segment->p_vaddr) {
        return true;
    }
    hgh_admission_found(work, "", "a segment outside the file", "the whole file: copy it again");
    return false;
}

/* Without a word about it the loader makes every stack of the process executable. */
static void stack_check(hgh_admission *work, const GElf_Phdr *stack)
{
    if (stack->p_type != PT_GNU_STACK || (stack->p_flags & PF_X) != 0) {
        hgh_admission_found(work, "",
                            stack->p_type == PT_GNU_STACK
                                ? "a request for an executable stack"
                                : "no word about its stack, which asks for an executable stack",
                            "PT_GNU_STACK without PF_X: add .note.GNU-stack to assembler sources, "
                            "link with -z noexecstack");
    }
}

static bool segments_check(hgh_admission *work)
{
    GElf_Phdr stack = {.p_type = PT_NULL};

    for (int i = 0; i < work->header.e_phnum; i++) {
        GElf_Phdr segment;

        if (!segment_get(work, i, &segment) || !segment_take(work, &segment)) {
            return false;
        }
        stack = segment.p_type == PT_GNU_STACK ? segment : stack;
    }
    if (work->load_count == 0 || work->dynamic.p_type != PT_DYNAMIC) {
        hgh_admission_found(work, "", "an object without dynamic section",
                            "one that is linked with -shared");
        return false;
    }
    stack_check(work, &stack);
    for (int i = 0; i < work->header.e_phnum; i++) {
        GElf_Phdr segment;

        if (segment_get(work, i, &segment) &&
            (segment.p_type == PT_GNU_RELRO || segment.p_type == PT_TLS) &&
            !part_check(work, &segment)) {
            return false;
        }
    }
    return true;
}

/* -------------------------------------------------------------------------------- sections */

/* How many symbols there are is told by a section alone. The loader goes by segments: both must
 * mean the same tables. */
static bool sections_check(hgh_admission *work)
{
    Elf_Scn *section = NULL;
    bool has_symbols = false;
    bool has_dynamic = false;

    while ((section = elf_nextscn(work->elf, section)) != NULL) {
        GElf_Shdr header;

        if (gelf_getshdr(section, &header) == NULL ||
            (header.sh_type != SHT_NOBITS &&
             !hgh_admission_is_in_file(work, header.sh_offset, header.sh_size))) {
            hgh_admission_found(work, "", "a section outside the file",
                                "the whole file: copy it again");
            return false;
        }
        if (header.sh_type == SHT_DYNAMIC && header.sh_offset == work->dynamic.p_offset &&
            header.sh_addr == work->dynamic.p_vaddr) {
            has_dynamic = true;
        } else if (header.sh_type == SHT_DYNSYM) {
            has_symbols = true;
            work->symbol_count = header.sh_size / sizeof(Elf64_Sym);
            work->symbols =
                hgh_admission_bytes(work, header.sh_addr, work->symbol_count * sizeof(Elf64_Sym));
        }
    }
    if (!has_symbols) {
        hgh_admission_found(work, "", "an object without section headers",
                            "one with its dynamic symbols: do not strip sections");
    } else if (!has_dynamic || work->symbols == NULL) {
        hgh_admission_found(work, "", "sections that do not tell of its dynamic section",
                            "a shared object as the linker wrote it");
        return false;
    }
    return has_symbols;
}

/* --------------------------------------------------------------------------------- verdict */

static void claims_check(hgh_admission *work)
{
    char text[160];

    if (!work->has_symbol && !work->other_abi) {
        hgh_admission_found(work, "", "no symbol " HG_PLUGIN_SYMBOL,
                            "a plugin: one file of it uses HG_PLUGIN");
    }
    if (!work->has_note && !work->other_abi) {
        hgh_admission_found(work, "", "no note of HG_PLUGIN",
                            "the section " HG_NOTE_SECTION ": do not strip it");
        return;
    }
    if (work->has_note &&
        (work->claims.abi_major != HG_ABI_MAJOR || work->claims.abi_minor != HG_ABI_MINOR)) {
        (void)snprintf(text, sizeof(text), "built for ABI %u.%u", work->claims.abi_major,
                       work->claims.abi_minor);
        hgh_admission_found(work, "", text, "the ABI of this gateway: build it against its SDK");
        work->other_abi = true;
    } else if (work->has_note && strcmp(work->claims.name, work->name) != 0) {
        (void)snprintf(text, sizeof(text), "the plugin \"%s\"", work->claims.name);
        hgh_admission_found(work, "", text, "the name of its file: rename one of them");
    }
}

hg_status hgh_admission_check(const hgh_object_file *file,
                              const char *name,
                              const json_t *allow_libraries,
                              hgh_object_claims *out_claims,
                              hg_issues *issues)
{
    hgh_admission work = {
        .file = file,
        .name = name,
        .allow_libraries = allow_libraries,
        .issues = issues,
    };
    size_t before = issues->count;

    (void)elf_version(EV_CURRENT);
    if (header_check(&work) && segments_check(&work) && sections_check(&work)) {
        if (hgh_admission_check_dynamic(&work)) {
            hgh_admission_check_symbols(&work);
        }
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
