#include "run/files.h"

#include <sys/resource.h>

#include "tests/support/unit.h"

START_TEST(the_limit_is_raised_to_what_is_allowed)
{
    struct rlimit r;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &r), 0);
    ck_assert_uint_gt(r.rlim_max, 100);
    r.rlim_cur = 64;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
    ck_assert_int_eq(files_limit(), 64);
    files_raise_limit();
    ck_assert_int_eq(files_limit(), (long)r.rlim_max);
}
END_TEST

UNIT_MAIN("files", the_limit_is_raised_to_what_is_allowed)
