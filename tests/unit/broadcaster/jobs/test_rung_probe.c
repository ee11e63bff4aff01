/* The first picture of a rung's emission, decoded. */
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/jobs/rung_probe.h"
#include "run/loop.h"
#include "tests/support/clip.h"
#include "tests/support/unit.h"

#define WIDTH  320
#define HEIGHT 240

static const struct link_rung asked = {.width = WIDTH, .height = HEIGHT};

static struct span config_of(const struct clip *c)
{
    return track_params(c->track)->config;
}

START_TEST(a_picture_that_can_be_decoded_passes)
{
    static const int sizes[][2] = {{WIDTH, HEIGHT}, {256, 144}, {426, 240},
                                   {1280, 720},     {270, 360}, {2, 2}};
    for (size_t i = 0; i < 6; i++) {
        struct clip c = clip_video(sizes[i][0], sizes[i][1], 2, 2, 0, 0);
        struct link_rung r = {.width = (uint32_t)sizes[i][0], .height = (uint32_t)sizes[i][1]};
        ck_assert_ptr_null(rung_probe_picture(&r, config_of(&c), c.packets.items[0].data));
        clip_free(&c);
    }
}
END_TEST

START_TEST(damage_is_named)
{
    struct clip c = clip_video(WIDTH, HEIGHT, 2, 2, 0, 0);
    struct span picture = c.packets.items[0].data;
    struct blob *bad = blob_copy(picture);
    uint8_t *data = blob_bytes(bad);
    memset(data + picture.len / 2, 0, picture.len / 4);
    ck_assert_ptr_nonnull(rung_probe_picture(&asked, config_of(&c), blob_span(bad)));
    blob_unref(bad);
    ck_assert_ptr_nonnull(rung_probe_picture(&asked, config_of(&c), span_of(picture.data, 40)));
    ck_assert_ptr_nonnull(rung_probe_picture(&asked, span_of(NULL, 0), picture));
    struct link_rung other = {.width = WIDTH, .height = HEIGHT - 16};
    ck_assert_str_eq(rung_probe_picture(&other, config_of(&c), picture),
                     "its first frame has another size than was asked for");
    other.width = WIDTH / 4;
    ck_assert_str_eq(rung_probe_picture(&other, config_of(&c), picture),
                     "its first frame cannot be decoded");
    clip_free(&c);
}
END_TEST

START_TEST(any_byte_may_be_anything)
{
    struct clip c = clip_video(WIDTH, HEIGHT, 1, 1, 0, 0);
    struct span picture = c.packets.items[0].data;
    for (size_t i = 0; i < picture.len; i += picture.len / 200 + 1) {
        struct blob *bad = blob_copy(picture);
        blob_bytes(bad)[i] ^= 0x55;
        (void)rung_probe_picture(&asked, config_of(&c), blob_span(bad));
        blob_unref(bad);
    }
    clip_free(&c);
}
END_TEST

struct told {
    uint64_t tickets;
    size_t good, bad;
};

static void on_done(void *arg, uint64_t ticket, const char *why)
{
    struct told *t = arg;
    t->tickets += ticket;
    t->good += why == NULL;
    t->bad += why != NULL;
}

