/* tests/unit/control/probe_objects.h - objects that do harm, built while the test runs. */
#ifndef TESTS_UNIT_CONTROL_PROBE_OBJECTS_H
#define TESTS_UNIT_CONTROL_PROBE_OBJECTS_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#if defined(__SANITIZE_ADDRESS__)
/* A crash is to be one: the sanitizer would turn it into an exit. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "handle_segv=0:handle_abort=0";
}
#endif

/** Builds DIRECTORY/NAME.so: a plugin of that name with some code before its HG_PLUGIN. */
static inline void harmful_object(const char *directory, const char *name, const char *code)
{
    char path[128];
    char command[512];
    FILE *out;

    (void)snprintf(path, sizeof(path), "%s/%s.c", directory, name);
    out = fopen(path, "w");
    assert_non_null(out);
    (void)fprintf(out,
                  "#include <fcntl.h>\n#include <signal.h>\n#include <stdlib.h>\n"
                  "#include <string.h>\n#include <unistd.h>\n#include <hotgate/plugin.h>\n"
                  "#define AT_LOAD __attribute__((constructor)) static void at_load(void)\n"
                  "#define AT_UNLOAD __attribute__((destructor)) static void at_unload(void)\n"
                  "%s\nHG_PLUGIN(\"%s\", \"1\", .summary = \"Harms.\"\n"
                  "#ifdef INIT\n, .init = INIT\n#endif\n#ifdef EXIT\n, .exit = EXIT\n#endif\n);\n",
                  code, name);
    (void)fclose(out);
    (void)snprintf(command, sizeof(command),
                   "cc -w -D_GNU_SOURCE -shared -fPIC -fvisibility=hidden -I%s/sdk/include "
                   "-o %s/%s.so %s >%s/build.log 2>&1",
                   getenv("HOTGATE_SOURCE_ROOT"), directory, name, path, directory);
    if (system(command) != 0) {
        fail_msg("%s cannot be built: see %s/build.log", name, directory);
    }
}

/** The child of this process that was started last; 0: it has none. */
static inline pid_t last_child(void)
{
    char path[64];
    FILE *list;
    int pid = 0;

    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    list = fopen(path, "r");
    while (list != NULL && fscanf(list, "%d", &pid) == 1) {
    }
    if (list != NULL) {
        (void)fclose(list);
    }
    return (pid_t)pid;
}

#endif
