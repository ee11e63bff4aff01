#include "broadcaster/paywall/preview_file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/support/unit.h"

#define AMOUNT 1000
#define PATH   "previews" /* each test has a folder of its own */

static char folder[64];

static void make_folder(void)
{
    strcpy(folder, "/tmp/test_previews.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

static void remove_folder(void)
{
    (void)unlink(PATH);
    ck_assert_int_eq(rmdir(folder), 0);
}

/* The file is closed by the clock, which may show days when the test begins. */
static int64_t at(int64_t ms)
{
    static int64_t begun;
    begun = begun != 0 ? begun : clock_mono_ms();
    return begun + ms;
}

struct world {
    struct preview *preview;
    struct audience_salt salt;
    struct preview_file *file;
};

static struct world start(void)
{
    struct world w = {.preview = preview_create(AMOUNT)};
    audience_salt_init(&w.salt);
    w.file = preview_file_open(folder, w.preview, &w.salt);
    ck_assert_ptr_nonnull(w.file);
    return w;
}

static void finish(struct world *w)
{
    preview_file_close(w->file, w->preview);
    preview_destroy(w->preview);
}

START_TEST(it_is_the_same_after_a_restart)
{
    make_folder();
    struct world w = start();
    struct audience_salt salt = w.salt;
    ck_assert(!preview_file_due(w.file, w.preview, at(1)));
    ck_assert_uint_eq(preview_open(w.preview, 1, 50, 0, at(0)), AMOUNT);
    ck_assert(preview_file_due(w.file, w.preview, at(1)));
    preview_file_take(w.file, w.preview, at(1));
    preview_file_write(w.file);
    preview_close(w.preview, 1, 400);
    ck_assert(!preview_file_due(w.file, w.preview, at(PREVIEW_FILE_EVERY)));
    while (!preview_file_due(w.file, w.preview, at(1 + PREVIEW_FILE_EVERY))) {
        usleep(1000); /* it is being written */
    }
    struct stat st;
    ck_assert_int_eq(stat(PATH, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    finish(&w); /* with what has changed since */
    w = start();
    ck_assert_str_eq(w.salt.text, salt.text);
    ck_assert_uint_eq(preview_open(w.preview, 1, 51, 0, at(2)), 400);
    ck_assert_uint_eq(preview_open(w.preview, 2, 50, 0, at(2)), 0);
    finish(&w);
    remove_folder();
}
END_TEST

START_TEST(nothing_is_written_when_nothing_came)
{
    make_folder();
    struct world w = start();
    finish(&w);
    ck_assert_int_ne(access(PATH, F_OK), 0);
    remove_folder();
    preview_file_close(NULL, NULL);
    struct preview *p = preview_create(AMOUNT);
    struct audience_salt salt;
    audience_salt_init(&salt);
    ck_assert_ptr_null(preview_file_open("/nowhere", p, &salt));
    ck_assert(!preview_file_due(NULL, p, 1));
    preview_destroy(p);
}
END_TEST

static void write_text(const char *text)
{
    FILE *f = fopen(PATH, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

/* What is there and is none of ours gives way to one. */
START_TEST(what_is_damaged_is_written_anew)
{
    static const char *const texts[] = {
        "", "sbe previews 1\n", "sbe previews 2\n0123456789abcdef0123456789abcdef\n",
        "sbe previews 1\n0123456789ABCDEF0123456789abcdef\n",
        "sbe previews 1\n0123456789abcdef0123456789abcdef\nx23456781234567812345678"};
    make_folder();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_text(texts[i]);
        struct world w = start();
        ck_assert_uint_eq(preview_open(w.preview, 1, 50, 0, at(0)), AMOUNT);
        finish(&w);
        w = start();
        ck_assert_uint_eq(preview_open(w.preview, 1, 51, 0, at(0)), AMOUNT);
        ck_assert_uint_eq(preview_open(w.preview, 2, 50, 0, at(0)), 0);
        finish(&w);
    }
    ck_assert_int_eq(chmod(PATH, 0666), 0); /* anybody could have written it */
    struct world w = start();
    ck_assert_uint_eq(preview_open(w.preview, 2, 50, 0, at(0)), AMOUNT);
    finish(&w);
    remove_folder();
}
END_TEST

UNIT_MAIN("preview_file", it_is_the_same_after_a_restart, nothing_is_written_when_nothing_came,
          what_is_damaged_is_written_anew)
