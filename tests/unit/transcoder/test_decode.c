/* Every video codec that a publisher may send, from packets to pictures. */
#include "transcoder/decode.h"

#include "tests/support/clip_codec.h"
#include "tests/support/unit.h"

#define FRAMES 30
#define START  (10 * TICKS_PER_S)

static const enum track_codec codecs[] = {CODEC_H264, CODEC_HEVC, CODEC_AV1, CODEC_VP9};

static size_t pull_all(struct decoder *d, int64_t *last_pts, enum err *ret_end)
{
    struct fault f = {0};
    size_t count = 0;
    AVFrame *frame = av_frame_alloc();
    enum err e;
    while ((e = decoder_pull(d, frame, &f)) == ERR_OK) {
        ck_assert_int_lt(*last_pts, frame->pts);
        *last_pts = frame->pts;
        count++;
        av_frame_unref(frame);
    }
    av_frame_free(&frame);
    *ret_end = e;
    return count;
}

START_TEST(every_picture_comes_out_in_order)
{
    struct clip c = clip_codec(codecs[_i], FRAMES, START);
    struct fault f = {0};
    struct decoder *d;
    ck_assert_msg(decoder_create(track_params(c.track), &f, &d) == ERR_OK, "%s", f.text);
    int64_t last_pts = INT64_MIN;
    size_t count = 0;
    enum err end;
    for (size_t i = 0; i < c.packets.count; i++) {
        ck_assert_int_eq(decoder_push(d, &c.packets.items[i], &f), ERR_OK);
        count += pull_all(d, &last_pts, &end);
        ck_assert_int_eq(end, ERR_AGAIN);
    }
    /* What is held back is the order of coding, not a queue for threads. */
    ck_assert_uint_ge(count + 6, FRAMES);
    ck_assert_int_eq(decoder_push(d, NULL, &f), ERR_OK);
    count += pull_all(d, &last_pts, &end);
    ck_assert_int_eq(end, ERR_CLOSED);
    ck_assert_uint_eq(count, FRAMES);
    ck_assert_uint_eq(decoder_errors(d), 0);
    decoder_destroy(d);
    clip_free(&c);
}
END_TEST

START_TEST(sound_is_not_decoded)
{
    struct track_params p = {.kind = TRACK_AUDIO, .codec = CODEC_AAC, .config = span_cstr("\x11")};
    struct fault f = {0};
    struct decoder *d = NULL;
    ck_assert_int_eq(decoder_create(&p, &f, &d), ERR_UNSUPPORTED);
    ck_assert_str_eq(f.text, "only video is transcoded");
}
END_TEST

START_TEST(a_config_of_garbage_is_refused_or_passed_over)
{
    struct track_params p = {
        .kind = TRACK_VIDEO, .codec = codecs[_i], .config = span_cstr("garbage, not a record")};
    struct fault f = {0};
    struct decoder *d = NULL;
    enum err e = decoder_create(&p, &f, &d);
    if (e == ERR_OK) {
        enum err end;
        int64_t last_pts = INT64_MIN;
        struct blob *b = blob_copy(span_cstr("garbage too"));
        struct packet packet = {.data = blob_span(b), .blob = b, .flags = PACKET_KEY};
        ck_assert_int_eq(decoder_push(d, &packet, &f), ERR_OK);
        ck_assert_uint_eq(pull_all(d, &last_pts, &end), 0);
        packet_unref(&packet);
    } else {
        ck_assert(f.text[0] != '\0');
    }
    decoder_destroy(d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decode");
    TCase *t = tcase_create("decode");
    int n = sizeof codecs / sizeof codecs[0];
    tcase_set_timeout(t, UNIT_TIMEOUT_S);
    tcase_add_loop_test(t, every_picture_comes_out_in_order, 0, n);
    tcase_add_test(t, sound_is_not_decoded);
    tcase_add_loop_test(t, a_config_of_garbage_is_refused_or_passed_over, 0, n);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
