#include <stdlib.h>

#include "fixture.h"

static struct output outs[3];
static struct judged seen;

static void sorted_pts(const struct judged *j)
{
    for (size_t i = 1; i < j->count; i++) {
        ck_assert_int_lt(j->pts[i - 1], j->pts[i]);
    }
}

/* Parts in order, whole, each closed; the first packet an IDR; DTS strictly increasing and never
 * after PTS. *last_dts carries on over outputs. */
static void check_parts(const struct output *o, uint32_t rung, const struct link_rung *params,
                        int64_t *last_dts)
{
    uint32_t part = params->emit_from;
    bool ended = false;
    int64_t end_of_part = INT64_MIN;
    for (size_t i = 0; i < o->count; i++) {
        const struct link_unit *u = &o->units[i].unit;
        if (u->rung != rung) {
            continue;
        }
        ck_assert(!ended);
        ck_assert_uint_eq(u->part, part);
        ck_assert_uint_eq(u->config.len > 0, part == params->emit_from);
        ck_assert_uint_eq(u->packets[0].flags & PACKET_KEY, part == params->emit_from);
        ck_assert(u->last || u->n_packets == params->frames_per_part);
        int64_t max = INT64_MIN;
        for (size_t k = 0; k < u->n_packets; k++) {
            const struct link_packet *p = &u->packets[k];
            ck_assert_int_lt(*last_dts, p->dts);
            ck_assert_int_le(p->dts, p->pts);
            ck_assert_int_lt(end_of_part, p->pts);
            *last_dts = p->dts;
            max = p->pts > max ? p->pts : max;
        }
        end_of_part = max;
        ended = u->last;
        part++;
    }
    ck_assert(ended);
}

static void check_nals(const struct output *o)
{
    for (size_t i = 0; i < o->count; i++) {
        struct span s = blob_span(o->units[i].payload);
        while (s.len > 0) {
            uint32_t len;
            struct span nal;
            ck_assert_int_eq(span_read_be32(&s, &len), ERR_OK);
            ck_assert_int_eq(span_read_bytes(&s, len, &nal), ERR_OK);
            int type = nal.data[0] & 0x1f;
            ck_assert_msg(type == 1 || type == 5 || type == 6, "NAL unit type %d", type);
        }
    }
}

struct rate_case {
    int fps_num, fps_den, bframes;
    unsigned flags;
    int segment; /* source frames of one */
    const char *profile;
    size_t expected; /* frames of one segment */
};

static const struct rate_case rates[] = {
    {30, 1, 0, 0, 30, "P144p30fps16x9", 30},
    {30, 1, 3, 0, 30, "P144p30fps16x9", 30},
    {30, 1, 2, EXACT_TIMES, 45, "P144p30fps16x9", 45},
    {30000, 1001, 2, 0, 30, "P144p30fps16x9", 30},
    {60, 1, 2, 0, 60, "P144p30fps16x9", 30},
    {60, 1, 0, EXACT_TIMES, 60, "P144p30fps16x9", 30},
    {60, 1, 0, 0, 59, "P144p30fps16x9", 29},
    {25, 1, 2, 0, 50, "P144p30fps16x9", 60},
    {30, 1, 1, 0, 60, "P144p25fps16x9", 50},
    {60, 1, 2, 0, 60, "P720p60fps16x9", 60},
};

static int64_t segment_duration(const struct source *s, int segment, int i)
{
    return source_time(s, (int64_t)segment * (i + 1)) - source_time(s, (int64_t)segment * i);
}

static void run_segments(const struct source *s, const struct link_job_open *open, int segment,
                         int n)
{
    for (int i = 0; i < n; i++) {
        run_job(s, open, (size_t)(segment * i), (size_t)(segment * (i + 1)), 0,
                segment_duration(s, segment, i), &outs[i]);
        ck_assert_msg(outs[i].result == ERR_OK, "%s", outs[i].fault.text);
        ck_assert_uint_eq(outs[i].errors, 0);
    }
}

