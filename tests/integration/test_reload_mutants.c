/* tests/integration/test_reload_mutants.c - objects that were changed at random: control judges
 * each of them with a clear text, and neither ends nor waits for ever.
 *
 * A mutant is known by its number; HOTGATE_MUTANT tries that one alone. */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/target.h"
#include "tests/unit/unit.h"

#define MUTANTS_CI      320u
#define MUTANTS_FULL    7000u
#define JUDGED_MAX_MS   6000 /* the probe's limit, and a machine that is busy */
#define BLOCK_BYTES_MAX 64u

typedef struct bytes {
    unsigned char *data;
    size_t length;
} bytes;

static gateway *running;
static bytes good;

static int set_up(void **state)
{
    (void)state;
    running = target_start(NULL);
    good.data = target_bytes(&good.length);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    target_stop();
    free(good.data);
    return 0;
}

/* -------------------------------------------------------------------------------- mutations */

/* Of splitmix64: the same numbers everywhere. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

typedef struct range {
    size_t begin;
    size_t length;
} range;

static range whole_file(const bytes *file)
{
    return (range){0, file->length};
}

static range elf_header(const bytes *file)
{
    (void)file;
    return (range){0, sizeof(Elf64_Ehdr)};
}

static range program_headers(const bytes *file)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)(const void *)file->data;

    return (range){header->e_phoff, (size_t)header->e_phnum * sizeof(Elf64_Phdr)};
}

static range section_headers(const bytes *file)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)(const void *)file->data;

    return (range){header->e_shoff, (size_t)header->e_shnum * sizeof(Elf64_Shdr)};
}

/* The first segment of a type that has these flags. */
static range segment(const bytes *file, uint32_t type, uint32_t flags)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)(const void *)file->data;
    const Elf64_Phdr *segments = (const Elf64_Phdr *)(const void *)(file->data + header->e_phoff);

    for (size_t i = 0; i < header->e_phnum; i++) {
        if (segments[i].p_type == type && (segments[i].p_flags & flags) == flags) {
            return (range){segments[i].p_offset, segments[i].p_filesz};
        }
    }
    fail_msg("no segment of type %u", type);
    return (range){0, 0};
}

static range dynamic_section(const bytes *file)
{
    return segment(file, PT_DYNAMIC, 0);
}

/* Symbols, their names, hash tables, relocations, notes. */
static range tables(const bytes *file)
{
    return segment(file, PT_LOAD, PF_R);
}

static range code(const bytes *file)
{
    return segment(file, PT_LOAD, PF_X);
}

static range data(const bytes *file)
{
    return segment(file, PT_LOAD, PF_W);
}

static const struct {
    const char *name;
    range (*where)(const bytes *file); /* NULL: the file is cut */
} kinds[] = {
    {"anywhere", whole_file},
    {"ELF header", elf_header},
    {"segments", program_headers},
    {"sections", section_headers},
    {"dynamic section", dynamic_section},
    {"tables", tables},
    {"code", code},
    {"data", data},
    {"cut", NULL},
};

/* One bit, one byte, one word of a value that is often wrong, or a block of random bytes. */
static void change(const bytes *mutant, range where, uint64_t *state)
{
    static const uint64_t words[] = {0, 1, UINT64_MAX, INT64_MAX, 0x1000, 0x7fffffff, 0xffff};
    size_t at = where.begin + next_random(state) % where.length;
    uint64_t word = words[next_random(state) % ARRAY_SIZE(words)];
    size_t block = 1 + next_random(state) % BLOCK_BYTES_MAX;

    switch (next_random(state) % 4) {
    case 0:
        mutant->data[at] ^= (unsigned char)(1u << (next_random(state) % 8));
        break;
    case 1:
        mutant->data[at] = (unsigned char)next_random(state);
        break;
    case 2:
        at -= at % 8;
        memcpy(mutant->data + at, &word,
               mutant->length - at < sizeof(word) ? mutant->length - at : sizeof(word));
        break;
    default:
        for (size_t i = 0; i < block && at + i < where.begin + where.length; i++) {
            mutant->data[at + i] = (unsigned char)next_random(state);
        }
        break;
    }
}

