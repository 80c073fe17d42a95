/* host/cli/page_file.h - a page of documentation, a part of which is made by a program.
 *
 * The part stands between two lines; everything around them is its author's. */
#ifndef HOST_CLI_PAGE_FILE_H
#define HOST_CLI_PAGE_FILE_H

#include <stddef.h>

#include <hotgate/error.h>

#define HGH_PAGE_FILE_BEGIN "<!-- hotgate doc: begin -->"
#define HGH_PAGE_FILE_END   "<!-- hotgate doc: end -->"

/** The first line that is not what it should be. */
typedef struct hgh_page_difference {
    size_t line;  /* of the page, from 1; 0: there is no difference */
    char *found;  /* owned; NULL: the made part ends there */
    char *wanted; /* owned; NULL: the made part should end there */
} hgh_page_difference;

/**
 * Replaces what stands between the two lines, all of it or nothing: a reader sees the old page or
 * the new one. Links are followed, the file keeps its mode and, for root, its owner; one that is up
 * to date is left alone.
 *
 * made  what is to stand there, in whole lines.
 * Returns HG_OK, HG_ERR_INVALID (a line is missing or there twice, or they are in the wrong order;
 * or the file is no text), HG_ERR_TOO_LARGE, HG_ERR_IO or HG_ERR_NO_MEMORY.
 */
hg_status hgh_page_file_update(const char *path, const char *made, hg_error *err);

/**
 * Compares it, and changes nothing.
 *
 * out_difference  on HG_OK the caller's, for hgh_page_difference_done(); else untouched.
 * Returns as hgh_page_file_update().
 */
hg_status hgh_page_file_check(const char *path,
                              const char *made,
                              hgh_page_difference *out_difference,
                              hg_error *err);

void hgh_page_difference_done(hgh_page_difference *difference);

#endif
