#include "run/metrics.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void expect(struct buf *b, const char *want)
{
    ck_assert_int_eq(buf_put_u8(b, 0), ERR_OK);
    ck_assert_str_eq((char *)b->data, want);
    buf_clear(b);
}

START_TEST(family_and_samples)
{
    struct buf b;
    buf_init(&b, 10000);
    metrics_family(&b, "sbe_streams", METRIC_GAUGE, "Live streams.");
    metrics_sample(&b, "sbe_streams", NULL, 3);
    metrics_family(&b, "sbe_sent_bytes_total", METRIC_COUNTER, "A \"b\" \\ c\nd");
    metrics_sample(&b, "sbe_sent_bytes_total", (const char *[]){NULL}, 0);
    metrics_sample(&b, "sbe_sent_bytes_total",
                   (const char *[]){"stream", "a\"b\\c\nd", "rung", "P144", NULL},
                   9007199254740991.);
    expect(&b, "# HELP sbe_streams Live streams.\n"
               "# TYPE sbe_streams gauge\n"
               "sbe_streams 3\n"
               "# HELP sbe_sent_bytes_total A \"b\" \\\\ c\\nd\n"
               "# TYPE sbe_sent_bytes_total counter\n"
               "sbe_sent_bytes_total 0\n"
               "sbe_sent_bytes_total{stream=\"a\\\"b\\\\c\\nd\",rung=\"P144\"} 9007199254740991\n");
    buf_fini(&b);
}
END_TEST

START_TEST(numbers)
{
    static const struct {
        double value;
        const char *text;
    } table[] = {{0.1, "m 0.1\n"},       {-2.5, "m -2.5\n"},
                 {1e300, "m 1e+300\n"},  {1.0 / 3, "m 0.333333333333333"},
                 {-7, "m -7\n"},         {NAN, "m NaN\n"},
                 {INFINITY, "m +Inf\n"}, {-INFINITY, "m -Inf\n"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct buf b;
        buf_init(&b, 100);
        metrics_sample(&b, "m", NULL, table[i].value);
        ck_assert_int_eq(buf_put_u8(&b, 0), ERR_OK);
        ck_assert_msg(strncmp((char *)b.data, table[i].text, strlen(table[i].text)) == 0, "%s",
                      (char *)b.data);
        double back = strtod((char *)b.data + 2, NULL);
        ck_assert(isnan(table[i].value) || back == table[i].value);
        buf_fini(&b);
    }
}
END_TEST

START_TEST(ends_with_a_whole_line)
{
    const char *labels[] = {"a", "\"x", "b", "y", NULL};
    for (size_t max = 1; max < 80; max++) {
        struct buf b;
        buf_init(&b, max);
        metrics_family(&b, "m", METRIC_COUNTER, "Help\n.");
        metrics_sample(&b, "m", labels, 1.5);
        metrics_sample(&b, "m", NULL, 2);
        ck_assert(b.len == 0 || b.data[b.len - 1] == '\n');
        buf_fini(&b);
    }
    struct buf b;
    buf_init(&b, 1000);
    mem_fail_nth(1);
    metrics_sample(&b, "m", labels, 1);
    ck_assert_uint_eq(b.len, 0);
    buf_fini(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("metrics");
    TCase *t = tcase_create("metrics");
    tcase_set_timeout(t, 10);
    tcase_add_test(t, family_and_samples);
    tcase_add_test(t, numbers);
    tcase_add_test(t, ends_with_a_whole_line);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
