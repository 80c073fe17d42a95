/* host/control/admission_tables.c - the tables of an object that the loader reads, or goes by,
 * without looking twice. */
#include <string.h>

#include "host/control/admission_parts.h"

#if defined(__x86_64__)
#define RELOCATION_RELATIVE    R_X86_64_RELATIVE
#define RELOCATION_FUNCTION    R_X86_64_IRELATIVE
#define RELOCATION_INITIAL_TLS R_X86_64_TPOFF64
static const uint32_t other_relocations[] = {
    R_X86_64_NONE,     R_X86_64_64,       R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT,
    R_X86_64_DTPMOD64, R_X86_64_DTPOFF64, R_X86_64_TLSDESC};
#else
#define RELOCATION_RELATIVE    R_AARCH64_RELATIVE
#define RELOCATION_FUNCTION    R_AARCH64_IRELATIVE
#define RELOCATION_INITIAL_TLS R_AARCH64_TLS_TPREL
static const uint32_t other_relocations[] = {
    R_AARCH64_NONE,       R_AARCH64_ABS64,      R_AARCH64_GLOB_DAT, R_AARCH64_JUMP_SLOT,
    R_AARCH64_TLS_DTPMOD, R_AARCH64_TLS_DTPREL, R_AARCH64_TLSDESC};
#endif

#define OWN_CONSTRUCTORS 1u /* the compiler's, in every object: frame_dummy() of crtbegin */
#define VERSIONS_MAX     4096u

/* -------------------------------------------------------------------------------- presence */

/* Where one of these stands the loader takes the others for granted. */
static bool tags_check(hgh_admission *work, const hgh_dynamic_table *table)
{
#define TAG(name) ((uint64_t)1 << (name))
    static const uint64_t together[] = {
        TAG(DT_STRTAB) | TAG(DT_STRSZ) | TAG(DT_SYMTAB) | TAG(DT_SYMENT),
        TAG(DT_RELA) | TAG(DT_RELASZ) | TAG(DT_RELAENT),
        TAG(DT_JMPREL) | TAG(DT_PLTRELSZ) | TAG(DT_PLTREL),
        TAG(DT_INIT_ARRAY) | TAG(DT_INIT_ARRAYSZ),
        TAG(DT_FINI_ARRAY) | TAG(DT_FINI_ARRAYSZ),
        TAG(DT_RELR) | TAG(DT_RELRSZ) | TAG(DT_RELRENT),
    };
#undef TAG
    _Static_assert(DT_NUM <= 64, "a bit for each tag");

    for (size_t i = 0; i < sizeof(together) / sizeof(together[0]); i++) {
        uint64_t present = table->present & together[i];

        if (present != 0 && present != together[i]) {
            return hgh_admission_damaged(work, "dynamic section");
        }
    }
    return true;
}

/* ------------------------------------------------------------------------------- functions */

/* The place of a function pointer that the loader calls through: it is filled by a relocation. */
static bool is_in_functions(const hgh_dynamic_table *table, uint64_t address)
{
    return address - table->value[DT_INIT_ARRAY] < table->value[DT_INIT_ARRAYSZ] ||
           address - table->value[DT_FINI_ARRAY] < table->value[DT_FINI_ARRAYSZ];
}

static bool function_array_is_sound(const hgh_admission *work, uint64_t address, uint64_t size)
{
    return size == 0 || (address % sizeof(uint64_t) == 0 && size % sizeof(uint64_t) == 0 &&
                         hgh_admission_bytes(work, address, size) != NULL);
}

