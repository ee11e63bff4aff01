#include "broadcaster/push/push_split.h"

#include "tests/support/unit.h"

#define FRAME  (TICKS_PER_S / 25)
#define AUDIO  1920
#define START  INT64_C(900000)
#define SECOND ((int64_t)TICKS_PER_S)

static void add(struct packets *to, enum track_kind kind, int64_t dts, int64_t pts, bool key)
{
    struct blob *b = blob_create(10);
    struct packet p = {.kind = kind,
                       .dts = dts,
                       .pts = pts,
                       .flags = key ? PACKET_KEY : 0,
                       .blob = b,
                       .data = blob_span(b)};
    ck_assert_int_eq(packets_push(to, p), ERR_OK);
}

static struct track *track(enum track_kind kind, int width)
{
    struct track_params p = {.kind = kind,
                             .codec = kind == TRACK_VIDEO ? CODEC_H264 : CODEC_AAC,
                             .width = width,
                             .height = width,
                             .sample_rate = 48000};
    return track_create(&p);
}

/* gop: pictures from key to key; three B-frames are shown between two others. */
static struct push_media media(int frames, int gop, bool reorders, bool sound)
{
    static const int shown_at[] = {3, 0, 1, 2};
    struct push_media m;
    push_media_init(&m);
    m.video = frames > 0 ? track(TRACK_VIDEO, 64) : NULL;
    m.audio = sound ? track(TRACK_AUDIO, 0) : NULL;
    for (int i = 0; i < frames; i++) {
        int inside = i % gop;
        int shown =
            !reorders || inside == 0 ? i : i - (inside - 1) % 4 + shown_at[(inside - 1) % 4];
        add(&m.video_packets, TRACK_VIDEO, START + i * FRAME, START + (shown + 3) * FRAME,
            inside == 0);
    }
    int n = frames > 0 ? frames : 250;
    m.start = START;
    m.duration = n * FRAME;
    m.independent = true;
    for (int64_t at = START - AUDIO; sound && at < START + m.duration; at += AUDIO) {
        add(&m.audio_packets, TRACK_AUDIO, at, at, true);
    }
    return m;
}

static const struct {
    int frames, gop;
    bool reorders, sound;
    int64_t longest;
    size_t n;
    int independent; /* of them */
} splits[] = {
    {200, 25, false, true, 0, 1, 1},
    {200, 25, false, true, 8 * SECOND, 1, 1},
    {200, 25, false, true, 5 * SECOND / 2, 4, 4},
    {200, 25, false, false, 4 * SECOND, 2, 2},
    {200, 60, false, true, 5 * SECOND / 2, 4, 4},
    {200, 500, false, true, 2 * SECOND, 4, 1},
    {201, 500, true, true, 5 * SECOND / 2, 4, 1},
    {0, 1, false, true, 5 * SECOND / 2, 5, 5},
    {100, 500, true, false, 3 * SECOND, 2, 1},
    {201, 29, true, true, 5 * SECOND / 2, 4, 4},
};