START_TEST(many_at_once_are_bounded)
{
    struct clip c = clip_video(WIDTH, HEIGHT, 1, 1, 0, 0);
    struct blob *payload = blob_copy(c.packets.items[0].data);
    struct link_packet packet = {.length = (uint32_t)blob_span(payload).len};
    struct link_unit u = {.packets = &packet, .n_packets = 1, .config = config_of(&c)};
    struct loop *l = loop_create();
    struct told told = {0};
    struct rung_probe *p = rung_probe_create(l, RUNG_CHECKS_FIRST, on_done, &told);
    ck_assert_ptr_nonnull(p);
    uint64_t sum = 0;
    struct jobs_watch *watch = NULL;
    for (uint64_t i = 1; i <= RUNG_PROBES_MAX; i++) {
        packet.length = i == 7 ? 30 : (uint32_t)blob_span(payload).len;
        ck_assert(rung_probe_begin(p, &asked, &u, payload, i, &watch));
        sum += i;
    }
    ck_assert(!rung_probe_begin(p, &asked, &u, payload, 1, &watch));
    for (int64_t until = clock_mono_ms() + 20000;
         told.good + told.bad < RUNG_PROBES_MAX && clock_mono_ms() < until;) {
        loop_run_once(l);
    }
    ck_assert_uint_eq(told.good, RUNG_PROBES_MAX - 1);
    ck_assert_uint_eq(told.bad, 1);
    ck_assert_uint_eq(told.tickets, sum);
    ck_assert_ptr_null(watch);
    /* Some of these are still under way. */
    ck_assert(rung_probe_begin(p, &asked, &u, payload, 1, &watch));
    ck_assert(rung_probe_begin(p, &asked, &u, payload, 2, &watch));
    rung_probe_destroy(p);
    loop_run_once(l);
    loop_destroy(l);
    blob_unref(payload);
    clip_free(&c);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

#define PARTS       4
#define PART_FRAMES 6

struct parts {
    struct clip clip;
    struct blob *payloads[PARTS];
    struct link_packet packets[PARTS][PART_FRAMES];
    struct link_unit units[PARTS];
};

static void parts_make(struct parts *p)
{
    p->clip = clip_video(WIDTH, HEIGHT, PARTS * PART_FRAMES, PARTS * PART_FRAMES, 0, 0);
    for (size_t i = 0; i < PARTS; i++) {
        struct buf bytes;
        buf_init(&bytes, 1 << 24);
        for (size_t k = 0; k < PART_FRAMES; k++) {
            const struct packet *from = &p->clip.packets.items[i * PART_FRAMES + k];
            p->packets[i][k] =
                (struct link_packet){.length = (uint32_t)from->data.len, .flags = from->flags};
            ck_assert_int_eq(buf_put(&bytes, from->data), ERR_OK);
        }
        p->payloads[i] = blob_copy(buf_span(&bytes));
        buf_fini(&bytes);
        p->units[i] = (struct link_unit){.packets = p->packets[i],
                                         .n_packets = PART_FRAMES,
                                         .part = (uint32_t)i,
                                         .last = i == PARTS - 1};
    }
    p->units[0].config = config_of(&p->clip);
}

static void parts_free(struct parts *p)
{
    for (size_t i = 0; i < PARTS; i++) {
        blob_unref(p->payloads[i]);
    }
    clip_free(&p->clip);
}

static void wait_told(struct loop *l, const struct told *told, size_t n)
{
    for (int64_t until = clock_mono_ms() + 20000;
         told->good + told->bad < n && clock_mono_ms() < until;) {
        loop_run_once(l);
    }
}

/* The second half of each of its pictures: of some it can be read as something else. */
static void damage(struct parts *p, size_t part)
{
    struct blob *bad = blob_copy(blob_span(p->payloads[part]));
    uint8_t *at = blob_bytes(bad);
    for (size_t k = 0; k < PART_FRAMES; k++) {
        size_t len = p->packets[part][k].length;
        memset(at + len - len / 2, 0xa5, len / 2);
        at += len;
    }
    blob_unref(p->payloads[part]);
    p->payloads[part] = bad;
}

/* SIZE_MAX: none is damaged. Returns the number of parts that were found right before a bad one. */
static size_t right_ones(enum rung_checks checks, size_t damaged)
{
    struct parts parts;
    parts_make(&parts);
    if (damaged != SIZE_MAX) {
        damage(&parts, damaged);
    }
    struct loop *l = loop_create();
    struct told told = {0};
    struct rung_probe *p = rung_probe_create(l, checks, on_done, &told);
    struct jobs_watch *watch = NULL;
    size_t begun = 0;
    for (size_t i = 0; i < PARTS; i++) {
        begun += rung_probe_begin(p, &asked, &parts.units[i], parts.payloads[i], i, &watch);
    }
    ck_assert_int_eq(watch != NULL, checks == RUNG_CHECKS_ALL);
    if (watch != NULL) {
        watch->drop(watch); /* while it is still in use */
    }
    wait_told(l, &told, begun);
    ck_assert_uint_eq(begun, checks == RUNG_CHECKS_ALL ? PARTS : 1);
    ck_assert_msg((told.bad > 0) == (begun > 1 && damaged != SIZE_MAX),
                  "bad=%zu good=%zu damaged part %zu", told.bad, told.good, damaged);
    rung_probe_destroy(p);
    loop_destroy(l);
    parts_free(&parts);
    ck_assert_uint_eq(blob_live_bytes(), 0);
    return told.good;
}

START_TEST(damage_in_later_pictures_is_found)
{
    ck_assert_uint_eq(right_ones(RUNG_CHECKS_ALL, SIZE_MAX), PARTS);
    ck_assert_uint_eq(right_ones(RUNG_CHECKS_FIRST, 2), 1);
    for (size_t i = 0; i < PARTS; i++) {
        /* What comes behind it leans on it, and may be right itself. */
        ck_assert_uint_ge(right_ones(RUNG_CHECKS_ALL, i), i);
        ck_assert_uint_lt(right_ones(RUNG_CHECKS_ALL, i), PARTS);
    }
}
END_TEST

START_TEST(light_rungs_are_checked_whole_and_others_at_random)
{
    enum rung_checks checks;
    ck_assert_int_eq(rung_checks_parse("all", &checks), ERR_OK);
    ck_assert_int_eq(checks, RUNG_CHECKS_ALL);
    ck_assert_int_eq(rung_checks_parse("sample", &checks), ERR_OK);
    ck_assert_int_eq(checks, RUNG_CHECKS_SAMPLE);
    ck_assert_int_eq(rung_checks_parse("", &checks), ERR_NOENT);
    ck_assert_int_eq(rung_checks_parse("first", &checks), ERR_OK);
    ck_assert_int_eq(checks, RUNG_CHECKS_FIRST);
    struct link_rung light = {.width = 256, .height = 144, .fps_num = 30, .fps_den = 1};
    struct link_rung large = {.width = 8192, .height = 8192, .fps_num = 240, .fps_den = 1};
    struct link_rung p720 = {.width = 1280, .height = 720}; /* the source's own times */
    ck_assert(rung_checks_whole(RUNG_CHECKS_SAMPLE, &light, UINT32_MAX));
    ck_assert(rung_checks_whole(RUNG_CHECKS_SAMPLE, &p720, UINT32_MAX / 26));
    ck_assert(!rung_checks_whole(RUNG_CHECKS_SAMPLE, &p720, UINT32_MAX / 24));
    ck_assert(rung_checks_whole(RUNG_CHECKS_SAMPLE, &large, 1));
    ck_assert(!rung_checks_whole(RUNG_CHECKS_SAMPLE, &large, UINT32_MAX));
    ck_assert(rung_checks_whole(RUNG_CHECKS_ALL, &large, UINT32_MAX));
    ck_assert(!rung_checks_whole(RUNG_CHECKS_FIRST, &light, 0));
}
END_TEST

UNIT_MAIN("rung_probe", damage_in_later_pictures_is_found,
          light_rungs_are_checked_whole_and_others_at_random, a_picture_that_can_be_decoded_passes,
          damage_is_named, any_byte_may_be_anything, many_at_once_are_bounded)
