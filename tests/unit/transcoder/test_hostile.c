#include <stdatomic.h>

#include "fixture.h"
#include "tests/support/unit.h"
#include "transcoder/grid.h"

static struct output out;
static uint32_t seed = 1;

static uint32_t dice(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static struct source small_source(int bframes)
{
    struct source s = {.width = 160,
                       .height = 90,
                       .fps_num = 30,
                       .fps_den = 1,
                       .frames = 20,
                       .gop = 20,
                       .bframes = bframes};
    source_make(&s);
    return s;
}

/* Either words or whole parts, never neither. */
static void is_words_or_frames(const struct output *o)
{
    if (o->result != ERR_OK) {
        ck_assert_msg(o->fault.text[0] != '\0', "no words");
        return;
    }
    ck_assert_uint_gt(o->done.rungs[0].frames, 0);
    ck_assert(o->units[o->count - 1].unit.last);
}

static void own_bytes(struct packet *p)
{
    struct blob *copy = blob_copy(p->data);
    blob_unref(p->blob);
    p->blob = copy;
    p->data = blob_span(copy);
}

START_TEST(random_packets)
{
    struct source s = small_source(0);
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    for (size_t i = 0; i < s.packets.count; i++) {
        struct packet *p = &s.packets.items[i];
        own_bytes(p);
        for (size_t k = 0; k < p->data.len; k++) {
            blob_bytes(p->blob)[k] = (uint8_t)dice();
        }
    }
    run_job(&s, &open, 0, 20, 0, 60000, &out);
    ck_assert_int_ne(out.result, ERR_OK);
    ck_assert(out.fault.final);
    ck_assert_str_eq(out.fault.text, "no picture of the segment can be decoded");
    ck_assert_uint_gt(out.errors, 0);
    output_free(&out);
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

/* Bits flipped, bytes cut off, lengths broken, packets lost, doubled and swapped. */
static void damage(struct source *s)
{
    for (size_t i = 0; i < s->packets.count; i++) {
        struct packet *p = &s->packets.items[i];
        own_bytes(p);
        uint8_t *bytes = blob_bytes(p->blob);
        switch (dice() % 8) {
        case 0:
            for (uint32_t k = 0; k < 1 + dice() % 9; k++) {
                bytes[dice() % p->data.len] ^= (uint8_t)(1u << dice() % 8);
            }
            break;
        case 1:
            p->data.len = dice() % p->data.len;
            break;
        case 2:
            bytes[dice() % 4] = (uint8_t)dice();
            break;
        case 3:
            p->pts += (int64_t)(dice() % 20000) - 10000;
            break;
        case 4: {
            struct packet *q = &s->packets.items[dice() % s->packets.count];
            struct packet swap = *p;
            *p = *q;
            *q = swap;
            break;
        }
        case 5:
            p->flags ^= PACKET_PREROLL;
            break;
        default:
            break;
        }
    }
}

START_TEST(damaged_packets)
{
    seed = (uint32_t)_i * 7919 + 1;
    for (int round = 0; round < 6; round++) {
        struct source s = small_source(round % 3);
        struct link_job_open open = open_for(&s, "P144p30fps16x9");
        open.ladder[0].fps_num = round % 3 == 2 ? 0 : 30;
        open.ladder[0].preset = "ultrafast";
        damage(&s);
        run_job(&s, &open, 0, 20, 0, 60000, &out);
        is_words_or_frames(&out);
        output_free(&out);
        source_free(&s);
    }
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

/* One bad packet in the middle is concealed: the segment has all its frames. */
START_TEST(one_bad_packet)
{
    struct source s = small_source(0);
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    own_bytes(&s.packets.items[9]);
    memset(blob_bytes(s.packets.items[9].blob), 0xff, s.packets.items[9].data.len);
    run_job(&s, &open, 0, 20, 0, 60000, &out);
    ck_assert_msg(out.result == ERR_OK, "%s", out.fault.text);
    ck_assert_uint_eq(out.done.rungs[0].frames, 20);
    ck_assert_uint_gt(out.errors, 0);
    output_free(&out);
    source_free(&s);
}
END_TEST

START_TEST(empty_packets)
{
    struct source s = small_source(0);
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    s.packets.items[5].data.len = 0;
    run_job(&s, &open, 0, 20, 0, 60000, &out);
    ck_assert_msg(out.result == ERR_OK, "%s", out.fault.text);
    ck_assert_uint_eq(out.done.rungs[0].frames, 20);
    output_free(&out);
    run_job(&s, &open, 0, 0, 0, 60000, &out);
    ck_assert_int_eq(out.result, ERR_PROTO);
    ck_assert(out.fault.final);
    source_free(&s);
}
END_TEST

/* Cut without an IDR and without a preroll: something is shown, and it is whole. */
START_TEST(no_idr)
{
    struct source s = small_source(1);
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    run_job(&s, &open, 7, 20, 0, 13 * 3000, &out);
    is_words_or_frames(&out);
    ck_assert_int_eq(out.result, ERR_OK);
    output_free(&out);
    source_free(&s);
}
END_TEST

START_TEST(config_garbage)
{
    struct source s = small_source(0);
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    uint8_t config[256];
    ck_assert_uint_lt(s.config.len, sizeof config);
    seed = 5;
    for (int round = 0; round < 120; round++) {
        memcpy(config, s.config.data, s.config.len);
        size_t len = round % 3 == 0 ? dice() % s.config.len : s.config.len;
        for (uint32_t k = 0; k < (round % 3 ? 1 + dice() % 6 : 0); k++) {
            config[dice() % len] ^= (uint8_t)(1u << dice() % 8);
        }
        open.track.config = span_of(config, len);
        run_job(&s, &open, 0, 4, 0, 12000, &out);
        is_words_or_frames(&out);
        output_free(&out);
    }
    for (size_t i = 0; i < sizeof config; i++) {
        config[i] = (uint8_t)dice();
    }
    open.track.config = span_of(config, sizeof config);
    run_job(&s, &open, 0, 4, 0, 12000, &out);
    ck_assert_int_eq(out.result, ERR_PROTO);
    ck_assert(out.fault.final);
    open.track.config = span_of(NULL, 0);
    run_job(&s, &open, 0, 4, 0, 12000, &out);
    ck_assert_int_eq(out.result, ERR_PROTO);
    source_free(&s);
}
END_TEST

START_TEST(wild_times)
{
    static const int64_t wild[] = {INT64_MIN,
                                   INT64_MAX,
                                   PIPELINE_TIME_MAX,
                                   -PIPELINE_TIME_MAX,
                                   PIPELINE_TIME_MAX - 1,
                                   200 * TICKS_PER_S,
                                   -1,
                                   0};
    struct source s = small_source(0);
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    open.ladder[0].preset = "ultrafast";
    for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) {
        int64_t pts = s.packets.items[6].pts;
        int64_t dts = s.packets.items[6].dts;
        s.packets.items[6].pts = wild[i];
        run_job(&s, &open, 0, 20, 0, 60000, &out);
        is_words_or_frames(&out);
        ck_assert_int_eq(out.result == ERR_OK, i >= 6);
        output_free(&out);
        s.packets.items[6].dts = wild[i];
        run_job(&s, &open, 0, 20, 0, 60000, &out);
        is_words_or_frames(&out);
        output_free(&out);
        s.packets.items[6].pts = pts;
        s.packets.items[6].dts = dts;
    }
    run_job(&s, &open, 0, 20, 0, INT64_MAX, &out);
    ck_assert_int_eq(out.result, ERR_LIMIT);
    output_free(&out);
    source_free(&s);
}
END_TEST

START_TEST(rungs_that_cannot_be)
{
    struct source s = small_source(0);
    static const struct {
        size_t offset;
        uint32_t value;
        const char *words;
    } bad[] = {
        {offsetof(struct link_rung, width), 0, "size"},
        {offsetof(struct link_rung, width), 255, "size"},
        {offsetof(struct link_rung, width), UINT32_MAX - 1, "size"},
        {offsetof(struct link_rung, height), 0, "size"},
        {offsetof(struct link_rung, height), 16384, "size"},
        {offsetof(struct link_rung, fps_den), 0, "frame rate"},
        {offsetof(struct link_rung, fps_num), 10000, "frame rate"},
        {offsetof(struct link_rung, bitrate_bps), 0, "bit rate"},
        {offsetof(struct link_rung, bitrate_bps), UINT32_MAX, "bit rate"},
        {offsetof(struct link_rung, buffer_bits), 0, "buffer size"},
        {offsetof(struct link_rung, buffer_bits), UINT32_MAX, "buffer size"},
        {offsetof(struct link_rung, vbv_init_permille), 1001, "buffer fill"},
        {offsetof(struct link_rung, crf), 52, "quality"},
        {offsetof(struct link_rung, bframes), 4, "B-frames"},
        {offsetof(struct link_rung, profile), LINK_PROFILES_, "profile"},
        {offsetof(struct link_rung, profile), LINK_PROFILE_BASELINE, "B-frames"},
        {offsetof(struct link_rung, gop_frames), 100001, "IDR"},
        {offsetof(struct link_rung, lookahead_frames), 61, "lookahead"},
        {offsetof(struct link_rung, dts_delay_frames), 0, "DTS delay"},
        {offsetof(struct link_rung, dts_delay_frames), 17, "DTS delay"},
        {offsetof(struct link_rung, frames_per_part), 0, "frames per part"},
        {offsetof(struct link_rung, frames_per_part), LINK_PACKETS_MAX + 1, "frames per part"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct link_job_open open = open_for(&s, "P144p30fps16x9");
        memcpy((char *)&open.ladder[0] + bad[i].offset, &bad[i].value, sizeof(uint32_t));
        run_job(&s, &open, 0, 4, 0, 12000, &out);
        ck_assert_int_eq(out.result, ERR_UNSUPPORTED);
        ck_assert_msg(strstr(out.fault.text, bad[i].words) != NULL, "%s", out.fault.text);
    }
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    open.ladder[0].preset = "hasty:threads=99";
    run_job(&s, &open, 0, 4, 0, 12000, &out);
    ck_assert_int_eq(out.result, ERR_UNSUPPORTED);
    open.n_ladder = 0;
    run_job(&s, &open, 0, 4, 0, 12000, &out);
    ck_assert_int_eq(out.result, ERR_UNSUPPORTED);
    source_free(&s);
}
END_TEST

/* Extreme but allowed: opens and encodes. */
START_TEST(rungs_at_the_edge)
{
    struct source s = small_source(0);
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    struct link_rung *r = &open.ladder[0];
    r->width = 2;
    r->height = 2;
    r->vbv_init_permille = 0;
    r->buffer_bits = 1000;
    r->bitrate_bps = 1000;
    r->crf = 51;
    r->emit_from = UINT32_MAX;
    run_job(&s, &open, 0, 20, 0, 60000, &out);
    ck_assert_msg(out.result == ERR_OK, "%s", out.fault.text);
    ck_assert_uint_eq(out.count, 0);
    r->emit_from = 0;
    run_job(&s, &open, 0, 20, 0, 60000, &out);
    ck_assert_msg(out.result == ERR_OK, "%s", out.fault.text);
    ck_assert_uint_eq(out.done.rungs[0].frames, 20);
    output_free(&out);
    source_free(&s);
}
END_TEST

static atomic_bool stop;

static enum err stop_after_first(void *arg, const struct link_unit *unit, struct blob *payload)
{
    (*(int *)arg)++;
    atomic_store(&stop, true);
    return ERR_OK;
}

START_TEST(cancel_ends_it)
{
    struct source s = small_source(0);
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    open.ladder[0].frames_per_part = 2;
    struct fault f = {0};
    struct pipeline *p = NULL;
    int parts = 0;
    ck_assert_int_eq(pipeline_create(&open, stop_after_first, &parts, &stop, &f, &p), ERR_OK);
    ck_assert_int_eq(pipeline_feed(p, &s.packets), ERR_CLOSED);
    ck_assert_int_eq(parts, 1);
    pipeline_destroy(p);
    /* Repeated pictures are no exception. */
    atomic_store(&stop, false);
    parts = 0;
    ck_assert_int_eq(pipeline_create(&open, stop_after_first, &parts, &stop, &f, &p), ERR_OK);
    struct packets first = {.items = s.packets.items, .count = 1};
    ck_assert_int_eq(pipeline_feed(p, &first), ERR_OK);
    ck_assert_int_eq(pipeline_finish(p, GRID_SEGMENT_TICKS_MAX), ERR_CLOSED);
    ck_assert_int_eq(parts, 1);
    pipeline_destroy(p);
    source_free(&s);
}
END_TEST

/* Each of our own allocations fails in turn: words, and nothing is leaked or crashes. */
START_TEST(without_memory)
{
    struct source s = small_source(0);
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    open.ladder[0].frames_per_part = 10;
    size_t live = blob_live_bytes();
    for (size_t n = 1;; n++) {
        mem_fail_nth(n);
        run_job(&s, &open, 0, 20, 0, 60000, &out);
        bool failed = mem_has_failed();
        mem_fail_nth(0);
        ck_assert_msg((out.result != ERR_OK) == failed, "allocation %zu: %d", n, out.result);
        is_words_or_frames(&out);
        output_free(&out);
        ck_assert_uint_eq(blob_live_bytes(), live);
        if (!failed) {
            ck_assert_uint_gt(n, 3);
            break;
        }
    }
    source_free(&s);
}
END_TEST

static Suite *suite(void)
{
    Suite *su = suite_create("hostile");
    TCase *t = tcase_create("hostile");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, random_packets);
    tcase_add_loop_test(t, damaged_packets, 0, 8);
    tcase_add_test(t, one_bad_packet);
    tcase_add_test(t, empty_packets);
    tcase_add_test(t, no_idr);
    tcase_add_test(t, config_garbage);
    tcase_add_test(t, wild_times);
    tcase_add_test(t, rungs_that_cannot_be);
    tcase_add_test(t, rungs_at_the_edge);
    tcase_add_test(t, cancel_ends_it);
    tcase_add_test(t, without_memory);
    suite_add_tcase(su, t);
    return su;
}

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    SRunner *sr = srunner_create(suite());
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
