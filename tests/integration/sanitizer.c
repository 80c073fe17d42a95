/* tests/integration/sanitizer.c - a gateway whose build is sanitized, under a stock nginx. */
#include "tests/integration/sanitizer.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/unit/unit.h"

static char *folder; /* of the reports */
static char *kept;   /* out of logs */
static char *variables_made[SANITIZER_VARIABLES_MAX];

bool sanitizer_is_on(void)
{
    return getenv("HOTGATE_SANITIZED") != NULL;
}

/* Nginx is not linked with the runtime, which wants to be the first library of a process. */
static char *find_runtime(void)
{
    const char *arguments[] = {"cc", "-print-file-name=libasan.so", NULL};
    char *text = NULL;

    assert_int_equal(command_run(&(command){.arguments = arguments}, &text), 0);
    text[strcspn(text, "\n")] = '\0';
    return text;
}

static void make(void)
{
    char *runtime = find_runtime();

    folder = text_format("%s/reports", author_folder());
    /* Workers are of another user. */
    assert_int_equal(mkdir(folder, 0777), 0);
    assert_int_equal(chmod(folder, 0777), 0);
    variables_made[0] = text_format("LD_PRELOAD=%s", runtime);
    variables_made[1] = text_format("ASAN_OPTIONS=detect_leaks=0:log_path=%s/address", folder);
    variables_made[2] =
        text_format("UBSAN_OPTIONS=print_stacktrace=1:log_path=%s/undefined", folder);
    free(runtime);
}

size_t sanitizer_environment(const char *variables[SANITIZER_VARIABLES_MAX])
{
    size_t count = 0;

    if (!sanitizer_is_on()) {
        return 0;
    }
    if (folder == NULL) {
        make();
    }
    for (; count < SANITIZER_VARIABLES_MAX && variables_made[count] != NULL; count++) {
        variables[count] = variables_made[count];
    }
    return count;
}

const char *sanitizer_flags(void)
{
    return sanitizer_is_on() ? "-fsanitize=address,undefined -fno-omit-frame-pointer" : "";
}

/* A remark about coroutines is none; an empty file is one that could not be written. */
static bool is_report(const char *text)
{
    return text[0] == '\0' || strstr(text, "ERROR: ") != NULL ||
           strstr(text, "runtime error: ") != NULL;
}

void sanitizer_look(const char *log)
{
    if (sanitizer_is_on() && (strstr(log, "ERROR: AddressSanitizer") != NULL ||
                              strstr(log, "runtime error: ") != NULL)) {
        free(kept);
        kept = text_format("--- a log\n%s", log);
    }
}

char *sanitizer_reports(void)
{
    DIR *all = folder == NULL ? NULL : opendir(folder);
    const struct dirent *entry;
    char *text = strdup(kept == NULL ? "" : kept);

    while (all != NULL && (entry = readdir(all)) != NULL) {
        char *path;
        char *report;
        char *longer;

        if (entry->d_name[0] == '.') {
            continue;
        }
        path = text_format("%s/%s", folder, entry->d_name);
        report = file_read(path);
        if (is_report(report)) {
            longer = text_format("%s--- %s\n%s", text, entry->d_name, report);
            free(text);
            text = longer;
        }
        free(report);
        free(path);
    }
    if (all != NULL) {
        (void)closedir(all);
    }
    assert_non_null(text);
    return text;
}

void sanitizer_forget(void)
{
    free(kept);
    kept = NULL;
    if (folder != NULL) {
        shell("rm -f '%s'/*", folder);
    }
}

void sanitizer_done(void)
{
    for (size_t i = 0; i < SANITIZER_VARIABLES_MAX; i++) {
        free(variables_made[i]);
        variables_made[i] = NULL;
    }
    free(kept);
    kept = NULL;
    free(folder);
    folder = NULL;
}
