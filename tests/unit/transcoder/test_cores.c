#include "transcoder/cores.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/unit.h"

START_TEST(the_text_of_a_quota)
{
    static const struct {
        const char *text;
        uint32_t permille;
    } good[] = {{"50000 100000\n", 500},
                {"150000 100000", 1500},
                {"1 1000000\n", 1},
                {"400000 100000\n", 4000},
                {"999999999999 1\n", UINT32_MAX}};
    static const char *const none[] = {"max 100000\n",
                                       "",
                                       "\n",
                                       "50000",
                                       "50000\n",
                                       "50000 ",
                                       "0 100000",
                                       "50000 0",
                                       "-1 100000",
                                       "50000 x",
                                       "99999999999999999999 1"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint32_t permille = 0;
        ck_assert_msg(cores_read_quota(span_cstr(good[i].text), &permille), "%s", good[i].text);
        ck_assert_uint_eq(permille, good[i].permille);
    }
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        uint32_t permille = 7;
        ck_assert_msg(!cores_read_quota(span_cstr(none[i]), &permille), "%s", none[i]);
        ck_assert_uint_eq(permille, 7);
    }
}
END_TEST

static char dir[64];

static void put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

static void make_dir(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    ck_assert_int_eq(mkdir(path, 0700), 0);
}

static uint32_t quota(const char *self)
{
    char self_path[256];
    char tree[256];
    put("self", self);
    snprintf(self_path, sizeof self_path, "%s/self", dir);
    snprintf(tree, sizeof tree, "%s/tree", dir);
    return cores_quota(self_path, tree);
}

START_TEST(the_least_of_all_groups_around)
{
    snprintf(dir, sizeof dir, "/tmp/test_cores.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    make_dir("tree");
    make_dir("tree/slice");
    make_dir("tree/slice/unit");
    put("tree/slice/cpu.max", "150000 100000\n");
    put("tree/slice/unit/cpu.max", "max 100000\n");
    ck_assert_uint_eq(quota("0::/slice/unit\n"), 1500);
    put("tree/slice/unit/cpu.max", "70000 100000\n");
    ck_assert_uint_eq(quota("3:cpu:/elsewhere\n0::/slice/unit\n"), 700);
    put("tree/cpu.max", "10000 100000\n"); /* as a container sees its own */
    ck_assert_uint_eq(quota("0::/\n"), 100);
    ck_assert_uint_eq(quota("0::/gone\n"), 100);
    ck_assert_uint_eq(quota("3:cpu:/slice\n"), UINT32_MAX);
    ck_assert_uint_eq(quota(""), UINT32_MAX);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(threads_to_keep_at_work)
{
    ck_assert_uint_eq(cores_threads(1), 1);
    ck_assert_uint_eq(cores_threads(1000), 1);
    ck_assert_uint_eq(cores_threads(1001), 2);
    ck_assert_uint_eq(cores_threads(8000), 8);
    ck_assert_uint_eq(cores_threads(UINT32_MAX), UINT32_MAX / 1000 + 1);
}
END_TEST

START_TEST(only_the_processors_that_are_allowed)
{
    cpu_set_t set;
    ck_assert_uint_ge(cores_permille(), 1);
    ck_assert_int_eq(sched_getaffinity(0, sizeof set, &set), 0);
    ck_assert_uint_le(cores_permille(), (unsigned)CPU_COUNT(&set) * 1000);
    int first = 0;
    while (!CPU_ISSET(first, &set)) {
        first++;
    }
    CPU_ZERO(&set);
    CPU_SET(first, &set);
    ck_assert_int_eq(sched_setaffinity(0, sizeof set, &set), 0);
    ck_assert_uint_le(cores_permille(), 1000);
}
END_TEST

UNIT_MAIN("cores", the_text_of_a_quota, the_least_of_all_groups_around, threads_to_keep_at_work,
          only_the_processors_that_are_allowed)
