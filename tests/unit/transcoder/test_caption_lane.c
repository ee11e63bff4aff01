#include "transcoder/caption_lane.h"

#include "fixture.h"
#include "tests/support/unit.h"

#define SLOTS  100
#define FIELD1 0xfc /* valid */
#define START  0xff
#define DATA   0xfe

static void add(struct caption_lane *l, uint64_t picture, int type, int a, int b)
{
    const uint8_t triplet[] = {(uint8_t)type, (uint8_t)a, (uint8_t)b};
    caption_lane_add(l, picture, span_of(triplet, sizeof triplet));
}

/* Without length and heads. The triplets. */
static size_t written(const struct caption_lane *l, int64_t slot, uint8_t *ret_data, size_t max)
{
    struct buf out;
    buf_init(&out, 1000);
    ck_assert_int_eq(caption_lane_write(l, slot, &out), ERR_OK);
    size_t n = 0;
    if (out.len > 0) {
        ck_assert_uint_eq(out.data[3], out.len - 4);
        ck_assert_uint_eq(out.data[4], 6);
        n = out.data[15] & 31u;
        ck_assert_uint_eq(out.data[6], 11 + 3 * n);
        ck_assert_uint_le(3 * n, max);
        memcpy(ret_data, out.data + 17, 3 * n);
    }
    buf_fini(&out);
    return n;
}

START_TEST(several_pictures_go_into_one_slot)
{
    struct caption_lane *l = caption_lane_create(SLOTS);
    uint8_t data[93];
    add(l, 0, FIELD1, 'a', 'b');
    add(l, 1, DATA, 1, 2);
    add(l, 1, FIELD1, 'c', 'd');
    add(l, 2, FIELD1, 'e', 'f');
    caption_lane_close(l, 0, 2);
    caption_lane_close(l, 1, 3);
    caption_lane_close(l, 2, 4);
    ck_assert_uint_eq(written(l, 0, data, sizeof data), 3);
    ck_assert_mem_eq(data,
                     "\xfc"
                     "ab\xfc"
                     "cd\xfe\x01\x02",
                     9);
    ck_assert_uint_eq(written(l, 1, data, sizeof data), 1);
    ck_assert_mem_eq(data,
                     "\xfc"
                     "ef",
                     3);
    ck_assert_uint_eq(written(l, 2, data, sizeof data), 0);
    ck_assert_uint_eq(written(l, SLOTS, data, sizeof data), 0);
    ck_assert_uint_eq(written(l, -1, data, sizeof data), 0);
    caption_lane_destroy(l);
}
END_TEST

START_TEST(padding_is_left_out)
{
    struct caption_lane *l = caption_lane_create(SLOTS);
    uint8_t data[93];
    add(l, 0, FIELD1, 0x80, 0x80);
    add(l, 0, 0xf8, 'a', 'b'); /* not valid */
    add(l, 0, 0xfa, 0, 0);
    caption_lane_close(l, 0, 1);
    ck_assert_uint_eq(written(l, 0, data, sizeof data), 0);
    /* But for the pair between two control codes, and cut triplets. */
    add(l, 1, FIELD1, 0x94, 0xad);
    add(l, 1, FIELD1, 0x80, 0x80);
    add(l, 1, FIELD1, 0x80, 0x80);
    add(l, 1, FIELD1, 0x94, 0xad);
    caption_lane_add(l, 1,
                     span_of((const uint8_t *)"\xfc"
                                              "x",
                             2));
    caption_lane_close(l, 1, 2);
    ck_assert_uint_eq(written(l, 1, data, sizeof data), 3);
    ck_assert_mem_eq(data, "\xfc\x94\xad\xfc\x80\x80\xfc\x94\xad", 9);
    caption_lane_destroy(l);
}
END_TEST

START_TEST(what_does_not_fit_goes_on)
{
    struct caption_lane *l = caption_lane_create(SLOTS);
    uint8_t data[93];
    for (int i = 0; i < 40; i++) {
        add(l, 0, FIELD1, 'a', i);
    }
    caption_lane_close(l, 0, 1);
    caption_lane_close(l, 1, 1);
    ck_assert_uint_eq(written(l, 0, data, sizeof data), 31);
    ck_assert_uint_eq(data[92], 30);
    ck_assert_uint_eq(written(l, 1, data, sizeof data), 9);
    ck_assert_uint_eq(data[2], 31);
    caption_lane_destroy(l);
}
END_TEST

