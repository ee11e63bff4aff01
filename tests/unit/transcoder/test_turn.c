#include "transcoder/turn.h"

#include <libavutil/imgutils.h>

#include "tests/support/unit.h"

enum { UPPER_LEFT, UPPER_RIGHT, LOWER_LEFT, LOWER_RIGHT };

/* Grey, with one quarter white, in luma. */
static AVFrame *picture(int width, int height, enum AVPixelFormat format)
{
    AVFrame *f = av_frame_alloc();
    f->format = format;
    f->width = width;
    f->height = height;
    f->pts = 90000;
    f->color_range = AVCOL_RANGE_MPEG;
    f->sample_aspect_ratio = (AVRational){4, 3};
    ck_assert_int_ge(av_frame_get_buffer(f, 0), 0);
    bool wide = format == AV_PIX_FMT_YUV422P10;
    for (int p = 0; p < 3; p++) {
        int w = p > 0 ? AV_CEIL_RSHIFT(width, 1) : width;
        int h = p > 0 && !wide ? AV_CEIL_RSHIFT(height, 1) : height;
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++) {
                int v = p > 0 ? 128 : x < width / 2 && y < height / 2 ? 220 : 60;
                uint8_t *at = f->data[p] + y * f->linesize[p];
                if (wide) {
                    ((uint16_t *)at)[x] = (uint16_t)(v * 4);
                } else {
                    at[x] = (uint8_t)v;
                }
            }
        }
    }
    return f;
}

static int luma(const AVFrame *f, int x, int y)
{
    const uint8_t *at = f->data[0] + y * f->linesize[0];
    bool wide = av_image_get_linesize(f->format, 2, 0) == 4;
    return wide ? ((const uint16_t *)at)[x] >> 2 : at[x];
}

static int white_quarter(const AVFrame *f)
{
    int found = -1;
    for (int i = 0; i < 4; i++) {
        int v = luma(f, f->width * (1 + 2 * (i % 2)) / 4, f->height * (1 + 2 * (i / 2)) / 4);
        if (v > 200) {
            ck_assert_int_eq(found, -1);
            found = i;
        }
    }
    return found;
}

START_TEST(all_turns)
{
    static const int shown[2][4] = {{UPPER_LEFT, UPPER_RIGHT, LOWER_RIGHT, LOWER_LEFT},
                                    {UPPER_RIGHT, LOWER_RIGHT, LOWER_LEFT, UPPER_LEFT}};
    static const enum AVPixelFormat formats[] = {AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV422P10,
                                                 AV_PIX_FMT_YUVJ420P};
    for (int i = 0; i < 8; i++) {
        struct track_turn turn = {.quarters = (unsigned)i % 4, .mirrored = i >= 4};
        struct turner *t = turner_create(&turn);
        struct fault fault = {0};
        AVFrame *out = av_frame_alloc();
        /* Of other sizes and formats on the way. */
        for (int k = 0; k < 6; k++) {
            AVFrame *in = picture(k % 2 == 0 ? 64 : 98, 36, formats[k / 2]);
            ck_assert_msg(turner_run(t, in, out, &fault) == ERR_OK, "%s", fault.text);
            ck_assert_int_eq(out->width, i % 2 == 0 ? in->width : in->height);
            ck_assert_int_eq(out->height, i % 2 == 0 ? in->height : in->width);
            ck_assert_int_eq(white_quarter(out), shown[i / 4][i % 4]);
            ck_assert_int_eq(out->pts, in->pts);
            ck_assert_int_eq(out->color_range, AVCOL_RANGE_MPEG);
            ck_assert_int_eq(out->sample_aspect_ratio.num, i % 2 == 0 ? 4 : 3);
            ck_assert_int_eq(out->sample_aspect_ratio.den, i % 2 == 0 ? 3 : 4);
            av_frame_unref(out);
            av_frame_free(&in);
        }
        av_frame_free(&out);
        turner_destroy(t);
    }
    turner_destroy(NULL);
}
END_TEST

UNIT_MAIN("turn", all_turns)
