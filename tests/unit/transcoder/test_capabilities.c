#include "transcoder/capabilities.h"

#include <libavutil/log.h>
#include <string.h>

#include "tests/support/unit.h"

START_TEST(names_the_encoder)
{
    char a[FINGERPRINT_MAX] = "";
    char b[FINGERPRINT_MAX] = "";
    struct fault f = {0};
    ck_assert_int_eq(capabilities_fingerprint(a, &f), ERR_OK);
    ck_assert_int_eq(capabilities_fingerprint(b, &f), ERR_OK);
    ck_assert_str_eq(a, b);
    ck_assert_str_eq(f.text, "");
    ck_assert_msg(strncmp(a, "x264 - core ", 12) == 0, "%s", a);
    ck_assert_ptr_nonnull(strstr(a, ", libavcodec "));
    ck_assert_ptr_null(strstr(a, "H.264"));
}
END_TEST

START_TEST(the_first_fault_stays)
{
    struct fault f = {0};
    ck_assert_int_eq(fault_set(&f, true, ERR_LIMIT, "%d apples", 3), ERR_LIMIT);
    ck_assert_int_eq(fault_set(&f, false, ERR_NOMEM, "pears"), ERR_NOMEM);
    ck_assert_str_eq(f.text, "3 apples");
    ck_assert(f.final);
    struct fault long_one = {0};
    char text[2 * FAULT_TEXT_MAX];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    ck_assert_int_eq(fault_set(&long_one, false, ERR_IO, "%s", text), ERR_IO);
    ck_assert_uint_eq(strlen(long_one.text), FAULT_TEXT_MAX - 1);
}
END_TEST

UNIT_MAIN("capabilities", names_the_encoder, the_first_fault_stays)