static bool functions_check(hgh_admission *work, const hgh_dynamic_table *table)
{
    uint64_t count = table->value[DT_INIT_ARRAYSZ] / sizeof(uint64_t);

    if (!function_array_is_sound(work, table->value[DT_INIT_ARRAY],
                                 table->value[DT_INIT_ARRAYSZ]) ||
        !function_array_is_sound(work, table->value[DT_FINI_ARRAY],
                                 table->value[DT_FINI_ARRAYSZ]) ||
        (table->value[DT_INIT] != 0 &&
         !hgh_admission_is_mapped(work, table->value[DT_INIT], 1, PF_X)) ||
        (table->value[DT_FINI] != 0 &&
         !hgh_admission_is_mapped(work, table->value[DT_FINI], 1, PF_X))) {
        return hgh_admission_damaged(work, "table of constructors");
    }
    work->claims.constructors = count > OWN_CONSTRUCTORS ? (uint32_t)(count - OWN_CONSTRUCTORS) : 0;
    return true;
}

/* ----------------------------------------------------------------------------- relocations */

static bool relocation_is_known(uint32_t type)
{
    for (size_t i = 0; i < sizeof(other_relocations) / sizeof(other_relocations[0]); i++) {
        if (other_relocations[i] == type) {
            return true;
        }
    }
    return false;
}

/* An address that is written into the object, seen from its base. */
static bool target_is_sound(const hgh_admission *work,
                            const hgh_dynamic_table *table,
                            const Elf64_Rela *relocation)
{
    bool is_called = ELF64_R_TYPE(relocation->r_info) == RELOCATION_FUNCTION ||
                     is_in_functions(table, relocation->r_offset);

    return hgh_admission_is_mapped(work, (uint64_t)relocation->r_addend, is_called ? 1 : 0,
                                   is_called ? PF_X : 0);
}

static bool
relocation_check(hgh_admission *work, const hgh_dynamic_table *table, const Elf64_Rela *relocation)
{
    uint32_t type = (uint32_t)ELF64_R_TYPE(relocation->r_info);
    uint64_t symbol = ELF64_R_SYM(relocation->r_info);

    if (type == RELOCATION_INITIAL_TLS) {
        hgh_admission_found(work, "", "thread-local storage of the initial-exec model",
                            "another model: build it without -ftls-model=initial-exec");
        return false;
    }
    if (symbol > 0 && symbol >= work->symbol_count) {
        return hgh_admission_damaged(work, "relocation");
    }
    if (type == RELOCATION_RELATIVE || type == RELOCATION_FUNCTION) {
        if (!target_is_sound(work, table, relocation)) {
            return hgh_admission_damaged(work, "relocation");
        }
    } else if (!relocation_is_known(type)) {
        return hgh_admission_damaged(work, "relocation");
    }
    if (type != 0 && !hgh_admission_is_mapped(work, relocation->r_offset, sizeof(uint64_t), PF_W)) {
        if (!hgh_admission_is_mapped(work, relocation->r_offset, sizeof(uint64_t), 0)) {
            return hgh_admission_damaged(work, "relocation");
        }
        hgh_admission_found(work, "", "text relocations",
                            "position-independent code: compile with -fPIC");
        return false;
    }
    return true;
}

static bool relocations_check(hgh_admission *work,
                              const hgh_dynamic_table *table,
                              uint64_t address,
                              uint64_t size)
{
    const unsigned char *bytes = hgh_admission_bytes(work, address, size);

    if (size == 0) {
        return true;
    }
    if (bytes == NULL || size % sizeof(Elf64_Rela) != 0 || address % sizeof(uint64_t) != 0) {
        return hgh_admission_damaged(work, "table of relocations");
    }
    for (uint64_t at = 0; at < size; at += sizeof(Elf64_Rela)) {
        Elf64_Rela relocation;

        memcpy(&relocation, bytes + at, sizeof(relocation));
        if (!relocation_check(work, table, &relocation)) {
            return false;
        }
    }
    return true;
}

/* The loader takes the first ones of the table for relative ones without looking. */
static bool relative_count_is_sound(const hgh_admission *work, const hgh_dynamic_table *table)
{
    const unsigned char *bytes =
        hgh_admission_bytes(work, table->value[DT_RELA], table->value[DT_RELASZ]);

    if (table->relative_count > table->value[DT_RELASZ] / sizeof(Elf64_Rela)) {
        return false;
    }
    for (uint64_t i = 0; i < table->relative_count; i++) {
        Elf64_Rela relocation;

        memcpy(&relocation, bytes + i * sizeof(relocation), sizeof(relocation));
        if (ELF64_R_TYPE(relocation.r_info) != RELOCATION_RELATIVE) {
            return false;
        }
    }
    return true;
}