/* The file of a number; its length in *out_length. */
static void mutate(unsigned number, unsigned char *into, size_t *out_length)
{
    uint64_t state = number;
    bytes mutant = {into, good.length};
    size_t kind = number % ARRAY_SIZE(kinds);

    memcpy(into, good.data, good.length);
    *out_length = good.length;
    if (kinds[kind].where == NULL) {
        *out_length = next_random(&state) % good.length;
        return;
    }
    do {
        change(&mutant, kinds[kind].where(&good), &state);
    } while (memcmp(into, good.data, good.length) == 0);
}

/* ---------------------------------------------------------------------------------- verdict */

typedef enum verdict {
    REFUSED_UNSEEN, /* by what stands in the file */
    REFUSED_LOADED, /* by what the probe was told when it loaded it */
    REFUSED_ENDED,  /* since the probe crashed or hung */
    ACCEPTED,
    VERDICTS,
} verdict;

/* True if it is about how the probe ended. */
static bool has_ended(const char *message)
{
    static const char *const ends[] = {": crashed with", ": aborted with", ": did not return",
                                       ": called "};

    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        if (strstr(message, ends[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static verdict judge(unsigned number)
{
    int64_t began_ms = clock_ms();
    admin_reply reply = gateway_admin(running, "PUT", "plugins/reload?dry_run=true", NULL);
    const char *message = json_string_value(json_object_get(reply.json, "error_msg"));
    const json_t *item = target_report_item(reply.json, "target");
    verdict given = ACCEPTED;

    if (reply.status == 409 && message != NULL) {
        given = json_array_size(json_object_get(item, "issues")) > 0 ? REFUSED_UNSEEN
                : has_ended(message)                                 ? REFUSED_ENDED
                                                                     : REFUSED_LOADED;
    }
    if ((reply.status != 200 && reply.status != 409) || clock_ms() - began_ms > JUDGED_MAX_MS ||
        (reply.status == 409 && (message == NULL || strncmp(message, "plugin target: ", 15) != 0 ||
                                 strlen(message) < 25))) {
        fail_msg("mutant %u: %ld after %lld ms: %s", number, reply.status,
                 (long long)(clock_ms() - began_ms), reply.text);
    }
    admin_reply_done(&reply);
    return given;
}

static void each_mutant_gets_a_clear_verdict(void **state)
{
    const char *chosen = getenv("HOTGATE_MUTANT");
    unsigned begin = chosen == NULL ? 0 : (unsigned)strtoul(chosen, NULL, 10);
    unsigned end = chosen != NULL ? begin + 1 : scale_is_full() ? MUTANTS_FULL : MUTANTS_CI;
    size_t verdicts[ARRAY_SIZE(kinds)][VERDICTS] = {{0}};
    unsigned char *mutant = malloc(good.length);
    pid_t control = gateway_control(running);
    json_int_t before = target_generation();

    (void)state;
    assert_non_null(mutant);
    for (unsigned number = begin; number < end; number++) {
        size_t length;

        mutate(number, mutant, &length);
        target_put_bytes(mutant, length);
        verdicts[number % ARRAY_SIZE(kinds)][judge(number)]++;
    }
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        print_message("%-16s refused: %5zu by what stands in the file, %4zu while it was loaded, "
                      "%4zu since the probe ended; %4zu accepted\n",
                      kinds[i].name, verdicts[i][REFUSED_UNSEEN], verdicts[i][REFUSED_LOADED],
                      verdicts[i][REFUSED_ENDED], verdicts[i][ACCEPTED]);
    }
    assert_int_equal(gateway_control(running), control); /* the same process */
    assert_int_equal(target_generation(), before);
    target_staged_serves();
    target_pin(); /* nobody has used the connections for minutes */
    target_runs("1");
    free(mutant);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mutant_gets_a_clear_verdict),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