START_TEST(rate)
{
    const struct rate_case *c = &rates[_i];
    struct source s = {.width = 320,
                       .height = 180,
                       .fps_num = c->fps_num,
                       .fps_den = c->fps_den,
                       .frames = 3 * c->segment,
                       .gop = c->segment,
                       .bframes = c->bframes,
                       .flags = c->flags};
    source_make(&s);
    struct link_job_open open = open_for(&s, c->profile);
    if (open.ladder[0].width > 320) {
        open.ladder[0].width = 320;
        open.ladder[0].height = 180;
    }
    run_segments(&s, &open, c->segment, 3);
    int64_t last_dts = INT64_MIN;
    for (int i = 0; i < 3; i++) {
        check_parts(&outs[i], 0, &open.ladder[0], &last_dts);
        check_nals(&outs[i]);
        ck_assert_uint_eq(outs[i].done.rungs[0].frames, c->expected);
        ck_assert_uint_eq(outs[i].done.rungs[0].pixels,
                          c->expected * open.ladder[0].width * open.ladder[0].height);
        ck_assert_uint_eq(outs[i].units[0].unit.config_hash, outs[0].units[0].unit.config_hash);
        ck_assert(span_equal(outs[i].units[0].unit.config, outs[0].units[0].unit.config));
    }
    struct output *all[] = {&outs[0], &outs[1], &outs[2]};
    judge(all, 3, 0, &seen);
    ck_assert_uint_eq(seen.count, 3 * c->expected);
    sorted_pts(&seen);
    bool same = c->fps_num / c->fps_den == (int)open.ladder[0].fps_num || c->fps_num == 30000;
    for (size_t i = 0; i < seen.count; i++) {
        size_t segment = i / c->expected;
        int64_t slot = (int64_t)(i % c->expected);
        int64_t start = source_time(&s, (int64_t)segment * c->segment);
        int64_t t =
            (slot * 2 * TICKS_PER_S + open.ladder[0].fps_num) / (2 * open.ladder[0].fps_num);
        ck_assert_int_eq(seen.pts[i], start + t);
        /* A picture takes the slot that begins up to a quarter of a slot after it, or less than
         * three quarters before; where there is none, the one before is repeated. */
        int number = seen.numbers[i] - (int)segment * c->segment;
        double step = (double)open.ladder[0].fps_num * c->fps_den / c->fps_num;
        double at = number * step;
        ck_assert_msg(at < (double)slot + 0.8 && at > (double)slot - 0.3 - (step > 1 ? step : 0),
                      "slot %d shows %d", (int)slot, number);
        if (same) {
            ck_assert_int_eq(seen.numbers[i], (int)i);
        }
    }
    for (int i = 0; i < 3; i++) {
        output_free(&outs[i]);
    }
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

/* Every length of a segment ends whole, on a picture that is not a B-frame. */
START_TEST(every_length)
{
    struct source s = {.width = 160,
                       .height = 90,
                       .fps_num = 30,
                       .fps_den = 1,
                       .frames = 20,
                       .gop = 100,
                       .bframes = 0};
    source_make(&s);
    for (unsigned bframes = 0; bframes <= 3; bframes++) {
        for (int n = 1; n <= 20; n++) {
            struct link_job_open open = open_for(&s, "P144p30fps16x9");
            open.ladder[0].bframes = bframes;
            open.ladder[0].dts_delay_frames = bframes > 0;
            open.ladder[0].frames_per_part = 1 + (uint32_t)n % 7;
            run_job(&s, &open, 0, (size_t)n, 0, source_time(&s, n), &outs[0]);
            ck_assert_msg(outs[0].result == ERR_OK, "%s", outs[0].fault.text);
            int64_t dts = INT64_MIN;
            check_parts(&outs[0], 0, &open.ladder[0], &dts);
            struct output *all[] = {&outs[0]};
            judge(all, 1, 0, &seen);
            ck_assert_uint_eq(seen.count, (size_t)n);
            unsigned bs = 0;
            for (int i = 0; i < n; i++) {
                ck_assert_int_eq(seen.numbers[i], i);
                bool ends_part = i % (int)open.ladder[0].frames_per_part ==
                                 (int)open.ladder[0].frames_per_part - 1;
                ck_assert(seen.types[i] != 'B' || !(ends_part || i == n - 1));
                ck_assert(seen.types[i] != 'I' || i == 0);
                bs += seen.types[i] == 'B';
            }
            ck_assert(bframes == 0 ? bs == 0
                                   : bs > 0 || n < 3 || open.ladder[0].frames_per_part < 3);
            output_free(&outs[0]);
        }
    }
    source_free(&s);
}
END_TEST

static Suite *suite(void)
{
    Suite *su = suite_create("pipeline");
    TCase *t = tcase_create("times");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, rate, 0, sizeof rates / sizeof rates[0]);
    tcase_add_test(t, every_length);
    suite_add_tcase(su, t);
    return su;
}

int main(void)
{
    av_log_set_level(AV_LOG_ERROR);
    SRunner *sr = srunner_create(suite());
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? 0 : 1;
}
