/* tests/unit/cli/test_page_file.c - the made part of a page is replaced, and nothing else of it. */
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/cli/page_file.h"
#include "tests/unit/ordinary_user.h"
#include "tests/unit/unit.h"

#define BEGIN HGH_PAGE_FILE_BEGIN "\n"
#define END   HGH_PAGE_FILE_END "\n"

static char directory[64];

static int make_directory(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/hotgate-test-XXXXXX");
    return mkdtemp(directory) == NULL ? -1 : chdir(directory);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static int remove_directory(void **state)
{
    (void)state;
    return chdir("/") == 0 ? nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS) : -1;
}

static void write_page(const char *text, size_t length)
{
    FILE *file = fopen("page.md", "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void expect_page(const char *label, const char *wanted)
{
    char text[1024];
    FILE *file = fopen("page.md", "r");
    size_t length;

    assert_non_null(file);
    length = fread(text, 1, sizeof(text) - 1, file);
    text[length] = '\0';
    assert_int_equal(fclose(file), 0);
    if (strcmp(text, wanted) != 0) {
        fail_msg("%s: got %s", label, text);
    }
}

/* How many files there are: no temporary one is left behind. */
static size_t count_of_files(void)
{
    DIR *listed = opendir(".");
    size_t count = 0;

    assert_non_null(listed);
    for (struct dirent *entry = readdir(listed); entry != NULL; entry = readdir(listed)) {
        count += entry->d_name[0] == '.' ? 0 : 1;
    }
    (void)closedir(listed);
    return count;
}

static void update_replaces_what_stands_between_the_lines(void **state)
{
    static const struct {
        const char *label;
        const char *before;
        const char *after;
    } cases[] = {
        {"nothing between", "# a\n" BEGIN END "b\n", "# a\n" BEGIN "\nmade\n\n" END "b\n"},
        {"an old part", BEGIN "old\nolder\n" END, BEGIN "\nmade\n\n" END},
        {"up to date", "a\n" BEGIN "\nmade\n\n" END "b", "a\n" BEGIN "\nmade\n\n" END "b"},
        {"no line break at the end", BEGIN HGH_PAGE_FILE_END, BEGIN "\nmade\n\n" HGH_PAGE_FILE_END},
        {"blanks behind them", HGH_PAGE_FILE_BEGIN " \t\r\nold\r\n" HGH_PAGE_FILE_END " \r\nb\r\n",
         HGH_PAGE_FILE_BEGIN " \t\r\n\nmade\n\n" HGH_PAGE_FILE_END " \r\nb\r\n"},
        {"the same words elsewhere", "`" HGH_PAGE_FILE_BEGIN "`\n" BEGIN END " " END,
         "`" HGH_PAGE_FILE_BEGIN "`\n" BEGIN "\nmade\n\n" END " " END},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_error err = HG_ERROR_INIT;
        hgh_page_difference difference;

        write_page(cases[i].before, strlen(cases[i].before));
        if (hgh_page_file_update("page.md", "made\n", &err) != HG_OK) {
            fail_msg("%s: %s", cases[i].label, err.text);
        }
        expect_page(cases[i].label, cases[i].after);
        assert_int_equal(hgh_page_file_check("page.md", "made\n", &difference, &err), HG_OK);
        assert_int_equal(difference.line, 0);
        assert_int_equal(count_of_files(), 1);
    }
}

static void a_page_without_its_lines_is_left_alone(void **state)
{
    static const struct {
        const char *label;
        const char *text;
        const char *why;
    } cases[] = {
        {"empty", "", "page.md: there is no line \"" HGH_PAGE_FILE_BEGIN "\""},
        {"no end", "a\n" BEGIN "b\n", "page.md: there is no line \"" HGH_PAGE_FILE_END "\""},
        {"no begin", END, "page.md: there is no line \"" HGH_PAGE_FILE_BEGIN "\""},
        {"two begins", BEGIN "a\n" BEGIN END,
         "page.md:3: the line \"" HGH_PAGE_FILE_BEGIN "\" a second time"},
        {"two ends", BEGIN END "a\n" END,
         "page.md:4: the line \"" HGH_PAGE_FILE_END "\" a second time"},
        {"in the wrong order", "a\n" END BEGIN,
         "page.md: the line \"" HGH_PAGE_FILE_END "\" stands before \"" HGH_PAGE_FILE_BEGIN "\""},
        {"indented", " " BEGIN END, "page.md: there is no line \"" HGH_PAGE_FILE_BEGIN "\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_page_difference difference;
        hg_error err = HG_ERROR_INIT;

        write_page(cases[i].text, strlen(cases[i].text));
        assert_int_equal(hgh_page_file_update("page.md", "made\n", &err), HG_ERR_INVALID);
        if (strcmp(err.text, cases[i].why) != 0) {
            fail_msg("%s: got %s", cases[i].label, err.text);
        }
        expect_page(cases[i].label, cases[i].text);
        assert_int_equal(hgh_page_file_check("page.md", "made\n", &difference, &err),
                         HG_ERR_INVALID);
        assert_string_equal(err.text, cases[i].why);
        assert_int_equal(count_of_files(), 1);
    }
}

static void what_is_no_page_is_refused(void **state)
{
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(hgh_page_file_update("page.md", "made\n", &err), HG_ERR_IO);
    assert_string_equal(err.text, "page.md: No such file or directory");
    assert_int_equal(hgh_page_file_update(".", "made\n", &err), HG_ERR_INVALID);
    assert_string_equal(err.text, ".: is no file");
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_int_equal(hgh_page_file_update("pipe", "made\n", &err), HG_ERR_INVALID);
    assert_string_equal(err.text, "pipe: is no file");
    write_page("a\0" BEGIN END, 2 + strlen(BEGIN END));
    assert_int_equal(hgh_page_file_update("page.md", "made\n", &err), HG_ERR_INVALID);
    assert_string_equal(err.text, "page.md: is no text");
    assert_int_equal(truncate("page.md", (16 << 20) + 1), 0);
    assert_int_equal(hgh_page_file_update("page.md", "made\n", &err), HG_ERR_TOO_LARGE);
    assert_string_equal(err.text, "page.md: is larger than 16777216 bytes");
}

static void check_shows_the_first_line_that_differs(void **state)
{
    static const struct {
        const char *label;
        const char *text;
        size_t line;
        const char *found;
        const char *wanted;
    } cases[] = {
        {"another line", "# a\n" BEGIN "\none\nTWO\n\n" END, 5, "TWO", "two"},
        {"a longer one", BEGIN "\none\ntwo or more\n\n" END, 4, "two or more", "two"},
        {"one too many", BEGIN "\none\nand\ntwo\n\n" END, 4, "and", "two"},
        {"one too few", BEGIN "\none\n\n" END, 4, "", "two"},
        {"nothing", BEGIN END, 2, NULL, ""},
        {"cut short", BEGIN "\none\ntwo\n" END, 5, NULL, ""},
        {"more at the end", BEGIN "\none\ntwo\n\n\n" END, 6, "", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_page_difference got = {0};
        hg_error err = HG_ERROR_INIT;

        write_page(cases[i].text, strlen(cases[i].text));
        assert_int_equal(hgh_page_file_check("page.md", "one\ntwo\n", &got, &err), HG_OK);
        if (got.line != cases[i].line || (got.found == NULL) != (cases[i].found == NULL) ||
            (got.wanted == NULL) != (cases[i].wanted == NULL) ||
            (got.found != NULL && strcmp(got.found, cases[i].found) != 0) ||
            (got.wanted != NULL && strcmp(got.wanted, cases[i].wanted) != 0)) {
            fail_msg("%s: got line %zu: %s, %s", cases[i].label, got.line, got.found, got.wanted);
        }
        expect_page(cases[i].label, cases[i].text);
        hgh_page_difference_done(&got);
    }
}

static void an_update_keeps_mode_and_link(void **state)
{
    hg_error err = HG_ERROR_INIT;
    struct stat before;
    struct stat after;

    (void)state;
    write_page(BEGIN END, strlen(BEGIN END));
    assert_int_equal(chmod("page.md", 0640), 0);
    assert_int_equal(symlink("page.md", "link.md"), 0);
    assert_int_equal(hgh_page_file_update("link.md", "made\n", &err), HG_OK);
    expect_page("through a link", BEGIN "\nmade\n\n" END);
    assert_int_equal(lstat("link.md", &before), 0);
    assert_true(S_ISLNK(before.st_mode));
    assert_int_equal(stat("page.md", &before), 0);
    assert_int_equal(before.st_mode & 07777, 0640);

    assert_int_equal(hgh_page_file_update("page.md", "made\n", &err), HG_OK); /* up to date */
    assert_int_equal(stat("page.md", &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);
}

static void a_page_that_cannot_be_written_stays_as_it_is(void **state)
{
    hg_error err = HG_ERROR_INIT;

    (void)state;
    write_page(BEGIN END, strlen(BEGIN END));
    assert_int_equal(chmod(".", 0500), 0);
    assert_int_equal(hgh_page_file_update("page.md", "made\n", &err), HG_ERR_IO);
    assert_non_null(strstr(err.text, "Permission denied"));
    assert_int_equal(chmod(".", 0700), 0);
    expect_page("in a directory that cannot be written", BEGIN END);
    assert_int_equal(count_of_files(), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(update_replaces_what_stands_between_the_lines),
        TEST(a_page_without_its_lines_is_left_alone),
        TEST(what_is_no_page_is_refused),
        TEST(check_shows_the_first_line_that_differs),
        TEST(an_update_keeps_mode_and_link),
        TEST(a_page_that_cannot_be_written_stays_as_it_is),
    };

    if (!become_ordinary_user()) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