/* The packed form: an even word is an address, an odd one says which of the next 63 follow. */
static bool packed_check(hgh_admission *work, const hgh_dynamic_table *table)
{
    uint64_t size = table->value[DT_RELRSZ];
    const unsigned char *bytes = hgh_admission_bytes(work, table->value[DT_RELR], size);
    uint64_t place = 0;

    if (size == 0) {
        return true;
    }
    if (bytes == NULL || size % sizeof(uint64_t) != 0) {
        return hgh_admission_damaged(work, "table of relocations");
    }
    for (uint64_t at = 0; at < size; at += sizeof(uint64_t)) {
        uint64_t word;
        uint64_t bits;

        memcpy(&word, bytes + at, sizeof(word));
        bits = (word & 1) == 0 ? 1 : word >> 1;
        place = (word & 1) == 0 ? word : place;
        for (uint64_t next = place; bits != 0; bits >>= 1, next += sizeof(uint64_t)) {
            if ((bits & 1) != 0 && !hgh_admission_is_mapped(work, next, sizeof(uint64_t), PF_W)) {
                return hgh_admission_damaged(work, "relocation");
            }
        }
        place += ((word & 1) == 0 ? 1 : 63) * sizeof(uint64_t);
    }
    return true;
}

static bool all_relocations_check(hgh_admission *work, const hgh_dynamic_table *table)
{
    const uint64_t *value = table->value;

    if (value[DT_REL] != 0 || (value[DT_RELASZ] > 0 && value[DT_RELAENT] != sizeof(Elf64_Rela)) ||
        (value[DT_PLTRELSZ] > 0 && value[DT_PLTREL] != DT_RELA) ||
        (value[DT_RELRSZ] > 0 && value[DT_RELRENT] != sizeof(uint64_t))) {
        return hgh_admission_damaged(work, "table of relocations");
    }
    if (value[DT_PLTGOT] != 0 &&
        !hgh_admission_is_mapped(work, value[DT_PLTGOT], 3 * sizeof(uint64_t), PF_W)) {
        return hgh_admission_damaged(work, "dynamic section");
    }
    return relocations_check(work, table, value[DT_RELA], value[DT_RELASZ]) &&
           (relative_count_is_sound(work, table) ||
            hgh_admission_damaged(work, "table of relocations")) &&
           relocations_check(work, table, value[DT_JMPREL], value[DT_PLTRELSZ]) &&
           packed_check(work, table);
}

/* -------------------------------------------------------------------------------- hash tables */

static uint32_t word_at(const unsigned char *bytes, uint64_t i)
{
    uint32_t word;

    memcpy(&word, bytes + i * sizeof(word), sizeof(word));
    return word;
}

/* Two counts, then the buckets, then a chain a symbol: all of them numbers of symbols. */
static bool old_hash_is_sound(const hgh_admission *work, uint64_t address)
{
    const unsigned char *bytes = hgh_admission_bytes(work, address, 2 * sizeof(uint32_t));
    uint64_t words;

    if (bytes == NULL || word_at(bytes, 0) == 0 || word_at(bytes, 1) != work->symbol_count) {
        return false;
    }
    words = 2 + (uint64_t)word_at(bytes, 0) + word_at(bytes, 1);
    bytes = hgh_admission_bytes(work, address, words * sizeof(uint32_t));
    for (uint64_t i = 2; bytes != NULL && i < words; i++) {
        if (word_at(bytes, i) >= work->symbol_count) {
            return false;
        }
    }
    return bytes != NULL;
}

