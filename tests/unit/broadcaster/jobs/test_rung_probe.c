/* The first picture of a rung's emission, decoded. */
#include <string.h>

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
    struct rung_probe *p = rung_probe_create(l, on_done, &told);
    ck_assert_ptr_nonnull(p);
    uint64_t sum = 0;
    for (uint64_t i = 1; i <= RUNG_PROBES_MAX; i++) {
        packet.length = i == 7 ? 30 : (uint32_t)blob_span(payload).len;
        ck_assert(rung_probe_begin(p, &asked, &u, payload, i));
        sum += i;
    }
    ck_assert(!rung_probe_begin(p, &asked, &u, payload, 1));
    for (int64_t until = clock_mono_ms() + 20000;
         told.good + told.bad < RUNG_PROBES_MAX && clock_mono_ms() < until;) {
        loop_run_once(l);
    }
    ck_assert_uint_eq(told.good, RUNG_PROBES_MAX - 1);
    ck_assert_uint_eq(told.bad, 1);
    ck_assert_uint_eq(told.tickets, sum);
    /* Some of these are still under way. */
    ck_assert(rung_probe_begin(p, &asked, &u, payload, 1));
    ck_assert(rung_probe_begin(p, &asked, &u, payload, 2));
    rung_probe_destroy(p);
    loop_run_once(l);
    loop_destroy(l);
    blob_unref(payload);
    clip_free(&c);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

UNIT_MAIN("rung_probe", a_picture_that_can_be_decoded_passes, damage_is_named,
          any_byte_may_be_anything, many_at_once_are_bounded)
