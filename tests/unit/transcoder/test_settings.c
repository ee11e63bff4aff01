#include <stdlib.h>

#include "fixture.h"

static struct output outs[2];
static struct judged seen;

#define PROFILE_IDC_AT 1 /* AVCProfileIndication of the configuration record */
#define CONSTRAINED    0x40

struct setting {
    uint32_t profile;
    uint8_t idc;
    const char *preset;
    uint32_t gop, bframes, lookahead, unit, emit_from;
    int frames; /* of a segment */
};

static const struct setting settings[] = {
    {LINK_PROFILE_ANY, 100, "veryfast", 0, 2, 0, 3, 0, 30},
    {LINK_PROFILE_BASELINE, 66, "veryfast", 0, 0, 0, 3, 0, 30},
    {LINK_PROFILE_BASELINE, 66, "slower", 7, 0, 24, 6, 0, 31},
    {LINK_PROFILE_MAIN, 77, "ultrafast", 15, 2, 0, 3, 0, 31},
    {LINK_PROFILE_MAIN, 77, "slow", 0, 3, 24, 6, 0, 29},
    {LINK_PROFILE_HIGH, 100, "ultrafast", 10, 3, 0, 6, 0, 30},
    {LINK_PROFILE_HIGH, 100, "superfast", 30, 2, 0, 3, 0, 30},
    {LINK_PROFILE_HIGH, 100, "medium", 0, 0, 0, 3, 0, 30},
    {LINK_PROFILE_ANY, 100, "veryfast", 1, 0, 0, 3, 0, 30},
    {LINK_PROFILE_BASELINE, 66, "veryfast", 1, 0, 0, 6, 0, 31},
    {LINK_PROFILE_ANY, 100, "veryfast", 1, 2, 24, 6, 0, 31},
    {LINK_PROFILE_ANY, 100, "veryfast", 7, 2, 0, 6, 2, 30},
    {LINK_PROFILE_ANY, 100, "faster", 7, 3, 24, 6, 2, 30},
    {LINK_PROFILE_ANY, 100, "veryfast", 0, 3, 60, 6, 0, 40},
};

static struct source make_source(const struct setting *c)
{
    struct source s = {.width = 320,
                       .height = 180,
                       .fps_num = 30,
                       .fps_den = 1,
                       .frames = 2 * c->frames,
                       .gop = c->frames};
    source_make(&s);
    return s;
}

static struct link_job_open make_open(const struct source *s, const struct setting *c)
{
    struct link_job_open open = open_for(s, "P144p30fps16x9");
    struct link_rung *r = &open.ladder[0];
    r->profile = c->profile;
    r->preset = c->preset;
    r->gop_frames = c->gop;
    r->bframes = c->bframes;
    r->lookahead_frames = c->lookahead;
    r->frames_per_part = c->unit;
    r->emit_from = c->emit_from;
    return open;
}

/* Units whole in presentation order, DTS that rise, and IDRs where they are due and nowhere else;
 * returns how many. */
static size_t check_units(const struct output *o, const struct setting *c, int64_t start,
                          int64_t *last_dts)
{
    size_t idrs = 0;
    int64_t shown = INT64_MIN;
    for (size_t i = 0; i < o->count; i++) {
        const struct link_unit *u = &o->units[i].unit;
        int64_t last = INT64_MIN;
        ck_assert_uint_eq(u->part, c->emit_from + i);
        ck_assert(u->last ? i + 1 == o->count : u->n_packets == c->unit);
        for (size_t k = 0; k < u->n_packets; k++) {
            const struct link_packet *p = &u->packets[k];
            int64_t slot = (p->pts - start) / (TICKS_PER_S / 30);
            bool first = slot == (int64_t)(c->emit_from * c->unit);
            bool due = first || (c->gop > 0 && slot % c->gop == 0);
            ck_assert_int_lt(*last_dts, p->dts);
            ck_assert_int_le(p->dts, p->pts);
            ck_assert_int_gt(p->pts, shown);
            ck_assert_msg(((p->flags & PACKET_KEY) != 0) == due, "slot %d", (int)slot);
            *last_dts = p->dts;
            last = p->pts > last ? p->pts : last;
            idrs += due;
        }
        shown = last;
    }
    return idrs;
}

