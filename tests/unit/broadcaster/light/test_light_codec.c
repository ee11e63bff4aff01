#include "broadcaster/light/light_codec.h"

#include "tests/support/clip_codec.h"
#include "tests/support/unit.h"

#define START INT64_C(9000123)

static const struct light_form mono = {24000, 1};

static struct light_codec *open_codec(const struct track *t, const struct light_form *form)
{
    struct light_codec *c = NULL;
    ck_assert_int_eq(light_codec_create(track_params(t), form, START, &c), ERR_OK);
    return c;
}

/* One behind the other from the start on, up to `end` or less than a frame further. */
static void check_frames(const struct packets *ps, int64_t end)
{
    ck_assert_uint_gt(ps->count, 0);
    for (size_t i = 0; i < ps->count; i++) {
        const struct packet *p = &ps->items[i];
        ck_assert_int_eq(p->dts, START + (int64_t)i * 3840);
        ck_assert_int_eq(p->pts, p->dts);
        ck_assert_int_eq(p->duration, 3840);
        ck_assert(p->kind == TRACK_AUDIO && p->flags == PACKET_KEY && p->data.len > 0);
    }
    int64_t last = ps->items[ps->count - 1].dts + 3840;
    ck_assert_int_ge(last, end - 4);
    ck_assert_int_lt(last, end + 2 * 3840);
}

START_TEST(every_codec_becomes_light)
{
    static const enum track_codec codecs[] = {CODEC_AAC,  CODEC_MP3, CODEC_OPUS,
                                              CODEC_FLAC, CODEC_AC3, CODEC_EAC3};
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        struct clip clip = clip_codec(codecs[i], 60, START);
        struct light_codec *c = open_codec(clip.track, &mono);
        ck_assert_int_eq(light_codec_rate(c), 24000);
        const struct track_params *t = track_params(light_codec_track(c));
        ck_assert(t->codec == CODEC_AAC && t->sample_rate == 24000 && t->channels == 1);
        struct packets out;
        packets_init(&out);
        for (size_t k = 0; k < clip.packets.count; k++) {
            ck_assert_int_eq(light_codec_feed(c, &clip.packets.items[k], &out), ERR_OK);
        }
        const struct packet *last = &clip.packets.items[clip.packets.count - 1];
        ck_assert_int_eq(light_codec_end(c, &out), ERR_OK);
        check_frames(&out, last->dts + (last->dts - START) / ((int64_t)clip.packets.count - 1));
        packets_fini(&out);
        light_codec_destroy(c);
        clip_free(&clip);
    }
}
END_TEST

START_TEST(holes_and_what_cannot_be_decoded_are_silent)
{
    struct clip clip = clip_codec(CODEC_AAC, 100, START);
    struct light_codec *c = open_codec(clip.track, &mono);
    struct packets out;
    packets_init(&out);
    uint8_t noise[64];
    for (size_t i = 0; i < sizeof noise; i++) {
        noise[i] = (uint8_t)(i * 37 + 11);
    }
    ck_assert_int_eq(light_codec_reach(c, START + 900, &out), ERR_OK); /* before any sound */
    for (size_t k = 10; k < clip.packets.count; k++) {
        struct packet p = clip.packets.items[k];
        p.data = k % 20 == 3 ? span_of(noise, sizeof noise) : p.data;
        bool away = k >= 40 && k < 60;
        ck_assert_int_eq(away ? ERR_OK : light_codec_feed(c, &p, &out), ERR_OK);
    }
    int64_t end = START + 100 * 1920 + 5 * TICKS_PER_S;
    ck_assert_int_eq(light_codec_reach(c, end, &out), ERR_OK);
    ck_assert_int_eq(light_codec_reach(c, START, &out), ERR_OK); /* it has */
    ck_assert_int_eq(light_codec_end(c, &out), ERR_OK);
    check_frames(&out, end);
    packets_fini(&out);
    light_codec_destroy(c);
    clip_free(&clip);
}
END_TEST

/* A publisher's clock that is slower or faster than its samples by so many millionths. */
static void drift(int ppm)
{
    struct clip clip = clip_codec(CODEC_AAC, 400, START);
    struct light_codec *c = open_codec(clip.track, &mono);
    struct packets out;
    packets_init(&out);
    int64_t end = 0;
    for (size_t k = 0; k < clip.packets.count; k++) {
        struct packet p = clip.packets.items[k];
        p.pts = p.dts = START + (p.dts - START) * (1000000 + ppm) / 1000000;
        end = p.dts + 1920;
        ck_assert_int_eq(light_codec_feed(c, &p, &out), ERR_OK);
    }
    ck_assert_int_eq(light_codec_end(c, &out), ERR_OK);
    check_frames(&out, end - 5 * TICKS_PER_MS);
    ck_assert_int_lt(out.items[out.count - 1].dts, end + 5 * TICKS_PER_MS);
    packets_fini(&out);
    light_codec_destroy(c);
    clip_free(&clip);
}

START_TEST(it_follows_a_clock_that_drifts)
{
    drift(2000);
    drift(-2000);
}
END_TEST

START_TEST(what_comes_twice_is_heard_once)
{
    struct clip clip = clip_codec(CODEC_AAC, 30, START);
    struct light_codec *c = open_codec(clip.track, &mono);
    struct packets out;
    packets_init(&out);
    for (size_t k = 0; k < clip.packets.count; k++) {
        size_t which = k >= 20 ? k - 10 : k; /* ten of them again */
        ck_assert_int_eq(light_codec_feed(c, &clip.packets.items[which], &out), ERR_OK);
    }
    ck_assert_int_eq(light_codec_end(c, &out), ERR_OK);
    check_frames(&out, START + 20 * 1920);
    packets_fini(&out);
    light_codec_destroy(c);
    clip_free(&clip);
}
END_TEST

START_TEST(what_is_no_codec_is_said)
{
    static const uint8_t broken[] = {0xff, 0xff, 0xff};
    struct track_params t = {.kind = TRACK_AUDIO,
                             .codec = CODEC_AAC,
                             .config = span_of(broken, sizeof broken),
                             .sample_rate = 48000,
                             .channels = 2};
    struct light_codec *c = NULL;
    ck_assert_int_eq(light_codec_create(&t, &mono, 0, &c), ERR_UNSUPPORTED);
    t = (struct track_params){.kind = TRACK_VIDEO, .codec = CODEC_H264};
    ck_assert_int_eq(light_codec_create(&t, &mono, 0, &c), ERR_UNSUPPORTED);
    ck_assert_ptr_null(c);
    light_codec_destroy(NULL);
}
END_TEST

START_TEST(stereo_stays_what_the_source_has)
{
    struct clip clip = clip_codec(CODEC_OPUS, 3, START);
    struct light_codec *c = open_codec(clip.track, &(struct light_form){64000, 2});
    ck_assert_int_eq(track_params(light_codec_track(c))->channels,
                     track_params(clip.track)->channels);
    light_codec_destroy(c);
    clip_free(&clip);
}
END_TEST

UNIT_MAIN("light_codec", every_codec_becomes_light, holes_and_what_cannot_be_decoded_are_silent,
          it_follows_a_clock_that_drifts, what_comes_twice_is_heard_once, what_is_no_codec_is_said,
          stereo_stays_what_the_source_has)
