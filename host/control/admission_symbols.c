/* host/control/admission_symbols.c - what an object exports, and what it calls. */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "host/control/admission_parts.h"

#define SYMBOL_PREFIX "hg_plugin_v"

/* Functions that would outlive the object, change the process, or take it down. */
static const char *import_refusal(const char *symbol)
{
    static const char *const no_thread =
        "no thread of its own: it would run on after the object is gone";
    static const char *const no_key =
        "no thread-specific key: its destructor would outlive the object";
    static const char *const no_fork_handler = "no fork handler: it would outlive the object";
    static const char *const no_handler = "no signal handler: signals are the gateway's";
    static const char *const no_exit = "no exit: return an error";
    static const char *const no_exit_handler = "no exit handler: use the exit callback";
    static const char *const no_fork = "no fork: the gateway's workers are not to be doubled";
    static const char *const no_program = "no program: it would stop the worker";
    static const char *const no_buffer = "no buffer of its own: it would outlive the object";
    static const char *const no_open = "no dlopen: what it loads would stay";
    static const struct {
        const char *pattern;
        const char *remedy;
    } refused[] = {
        {"pthread_create", no_thread},
        {"thrd_create", no_thread},
        {"timer_create", no_thread},
        {"clone", no_fork},
        {"pthread_key_create", no_key},
        {"__pthread_key_create", no_key},
        {"tss_create", no_key},
        {"pthread_atfork", no_fork_handler},
        {"__register_atfork", no_fork_handler},
        {"signal", no_handler},
        {"bsd_signal", no_handler},
        {"ssignal", no_handler},
        {"sysv_signal", no_handler},
        {"__sysv_signal", no_handler},
        {"sigaction", no_handler},
        {"sigset", no_handler},
        {"sigaltstack", no_handler},
        {"alarm", no_handler},
        {"setitimer", no_handler},
        {"on_exit", no_exit_handler},
        {"at_quick_exit", no_exit_handler},
        {"__cxa_at_quick_exit", no_exit_handler},
        {"putenv", "no putenv: its string would outlive the object; use setenv"},
        {"setvbuf", no_buffer},
        {"setbuf", no_buffer},
        {"setbuffer", no_buffer},
        {"exit", no_exit},
        {"_exit", no_exit},
        {"_Exit", no_exit},
        {"quick_exit", no_exit},
        {"fork", no_fork},
        {"_Fork", no_fork},
        {"vfork", no_fork},
        {"daemon", no_fork},
        {"forkpty", no_fork},
        {"exec*", "no exec: it would replace the worker"},
        {"fexecve", "no exec: it would replace the worker"},
        {"posix_spawn*", no_program},
        {"system", no_program},
        {"popen", no_program},
        {"dlopen", no_open},
        {"dlmopen", no_open},
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

static void import_check(hgh_admission *work, const char *symbol)
{
    const char *remedy = import_refusal(symbol);
    char text[160];

    if (remedy != NULL) {
        (void)snprintf(text, sizeof(text), "a call of %.100s", symbol);
        hgh_admission_found(work, symbol, text, remedy);
    }
}

/* The descriptor: once, whole, and as the file has it. */
static void descriptor_check(hgh_admission *work, const Elf64_Sym *symbol)
{
    if (work->has_symbol) {
        hgh_admission_found(work, HG_PLUGIN_SYMBOL, "a second " HG_PLUGIN_SYMBOL,
                            "one: only one file of it uses HG_PLUGIN");
    }
    work->has_symbol = true;
    if (ELF64_ST_TYPE(symbol->st_info) != STT_OBJECT ||
        symbol->st_value % _Alignof(hg_plugin) != 0 || symbol->st_size < sizeof(uint64_t) ||
        hgh_admission_bytes(work, symbol->st_value, symbol->st_size) == NULL) {
        hgh_admission_found(work, HG_PLUGIN_SYMBOL, "a damaged " HG_PLUGIN_SYMBOL,
                            "the one that HG_PLUGIN writes");
    }
}

static void export_check(hgh_admission *work, const char *name, const Elf64_Sym *symbol)
{
    char text[160];

    if (strcmp(name, HG_PLUGIN_SYMBOL) == 0) {
        descriptor_check(work, symbol);
    } else if (strncmp(name, SYMBOL_PREFIX, strlen(SYMBOL_PREFIX)) == 0) {
        (void)snprintf(text, sizeof(text), "built for another ABI: exports %.60s", name);
        hgh_admission_found(work, name, text,
                            HG_PLUGIN_SYMBOL ": build it against this gateway's SDK");
        work->other_abi = true;
    } else if (name[0] != '_') { /* the linker's own: _init, _fini, __bss_start, _edata, _end */
        (void)snprintf(text, sizeof(text), "an exported symbol %.100s", name);
        hgh_admission_found(work, name, text,
                            "no export but " HG_PLUGIN_SYMBOL ": compile with -fvisibility=hidden");
    }
}

Elf64_Sym hgh_admission_symbol(const hgh_admission *work, size_t i)
{
    Elf64_Sym symbol;

    memcpy(&symbol, work->symbols + i * sizeof(symbol), sizeof(symbol));
    return symbol;
}

/* What the loader may hand out of it lies in it. */
static bool symbol_is_sound(const hgh_admission *work, const Elf64_Sym *symbol)
{
    switch (ELF64_ST_TYPE(symbol->st_info)) {
    case STT_NOTYPE:
    case STT_OBJECT:
    case STT_FUNC:
    case STT_SECTION:
        return symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS ||
               hgh_admission_is_mapped(work, symbol->st_value, 0, 0);
    case STT_GNU_IFUNC:
        return symbol->st_shndx == SHN_UNDEF ||
               hgh_admission_is_mapped(work, symbol->st_value, 1, PF_X);
    case STT_TLS:
        return true;
    default:
        return false;
    }
}

static void symbol_check(hgh_admission *work, const char *name, const Elf64_Sym *symbol)
{
    char text[160];

    if (ELF64_ST_BIND(symbol->st_info) == STB_GNU_UNIQUE) {
        (void)snprintf(text, sizeof(text), "a unique symbol %.100s", name);
        hgh_admission_found(work, name, text,
                            "none, it would pin the object: compile C++ with -fno-gnu-unique");
    } else if (symbol->st_shndx == SHN_UNDEF) {
        import_check(work, name);
    } else if (ELF64_ST_BIND(symbol->st_info) != STB_LOCAL &&
               ELF64_ST_VISIBILITY(symbol->st_other) == STV_DEFAULT) {
        export_check(work, name, symbol);
    }
}

void hgh_admission_check_symbols(hgh_admission *work)
{
    for (size_t i = 1; i < work->symbol_count; i++) {
        Elf64_Sym symbol = hgh_admission_symbol(work, i);
        const char *name = hgh_admission_string(work, symbol.st_name);

        if (name == NULL || !symbol_is_sound(work, &symbol)) {
            (void)hgh_admission_damaged(work, "symbol table");
            return;
        }
        symbol_check(work, name, &symbol);
    }
}
