#include "broadcaster/jobs/rung_check.h"

#include <string.h>

#include "tests/support/clip.h"
#include "tests/support/unit.h"

#define WIDTH  256
#define HEIGHT 144
#define FRAMES 6 /* of a part */

static const struct link_rung described = {
    .width = WIDTH, .height = HEIGHT, .frames_per_part = FRAMES};

/* A part as a transcoder sends it. */
struct part {
    struct link_packet packets[FRAMES];
    struct link_unit unit;
    struct blob *payload;
};

static void part_init(struct part *p, const struct clip *c, size_t first)
{
    size_t bytes = 0, at = 0;
    *p = (struct part){.unit = {.packets = p->packets, .n_packets = FRAMES}};
    for (size_t i = 0; i < FRAMES; i++) {
        const struct packet *from = &c->packets.items[first + i];
        p->packets[i] = (struct link_packet){.length = (uint32_t)from->data.len,
                                             .dts = from->dts,
                                             .pts = from->pts,
                                             .flags = from->flags & PACKET_KEY};
        bytes += from->data.len;
    }
    p->payload = blob_create(bytes);
    for (size_t i = 0; i < FRAMES; i++) {
        struct span data = c->packets.items[first + i].data;
        memcpy(blob_bytes(p->payload) + at, data.data, data.len);
        at += data.len;
    }
    p->unit.config = first == 0 ? track_params(c->track)->config : span_of(NULL, 0);
}

static const char *check(const struct part *p)
{
    return rung_check_frames(&described, &p->unit, blob_span(p->payload));
}

/* The frame's first slice, to be changed. */
static uint8_t *slice_of(struct part *p, size_t frame)
{
    uint8_t *at = blob_bytes(p->payload);
    for (size_t i = 0; i < frame; i++) {
        at += p->packets[i].length;
    }
    for (;;) {
        size_t len = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
        int type = at[4] & 0x1f;
        if (type == 1 || type == 5) {
            return at + 4;
        }
        at += 4 + len;
    }
}

START_TEST(what_is_right_passes)
{
    for (int bframes = 0; bframes <= 2; bframes++) {
        struct clip c = clip_video(WIDTH, HEIGHT, 4 * FRAMES, 2 * FRAMES, bframes, 0);
        for (size_t first = 0; first < 4 * FRAMES; first += FRAMES) {
            struct part p;
            part_init(&p, &c, first);
            const char *why = check(&p);
            ck_assert_msg(why == NULL, "part at %zu, %d B-frames: %s", first, bframes, why);
            blob_unref(p.payload);
        }
        clip_free(&c);
    }
}
END_TEST

static void other_size(struct part *p)
{
    struct clip small = clip_video(WIDTH / 2, HEIGHT / 2, 1, 1, 0, 0);
    static uint8_t record[256];
    struct span config = track_params(small.track)->config;
    memcpy(record, config.data, config.len);
    p->unit.config = span_of(record, config.len);
    clip_free(&small);
}
static void no_sets(struct part *p)
{
    p->unit.config = span_cstr("no record");
}
static void first_not_key(struct part *p)
{
    p->packets[0].flags = 0;
    slice_of(p, 0)[0] = 0x61;
}
static void not_said(struct part *p)
{
    p->packets[0].flags = 0;
    p->unit.config = span_of(NULL, 0);
}
static void false_key(struct part *p)
{
    slice_of(p, 0)[0] = 0x61;
}
static void leaning_key(struct part *p)
{
    slice_of(p, 0)[1] = 0x9a; /* first_mb 0, slice_type 5 (P), parameter set 0 */
}
static void another_kind(struct part *p)
{
    slice_of(p, 2)[1] = 0x91; /* slice_type 3 (SP) */
}
static void middle(struct part *p)
{
    slice_of(p, 2)[1] = 0x26; /* first_mb 3 */
}
static void another_set(struct part *p)
{
    slice_of(p, 2)[1] = 0x99; /* slice_type 5, parameter set 1 or more */
}
static void zeros(struct part *p)
{
    memset(slice_of(p, 3) + 1, 0, 8);
}
static void long_nal(struct part *p)
{
    slice_of(p, 1)[-3] = 0xff;
}
static void cut(struct part *p)
{
    p->packets[FRAMES - 1].length--;
}
static void too_long(struct part *p)
{
    p->packets[FRAMES - 1].length++;
}
static void empty(struct part *p)
{
    p->packets[FRAMES - 1].length = 0;
}
static void no_picture(struct part *p)
{
    slice_of(p, 4)[0] = 0x06;
}
static void own_sets(struct part *p)
{
    slice_of(p, 4)[0] = 0x67;
}

static const struct {
    void (*change)(struct part *p);
    const char *words;
} wrong[] = {
    {other_size, "another size"},
    {no_sets, "cannot be read"},
    {first_not_key, "its first frame is no key frame"},
    {not_said, "not said to be one"},
    {false_key, "a key frame is none"},
    {leaning_key, "leans on other frames"},
    {another_kind, "of a kind"},
    {middle, "at its beginning"},
    {another_set, "of a kind"},
    {zeros, "at its beginning"},
    {long_nal, "not made of NAL units"},
    {cut, "not made of NAL units"},
    {too_long, "longer than what came"},
    {empty, "no picture"},
    {no_picture, "no picture"},
    {own_sets, "parameter sets of its own"},
};

