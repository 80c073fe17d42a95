/* tests/integration/author.c - the author of a plugin: has an installed hotgate and a compiler. */
#include "tests/integration/author.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/sanitizer.h"
#include "tests/unit/unit.h"

#define BUILD_ROOT_VARIABLE  "HOTGATE_BUILD_ROOT"
#define SOURCE_ROOT_VARIABLE "HOTGATE_SOURCE_ROOT"
#define PREFIX_VARIABLE      "HOTGATE_PREFIX" /* as the build was configured */
#define LIBDIR_VARIABLE      "HOTGATE_LIBDIR" /* below it */

static char *folder;
static char *prefix;
static char *program;
static char *packages;

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    if (value == NULL) {
        fail_msg("%s is not set: run this by meson test", name);
    }
    return value;
}

const char *source_root(void)
{
    return variable(SOURCE_ROOT_VARIABLE);
}

const char *author_folder(void)
{
    if (folder == NULL) {
        folder = folder_make();
    }
    return folder;
}

const char *installed_prefix(void)
{
    if (prefix == NULL) {
        prefix = text_format("%s/moved", author_folder());
        shell("meson install -C '%s' --no-rebuild --quiet --destdir '%s/installed' && "
              "mv '%s/installed%s' '%s' && rm -rf '%s/installed'",
              variable(BUILD_ROOT_VARIABLE), folder, folder, variable(PREFIX_VARIABLE), prefix,
              folder);
    }
    return prefix;
}

const char *installed_program(void)
{
    if (program == NULL) {
        program = text_format("%s/bin/hotgate", installed_prefix());
    }
    return program;
}

const char *installed_packages(void)
{
    if (packages == NULL) {
        packages = text_format("%s/%s/pkgconfig", installed_prefix(), variable(LIBDIR_VARIABLE));
    }
    return packages;
}

char *author_build(const char *source, const char *name, const char *flags)
{
    static unsigned count;
    char *object = text_format("%s/%u-%s.so", author_folder(), ++count, name);

    shell("export PKG_CONFIG_PATH='%s'\n"
          "cc -std=c11 -O1 -g -Wall -Wextra -Werror -shared -fPIC -DPLUGIN_NAME='\"%s\"' "
          "$(pkg-config --cflags hotgate-plugin) -o '%s' '%s/tests/plugins/%s.c' "
          "$(pkg-config --libs hotgate-plugin) %s %s",
          installed_packages(), name, object, source_root(), source, sanitizer_flags(), flags);
    return object;
}

void author_copy(const gateway *to, const char *object, const char *name)
{
    char *path = text_format("%s/plugins/%s.so", to->directory, name);

    shell("cp '%s' '%s'", object, path);
    free(path);
}

void author_install(const gateway *to, const char *source, const char *name, const char *flags)
{
    char *object = author_build(source, name, flags);

    author_copy(to, object, name);
    free(object);
}

void author_done(void)
{
    free(packages);
    free(program);
    free(prefix);
    folder_remove(folder);
    packages = NULL;
    program = NULL;
    prefix = NULL;
    folder = NULL;
}
