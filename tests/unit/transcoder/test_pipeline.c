/* usual time: 12 s */
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
    {30, 1, 1, NO_REORDER_VUI, 30, "P144p30fps16x9", 30},
    {30, 1, 3, NO_REORDER_VUI, 30, "P144p30fps16x9", 30},
    {30, 1, 3, NO_REORDER_VUI | EXACT_TIMES, 30, "P144p30fps16x9", 30},
    {30, 1, 0, FULL_RANGE, 30, "P144p30fps16x9", 30},
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
    ck_assert_int_eq(seen.range, (c->flags & FULL_RANGE) ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG);
    ck_assert_int_eq(seen.space, AVCOL_SPC_BT709);
    ck_assert_int_eq(seen.sar.num, 4);
    ck_assert_int_eq(seen.sar.den, 3);
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

static struct source plain_source(int frames, int gop, int bframes)
{
    struct source s = {.width = 320,
                       .height = 180,
                       .fps_num = 30,
                       .fps_den = 1,
                       .frames = frames,
                       .gop = gop,
                       .bframes = bframes};
    source_make(&s);
    return s;
}

/* An earlier job's first parts and a later job's from there on make one clean rung. */
START_TEST(joined_in_the_middle)
{
    struct source s = plain_source(60, 60, 2);
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    open.ladder[0].bframes = (uint32_t)_i % 3;
    open.ladder[0].dts_delay_frames = 1;
    run_job(&s, &open, 0, 60, 0, source_time(&s, 60), &outs[0]);
    ck_assert_uint_eq(outs[0].count, 10);
    uint32_t from = 1 + (uint32_t)_i;
    struct link_job_open later = open;
    later.ladder[0].emit_from = from;
    run_job(&s, &later, 0, 60, 0, source_time(&s, 60), &outs[1]);
    ck_assert_msg(outs[1].result == ERR_OK, "%s", outs[1].fault.text);
    int64_t dts = INT64_MIN;
    check_parts(&outs[1], 0, &later.ladder[0], &dts);
    ck_assert_uint_eq(outs[1].count, 10 - from);
    ck_assert_uint_eq(outs[1].done.rungs[0].frames, 60 - 6 * from);
    ck_assert(span_equal(outs[1].units[0].unit.config, outs[0].units[0].unit.config));
    for (size_t i = 0; i < outs[1].count; i++) {
        for (size_t k = 0; k < outs[1].units[i].unit.n_packets; k++) {
            ck_assert_int_eq(outs[1].units[i].unit.packets[k].dts,
                             outs[0].units[from + i].unit.packets[k].dts);
        }
    }
    struct output begin = outs[0];
    begin.count = from;
    struct output *all[] = {&begin, &outs[1]};
    judge(all, 2, 0, &seen);
    ck_assert_uint_eq(seen.count, 60);
    sorted_pts(&seen);
    for (int i = 0; i < 60; i++) {
        ck_assert_int_eq(seen.numbers[i], i);
    }
    output_free(&outs[0]);
    output_free(&outs[1]);
    source_free(&s);
}
END_TEST

/* All parts have been delivered by another: there is nothing left to emit. */
START_TEST(joined_after_the_end)
{
    struct source s = plain_source(30, 30, 0);
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    open.ladder[0].emit_from = 5;
    run_job(&s, &open, 0, 30, 0, source_time(&s, 30), &outs[0]);
    ck_assert_int_eq(outs[0].result, ERR_OK);
    ck_assert_uint_eq(outs[0].count, 0);
    ck_assert_uint_eq(outs[0].done.rungs[0].frames, 0);
    source_free(&s);
}
END_TEST

static bool is_b_frame(const struct source *s, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (s->packets.items[i].pts > s->packets.items[at].pts) {
            return true;
        }
    }
    return false;
}

