/* tests/integration/author.h - the author of a plugin: has an installed hotgate and a compiler.
 *
 * The tree is installed once a test program, and then moved: nothing in it may know where it was.
 */
#ifndef TESTS_INTEGRATION_AUTHOR_H
#define TESTS_INTEGRATION_AUTHOR_H

#include <stddef.h>

#include "tests/integration/gateway.h"

/** Where the moved installation lies. */
const char *installed_prefix(void);

/** bin/hotgate there. */
const char *installed_program(void);

/** Where its hotgate-plugin.pc lies: for PKG_CONFIG_PATH. */
const char *installed_packages(void);

/** The root of the sources: what an author's tools, and the gateway, do not need. */
const char *source_root(void);

/** A folder of this run for whatever is built; removed at the end. */
const char *author_folder(void);

/**
 * Compiles tests/plugins/SOURCE.c into FOLDER/NAME.so with flags from pkg-config alone.
 *
 * name   of the plugin: the source sees it as the text PLUGIN_NAME.
 * flags  further arguments of the compiler; "" for none.
 * Returns the path of the object; owned by the caller.
 */
char *author_build(const char *source, const char *name, const char *flags);

/** Copies an object over the one that lies in the plugins directory, as `cp` does. */
void author_copy(const gateway *to, const char *object, const char *name);

/** author_build() and author_copy(). */
void author_install(const gateway *to, const char *source, const char *name, const char *flags);

/** Removes what this run has installed and built; called by report(). */
void author_done(void);

#endif