START_TEST(obeyed)
{
    const struct setting *c = &settings[_i];
    struct source s = make_source(c);
    struct link_job_open open = make_open(&s, c);
    size_t idrs = 0;
    int64_t last_dts = INT64_MIN;
    for (int i = 0; i < 2; i++) {
        open.ladder[0].crf += 5; /* which may change from one segment to the next */
        int64_t start = source_time(&s, (int64_t)i * c->frames);
        run_job(&s, &open, (size_t)(i * c->frames), (size_t)((i + 1) * c->frames), 0,
                source_time(&s, (int64_t)(i + 1) * c->frames) - start, &outs[i]);
        ck_assert_msg(outs[i].result == ERR_OK, "%s", outs[i].fault.text);
        idrs += check_units(&outs[i], c, start, &last_dts);
        struct span config = outs[i].units[0].unit.config;
        ck_assert_uint_eq(config.data[PROFILE_IDC_AT], c->idc);
        ck_assert(c->idc != 66 || (config.data[PROFILE_IDC_AT + 1] & CONSTRAINED));
        ck_assert_uint_eq(outs[i].units[0].unit.config_hash, outs[0].units[0].unit.config_hash);
    }
    struct output *both[] = {&outs[0], &outs[1]};
    judge(both, 2, 0, &seen);
    size_t skipped = c->emit_from * c->unit, intra = 0, b = 0;
    ck_assert_uint_eq(seen.count, 2 * ((size_t)c->frames - skipped));
    for (size_t i = 0; i < seen.count; i++) {
        size_t segment = i / ((size_t)c->frames - skipped);
        ck_assert_int_eq(seen.numbers[i], (int)(i + skipped * (segment + 1)));
        intra += seen.types[i] == 'I';
        b += seen.types[i] == 'B';
    }
    ck_assert_uint_ge(intra, idrs);
    ck_assert(c->gop != 1 || intra == seen.count);
    ck_assert((b > 0) == (c->bframes > 0 && c->gop != 1));
    output_free(&outs[0]);
    output_free(&outs[1]);
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

/* A lookahead keeps so many pictures back, and no more. */
START_TEST(lookahead_is_the_delay)
{
    const struct setting c = {LINK_PROFILE_ANY, 100, "veryfast", 0, 3, 24, 6, 0, 90};
    struct source s = make_source(&c);
    struct link_job_open open = make_open(&s, &c);
    outs[0] = (struct output){0};
    struct pipeline *p = NULL;
    ck_assert_int_eq(pipeline_create(&open, collect, &outs[0], NULL, &outs[0].fault, &p), ERR_OK);
    for (size_t i = 0; i < 90; i++) {
        struct packets one = {.items = &s.packets.items[i], .count = 1};
        ck_assert_int_eq(pipeline_feed(p, &one), ERR_OK);
        ck_assert_uint_ge(outs[0].count * 6 + 6 + 3 + 24 + 2, i + 1);
    }
    ck_assert_uint_gt(90 - outs[0].count * 6, 24);
    ck_assert_int_eq(pipeline_finish(p, source_time(&s, 90)), ERR_OK);
    ck_assert_uint_eq(outs[0].count, 15);
    pipeline_destroy(p);
    output_free(&outs[0]);
    source_free(&s);
}
END_TEST

static uint64_t bytes_with(const struct source *s, uint32_t crf, const char *preset)
{
    struct link_job_open open = make_open(s, &settings[0]);
    open.ladder[0].crf = crf;
    open.ladder[0].preset = preset;
    run_job(s, &open, 0, 30, 0, source_time(s, 30), &outs[0]);
    ck_assert_int_eq(outs[0].result, ERR_OK);
    uint64_t bytes = outs[0].done.rungs[0].bytes;
    output_free(&outs[0]);
    return bytes;
}

START_TEST(quality_and_preset_count)
{
    struct source s = make_source(&settings[0]);
    uint64_t usual = bytes_with(&s, 23, "veryfast");
    ck_assert_uint_gt(bytes_with(&s, 15, "veryfast"), usual);
    ck_assert_uint_lt(bytes_with(&s, 35, "veryfast"), usual);
    ck_assert_uint_ne(bytes_with(&s, 23, "ultrafast"), usual);
    ck_assert_uint_ne(bytes_with(&s, 23, "slow"), usual);
    source_free(&s);
}
END_TEST

int main(void)
{
    av_log_set_level(AV_LOG_ERROR);
    Suite *su = suite_create("settings");
    TCase *t = tcase_create("settings");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, obeyed, 0, sizeof settings / sizeof settings[0]);
    tcase_add_test(t, lookahead_is_the_delay);
    tcase_add_test(t, quality_and_preset_count);
    suite_add_tcase(su, t);
    SRunner *sr = srunner_create(su);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? 0 : 1;
}
