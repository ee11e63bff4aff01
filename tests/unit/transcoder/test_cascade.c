#include "transcoder/cascade.h"

#include <math.h>

#include "fixture.h"
#include "tests/support/unit.h"
#include "transcoder/scale.h"

static AVFrame *picture(int width, int height, int64_t pts)
{
    AVFrame *f = av_frame_alloc();
    f->format = AV_PIX_FMT_YUV420P;
    f->width = width;
    f->height = height;
    f->pts = pts;
    ck_assert_int_ge(av_frame_get_buffer(f, 0), 0);
    for (int p = 0; p < 3; p++) {
        for (int y = 0; y < (p > 0 ? height / 2 : height); y++) {
            memset(f->data[p] + y * f->linesize[p], 128, (size_t)(p > 0 ? width / 2 : width));
        }
    }
    return f;
}

START_TEST(the_smallest_that_is_twice_as_large)
{
    struct cascade c;
    AVFrame *source = picture(1280, 720, 7);
    AVFrame *p720 = picture(1280, 720, 0);
    AVFrame *p360 = picture(640, 360, 0);
    AVFrame *p240 = picture(426, 240, 0);
    ck_assert_int_eq(cascade_init(&c, 3), ERR_OK);
    ck_assert_ptr_eq(cascade_find(&c, source, 256, 144), source);
    cascade_put(&c, 0, source, p720);
    ck_assert_ptr_eq(cascade_find(&c, source, 256, 144), source); /* no gain */
    cascade_put(&c, 1, source, p360);
    cascade_put(&c, 2, source, p240);
    ck_assert_int_eq(cascade_find(&c, source, 256, 144)->width, 640);
    ck_assert_int_eq(cascade_find(&c, source, 212, 120)->width, 426);
    ck_assert_ptr_eq(cascade_find(&c, source, 426, 240), source);
    ck_assert_ptr_eq(cascade_find(&c, source, 320, 182), source); /* not in height */
    /* Another picture of the source: what was made of the former does not serve. */
    source->pts = 8;
    ck_assert_ptr_eq(cascade_find(&c, source, 256, 144), source);
    cascade_put(&c, 1, source, p360);
    ck_assert_int_eq(cascade_find(&c, source, 256, 144)->width, 640);
    ck_assert_int_eq(cascade_find(&c, source, 128, 72)->width, 640);
    AVFrame *other = picture(1280, 720, 8);
    ck_assert_ptr_eq(cascade_find(&c, other, 256, 144), other);
    cascade_fini(&c);
    AVFrame **all[] = {&source, &p720, &p360, &p240, &other};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        av_frame_free(all[i]);
    }
}
END_TEST

/* Waves of many lengths and directions, down to what a small rung cannot show. */
static void paint(AVFrame *f)
{
    for (int y = 0; y < f->height; y++) {
        for (int x = 0; x < f->width; x++) {
            double v = 128 + 40 * sin(x * 0.02 + y * 0.03) + 25 * sin(x * 0.15 - y * 0.11) +
                       20 * sin(hypot(x - 500, y - 300) * 0.2) + 15 * ((x / 9 + y / 13) % 2) +
                       10 * sin(x * 1.3) * sin(y * 1.1);
            f->data[0][y * f->linesize[0] + x] = (uint8_t)(v < 16 ? 16 : v > 235 ? 235 : v);
        }
    }
}