START_TEST(what_is_wrong_is_named)
{
    struct clip c = clip_video(WIDTH, HEIGHT, FRAMES, FRAMES, 0, 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct part p;
        part_init(&p, &c, 0);
        wrong[i].change(&p);
        const char *why = check(&p);
        ck_assert_msg(why != NULL && strstr(why, wrong[i].words) != NULL, "%s: got \"%s\"",
                      wrong[i].words, why != NULL ? why : "nothing");
        blob_unref(p.payload);
    }
    clip_free(&c);
}
END_TEST

/* Whatever the bytes are, nothing is read that is not there. */
START_TEST(any_byte_may_be_anything)
{
    struct clip c = clip_video(WIDTH, HEIGHT, FRAMES, FRAMES, 0, 0);
    struct part p;
    part_init(&p, &c, 0);
    struct span all = blob_span(p.payload);
    for (size_t i = 0; i < all.len && i < 3000; i++) {
        uint8_t was = blob_bytes(p.payload)[i];
        for (int bit = 0; bit < 8; bit++) {
            blob_bytes(p.payload)[i] = (uint8_t)(was ^ 1 << bit);
            (void)check(&p);
        }
        blob_bytes(p.payload)[i] = was;
    }
    ck_assert_ptr_null(check(&p));
    blob_unref(p.payload);
    clip_free(&c);
}
END_TEST

/* A part on the grid of 30000/1001 frames a second, behind so many others. */
#define START  900000
#define DELAY  1
#define LENGTH (2 * TICKS_PER_S)
#define COUNT  60 /* of its segment: 59.94, and a quarter is added */

static const struct link_rung ntsc = {
    .fps_num = 30000, .fps_den = 1001, .dts_delay_frames = DELAY, .bframes = 2};

static struct rung_place timed_init(struct part *p, size_t before)
{
    *p = (struct part){.unit = {.packets = p->packets, .n_packets = FRAMES}};
    for (size_t i = 0; i < FRAMES; i++) {
        int64_t dts = START + ((int64_t)(before + i) - DELAY) * 3003;
        p->packets[i] = (struct link_packet){.dts = dts, .pts = dts + DELAY * 3003};
    }
    p->unit.last = before + FRAMES == COUNT;
    return (struct rung_place){.start = START,
                               .end = START,
                               .first_dts = START - DELAY * 3003,
                               .frames = before,
                               .duration = p->unit.last ? LENGTH : 0};
}

START_TEST(times_on_the_grid_pass)
{
    struct part p;
    for (size_t before = 0; before < COUNT; before += FRAMES) {
        struct rung_place place = timed_init(&p, before);
        ck_assert_ptr_null(rung_check_times(&ntsc, &p.unit, &place));
        /* A B-frame and what is decoded before it. */
        p.packets[1].pts += 2 * 3003;
        p.packets[2].pts -= 3003;
        ck_assert_ptr_null(rung_check_times(&ntsc, &p.unit, &place));
        /* The source's own first picture came a little later. */
        place.start += RUNG_CHECK_START_TICKS / 2;
        ck_assert_ptr_null(rung_check_times(&ntsc, &p.unit, &place));
    }
}
END_TEST

START_TEST(other_times_are_named)
{
    struct part p;
    struct rung_place place = timed_init(&p, 0);
    for (size_t i = 0; i < FRAMES; i++) {
        p.packets[i].dts += TICKS_PER_S;
        p.packets[i].pts += TICKS_PER_S;
    }
    ck_assert_str_eq(rung_check_times(&ntsc, &p.unit, &place),
                     "its times are not those of the source");
    place = timed_init(&p, FRAMES);
    place.frames++; /* one is missing */
    ck_assert_str_eq(rung_check_times(&ntsc, &p.unit, &place),
                     "a frame has another time than was asked for");
    place = timed_init(&p, FRAMES);
    p.packets[3].dts += 10;
    ck_assert_ptr_nonnull(rung_check_times(&ntsc, &p.unit, &place));
    place = timed_init(&p, FRAMES);
    p.packets[3].pts += 3 * 3003;
    ck_assert_ptr_nonnull(rung_check_times(&ntsc, &p.unit, &place));
}
END_TEST

START_TEST(a_segment_has_as_many_frames_as_it_is_long)
{
    struct part p;
    struct rung_place place = timed_init(&p, COUNT - FRAMES);
    place.duration += 3003;
    ck_assert_ptr_nonnull(rung_check_times(&ntsc, &p.unit, &place));
    /* The source's last picture was shorter than those before it, and has a frame all the same. */
    place.duration -= 2 * 3003;
    ck_assert_ptr_null(rung_check_times(&ntsc, &p.unit, &place));
    place.duration -= 3003;
    ck_assert_ptr_nonnull(rung_check_times(&ntsc, &p.unit, &place));
    /* Each picture has a frame, also when they are shown for longer than they are decoded. */
    place.end = place.start + (COUNT - 2) * 3003;
    ck_assert_ptr_null(rung_check_times(&ntsc, &p.unit, &place));
    place.end -= 3003;
    ck_assert_ptr_nonnull(rung_check_times(&ntsc, &p.unit, &place));
    place = timed_init(&p, 0); /* the whole of a segment that ends at once */
    p.unit.last = true;
    p.unit.n_packets = 1;
    place.duration = 10;
    ck_assert_ptr_null(rung_check_times(&ntsc, &p.unit, &place));
    struct link_rung own = ntsc;
    own.fps_num = 0;
    p.packets[0].dts = 5;
    ck_assert_ptr_null(rung_check_times(&own, &p.unit, &place));
}
END_TEST

UNIT_MAIN("rung_check", what_is_right_passes, what_is_wrong_is_named, any_byte_may_be_anything,
          times_on_the_grid_pass, other_times_are_named, a_segment_has_as_many_frames_as_it_is_long)
