/* tests/unit/control/test_admission.c - no object that would do harm is let in, however it is made.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/control/admission.h"
#include "tests/unit/unit.h"

#define MUTATIONS 3000

static char directory[64];
static hgh_object_file good; /* a plugin "candidate" that is let in */

#define PLUGIN                                                                                     \
    "#include <hotgate/plugin.h>\n"                                                                \
    "HG_PLUGIN(\"candidate\", \"1.2.3\", .summary = \"A candidate.\");\n"

/* Builds DIRECTORY/NAME.so from a source; false if this compiler cannot. */
static bool build(const char *name, const char *compiler, const char *source, const char *flags)
{
    char command[1024];
    char file[128];
    FILE *out;

    (void)snprintf(file, sizeof(file), "%s/%s.c", directory, name);
    out = fopen(file, "w");
    assert_non_null(out);
    (void)fputs(source, out);
    (void)fclose(out);
    (void)snprintf(command, sizeof(command),
                   "%s -shared -fPIC -fvisibility=hidden -I%s/sdk/include -o %s/%s.so %s %s "
                   ">%s/build.log 2>&1",
                   compiler, getenv("HOTGATE_SOURCE_ROOT"), directory, name, file, flags,
                   directory);
    return system(command) == 0;
}

static hgh_object_file read_built(const char *name)
{
    hgh_object_file file = {0};
    hg_error err = HG_ERROR_INIT;
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/%s.so", directory, name);
    if (hgh_object_file_read(path, HGH_OBJECT_BYTES_MAX, &file, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
    return file;
}

static int group_set_up(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/hotgate-unit-XXXXXX");
    if (mkdtemp(directory) == NULL || !build("candidate", "cc", PLUGIN, "")) {
        return -1;
    }
    good = read_built("candidate");
    return 0;
}

static int group_tear_down(void **state)
{
    char command[96];

    (void)state;
    hgh_object_file_done(&good);
    (void)snprintf(command, sizeof(command), "rm -rf %s", directory);
    return system(command);
}

/* Judges, and says all findings in one text. */
static hg_status judge(const hgh_object_file *file, const json_t *allow, char *text, size_t size)
{
    hg_issues issues = {0};
    hg_status status = hgh_admission_check(file, "candidate", allow, NULL, &issues);
    size_t at = 0;

    text[0] = '\0';
    for (size_t i = 0; i < issues.count && at < size; i++) {
        at += (size_t)snprintf(text + at, size - at, "%s; ", issues.items[i].found);
    }
    assert_int_equal(status == HG_OK, issues.count == 0);
    hgh_issues_done(&issues);
    return status;
}

/* A copy whose end is the end of its memory, for the sanitizer to watch. */
static hgh_object_file copy_of(size_t size)
{
    hgh_object_file copy = {.bytes = malloc(size == 0 ? 1 : size), .size = size};

    if (copy.bytes != NULL && size > 0) {
        memcpy(copy.bytes, good.bytes, size);
    }
    return copy;
}

/* ------------------------------------------------------------------------------ what is built */

static void a_good_object_is_let_in_with_what_it_claims(void **state)
{
    hgh_object_claims claims = {0};
    hg_issues issues = {0};

    (void)state;
    assert_int_equal(hgh_admission_check(&good, "candidate", NULL, &claims, &issues), HG_OK);
    assert_string_equal(claims.name, "candidate");
    assert_string_equal(claims.version, "1.2.3");
    assert_int_equal(claims.abi_major, HG_ABI_MAJOR);
    assert_int_equal(claims.abi_minor, HG_ABI_MINOR);
    assert_int_equal(strlen(good.sha256), 64);
    assert_true(strlen(claims.build_id) >= 32 || claims.build_id[0] == '\0');
}

static void a_built_object_is_judged_by_what_is_in_it(void **state)
{
    static const struct {
        const char *label;
        const char *source;
        const char *flags;
        hg_status status;
        const char *text;
    } cases[] = {
        {"plain", PLUGIN, "", HG_OK, ""},
        {"stripped", PLUGIN, "-s", HG_OK, ""},
        {"optimised", PLUGIN, "-O2 -Wl,-Bsymbolic -Wl,-z,now -Wl,-z,relro", HG_OK, ""},
        {"without a build id", PLUGIN, "-Wl,--build-id=none", HG_OK, ""},
        {"needs jansson", PLUGIN, "-Wl,--no-as-needed -ljansson", HG_OK, ""},
        {"nodelete", PLUGIN, "-Wl,-z,nodelete", HG_ERR_INVALID, "-z nodelete"},
        {"executable stack", PLUGIN, "-Wl,-z,execstack", HG_ERR_INVALID, "executable stack"},
        {"initial-exec",
         PLUGIN "static __thread int t __attribute__((tls_model(\"initial-exec\"), "
                "used)) = 1; int f(void); int f(void) { return t; }",
         "", HG_ERR_INVALID, "initial-exec"},
        {"general-dynamic",
         PLUGIN "static __thread int t = 1; int f(void); int f(void) { return "
                "t++; }",
         "", HG_OK, ""},
        {"needs libcurl", PLUGIN, "-Wl,--no-as-needed -lcurl", HG_ERR_INVALID,
         "the library libcurl.so"},
        {"needs libpthread's thread",
         PLUGIN "#include <pthread.h>\nint f(pthread_t *t, void *(*g)("
                "void *)); int f(pthread_t *t, void *(*g)(void *)) { "
                "return pthread_create(t, 0, g, 0); }",
         "", HG_ERR_INVALID, "a call of pthread_create"},
        {"calls exit", PLUGIN "#include <stdlib.h>\nvoid f(void); void f(void) { exit(1); }", "",
         HG_ERR_INVALID, "a call of exit"},
        {"calls _exit", PLUGIN "#include <unistd.h>\nvoid f(void); void f(void) { _exit(1); }", "",
         HG_ERR_INVALID, "a call of _exit"},
        {"calls fork", PLUGIN "#include <unistd.h>\nint f(void); int f(void) { return fork(); }",
         "", HG_ERR_INVALID, "a call of fork"},
        {"calls execv",
         PLUGIN "#include <unistd.h>\nint f(char **a); int f(char **a) { return execv(*a, a); }",
         "", HG_ERR_INVALID, "a call of execv"},
        {"calls dlopen",
         PLUGIN "#include <dlfcn.h>\nvoid *f(void); void *f(void) { return dlopen(0, 1); }", "",
         HG_ERR_INVALID, "a call of dlopen"},
        {"calls system",
         PLUGIN "#include <stdlib.h>\nint f(void); int f(void) { return system(\"\"); }", "",
         HG_ERR_INVALID, "a call of system"},
        {"sets a signal handler",
         PLUGIN "#include <signal.h>\nvoid f(void); void f(void) { signal(1, SIG_IGN); }", "",
         HG_ERR_INVALID, "a call of signal"},
        {"may setenv",
         PLUGIN "#include <stdlib.h>\nint setenv(const char *, const char *, int);\n"
                "int f(void); int f(void) { return setenv(\"A\", \"b\", 1); }",
         "", HG_OK, ""},
        {"an export of its own", PLUGIN "__attribute__((visibility(\"default\"))) int extra = 1;",
         "", HG_ERR_INVALID, "an exported symbol extra"},
        {"all exported", PLUGIN "int f(void); int f(void) { return 1; }", "-fvisibility=default",
         HG_ERR_INVALID, "an exported symbol f"},
        {"versions of its own", PLUGIN, "-Wl,--default-symver", HG_ERR_INVALID,
         "versions of its own symbols"},
        {"run path", PLUGIN, "-Wl,-rpath,/opt/else", HG_ERR_INVALID, "a search path"},
        {"old run path", PLUGIN, "-Wl,--disable-new-dtags,-rpath,/opt/else", HG_ERR_INVALID,
         "a search path"},
        {"audit", PLUGIN, "-Wl,--audit=libaudit.so", HG_ERR_INVALID, "audits the process"},
        {"audit of what it needs", PLUGIN, "-Wl,--depaudit=libaudit.so", HG_ERR_INVALID,
         "audits the process"},
        {"filter", PLUGIN, "-Wl,--filter=libelse.so", HG_ERR_INVALID, "takes its place"},
        {"auxiliary filter", PLUGIN, "-Wl,--auxiliary=libelse.so", HG_ERR_INVALID,
         "takes its place"},
        {"initfirst", PLUGIN, "-Wl,-z,initfirst", HG_ERR_INVALID, "-z initfirst"},
        {"interpose", PLUGIN, "-Wl,-z,interpose", HG_ERR_INVALID, "-z interpose"},
        {"global", PLUGIN, "-Wl,-z,global", HG_ERR_INVALID, "-z global"},
        {"nodlopen", PLUGIN, "-Wl,-z,nodlopen", HG_ERR_INVALID, "-z nodlopen"},
        {"interpreter",
         PLUGIN "static const char path[] __attribute__((section(\".interp\"), used)) = "
                "\"/lib64/ld-linux-x86-64.so.2\";",
         "", HG_ERR_INVALID, "a program"},
        {"calls itself a library", PLUGIN, "-Wl,-soname,libjansson.so.4", HG_ERR_INVALID,
         "calls itself the library libjansson.so.4"},
        {"a name of its own", PLUGIN, "-Wl,-soname,candidate.so", HG_OK, ""},
        {"old hash table", PLUGIN, "-Wl,--hash-style=sysv", HG_OK, ""},
        {"both hash tables", PLUGIN, "-Wl,--hash-style=both", HG_OK, ""},
        {"packed relocations", PLUGIN, "-Wl,-z,pack-relative-relocs", HG_OK, ""},
        {"ifunc",
         PLUGIN "static int one(void) { return 1; }\n"
                "static int (*choose(void))(void) { return one; }\n"
                "static int chosen(void) __attribute__((ifunc(\"choose\")));\n"
                "int f(void); int f(void) { return chosen(); }",
         "", HG_OK, ""},
        {"starts a timer",
         PLUGIN "#include <signal.h>\n#include <time.h>\nint f(timer_t *t);\n"
                "int f(timer_t *t) { return timer_create(0, 0, t); }",
         "-D_GNU_SOURCE", HG_ERR_INVALID, "a call of timer_create"},
        {"starts a program",
         PLUGIN "#include <spawn.h>\nint f(pid_t *p, char **a); int f(pid_t *p, char **a) "
                "{ return posix_spawn(p, *a, 0, 0, a, a); }",
         "", HG_ERR_INVALID, "a call of posix_spawn"},
        {"no plugin", "extern const int a; const int a = 1;", "", HG_ERR_INVALID,
         "no symbol hg_plugin_v"},
        {"another ABI", "#define hg_plugin_v0 hg_plugin_v9\n" PLUGIN, "", HG_ERR_ABI,
         "exports hg_plugin_v9"},
        {"a program", PLUGIN "int main(void); int main(void) { return 0; }",
         "-fPIE -pie -no-shared", HG_ERR_INVALID, ""},
#if defined(__x86_64__)
        {"text relocations", PLUGIN "int x; int *f(void); int *f(void) { return &x; }",
         "-fno-pic -fno-pie -mcmodel=large -Wl,-z,notext", HG_ERR_INVALID, "text relocations"},
#endif
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[2048];
        hgh_object_file file;
        hg_status status;

        if (!build("built", "cc", cases[i].source, cases[i].flags)) {
            if (cases[i].text[0] != '\0' || cases[i].status == HG_OK) {
                fail_msg("%s: cannot be built", cases[i].label);
            }
            continue; /* this linker makes no such object */
        }
        file = read_built("built");
        status = judge(&file, NULL, text, sizeof(text));
        if (status != cases[i].status || strstr(text, cases[i].text) == NULL) {
            fail_msg("%s: got status %d, \"%s\"", cases[i].label, (int)status, text);
        }
        hgh_object_file_done(&file);
    }
}

static void what_an_object_does_before_its_first_call_is_claimed(void **state)
{
    static const struct {
        const char *source;
        const char *flags;
        uint32_t constructors;
        const char *libraries;
    } cases[] = {
        {PLUGIN, "-nostdlib -Wl,--no-as-needed -lc", 0, "libc.so.6"},
        {PLUGIN, "", 0, NULL},
        {PLUGIN "__attribute__((constructor)) static void f(void) {}\n"
                "__attribute__((constructor)) static void g(void) {}",
         "", 2, NULL},
        {PLUGIN, "-Wl,--no-as-needed -ljansson -lz", 0, "libjansson.so.4, libz.so.1, libc.so.6"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_object_claims claims = {0};
        hg_issues issues = {0};
        hgh_object_file file;

        assert_true(build("claims", "cc", cases[i].source, cases[i].flags));
        file = read_built("claims");
        assert_int_equal(hgh_admission_check(&file, "candidate", NULL, &claims, &issues), HG_OK);
        assert_int_equal(claims.constructors, cases[i].constructors);
        if (cases[i].libraries != NULL) {
            assert_string_equal(claims.libraries, cases[i].libraries);
        }
        hgh_object_file_done(&file);
    }
}

static void a_unique_symbol_of_cplusplus_is_refused(void **state)
{
    char text[2048];
    hgh_object_file file;

    (void)state;
    if (!build("unique", "cc -x c++ -std=c++20",
               PLUGIN "template <int N> struct __attribute__((visibility(\"default\"))) counter {\n"
                      "    static int value;\n};\n"
                      "template <int N> int counter<N>::value = N;\n"
                      "int *f(void) { return &counter<1>::value; }\n",
               "-fgnu-unique")) {
        skip(); /* no C++ compiler, or one that makes none */
    }
    file = read_built("unique");
    assert_int_equal(judge(&file, NULL, text, sizeof(text)), HG_ERR_INVALID);
    assert_non_null(strstr(text, "a unique symbol"));
    hgh_object_file_done(&file);
}

static void a_library_may_be_allowed_by_the_operator(void **state)
{
    static const struct {
        const char *list;
        hg_status status;
    } cases[] = {
        {"[\"libcurl\"]", HG_OK},         {"[\"libcurl.so.4\"]", HG_OK},
        {"[\"libcur\"]", HG_ERR_INVALID}, {"[\"\"]", HG_ERR_INVALID},
        {"[7,null]", HG_ERR_INVALID},     {"{\"libcurl\":1}", HG_ERR_INVALID},
        {"[\"x\",\"libcurl\"]", HG_OK},
    };
    hgh_object_file file;

    (void)state;
    assert_true(build("curl", "cc", PLUGIN, "-Wl,--no-as-needed -lcurl"));
    file = read_built("curl");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *list = json_loads(cases[i].list, 0, NULL);
        char text[1024];

        if (judge(&file, list, text, sizeof(text)) != cases[i].status) {
            fail_msg("%s: \"%s\"", cases[i].list, text);
        }
        json_decref(list);
    }
    hgh_object_file_done(&file);
}

static void an_object_of_another_name_is_refused(void **state)
{
    hg_issues issues = {0};

    (void)state;
    assert_int_equal(hgh_admission_check(&good, "other", NULL, NULL, &issues), HG_ERR_INVALID);
    assert_non_null(strstr(issues.items[0].found, "candidate"));
    hgh_issues_done(&issues);
}

/* --------------------------------------------------------------------------- what was changed */

/* The first program header of a type; every object here has one. */
static Elf64_Phdr *segment_of(hgh_object_file *file, uint32_t type)
{
    Elf64_Ehdr *header = (Elf64_Ehdr *)(void *)file->bytes;
    Elf64_Phdr *segments = (Elf64_Phdr *)(void *)(file->bytes + header->e_phoff);

    for (int i = 0; i < header->e_phnum; i++) {
        if (segments[i].p_type == type) {
            return &segments[i];
        }
    }
    fail_msg("no segment of type %u", type);
    return segments;
}

static Elf64_Ehdr *header_of(hgh_object_file *file)
{
    return (Elf64_Ehdr *)(void *)file->bytes;
}

static void make_other_machine(hgh_object_file *file)
{
    header_of(file)->e_machine = EM_S390;
}

static void make_32_bit(hgh_object_file *file)
{
    file->bytes[EI_CLASS] = ELFCLASS32;
}

static void make_big_endian(hgh_object_file *file)
{
    file->bytes[EI_DATA] = ELFDATA2MSB;
}

static void make_program(hgh_object_file *file)
{
    header_of(file)->e_type = ET_EXEC;
}

static void make_no_elf(hgh_object_file *file)
{
    file->bytes[0] = '#';
}

static void make_writable_code(hgh_object_file *file)
{
    segment_of(file, PT_LOAD)->p_flags = PF_R | PF_W | PF_X;
}

static void make_without_sections(hgh_object_file *file)
{
    header_of(file)->e_shnum = 0;
    header_of(file)->e_shoff = 0;
    header_of(file)->e_shstrndx = 0;
}

static void make_endless_segment(hgh_object_file *file)
{
    segment_of(file, PT_LOAD)->p_vaddr = UINT64_MAX - 8;
}

static void make_segment_outside(hgh_object_file *file)
{
    segment_of(file, PT_DYNAMIC)->p_offset = UINT64_MAX - 8;
}

static void make_without_dynamic(hgh_object_file *file)
{
    segment_of(file, PT_DYNAMIC)->p_type = PT_NULL;
}

static void make_headers_outside(hgh_object_file *file)
{
    header_of(file)->e_phoff = file->size - 8;
}

static void make_odd_headers(hgh_object_file *file)
{
    header_of(file)->e_phentsize = 8;
}

/* Its section headers tell of another dynamic section than the one that the loader takes. */
static void make_two_dynamics(hgh_object_file *file)
{
    segment_of(file, PT_DYNAMIC)->p_offset += 16;
    segment_of(file, PT_DYNAMIC)->p_vaddr += 16;
}

/* Takes a tag of the dynamic section away. */
static void tag_hide(hgh_object_file *file, int64_t tag)
{
    const Elf64_Phdr *dynamic = segment_of(file, PT_DYNAMIC);
    Elf64_Dyn *entry = (Elf64_Dyn *)(void *)(file->bytes + dynamic->p_offset);

    while (entry->d_tag != tag) {
        if (entry->d_tag == DT_NULL) {
            fail_msg("no tag %lld", (long long)tag);
        }
        entry++;
    }
    entry->d_tag = 0x60000123; /* of no meaning to anybody */
}

static void make_constructors_without_size(hgh_object_file *file)
{
    tag_hide(file, DT_INIT_ARRAYSZ);
}

static void make_destructors_without_size(hgh_object_file *file)
{
    tag_hide(file, DT_FINI_ARRAYSZ);
}

static void make_relocations_without_size(hgh_object_file *file)
{
    tag_hide(file, DT_RELASZ);
}

static void make_without_strings(hgh_object_file *file)
{
    tag_hide(file, DT_STRTAB);
}

static void make_without_hash(hgh_object_file *file)
{
    tag_hide(file, DT_GNU_HASH);
}

static void make_other_minor(hgh_object_file *file)
{
    unsigned char *note = memmem(file->bytes, file->size, "hotgate", 8);

    if (note != NULL) {
        note[8 + 2]++;
    }
}

static void make_note_without_end(hgh_object_file *file)
{
    unsigned char *note = memmem(file->bytes, file->size, "hotgate", 8);

    if (note != NULL) {
        memset(note + 12, 'x', HG_NAME_MAX + 1);
    }
}

static void a_changed_object_is_refused(void **state)
{
    static const struct {
        const char *label;
        void (*change)(hgh_object_file *file);
        hg_status status;
        const char *text;
    } cases[] = {
        {"other machine", make_other_machine, HG_ERR_INVALID, "for machine 22"},
        {"32 bit", make_32_bit, HG_ERR_INVALID, "another word size"},
        {"big-endian", make_big_endian, HG_ERR_INVALID, "byte order"},
        {"program", make_program, HG_ERR_INVALID, "no shared object"},
        {"no ELF", make_no_elf, HG_ERR_INVALID, "no ELF object"},
        {"writable code", make_writable_code, HG_ERR_INVALID, "writable and executable"},
        {"no sections", make_without_sections, HG_ERR_INVALID, "without section headers"},
        {"endless segment", make_endless_segment, HG_ERR_INVALID, "segment outside"},
        {"segment outside", make_segment_outside, HG_ERR_INVALID, "segment outside"},
        {"no dynamic segment", make_without_dynamic, HG_ERR_INVALID, "without dynamic section"},
        {"headers outside", make_headers_outside, HG_ERR_INVALID, "cut short"},
        {"odd headers", make_odd_headers, HG_ERR_INVALID, ""},
        {"two dynamic sections", make_two_dynamics, HG_ERR_INVALID, "dynamic section"},
        {"constructors without size", make_constructors_without_size, HG_ERR_INVALID,
         "damaged dynamic section"},
        {"destructors without size", make_destructors_without_size, HG_ERR_INVALID,
         "damaged dynamic section"},
        {"relocations without size", make_relocations_without_size, HG_ERR_INVALID,
         "damaged dynamic section"},
        {"no strings", make_without_strings, HG_ERR_INVALID, "damaged string table"},
        {"no hash table", make_without_hash, HG_ERR_INVALID, "damaged hash table"},
        {"other minor", make_other_minor, HG_ERR_ABI, "built for ABI"},
        {"note without end", make_note_without_end, HG_ERR_INVALID, "damaged note"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_object_file file = copy_of(good.size);
        char text[2048];
        hg_status status;

        cases[i].change(&file);
        status = judge(&file, NULL, text, sizeof(text));
        if (status != cases[i].status || strstr(text, cases[i].text) == NULL) {
            fail_msg("%s: got status %d, \"%s\"", cases[i].label, (int)status, text);
        }
        hgh_object_file_done(&file);
    }
}

static void an_object_that_is_cut_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t size = 0; size < good.size; size += size < 1024 || size + 256 > good.size ? 1 : 7) {
        hgh_object_file file = copy_of(size);
        char text[2048];

        if (judge(&file, NULL, text, sizeof(text)) == HG_OK) {
            fail_msg("cut at %zu of %zu", size, good.size);
        }
        hgh_object_file_done(&file);
    }
}

static void no_mutation_crashes_the_judge(void **state)
{
    (void)state;
    srandom(3);
    for (int i = 0; i < MUTATIONS; i++) {
        hgh_object_file file = copy_of(good.size);
        int bytes = i % 3 == 0 ? 1 : 1 + (int)(random() % 64);
        /* A third of them in the headers, where they do most. */
        size_t range = i % 3 == 1 ? sizeof(Elf64_Ehdr) + 10 * sizeof(Elf64_Phdr) : file.size;
        char text[4096];

        for (int k = 0; k < bytes; k++) {
            size_t at = i % 3 == 2 && k == 0 ? file.size - 1 - (size_t)random() % 2048
                                             : (size_t)random() % range;

            file.bytes[at] = (unsigned char)random();
        }
        (void)judge(&file, NULL, text, sizeof(text));
        hgh_object_file_done(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_object_is_let_in_with_what_it_claims),
        cmocka_unit_test(a_built_object_is_judged_by_what_is_in_it),
        cmocka_unit_test(what_an_object_does_before_its_first_call_is_claimed),
        cmocka_unit_test(a_unique_symbol_of_cplusplus_is_refused),
        cmocka_unit_test(a_library_may_be_allowed_by_the_operator),
        cmocka_unit_test(an_object_of_another_name_is_refused),
        cmocka_unit_test(a_changed_object_is_refused),
        cmocka_unit_test(an_object_that_is_cut_anywhere_is_refused),
        cmocka_unit_test(no_mutation_crashes_the_judge),
    };

    return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