/* A cut without an IDR: what comes before it is decoded and not shown. */
START_TEST(preroll)
{
    int bframes = _i % 2 ? 2 : 0;
    size_t cut = 20 + (size_t)_i;
    struct source s = plain_source(60, 100, bframes);
    while (is_b_frame(&s, cut)) {
        cut++;
    }
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    run_job(&s, &open, 0, 60, cut, source_time(&s, 60 - (int64_t)cut), &outs[0]);
    ck_assert_msg(outs[0].result == ERR_OK, "%s", outs[0].fault.text);
    struct output *all[] = {&outs[0]};
    judge(all, 1, 0, &seen);
    /* In presentation order: exactly the pictures of packets at and after the cut. */
    bool wanted[60] = {false};
    int first = 60;
    for (size_t i = cut; i < 60; i++) {
        int n = (int)((s.packets.items[i].pts * 30 + TICKS_PER_S / 2) / TICKS_PER_S);
        wanted[n] = true;
        first = n < first ? n : first;
    }
    ck_assert_uint_eq(seen.count, 60 - cut);
    for (size_t i = 0; i < seen.count; i++) {
        ck_assert_int_eq(seen.numbers[i], first + (int)i);
        ck_assert(wanted[seen.numbers[i]]);
    }
    ck_assert_int_eq(seen.types[0], 'I');
    output_free(&outs[0]);
    source_free(&s);
}
END_TEST

/* A key frame in the midst of a segment of which the beginning is lost: the segment is as long as
 * it is, and begins where it does. */
START_TEST(the_first_picture_stands_in_for_what_is_lost)
{
    static const struct {
        int gop, bframes, lost, slots;
    } cases[] = {
        {10, 0, 10, 60}, {10, 2, 10, 60}, {40, 2, 40, 60}, {59, 0, 59, 60}, {59, 0, 59, 57}};
    struct source s = plain_source(60, cases[_i].gop, cases[_i].bframes);
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    int64_t start = source_time(&s, 0), dts = INT64_MIN;
    for (int i = 0; i < cases[_i].lost; i++) {
        s.packets.items[i].data.len = 0;
    }
    run_job(&s, &open, 0, 60, 0, source_time(&s, cases[_i].slots), &outs[0]);
    ck_assert_msg(outs[0].result == ERR_OK, "%s", outs[0].fault.text);
    check_parts(&outs[0], 0, &open.ladder[0], &dts);
    struct output *all[] = {&outs[0]};
    judge(all, 1, 0, &seen);
    ck_assert_uint_eq(seen.count, (size_t)cases[_i].slots);
    for (int i = 0; i < cases[_i].slots; i++) {
        ck_assert_int_eq(seen.numbers[i], i > cases[_i].lost ? i : cases[_i].lost);
        ck_assert_int_eq(seen.pts[i], start + i * 3000);
    }
    ck_assert_int_eq(seen.types[0], 'I');
    output_free(&outs[0]);
    source_free(&s);
}
END_TEST

static const struct {
    int in_w, in_h, out_w, out_h;
} sizes[] = {{640, 360, 256, 144}, {360, 640, 82, 144},  {400, 400, 256, 256},
             {640, 480, 256, 192}, {256, 144, 256, 144}, {122, 456, 38, 144}};

START_TEST(size)
{
    struct source s = {.width = sizes[_i].in_w,
                       .height = sizes[_i].in_h,
                       .fps_num = 30,
                       .fps_den = 1,
                       .frames = 12,
                       .gop = 30};
    source_make(&s);
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    run_job(&s, &open, 0, 12, 0, source_time(&s, 12), &outs[0]);
    ck_assert_msg(outs[0].result == ERR_OK, "%s", outs[0].fault.text);
    struct output *all[] = {&outs[0]};
    judge(all, 1, 0, &seen);
    ck_assert_int_eq(seen.width, sizes[_i].out_w);
    ck_assert_int_eq(seen.height, sizes[_i].out_h);
    for (int i = 0; i < 12 && seen.width >= 80; i++) {
        ck_assert_int_eq(seen.numbers[i], i);
    }
    output_free(&outs[0]);
    source_free(&s);
}
END_TEST

START_TEST(several_rungs)
{
    struct source s = plain_source(40, 40, 1);
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    open.ladder[1] = rung_for(&s, "P144p25fps16x9");
    open.ladder[1].frames_per_part = 5;
    open.ladder[2] = rung_for(&s, "P240p30fps16x9");
    open.ladder[2].fps_num = 8;
    open.ladder[2].frames_per_part = 4;
    open.n_ladder = 3;
    run_job(&s, &open, 0, 40, 0, source_time(&s, 40), &outs[0]);
    ck_assert_msg(outs[0].result == ERR_OK, "%s", outs[0].fault.text);
    static const size_t expected[] = {40, 33, 10};
    for (uint32_t r = 0; r < 3; r++) {
        int64_t dts = INT64_MIN;
        check_parts(&outs[0], r, &open.ladder[r], &dts);
        struct output *all[] = {&outs[0]};
        judge(all, 1, r, &seen);
        ck_assert_uint_eq(seen.count, expected[r]);
        ck_assert_uint_eq(outs[0].done.rungs[r].frames, expected[r]);
        ck_assert_int_eq(seen.width, (int)open.ladder[r].width);
    }
    ck_assert_uint_eq(outs[0].done.n_rungs, 3);
    output_free(&outs[0]);
    source_free(&s);
}
END_TEST

