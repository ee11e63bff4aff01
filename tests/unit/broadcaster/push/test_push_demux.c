#include "broadcaster/push/push_demux.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/pack/packager.h"
#include "broadcaster/push/push_mp4.h"
#include "broadcaster/push/push_nal.h"
#include "tests/support/clip.h"
#include "tests/support/unit.h"

#define START  900000
#define FRAMES 60
#define GOP    30

static char why[PUSH_DEMUX_WHY_MAX];

/* Display orientation SEI messages (ITU-T H.264, D.1.27): a quarter to the left, half a turn, and
 * upright. */
enum { LEFT, HALF, UPRIGHT, SAYS_NOTHING };
static const uint8_t said[][11] = {{0, 0, 0, 7, 6, 47, 3, 0x08, 0, 9, 0x80},
                                   {0, 0, 0, 7, 6, 47, 3, 0x10, 0, 9, 0x80},
                                   {0, 0, 0, 7, 6, 47, 3, 0x00, 0, 9, 0x80}};

static void say(struct packets *ps, size_t at, int what)
{
    if (what == SAYS_NOTHING) {
        return;
    }
    struct packet *p = &ps->items[at];
    struct buf out;
    buf_init(&out, p->data.len + sizeof said[0]);
    ck_assert_int_eq(buf_put(&out, span_of(said[what], sizeof said[0])), ERR_OK);
    ck_assert_int_eq(buf_put(&out, p->data), ERR_OK);
    blob_unref(p->blob);
    p->blob = blob_copy(buf_span(&out));
    p->data = blob_span(p->blob);
    ps->bytes += sizeof said[0];
    buf_fini(&out);
}

/* Two seconds, as TS or MP4, by the packagers that have tests of their own. What its first picture,
 * one in between and its second key picture say. */
static struct blob *file_saying(bool mp4, bool picture, bool sound, const int says[3])
{
    struct clip v = clip_video(160, 90, FRAMES, GOP, 2, START);
    struct clip a = clip_audio(94, 64000, START);
    struct packets vp = clip_cut(&v, 0, picture ? FRAMES : 0), ap = clip_cut(&a, 0, 94);
    struct segment_info info = {.msn = 7, .start = START, .duration = 180000};
    struct sound *s = sound ? sound_create(a.track, &ap) : NULL;
    for (size_t i = 0; picture && i < 3; i++) {
        say(&vp, i * GOP / 2, says[i]);
    }
    struct segment *seg = segment_create(&info, picture ? v.track : NULL, &vp, s);
    struct blob *b = NULL;
    ck_assert_int_eq(mp4 ? push_mp4(seg, &b) : packager_mpegts(seg, &b), ERR_OK);
    segment_unref(seg);
    sound_unref(s);
    packets_fini(&ap);
    clip_free(&v);
    clip_free(&a);
    return b;
}

static struct blob *file(bool mp4, bool picture, bool sound)
{
    static const int nothing[] = {SAYS_NOTHING, SAYS_NOTHING, SAYS_NOTHING};
    return file_saying(mp4, picture, sound, nothing);
}

static enum err demux(struct span bytes, bool mp4, struct push_media *m)
{
    struct push_demux_options o = {.mp4 = mp4, .told_ticks = 180000};
    why[0] = '\0';
    return push_demux(bytes, &o, m, why);
}

static void same_bytes(const struct packets *got, const struct clip *want)
{
    ck_assert_uint_eq(got->count, want->packets.count);
    for (size_t i = 0; i < got->count; i++) {
        const struct packet *g = &got->items[i], *w = &want->packets.items[i];
        ck_assert_msg(span_equal(g->data, w->data), "packet %zu: %zu and %zu bytes", i, g->data.len,
                      w->data.len);
        ck_assert_int_eq(g->flags, w->flags);
        ck_assert_int_eq(g->pts - g->dts, w->pts - w->dts);
        ck_assert_int_eq(g->dts - got->items[0].dts, w->dts - want->packets.items[0].dts);
    }
}