START_TEST(pieces_are_the_whole)
{
    struct push_media m =
        media(splits[_i].frames, splits[_i].gop, splits[_i].reorders, splits[_i].sound);
    struct push_media pieces[PUSH_PIECES_MAX];
    int64_t at = m.start, duration = m.duration, longest = splits[_i].longest, newest = 0;
    size_t pictures = m.video_packets.count, sounds = m.audio_packets.count, n, independent = 0;
    ck_assert_int_eq(push_split(&m, longest, pieces, &n), ERR_OK);
    ck_assert_uint_eq(n, splits[_i].n);
    ck_assert_uint_eq(m.video_packets.count + m.audio_packets.count, 0);
    for (size_t i = 0; i < n; i++) {
        const struct push_media *p = &pieces[i];
        ck_assert_int_eq(p->start, at);
        ck_assert(longest == 0 || p->duration <= longest);
        at += p->duration;
        pictures -= p->video_packets.count;
        sounds -= p->audio_packets.count;
        independent += p->independent;
        ck_assert_int_eq(p->independent, p->preroll.count == 0);
        int64_t before = newest;
        for (size_t k = 0; k < p->video_packets.count; k++) {
            const struct packet *x = &p->video_packets.items[k];
            ck_assert_int_gt(x->pts, before); /* shown behind all of the piece in front */
            newest = x->pts > newest ? x->pts : newest;
        }
        if (p->preroll.count > 0) {
            ck_assert_uint_eq(p->preroll.items[0].flags, PACKET_KEY | PACKET_PREROLL);
            ck_assert_int_eq(p->preroll.items[p->preroll.count - 1].dts + FRAME, p->start);
        }
        for (size_t k = 0; i > 0 && k < p->audio_packets.count; k++) {
            ck_assert_int_ge(p->audio_packets.items[k].dts, p->start);
        }
    }
    ck_assert_int_eq(at, START + duration);
    ck_assert_uint_eq(pictures + sounds, 0);
    ck_assert_int_eq((int)independent, splits[_i].independent);
    for (size_t i = 0; i < n; i++) {
        push_media_fini(&pieces[i]);
    }
    push_media_fini(&m);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(too_many_and_too_long)
{
    struct push_media pieces[PUSH_PIECES_MAX];
    size_t n = 7;
    struct push_media m = media(400, 25, false, true);
    ck_assert_int_eq(push_split(&m, SECOND - 1, pieces, &n), ERR_LIMIT); /* 17 of them */
    ck_assert_uint_eq(m.video_packets.count, 400);
    push_media_fini(&m);
    m = media(1, 1, false, false);
    m.duration = 5 * SECOND;
    ck_assert_int_eq(push_split(&m, SECOND, pieces, &n), ERR_LIMIT);
    ck_assert_uint_eq(n, 7);
    push_media_fini(&m);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

static struct segment *segment(int width, int frames, int64_t start)
{
    struct packets pictures, heard;
    packets_init(&pictures);
    packets_init(&heard);
    for (int i = 0; i < frames; i++) {
        add(&pictures, TRACK_VIDEO, start + i * FRAME, start + i * FRAME, i == 0);
        add(&heard, TRACK_AUDIO, start + i * FRAME, start + i * FRAME, true);
    }
    struct track *video = track(TRACK_VIDEO, width), *audio = track(TRACK_AUDIO, 0);
    struct sound *sound = sound_create(audio, &heard);
    struct segment_info info = {.msn = 5, .start = start, .duration = frames * FRAME};
    struct segment *s = segment_create(&info, video, &pictures, sound);
    sound_unref(sound);
    track_unref(video);
    track_unref(audio);
    return s;
}

START_TEST(pieces_become_one_again)
{
    struct segment *list[] = {segment(64, 10, START), segment(64, 20, START + 10 * FRAME),
                              segment(32, 5, START + 30 * FRAME)};
    struct segment *whole = NULL;
    ck_assert_int_eq(push_join(list, 1, &whole), ERR_OK);
    ck_assert_ptr_eq(whole, list[0]);
    segment_unref(whole);
    ck_assert_int_eq(push_join(list, 2, &whole), ERR_OK);
    ck_assert_uint_eq(segment_packets(whole)->count, 30);
    ck_assert_uint_eq(sound_packets(segment_sound(whole))->count, 30);
    ck_assert_int_eq(segment_info(whole)->start, START);
    ck_assert_int_eq(segment_info(whole)->duration, 30 * FRAME);
    segment_unref(whole);
    ck_assert_int_eq(push_join(list, 3, &whole), ERR_UNSUPPORTED); /* of another size */
    for (size_t i = 0; i < 3; i++) {
        segment_unref(list[i]);
    }
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("push_split");
    TCase *t = tcase_create("push_split");
    tcase_add_loop_test(t, pieces_are_the_whole, 0, sizeof splits / sizeof splits[0]);
    tcase_add_test(t, too_many_and_too_long);
    tcase_add_test(t, pieces_become_one_again);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
