/* host/cli/command_doc.c - `hotgate doc`: the reference of a plugin, made from its object. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "host/cli/command.h"
#include "host/cli/examination.h"
#include "host/cli/page_file.h"
#include "host/cli/plugin_page.h"
#include "host/cli/report.h"

#define PAGE_MAX (8u << 20) /* bytes */

/* What is done with what was made. */
typedef enum doc_action {
    DOC_PRINT,
    DOC_PRINT_JSON,
    DOC_UPDATE,
    DOC_CHECK,
} doc_action;

typedef struct doc {
    hgh_examination_options object;
    doc_action action;
    const char *page; /* of DOC_UPDATE and DOC_CHECK */
} doc;

static void usage(FILE *out)
{
    (void)fputs(
        "Usage: hotgate doc [OPTION...] FILE.so\n\n"
        "Prints the reference of a plugin as Markdown, made from its object: phases, flags,\n"
        "a table of the attributes of each of its descriptions, and its metrics. A process\n"
        "of its own loads the object, as for `hotgate check`.\n\n"
        "  --update PAGE.md   write it into a page instead, between the lines\n"
        "                     " HGH_PAGE_FILE_BEGIN "\n"
        "                     " HGH_PAGE_FILE_END "\n"
        "  --check PAGE.md    compare it with that part of a page, and show the first\n"
        "                     difference\n"
        "  --json             print what the reference is made of\n"
        "  --attributes JSON  its attributes of config.yaml (plugin_attr.NAME), for a plugin\n"
        "                     that cannot be loaded without\n"
        "  --help             show this text\n\n"
        "Exit code: 0 done or up to date, 1 the object or the page is refused, or the page\n"
        "is out of date, 2 wrong usage.\n",
        out);
}

/* ------------------------------------------------------------------------------------ page */

static int page_update(const doc *self, const char *made)
{
    hg_error err = HG_ERROR_INIT;

    if (hgh_page_file_update(self->page, made, &err) != HG_OK) {
        (void)fprintf(stderr, "hotgate doc: %s\n", err.text);
        return HGH_EXIT_FAILED;
    }
    return HGH_EXIT_OK;
}

static int page_check(const doc *self, const char *made)
{
    hgh_page_difference difference;
    hg_error err = HG_ERROR_INIT;
    bool differs;

    if (hgh_page_file_check(self->page, made, &difference, &err) != HG_OK) {
        (void)fprintf(stderr, "hotgate doc: %s\n", err.text);
        return HGH_EXIT_FAILED;
    }
    differs = difference.line > 0;
    if (differs) {
        (void)fprintf(stderr,
                      "hotgate doc: %s:%zu: is out of date, `hotgate doc --update %s %s` mends it\n"
                      "found:  %s\nwanted: %s\n",
                      self->page, difference.line, self->page, self->object.path,
                      difference.found == NULL ? "the end" : difference.found,
                      difference.wanted == NULL ? "the end" : difference.wanted);
    }
    hgh_page_difference_done(&difference);
    return differs ? HGH_EXIT_FAILED : HGH_EXIT_OK;
}

static int made_use(const doc *self, const char *made)
{
    switch (self->action) {
    case DOC_UPDATE:
        return page_update(self, made);
    case DOC_CHECK:
        return page_check(self, made);
    case DOC_PRINT:
    case DOC_PRINT_JSON:
    default:
        (void)fputs(made, stdout);
        return HGH_EXIT_OK;
    }
}

/* ---------------------------------------------------------------------------------- object */

static int description_use(const doc *self, const json_t *description)
{
    hgh_text_builder made = {.max = PAGE_MAX};
    int code;

    if (self->action == DOC_PRINT_JSON) {
        (void)json_dumpf(description, stdout, JSON_INDENT(2));
        (void)fputc('\n', stdout);
        return HGH_EXIT_OK;
    }
    hgh_plugin_page_write(&made, description);
    if (made.is_cut) {
        (void)fprintf(stderr, "hotgate doc: %s: there is too much to be told for a page\n",
                      self->object.path);
        code = HGH_EXIT_FAILED;
    } else {
        code = made_use(self, hgh_text_builder_string(&made));
    }
    hgh_text_builder_done(&made);
    return code;
}

/* Why there is no reference: what `hotgate check` says, where an error belongs. */
static int refuse(json_t *report)
{
    (void)json_object_del(report, "description"); /* it may be there all the same */
    hgh_report_print(stderr, report);
    return HGH_EXIT_FAILED;
}

/* ----------------------------------------------------------------------------------- usage */

/* One thing is done with one page. */
static bool action_take(doc *self, doc_action action, const char *page)
{
    if (self->action != DOC_PRINT) {
        (void)fputs("hotgate doc: wanted one of --update, --check and --json\n", stderr);
        usage(stderr);
        return false;
    }
    self->action = action;
    self->page = page;
    return true;
}

static bool option_take(doc *self, int option, int *out_code)
{
    switch (option) {
    case 'u':
        return action_take(self, DOC_UPDATE, optarg);
    case 'c':
        return action_take(self, DOC_CHECK, optarg);
    case 'j':
        return action_take(self, DOC_PRINT_JSON, NULL);
    case 'a':
        self->object.attributes = optarg;
        return true;
    case 'h':
        usage(stdout);
        *out_code = HGH_EXIT_OK;
        return false;
    default:
        usage(stderr);
        return false;
    }
}

static bool options_take(doc *self, int argc, char **argv, int *out_code)
{
    static const struct option options[] = {
        {"update", required_argument, NULL, 'u'}, {"check", required_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},         {"attributes", required_argument, NULL, 'a'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    int option;

    *out_code = HGH_EXIT_USAGE;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (!option_take(self, option, out_code)) {
            return false;
        }
    }
    if (optind + 1 != argc) {
        (void)fputs("hotgate doc: wanted one FILE.so\n", stderr);
        usage(stderr);
        return false;
    }
    self->object.path = argv[optind];
    return true;
}

int hgh_command_doc(int argc, char **argv)
{
    /* A build directory may be a group's: nothing is put into service. */
    doc self = {.action = DOC_PRINT, .object = {.anywhere = true}};
    const json_t *description;
    json_t *report;
    int code;

    if (!options_take(&self, argc, argv, &code)) {
        return code;
    }
    report = hgh_examination_run(&self.object);
    description = json_object_get(report, "description");
    code = hgh_examination_is_accepted(report) && json_is_object(description)
               ? description_use(&self, description)
               : refuse(report);
    json_decref(report);
    return code;
}
