#include "transcoder/benchmark.h"

#include <libavutil/log.h>

#include "base/blob.h"
#include "base/clock.h"
#include "tests/support/unit.h"

struct seen {
    struct loop *loop;
    struct benchmark_result result;
    unsigned times;
};

static void on_result(void *arg, const struct benchmark_result *r)
{
    struct seen *s = arg;
    s->result = *r;
    s->times++;
    loop_stop(s->loop);
}

START_TEST(all_cores_are_measured)
{
    av_log_set_level(AV_LOG_QUIET);
    struct seen s = {.loop = loop_create()};
    struct benchmark *b = benchmark_start(s.loop, 1500, on_result, &s);
    ck_assert_ptr_nonnull(b);
    loop_run(s.loop);
    ck_assert_uint_eq(s.times, 1);
    ck_assert_str_eq(s.result.fault.text, "");
    ck_assert_uint_eq(s.result.alone.threads, 1);
    ck_assert_uint_eq(s.result.all.threads, 2);
    ck_assert_uint_gt(s.result.alone.pixels, 0);
    ck_assert_uint_gt(s.result.all.pixels, 0);
    /* Each thread goes on until its time is up, and looks at it every other picture. */
    ck_assert_uint_gt(s.result.all.cpu_us, 0);
    ck_assert_uint_lt(s.result.all.cpu_us, 2 * 10 * BENCHMARK_CPU_MS * 1000);
    benchmark_destroy(b);
    loop_destroy(s.loop);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(it_can_be_cancelled)
{
    av_log_set_level(AV_LOG_QUIET);
    struct seen s = {.loop = loop_create()};
    struct benchmark *b = benchmark_start(s.loop, 2000, on_result, &s);
    ck_assert_ptr_nonnull(b);
    benchmark_destroy(b);
    ck_assert_uint_eq(s.times, 0);
    loop_destroy(s.loop);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

UNIT_MAIN("benchmark", all_cores_are_measured, it_can_be_cancelled)