/* fps 0: every picture once, at its own time, whatever the times are. */
START_TEST(own_times)
{
    struct source s = plain_source(60, 20, 0);
    int64_t at = 0;
    for (size_t i = 0; i < s.packets.count; i++) {
        s.packets.items[i].pts = s.packets.items[i].dts = at;
        at += 90 * (10 + (int64_t)(i * 37 % 80));
    }
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    open.ladder[0].fps_num = 0;
    open.ladder[0].fps_den = 1;
    open.ladder[0].bframes = (uint32_t)_i;
    int64_t dts = INT64_MIN;
    for (size_t i = 0; i < 3; i++) {
        int64_t end = i < 2 ? s.packets.items[20 * i + 20].pts : at;
        run_job(&s, &open, 20 * i, 20 * i + 20, 0, end - s.packets.items[20 * i].pts, &outs[i]);
        ck_assert_msg(outs[i].result == ERR_OK, "%s", outs[i].fault.text);
        check_parts(&outs[i], 0, &open.ladder[0], &dts);
    }
    struct output *all[] = {&outs[0], &outs[1], &outs[2]};
    judge(all, 3, 0, &seen);
    ck_assert_uint_eq(seen.count, 60);
    for (size_t i = 0; i < 60; i++) {
        ck_assert_int_eq(seen.numbers[i], (int)i);
        ck_assert_int_eq(seen.pts[i], s.packets.items[i].pts);
    }
    for (int i = 0; i < 3; i++) {
        output_free(&outs[i]);
    }
    source_free(&s);
}
END_TEST

/* The parts leave as soon as they are whole: within three pictures after their last one. */
START_TEST(low_latency)
{
    struct source s = plain_source(30, 30, 0);
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    outs[0] = (struct output){0};
    struct pipeline *p = NULL;
    ck_assert_int_eq(pipeline_create(&open, collect, &outs[0], NULL, &outs[0].fault, &p), ERR_OK);
    for (size_t i = 0; i < 30; i++) {
        struct packets one = {.items = &s.packets.items[i], .count = 1};
        ck_assert_int_eq(pipeline_feed(p, &one), ERR_OK);
        ck_assert_uint_ge(outs[0].count * 6 + 6 + 2, i + 1);
    }
    ck_assert_int_eq(pipeline_finish(p, source_time(&s, 30)), ERR_OK);
    ck_assert_uint_eq(outs[0].count, 5);
    pipeline_destroy(p);
    output_free(&outs[0]);
    source_free(&s);
}
END_TEST

/* Encodes noise segment after segment, and keeps a leaky bucket over all of them, which the next
 * segment is told of or not. Returns the lowest level. */
static double lowest_level(const struct source *s, struct link_rung rung, bool carry)
{
    struct link_job_open open = open_for(s, "P240p30fps16x9");
    open.ladder[0] = rung;
    const double size = rung.buffer_bits;
    double level = size * 0.9;
    double lowest = level;
    for (size_t i = 0; i < 5; i++) {
        if (carry) {
            open.ladder[0].vbv_init_permille = (uint32_t)(level * 1000 / size);
        }
        run_job(s, &open, i * 60, i * 60 + 60, 0, 2 * TICKS_PER_S, &outs[0]);
        ck_assert_msg(outs[0].result == ERR_OK, "%s", outs[0].fault.text);
        for (size_t u = 0; u < outs[0].count; u++) {
            for (size_t k = 0; k < outs[0].units[u].unit.n_packets; k++) {
                level -= 8.0 * outs[0].units[u].unit.packets[k].length;
                lowest = level < lowest ? level : lowest;
                level += rung.bitrate_bps / 30.0;
                level = level > size ? size : level;
            }
        }
        level = level < 0 && carry ? 0 : level;
        output_free(&outs[0]);
    }
    return lowest;
}

/* Noise never passes the cap: a player's buffer, filled at the cap, does not run dry. Without the
 * level carried from segment to segment it does. */
