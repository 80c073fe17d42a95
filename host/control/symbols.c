/* host/control/symbols.c - function, file and line of a place in an object. */
#include "host/control/symbols.h"

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static Dwfl_Module *object_open(const char *path, Dwfl **out_session)
{
    static char *debug_path = NULL; /* where the system has separate debug information */
    static const Dwfl_Callbacks callbacks = {
        .find_elf = dwfl_build_id_find_elf,
        .find_debuginfo = dwfl_standard_find_debuginfo,
        .section_address = dwfl_offline_section_address,
        .debuginfo_path = &debug_path,
    };
    Dwfl *session = dwfl_begin(&callbacks);
    Dwfl_Module *module = session == NULL ? NULL : dwfl_report_offline(session, path, path, -1);

    if (module == NULL || dwfl_report_end(session, NULL, NULL) != 0) {
        dwfl_end(session);
        return NULL;
    }
    *out_session = session;
    return module;
}

static void place_describe(Dwfl_Module *module, uint64_t offset, json_t *into)
{
    GElf_Addr bias = 0;
    const char *function;
    const char *file;
    Dwfl_Line *line;
    int number = 0;

    if (dwfl_module_getelf(module, &bias) == NULL) {
        return;
    }
    function = dwfl_module_addrname(module, offset + bias);
    if (function != NULL) {
        (void)json_object_set_new(into, "function", json_string(function));
    }
    line = dwfl_module_getsrc(module, offset + bias);
    file = line == NULL ? NULL : dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL);
    if (file != NULL) {
        (void)json_object_set_new(into, "file", json_string(file));
        (void)json_object_set_new(into, "line", json_integer(number));
    }
}

static json_t *frame_describe(const json_t *frame, bool is_first)
{
    const char *path = json_string_value(json_object_get(frame, "path"));
    uint64_t offset = (uint64_t)json_integer_value(json_object_get(frame, "offset"));
    json_t *described = json_object();
    Dwfl *session = NULL;
    Dwfl_Module *module = path == NULL ? NULL : object_open(path, &session);

    if (module != NULL) {
        place_describe(module, is_first || offset == 0 ? offset : offset - 1, described);
        dwfl_end(session);
    }
    return described;
}

json_t *hgh_symbols_find(const json_t *frames)
{
    json_t *found = json_array();

    for (size_t i = 0; i < json_array_size(frames); i++) {
        (void)json_array_append_new(found, frame_describe(json_array_get(frames, i), i == 0));
    }
    return found;
}
