#include "run/run_dir.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/unit.h"

static char top[] = "/tmp/test-run-dir.XXXXXX";

/* A name in a directory of this test. */
static const char *at(const char *name)
{
    static char path[4][128];
    static unsigned next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", top, name);
    return p;
}

static void clean(void)
{
    unlink(at("link"));
    unlink(at("file"));
    rmdir(at("a"));
    rmdir(at("b"));
    rmdir(top);
}

START_TEST(it_is_made_private_and_taken_again)
{
    struct stat st;
    ck_assert_ptr_nonnull(mkdtemp(top));
    ck_assert_int_eq(run_dir_open(at("a")), ERR_OK);
    ck_assert_int_eq(stat(at("a"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0700);
    ck_assert_int_eq(run_dir_open(at("a")), ERR_OK);
    ck_assert_int_eq(run_dir_open(at("none/there")), ERR_IO);
    clean();
}
END_TEST

START_TEST(what_is_not_ours_alone_is_refused)
{
    ck_assert_ptr_nonnull(mkdtemp(top));
    ck_assert_int_eq(mkdir(at("a"), 0700), 0);
    ck_assert_int_eq(chmod(at("a"), 0750), 0);
    ck_assert_int_eq(run_dir_open(at("a")), ERR_AUTH);
    FILE *f = fopen(at("file"), "w");
    ck_assert_ptr_nonnull(f);
    fclose(f);
    ck_assert_int_eq(run_dir_open(at("file")), ERR_AUTH);
    clean();
}
END_TEST

START_TEST(a_link_is_as_good_as_who_made_it_and_where_it_leads)
{
    ck_assert_ptr_nonnull(mkdtemp(top));
    ck_assert_int_eq(mkdir(at("a"), 0700), 0);
    ck_assert_int_eq(symlink("a", at("link")), 0);
    ck_assert_int_eq(run_dir_open(at("link")), ERR_OK);
    if (geteuid() == 0) {
        ck_assert_int_eq(lchown(at("link"), 65534, 65534), 0);
        ck_assert_int_eq(run_dir_open(at("link")), ERR_AUTH);
    }
    unlink(at("link"));
    ck_assert_int_eq(mkdir(at("b"), 0755), 0);
    ck_assert_int_eq(symlink("b", at("link")), 0);
    ck_assert_int_eq(run_dir_open(at("link")), ERR_AUTH);
    unlink(at("link"));
    ck_assert_int_eq(symlink("nowhere", at("link")), 0);
    ck_assert_int_eq(run_dir_open(at("link")), ERR_IO);
    clean();
}
END_TEST

UNIT_MAIN("run_dir", it_is_made_private_and_taken_again, what_is_not_ours_alone_is_refused,
          a_link_is_as_good_as_who_made_it_and_where_it_leads)