START_TEST(rate_under_cap)
{
    struct source s = {.width = 160,
                       .height = 90,
                       .fps_num = 30,
                       .fps_den = 1,
                       .frames = 300,
                       .gop = 60,
                       .flags = NOISE};
    source_make(&s);
    struct link_rung rung = rung_for(&s, "P240p30fps16x9");
    uint64_t whole = rung.width * rung.height; /* made smaller, with as many bits for a sample */
    rung.width = 160;
    rung.height = 90;
    rung.bitrate_bps = (uint32_t)((uint64_t)rung.bitrate_bps * 160 * 90 / whole);
    rung.buffer_bits = rung.bitrate_bps;
    rung.bframes = _i == 0 ? 0 : 2;
    ck_assert_double_gt(lowest_level(&s, rung, true), 0);
    ck_assert_double_lt(lowest_level(&s, rung, false), 0);
    source_free(&s);
}
END_TEST

/* A source that changes its size in mid segment: the rung's stays. */
START_TEST(size_changes)
{
    struct source a = plain_source(15, 15, 0);
    struct source b = {
        .width = 200, .height = 300, .fps_num = 30, .fps_den = 1, .frames = 15, .gop = 15};
    source_make(&b);
    struct link_job_open open = open_for(&a, "P144p30fps16x9");
    outs[0] = (struct output){0};
    struct pipeline *p = NULL;
    ck_assert_int_eq(pipeline_create(&open, collect, &outs[0], NULL, &outs[0].fault, &p), ERR_OK);
    ck_assert_int_eq(pipeline_feed(p, &a.packets), ERR_OK);
    for (size_t i = 0; i < 15; i++) {
        struct packet packet = b.packets.items[i];
        packet.pts += source_time(&a, 15);
        packet.dts += source_time(&a, 15);
        struct buf joined;
        buf_init(&joined, 1 << 24);
        size_t sps = (size_t)b.config.data[6] << 8 | b.config.data[7];
        size_t pps_at = 8 + sps + 1;
        size_t pps = (size_t)b.config.data[pps_at] << 8 | b.config.data[pps_at + 1];
        if (i == 0) {
            ck_assert_int_eq(buf_put_be32(&joined, (uint32_t)sps), ERR_OK);
            ck_assert_int_eq(buf_put(&joined, span_of(b.config.data + 8, sps)), ERR_OK);
            ck_assert_int_eq(buf_put_be32(&joined, (uint32_t)pps), ERR_OK);
            ck_assert_int_eq(buf_put(&joined, span_of(b.config.data + pps_at + 2, pps)), ERR_OK);
        }
        ck_assert_int_eq(buf_put(&joined, packet.data), ERR_OK);
        packet.data = buf_span(&joined);
        struct packets one = {.items = &packet, .count = 1};
        ck_assert_int_eq(pipeline_feed(p, &one), ERR_OK);
        buf_fini(&joined);
    }
    ck_assert_msg(pipeline_finish(p, TICKS_PER_S) == ERR_OK, "%s", pipeline_fault(p)->text);
    ck_assert_uint_eq(pipeline_errors(p), 0);
    pipeline_destroy(p);
    struct output *all[] = {&outs[0]};
    judge(all, 1, 0, &seen);
    ck_assert_uint_eq(seen.count, 30);
    ck_assert_int_eq(seen.width, 256);
    for (int i = 0; i < 30; i++) {
        ck_assert_int_eq(seen.numbers[i], i % 15);
    }
    output_free(&outs[0]);
    source_free(&a);
    source_free(&b);
}
END_TEST

static Suite *suite(void)
{
    Suite *su = suite_create("pipeline");
    TCase *t = tcase_create("times");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, rate, 0, sizeof rates / sizeof rates[0]);
    tcase_add_test(t, every_length);
    tcase_add_loop_test(t, joined_in_the_middle, 0, 9);
    tcase_add_test(t, joined_after_the_end);
    tcase_add_loop_test(t, preroll, 0, 8);
    tcase_add_loop_test(t, the_first_picture_stands_in_for_what_is_lost, 0, 5);
    tcase_add_loop_test(t, size, 0, sizeof sizes / sizeof sizes[0]);
    tcase_add_test(t, several_rungs);
    tcase_add_loop_test(t, own_times, 0, 2);
    tcase_add_test(t, low_latency);
    tcase_add_loop_test(t, rate_under_cap, 0, 2);
    tcase_add_test(t, size_changes);
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
