#include "broadcaster/stream/lives.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/unit.h"

static char dir[32];
static char path[64];

static void make_dir(void)
{
    strcpy(dir, "/tmp/test_lives.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/" LIVES_FILE, dir);
}

/* Nothing else may be left in it. */
static void remove_dir(void)
{
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(dir), 0);
}

static bool begin(struct lives *l, const char *id)
{
    bool known = lives_known(l, id);
    lives_note(l, id);
    return known;
}

START_TEST(a_stream_is_known_again_after_a_restart)
{
    make_dir();
    struct lives *l = lives_open(dir);
    ck_assert(!begin(l, "a"));
    ck_assert(!begin(l, "b"));
    ck_assert(begin(l, "a"));
    lives_close(l);
    l = lives_open(dir);
    ck_assert(begin(l, "a"));
    ck_assert(begin(l, "b"));
    ck_assert(!begin(l, "ab"));
    lives_close(l);
    remove_dir();
}
END_TEST

START_TEST(the_oldest_is_forgotten)
{
    char id[32];
    make_dir();
    struct lives *l = lives_open(dir);
    ck_assert(!begin(l, "first"));
    ck_assert(!begin(l, "second"));
    ck_assert(begin(l, "first"));
    for (int i = 0; i < LIVES_MAX - 1; i++) {
        snprintf(id, sizeof id, "s%d", i);
        ck_assert(!begin(l, id));
    }
    ck_assert(begin(l, "first"));
    ck_assert(!begin(l, "second"));
    lives_close(l);
    remove_dir();
}
END_TEST

START_TEST(a_bad_file_is_done_without)
{
    make_dir();
    FILE *f = fopen(path, "w");
    fprintf(f, "good\n../bad\n\n%0500d\n\xff\xfe\nalso", 0);
    fclose(f);
    struct lives *l = lives_open(dir);
    ck_assert(begin(l, "good"));
    ck_assert(begin(l, "also"));
    lives_close(l);
    remove_dir();
    l = lives_open("/proc/nowhere");
    ck_assert(!begin(l, "a"));
    ck_assert(begin(l, "a"));
    ck_assert(!begin(l, "b"));
    lives_close(l);
}
END_TEST

UNIT_MAIN("lives", a_stream_is_known_again_after_a_restart, the_oldest_is_forgotten,
          a_bad_file_is_done_without)
