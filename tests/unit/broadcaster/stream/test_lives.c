#include "broadcaster/stream/lives.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/unit.h"

static void temp_path(char *out, size_t size)
{
    snprintf(out, size, "/tmp/lives-test-%d", (int)getpid());
    unlink(out);
}

static bool begin(struct lives *l, const char *id)
{
    bool known = lives_known(l, id);
    lives_note(l, id);
    return known;
}

START_TEST(a_stream_is_known_again_after_a_restart)
{
    char path[64];
    temp_path(path, sizeof path);
    struct lives *l = lives_open(path);
    ck_assert(!begin(l, "a"));
    ck_assert(!begin(l, "b"));
    ck_assert(begin(l, "a"));
    lives_close(l);
    l = lives_open(path);
    ck_assert(begin(l, "a"));
    ck_assert(begin(l, "b"));
    ck_assert(!begin(l, "ab"));
    lives_close(l);
    unlink(path);
}
END_TEST

START_TEST(the_oldest_is_forgotten)
{
    char path[64], id[32];
    temp_path(path, sizeof path);
    struct lives *l = lives_open(path);
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
    unlink(path);
}
END_TEST

START_TEST(a_bad_file_is_done_without)
{
    char path[64];
    temp_path(path, sizeof path);
    FILE *f = fopen(path, "w");
    fprintf(f, "good\n../bad\n\n%0500d\n\xff\xfe\nalso", 0);
    fclose(f);
    struct lives *l = lives_open(path);
    ck_assert(begin(l, "good"));
    ck_assert(begin(l, "also"));
    lives_close(l);
    unlink(path);
    l = lives_open("/proc/nowhere/lives");
    ck_assert(!begin(l, "a"));
    ck_assert(begin(l, "a"));
    ck_assert(!begin(l, "b"));
    lives_close(l);
}
END_TEST

UNIT_MAIN("lives", a_stream_is_known_again_after_a_restart, the_oldest_is_forgotten,
          a_bad_file_is_done_without)