START_TEST(what_goes_in_comes_out)
{
    struct clip v = clip_video(160, 90, FRAMES, GOP, 2, START);
    struct clip a = clip_audio(94, 64000, START);
    struct blob *b = file(_i, true, true);
    struct push_media m;
    ck_assert_msg(demux(blob_span(b), _i, &m) == ERR_OK, "%s", why);
    ck_assert_int_eq(m.duration, 180000);
    ck_assert(m.independent);
    ck_assert_int_eq(m.wraps, !_i);
    ck_assert_int_eq(track_params(m.video)->width, 160);
    ck_assert_int_eq(track_params(m.video)->height, 90);
    ck_assert_int_eq(track_params(m.audio)->sample_rate, 48000);
    ck_assert_int_eq(track_params(m.audio)->channels, 1);
    same_bytes(&m.audio_packets, &a);
    ck_assert_uint_eq(m.video_packets.count, FRAMES);
    if (_i) {
        same_bytes(&m.video_packets, &v);
    }
    push_media_fini(&m);
    blob_unref(b);
    clip_free(&v);
    clip_free(&a);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(one_kind_is_enough)
{
    for (int picture = 0; picture < 2; picture++) {
        struct blob *b = file(_i, picture, !picture);
        struct push_media m;
        ck_assert_msg(demux(blob_span(b), _i, &m) == ERR_OK, "%s", why);
        ck_assert_int_eq(m.video != NULL, picture);
        ck_assert_int_eq(m.audio != NULL, !picture);
        ck_assert_int_ge(m.duration, 178000);
        ck_assert_int_le(m.duration, 182000);
        push_media_fini(&m);
        blob_unref(b);
    }
}
END_TEST

/* Whatever is cut off or damaged: an answer, and nothing lost. */
START_TEST(cut_and_damaged)
{
    struct blob *b = file(_i, true, true);
    struct span all = blob_span(b);
    struct push_media m;
    for (size_t n = 0; n < all.len; n += all.len / 60 + 1) {
        enum err e = demux(span_of(all.data, n), _i, &m);
        ck_assert(e == ERR_OK || why[0] != '\0');
        if (e == ERR_OK) {
            push_media_fini(&m);
        }
    }
    uint8_t *copy = mem_alloc(all.len);
    for (unsigned round = 0; round < 60; round++) {
        unsigned x = round * 2654435761u + 1;
        memcpy(copy, all.data, all.len);
        for (int i = 0; i < 20; i++) {
            x = x * 1664525 + 1013904223;
            copy[x % all.len] ^= (uint8_t)(x >> 24);
        }
        if (demux(span_of(copy, all.len), _i, &m) == ERR_OK) {
            push_media_fini(&m);
        }
    }
    mem_free(copy);
    blob_unref(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(what_is_no_such_file)
{
    static const char text[] = "root:x:0:0:root:/root:/bin/bash\n";
    struct push_media m;
    ck_assert_int_eq(demux(span_of(text, sizeof text), _i, &m), ERR_PROTO);
    ck_assert_str_ne(why, "");
    ck_assert_int_eq(demux(span_of(NULL, 0), _i, &m), ERR_PROTO);
    struct blob *other = file(!_i, true, true);
    ck_assert_int_eq(demux(blob_span(other), _i, &m), ERR_PROTO);
    blob_unref(other);
}
END_TEST

START_TEST(cancelled)
{
    atomic_bool cancel = true;
    struct push_demux_options o = {.mp4 = _i, .cancel = &cancel};
    struct blob *b = file(_i, true, true);
    struct push_media m;
    ck_assert_int_eq(push_demux(blob_span(b), &o, &m, why), ERR_TIMEOUT);
    blob_unref(b);
}
END_TEST

START_TEST(each_allocation_fails)
{
    struct blob *b = file(_i, true, true);
    size_t n = 1;
    for (bool failed = true; failed && n < 3000; n++) {
        struct push_media m;
        mem_fail_nth(n);
        enum err e = demux(blob_span(b), _i, &m);
        failed = mem_has_failed();
        mem_fail_nth(0);
        ck_assert(failed || e == ERR_OK);
        if (e == ERR_OK) {
            push_media_fini(&m);
        } else {
            ck_assert_int_eq(e, ERR_NOMEM);
        }
        n += n > 20 ? 16 : 0;
    }
    ck_assert_uint_gt(n, 20);
    blob_unref(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

static const struct {
    int says[3];
    bool told;
    unsigned quarters, last;
} turns[] = {
    {{SAYS_NOTHING, SAYS_NOTHING, SAYS_NOTHING}, false, 0, 0},
    {{SAYS_NOTHING, LEFT, SAYS_NOTHING}, false, 0, 0}, /* no key picture */
    {{LEFT, SAYS_NOTHING, SAYS_NOTHING}, true, 3, 3},
    {{LEFT, HALF, UPRIGHT}, true, 3, 0},
    {{SAYS_NOTHING, LEFT, HALF}, true, 2, 2},
    {{UPRIGHT, SAYS_NOTHING, LEFT}, true, 0, 3},
};

START_TEST(turned_as_its_pictures_say)
{
    struct blob *b = file_saying(_i % 2, true, false, turns[_i / 2].says);
    struct push_media m;
    ck_assert_msg(demux(blob_span(b), _i % 2, &m) == ERR_OK, "%s", why);
    ck_assert_uint_eq(track_params(m.video)->turn.quarters, turns[_i / 2].quarters);
    ck_assert_int_eq(m.turn_told, turns[_i / 2].told);
    ck_assert_uint_eq(m.turn_last.quarters, turns[_i / 2].last);
    push_media_fini(&m);
    blob_unref(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(nal_units)
{
    static const uint8_t stream[] = {9, 0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0, 0, 1, 0x68, 2, 0, 0, 0, 1};
    struct span s = span_of(stream, sizeof stream), nal;
    ck_assert(push_next_nal(&s, &nal));
    ck_assert_uint_eq(nal.len, 2);
    ck_assert_uint_eq(nal.data[0], 0x67);
    ck_assert(push_next_nal(&s, &nal));
    ck_assert_uint_eq(nal.len, 2);
    ck_assert_uint_eq(nal.data[0], 0x68);
    ck_assert(!push_next_nal(&s, &nal));
    ck_assert_uint_eq(s.len, 0);
}
END_TEST

START_TEST(adts)
{
    static const uint8_t frame[] = {0xff, 0xf1, 0x4c, 0x80, 0x01, 0x3f, 0xfc, 1, 2};
    uint8_t asc[PUSH_ASC_BYTES];
    int rate, channels;
    struct span s = span_of(frame, sizeof frame);
    ck_assert_int_eq(push_read_adts(&s, asc, &rate, &channels), ERR_OK);
    ck_assert_uint_eq(s.len, 2);
    ck_assert_int_eq(rate, 48000);
    ck_assert_int_eq(channels, 2);
    ck_assert_uint_eq(asc[0], 0x11);
    ck_assert_uint_eq(asc[1], 0x90);
    for (size_t n = 0; n < sizeof frame; n++) {
        s = span_of(frame, n);
        ck_assert_int_eq(push_read_adts(&s, asc, &rate, &channels), ERR_PROTO);
    }
}
END_TEST

int main(void)
{
    push_demux_init();
    Suite *suite = suite_create("push_demux");
    TCase *tc = tcase_create("push_demux");
    tcase_set_timeout(tc, UNIT_TIMEOUT_S);
    tcase_add_loop_test(tc, what_goes_in_comes_out, 0, 2);
    tcase_add_loop_test(tc, one_kind_is_enough, 0, 2);
    tcase_add_loop_test(tc, cut_and_damaged, 0, 2);
    tcase_add_loop_test(tc, what_is_no_such_file, 0, 2);
    tcase_add_loop_test(tc, cancelled, 0, 2);
    tcase_add_loop_test(tc, each_allocation_fails, 0, 2);
    tcase_add_loop_test(tc, turned_as_its_pictures_say, 0, 2 * sizeof turns / sizeof turns[0]);
    tcase_add_test(tc, nal_units);
    tcase_add_test(tc, adts);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
