/* host/control/probe_leak.c - what a process has more of after each of many equal cycles. */
#include "host/control/probe_leak.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_CYCLE 6u  /* what libraries set up at their first use is there by then */
#define HALF_CYCLE  13u /* as many cycles before it as behind it */
#define REMEDY      "all of it freed when exit() and the destructors have run"

_Static_assert(HALF_CYCLE - FIRST_CYCLE == HGH_PROBE_CYCLES - HALF_CYCLE, "two halves");

void hgh_probe_leak_begin(hgh_probe_leak *leak)
{
    leak->descriptors = opendir("/proc/self/fd");
}

/* Pages, the first number of the file. */
static uint64_t mapped_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long long pages = 0;

    if (file != NULL) {
        if (fscanf(file, "%llu", &pages) != 1) {
            pages = 0;
        }
        (void)fclose(file);
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t descriptors_open(DIR *directory)
{
    uint64_t count = 0;

    if (directory != NULL) {
        rewinddir(directory);
        while (readdir(directory) != NULL) {
            count++;
        }
    }
    return count;
}

void hgh_probe_leak_cycle(hgh_probe_leak *leak, unsigned cycle)
{
    static const unsigned cycles[] = {FIRST_CYCLE, HALF_CYCLE, HGH_PROBE_CYCLES};

    for (size_t i = 0; i < sizeof(cycles) / sizeof(cycles[0]); i++) {
        if (cycles[i] == cycle) {
            struct mallinfo2 heap = mallinfo2();

            leak->at[i] = (hgh_leak_amount){
                .heap = heap.uordblks + heap.hblkhd,
                .mapped = mapped_bytes(),
                .descriptors = descriptors_open(leak->descriptors),
            };
        }
    }
}

/* For each cycle; 0 unless both halves have it: a table that grew once is no leak. */
static double growth(uint64_t first, uint64_t half, uint64_t end)
{
    uint64_t before = half > first ? half - first : 0;
    uint64_t behind = end > half ? end - half : 0;

    return (double)(before < behind ? before : behind) / (HALF_CYCLE - FIRST_CYCLE);
}

static hg_status
judge(double each, unsigned max, const char *unit, hg_issues *warnings, hg_error *err)
{
    char text[96];

    if (each <= 0) {
        return HG_OK;
    }
    (void)snprintf(text, sizeof(text), "loses %.*f %s each time it is loaded and unloaded",
                   each < 10 ? 1 : 0, each, unit);
    if (each >= max) {
        return hg_error_set(err, HG_ERR_INVALID, "%s, less than %u are put up with: wanted " REMEDY,
                            text, max);
    }
    hgh_issues_add(warnings, "", text, REMEDY, NULL);
    return HG_OK;
}

hg_status hgh_probe_leak_judge(const hgh_probe_leak *leak, hg_issues *warnings, hg_error *err)
{
    const hgh_leak_amount *at = leak->at;
    hg_status status = judge(growth(at[0].heap, at[1].heap, at[2].heap), HGH_LEAK_HEAP_MAX,
                             "bytes of memory", warnings, err);

    if (status == HG_OK) {
        status = judge(growth(at[0].descriptors, at[1].descriptors, at[2].descriptors),
                       HGH_LEAK_DESCRIPTORS_MAX, "descriptors", warnings, err);
    }
    if (status == HG_OK && growth(at[0].heap, at[1].heap, at[2].heap) == 0) {
        status = judge(growth(at[0].mapped, at[1].mapped, at[2].mapped), HGH_LEAK_MAPPED_MAX,
                       "bytes of mappings", warnings, err);
    }
    return status;
}
