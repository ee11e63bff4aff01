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
    struct metrics m = {.out = &b};
    buf_init(&b, 10000);
    metrics_family(&m, "sbe_streams", METRIC_GAUGE, "Live streams.");
    metrics_sample(&m, "sbe_streams", NULL, 3);
    metrics_family(&m, "sbe_sent_bytes_total", METRIC_COUNTER, "A \"b\" \\ c\nd");
    metrics_sample(&m, "sbe_sent_bytes_total", (const char *[]){NULL}, 0);
    metrics_sample(&m, "sbe_sent_bytes_total",
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
        struct metrics m = {.out = &b};
        buf_init(&b, 100);
        metrics_sample(&m, "m", NULL, table[i].value);
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
        struct metrics m = {.out = &b};
        buf_init(&b, max);
        metrics_family(&m, "m", METRIC_COUNTER, "Help\n.");
        metrics_sample(&m, "m", labels, 1.5);
        metrics_sample(&m, "m", NULL, 2);
        ck_assert(b.len == 0 || b.data[b.len - 1] == '\n');
        buf_fini(&b);
    }
    struct buf b;
    struct metrics m = {.out = &b};
    buf_init(&b, 1000);
    mem_fail_nth(1);
    metrics_sample(&m, "m", labels, 1);
    ck_assert_uint_eq(b.len, 0);
    buf_fini(&b);
}
END_TEST

START_TEST(the_fields_names)
{
    struct buf b;
    struct metrics m = {
        .out = &b, .prefix = "x_", .node_id = "a\"b", .node_type = "orch", .per_stream = false};
    buf_init(&b, 10000);
    metrics_one(&m, METRIC_GAUGE, "livepeer_streams", "Streams.", 1);
    metrics_sample(&m, "livepeer_streams", (const char *[]){"k", "v", NULL}, 2);
    metrics_one(&m, METRIC_GAUGE, "sbe_streams", "Streams.", 3);
    expect(&b, "# HELP x_streams Streams.\n"
               "# TYPE x_streams gauge\n"
               "x_streams{node_id=\"a\\\"b\",node_type=\"orch\"} 1\n"
               "x_streams{node_id=\"a\\\"b\",node_type=\"orch\",k=\"v\"} 2\n"
               "# HELP sbe_streams Streams.\n"
               "# TYPE sbe_streams gauge\n"
               "sbe_streams 3\n");
    buf_fini(&b);
}
END_TEST

START_TEST(histograms)
{
    struct buf b;
    struct metrics m = {.out = &b};
    struct histogram h;
    buf_init(&b, 10000);
    histogram_init(&h, HISTOGRAM_SHORT);
    const int64_t us[] = {-5, 0, 500, 501, 1000, 2500000, 2500001, 9000000};
    for (size_t i = 0; i < sizeof us / sizeof us[0]; i++) {
        histogram_observe(&h, us[i]);
    }
    metrics_family(&m, "sbe_t_seconds", METRIC_HISTOGRAM, "T.");
    metrics_histogram(&m, "sbe_t_seconds", (const char *[]){"p", "q", NULL}, &h);
    expect(&b, "# HELP sbe_t_seconds T.\n"
               "# TYPE sbe_t_seconds histogram\n"
               "sbe_t_seconds_bucket{p=\"q\",le=\"0.0005\"} 3\n"
               "sbe_t_seconds_bucket{p=\"q\",le=\"0.001\"} 5\n"
               "sbe_t_seconds_bucket{p=\"q\",le=\"0.002\"} 5\n"
               "sbe_t_seconds_bucket{p=\"q\",le=\"0.005\"} 5\n"
               "sbe_t_seconds_bucket{p=\"q\",le=\"0.01\"} 5\n"
               "sbe_t_seconds_bucket{p=\"q\",le=\"0.02\"} 5\n"
               "sbe_t_seconds_bucket{p=\"q\",le=\"0.05\"} 5\n"
               "sbe_t_seconds_bucket{p=\"q\",le=\"0.1\"} 5\n"
               "sbe_t_seconds_bucket{p=\"q\",le=\"0.25\"} 5\n"
               "sbe_t_seconds_bucket{p=\"q\",le=\"0.5\"} 5\n"
               "sbe_t_seconds_bucket{p=\"q\",le=\"1\"} 5\n"
               "sbe_t_seconds_bucket{p=\"q\",le=\"2.5\"} 6\n"
               "sbe_t_seconds_bucket{p=\"q\",le=\"+Inf\"} 8\n"
               "sbe_t_seconds_sum{p=\"q\"} 14.002002\n"
               "sbe_t_seconds_count{p=\"q\"} 8\n");
    histogram_init(&h, HISTOGRAM_LONG);
    histogram_observe(&h, 60000000);
    metrics_histogram(&m, "livepeer_t_seconds", NULL, &h);
    ck_assert_int_eq(buf_put_u8(&b, 0), ERR_OK);
    ck_assert_ptr_nonnull(strstr((char *)b.data, "livepeer_t_seconds_bucket{le=\"30\"} 0\n"
                                                 "livepeer_t_seconds_bucket{le=\"60\"} 1\n"
                                                 "livepeer_t_seconds_bucket{le=\"+Inf\"} 1\n"
                                                 "livepeer_t_seconds_sum 60\n"
                                                 "livepeer_t_seconds_count 1\n"));
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
    tcase_add_test(t, the_fields_names);
    tcase_add_test(t, histograms);
    tcase_add_test(t, ends_with_a_whole_line);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
