/* host/control/admission_parts.h - what the files of an admission share: the object that is judged,
 * and its judges. */
#ifndef HOST_CONTROL_ADMISSION_PARTS_H
#define HOST_CONTROL_ADMISSION_PARTS_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gelf.h>
#include <jansson.h>
#include <libelf.h>

#include "host/control/admission.h"

#define HGH_ADMISSION_LOADS_MAX 32u /* segments that are mapped; linkers make four or five */

/** An object on its way through. What has been read of it, in the order in which it is read. */
typedef struct hgh_admission {
    const hgh_object_file *file;
    const char *name;              /* what it must be called */
    const json_t *allow_libraries; /* NULL: none beyond the built-in list */
    hg_issues *issues;
    hgh_object_claims claims;
    Elf *elf;
    GElf_Ehdr header;
    Elf64_Phdr loads[HGH_ADMISSION_LOADS_MAX];
    size_t load_count;
    Elf64_Phdr dynamic;           /* the segment that the loader takes */
    const char *strings;          /* the loader's string table, ends with a NUL */
    size_t strings_size;          /* with it */
    const unsigned char *symbols; /* Elf64_Sym, maybe not aligned */
    size_t symbol_count;
    bool other_abi;
    bool has_note;
    bool has_symbol;
} hgh_admission;

/** Adds a finding. where: a symbol or a library; "": the object. */
void hgh_admission_found(hgh_admission *work,
                         const char *where,
                         const char *what,
                         const char *remedy);

/** The finding "a damaged PART": the file is not as a linker wrote it. Returns false. */
bool hgh_admission_damaged(hgh_admission *work, const char *part);

/** True if a range lies inside the file. */
bool hgh_admission_is_in_file(const hgh_admission *work, uint64_t offset, uint64_t size);

/** The bytes of a range of addresses, if one mapped segment has them all from the file; else NULL.
 */
const unsigned char *
hgh_admission_bytes(const hgh_admission *work, uint64_t address, uint64_t size);

/** True if one mapped segment that has all of `flags` (PF_W, ...) holds the range. */
bool hgh_admission_is_mapped(const hgh_admission *work,
                             uint64_t address,
                             uint64_t size,
                             uint32_t flags);

/** A text of the loader's string table; NULL: it does not lie there. */
const char *hgh_admission_string(const hgh_admission *work, uint64_t offset);

/* admission_dynamic.c: what the dynamic section makes the loader do */

/** False: it cannot be read, which has been told. */
bool hgh_admission_check_dynamic(hgh_admission *work);

/* admission_tables.c: the tables that the loader reads without looking twice */

/** By tag below DT_NUM, and by these names for the others. 0: not there. */
typedef struct hgh_dynamic_table {
    uint64_t value[DT_NUM];
    uint64_t present; /* a bit for each of these tags */
    uint64_t gnu_hash;
    uint64_t versions; /* DT_VERSYM */
    uint64_t needed_versions;
    uint64_t needed_version_count;
    uint64_t own_versions;
    uint64_t own_version_count;
    uint64_t relative_count; /* DT_RELACOUNT */
} hgh_dynamic_table;

/** Relocations, hash tables, versions, functions to be run. */
bool hgh_admission_check_tables(hgh_admission *work, const hgh_dynamic_table *table);

/* admission_symbols.c: what it exports, and what it calls */

void hgh_admission_check_symbols(hgh_admission *work);

/** Symbol i < symbol_count. */
Elf64_Sym hgh_admission_symbol(const hgh_admission *work, size_t i);

#endif