/* Mean over windows of 8x8, as Wang and others define it. */
static double ssim(const AVFrame *a, const AVFrame *b)
{
    double sum = 0;
    int n = 0;
    for (int y = 0; y + 8 <= a->height; y += 4) {
        for (int x = 0; x + 8 <= a->width; x += 4) {
            double sa = 0, sb = 0, aa = 0, bb = 0, ab = 0;
            for (int i = 0; i < 64; i++) {
                double p = a->data[0][(y + i / 8) * a->linesize[0] + x + i % 8];
                double q = b->data[0][(y + i / 8) * b->linesize[0] + x + i % 8];
                sa += p / 64;
                sb += q / 64;
                aa += p * p / 64;
                bb += q * q / 64;
                ab += p * q / 64;
            }
            sum += (2 * sa * sb + 6.5025) * (2 * (ab - sa * sb) + 58.5225) /
                   ((sa * sa + sb * sb + 6.5025) * (aa - sa * sa + bb - sb * sb + 58.5225));
            n++;
        }
    }
    return sum / n;
}

static AVFrame *scaled(const AVFrame *in, int width, int height)
{
    struct fault f = {0};
    struct scaler *s = scaler_create(width, height);
    AVFrame *out = av_frame_alloc();
    ck_assert_msg(scaler_run(s, in, out, &f) == ERR_OK, "%s", f.text);
    scaler_destroy(s);
    return out;
}

/* Against a better scaler than either: what the way round costs is not to be seen. */
START_TEST(the_way_round_loses_nothing)
{
    AVFrame *source = picture(1280, 720, 0);
    paint(source);
    AVFrame *middle = scaled(source, 640, 360);
    AVFrame *direct = scaled(source, 256, 144);
    AVFrame *round = scaled(middle, 256, 144);
    AVFrame *ideal = av_frame_alloc();
    struct SwsContext *sws = sws_getContext(1280, 720, source->format, 256, 144, AV_PIX_FMT_YUV420P,
                                            SWS_LANCZOS | SWS_ACCURATE_RND, NULL, NULL, NULL);
    ck_assert_int_ge(sws_scale_frame(sws, ideal, source), 0);
    sws_freeContext(sws);
    ck_assert(ssim(ideal, direct) > 0.99);
    ck_assert(ssim(ideal, direct) - ssim(ideal, round) < 0.001);
    AVFrame **all[] = {&source, &middle, &direct, &round, &ideal};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        av_frame_free(all[i]);
    }
}
END_TEST

/* A ladder with the small rung first, one of another frame rate, and a large one that begins late:
 * the small ones begin from what there is, and every picture is the right one. */
START_TEST(whole_jobs)
{
    static struct output out;
    static struct judged seen;
    static const size_t expected[] = {30, 15, 18};
    struct source s = {.width = 640,
                       .height = 360,
                       .fps_num = 30,
                       .fps_den = 1,
                       .frames = 30,
                       .gop = 30,
                       .flags = EXACT_TIMES};
    source_make(&s);
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    open.n_ladder = 3;
    open.ladder[0].width = 160;
    open.ladder[0].height = 90;
    open.ladder[1] = open.ladder[2] = open.ladder[0];
    open.ladder[1].width = 320;
    open.ladder[1].height = 180;
    open.ladder[1].fps_num = 15;
    open.ladder[1].frames_per_part = 3;
    open.ladder[2].width = 480;
    open.ladder[2].height = 270;
    open.ladder[2].emit_from = 2;
    run_job(&s, &open, 0, 30, 0, TICKS_PER_S, &out);
    ck_assert_msg(out.result == ERR_OK, "%s", out.fault.text);
    struct output *const one[] = {&out};
    for (uint32_t r = 0; r < 3; r++) {
        judge(one, 1, r, &seen);
        ck_assert_uint_eq(seen.count, expected[r]);
        ck_assert_int_eq(seen.width, (int)open.ladder[r].width);
        for (size_t i = 0; i < seen.count; i++) {
            size_t number = r == 0 ? i : r == 1 ? 2 * i : i + 12;
            ck_assert_int_eq(seen.numbers[i], (int)number);
        }
    }
    output_free(&out);
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    const TTest *const tests[] = {the_smallest_that_is_twice_as_large, the_way_round_loses_nothing,
                                  whole_jobs};
    return unit_run("cascade", tests, sizeof tests / sizeof tests[0]);
}