/* Four words, a bloom filter, the buckets, and chains that end with an odd hash. */
static bool gnu_hash_is_sound(const hgh_admission *work, uint64_t address)
{
    const unsigned char *bytes = hgh_admission_bytes(work, address, 4 * sizeof(uint32_t));
    uint64_t buckets;
    uint64_t first;
    uint64_t filter;
    uint64_t begin;

    if (bytes == NULL) {
        return false;
    }
    buckets = word_at(bytes, 0);
    first = word_at(bytes, 1);
    filter = word_at(bytes, 2);
    if (buckets == 0 || filter == 0 || (filter & (filter - 1)) != 0 || word_at(bytes, 3) > 63 ||
        first > work->symbol_count) {
        return false;
    }
    begin = 4 + 2 * filter; /* words of the filter are twice as long */
    bytes = hgh_admission_bytes(work, address,
                                (begin + buckets + work->symbol_count - first) * sizeof(uint32_t));
    for (uint64_t i = 0; bytes != NULL && i < buckets; i++) {
        uint64_t symbol = word_at(bytes, begin + i);

        if (symbol == 0) {
            continue;
        }
        if (symbol < first || symbol >= work->symbol_count) {
            return false;
        }
        while ((word_at(bytes, begin + buckets + symbol - first) & 1) == 0) {
            if (++symbol >= work->symbol_count) {
                return false;
            }
        }
    }
    return bytes != NULL;
}

static bool hashes_check(hgh_admission *work, const hgh_dynamic_table *table)
{
    if ((table->value[DT_HASH] == 0 && table->gnu_hash == 0) ||
        (table->value[DT_HASH] != 0 && !old_hash_is_sound(work, table->value[DT_HASH])) ||
        (table->gnu_hash != 0 && !gnu_hash_is_sound(work, table->gnu_hash))) {
        return hgh_admission_damaged(work, "hash table");
    }
    return true;
}

/* ------------------------------------------------------------------------------------ versions */

static bool auxiliary_is_sound(const hgh_admission *work, uint64_t address, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const unsigned char *bytes = hgh_admission_bytes(work, address, sizeof(Elf64_Vernaux));
        Elf64_Vernaux part;

        if (bytes == NULL || i >= VERSIONS_MAX) {
            return false;
        }
        memcpy(&part, bytes, sizeof(part));
        if (hgh_admission_string(work, part.vna_name) == NULL ||
            (part.vna_next == 0 && i + 1 < count)) {
            return false;
        }
        address += part.vna_next;
    }
    return true;
}

static bool needed_versions_are_sound(const hgh_admission *work, const hgh_dynamic_table *table)
{
    uint64_t address = table->needed_versions;

    for (uint64_t i = 0; i < table->needed_version_count; i++) {
        const unsigned char *bytes = hgh_admission_bytes(work, address, sizeof(Elf64_Verneed));
        Elf64_Verneed need;

        if (bytes == NULL || i >= VERSIONS_MAX) {
            return false;
        }
        memcpy(&need, bytes, sizeof(need));
        if (need.vn_version != VER_NEED_CURRENT ||
            hgh_admission_string(work, need.vn_file) == NULL ||
            !auxiliary_is_sound(work, address + need.vn_aux, need.vn_cnt) ||
            (need.vn_next == 0 && i + 1 < table->needed_version_count)) {
            return false;
        }
        address += need.vn_next;
    }
    return true;
}

/* What one object needs of another is looked up by both. */
static bool versions_check(hgh_admission *work, const hgh_dynamic_table *table)
{
    if (table->own_versions != 0 || table->own_version_count != 0) {
        hgh_admission_found(work, "", "versions of its own symbols",
                            "none: link without a version script that names versions");
        return false;
    }
    if (table->versions != 0 &&
        hgh_admission_bytes(work, table->versions, work->symbol_count * sizeof(uint16_t)) == NULL) {
        return hgh_admission_damaged(work, "table of versions");
    }
    return needed_versions_are_sound(work, table) ||
           hgh_admission_damaged(work, "table of versions");
}

bool hgh_admission_check_tables(hgh_admission *work, const hgh_dynamic_table *table)
{
    return tags_check(work, table) && functions_check(work, table) &&
           all_relocations_check(work, table) && hashes_check(work, table) &&
           versions_check(work, table);
}