START_TEST(too_much_loses_dtvcc_first)
{
    struct caption_lane *l = caption_lane_create(SLOTS);
    uint8_t data[93];
    add(l, 0, FIELD1, 'a', 'b');
    for (int i = 0; i < 247; i++) {
        add(l, 0, i % 10 == 0 ? START : DATA, 1, 2);
    }
    add(l, 1, DATA, 'n', 'o'); /* full: its packet's start is gone */
    add(l, 1, DATA, 'n', 'o');
    add(l, 1, FIELD1, 'c', 'd');
    add(l, 1, START, 'y', 'e');
    add(l, 1, DATA, 's', 's');
    caption_lane_close(l, 0, 2);
    ck_assert_uint_eq(written(l, 0, data, sizeof data), 4);
    ck_assert_mem_eq(data,
                     "\xfc"
                     "ab\xfc"
                     "cd\xff"
                     "ye\xfe"
                     "ss",
                     12);
    for (int i = 0; i < 10000; i++) {
        add(l, 2, FIELD1, 'a', 'b');
    }
    caption_lane_close(l, 1, 3);
    ck_assert_uint_eq(written(l, 1, data, sizeof data), 31);
    caption_lane_destroy(l);
}
END_TEST

START_TEST(zeros_are_escaped)
{
    struct caption_lane *l = caption_lane_create(SLOTS);
    add(l, 0, START, 0, 0);
    add(l, 0, DATA, 0, 0);
    caption_lane_close(l, 0, 1);
    struct buf out;
    buf_init(&out, 1000);
    ck_assert_int_eq(caption_lane_write(l, 0, &out), ERR_OK);
    const uint8_t end[] = {0xff, 0, 0, 0xfe, 0, 0, 0xff, 0x80};
    ck_assert_mem_eq(out.data + out.len - sizeof end, end, sizeof end);
    buf_fini(&out);
    add(l, 0, 0xfd, 1, 0); /* field 2 */
    add(l, 0, DATA, 0, 0);
    caption_lane_close(l, 1, 1);
    buf_init(&out, 10);
    ck_assert_int_eq(caption_lane_write(l, 1, &out), ERR_LIMIT);
    buf_fini(&out);
    caption_lane_destroy(l);
}
END_TEST

/* --- through a job --- */

#define FRAMES 30

static void draw_captions(AVFrame *picture, int number)
{
    /* Ten are as many as 60 pictures a second have: two of CEA-608, a packet of CEA-708, padding.
     */
    uint8_t cc[30] = {FIELD1, 'a', (uint8_t)number, 0xfd, 'b', (uint8_t)number,
                      START,  3,   (uint8_t)number, DATA, 0,   0};
    for (int i = 12; i < 30; i += 3) {
        cc[i] = 0xfa;
    }
    AVFrameSideData *side = av_frame_new_side_data(picture, AV_FRAME_DATA_A53_CC, sizeof cc);
    ck_assert_ptr_nonnull(side);
    memcpy(side->data, cc, sizeof cc);
}

/* All of a kind, in order. */
static void expect_all(const struct buf *captions)
{
    static const uint8_t kinds[] = {FIELD1, 0xfd, START, DATA};
    for (size_t k = 0; k < sizeof kinds; k++) {
        int n = 0;
        for (size_t at = 0; at < captions->len; at += 3) {
            const uint8_t *t = captions->data + at;
            if (t[0] == kinds[k]) {
                ck_assert_msg(t[2] == (kinds[k] == DATA ? 0 : n), "%d is of picture %d", n, t[2]);
                n++;
            }
        }
        ck_assert_msg(n == FRAMES, "of kind %#x there are %d", kinds[k], n);
    }
    ck_assert_uint_eq(captions->len, FRAMES * 4u * 3);
}

static void run_captions(int fps_num, int fps_den, int bframes, int frames_per_part)
{
    static struct output out;
    static struct judged seen;
    struct source s = {.width = 320,
                       .height = 192,
                       .fps_num = 30,
                       .fps_den = 1,
                       .frames = FRAMES,
                       .gop = FRAMES,
                       .bframes = bframes,
                       .side = draw_captions};
    source_make(&s);
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    open.ladder[0].fps_num = (uint32_t)fps_num;
    open.ladder[0].fps_den = (uint32_t)fps_den;
    open.ladder[0].frames_per_part = (uint32_t)frames_per_part;
    struct output *const one[] = {&out};
    run_job(&s, &open, 0, s.packets.count, 0, TICKS_PER_S, &out);
    ck_assert_msg(out.result == ERR_OK, "%s", out.fault.text);
    buf_init(&seen.captions, 1 << 20);
    judge(one, 1, 0, &seen);
    expect_all(&seen.captions);
    buf_fini(&seen.captions);
    output_free(&out);
    source_free(&s);
}

START_TEST(a_rung_has_all_of_its_source)
{
    static const int rates[][2] = {{30, 1}, {15, 1}, {10, 1},      {8, 1},
                                   {0, 1},  {60, 1}, {24000, 1001}};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        run_captions(rates[i][0], rates[i][1], 0, 6);
        run_captions(rates[i][0], rates[i][1], 2, 300);
    }
}
END_TEST

UNIT_MAIN("caption_lane", several_pictures_go_into_one_slot, padding_is_left_out,
          what_does_not_fit_goes_on, too_much_loses_dtvcc_first, zeros_are_escaped,
          a_rung_has_all_of_its_source)
