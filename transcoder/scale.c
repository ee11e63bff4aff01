#include "transcoder/scale.h"

#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <stdbool.h>

#include "base/mem.h"

#define FRAME_ALIGN 32
#define FRAME_SPARE 64 /* bytes behind a picture: SIMD reads and writes past its end */

struct scaler {
    int width;
    int height;
    struct SwsContext *sws;
    int in_width, in_height, in_format, in_range;
    enum AVColorSpace in_space;
    AVBufferPool *pictures; /* NULL before the first one; outlived by what is still referenced */
};

struct scaler *scaler_create(int width, int height)
{
    struct scaler *s = mem_alloc(sizeof *s);
    s->width = width;
    s->height = height;
    return s;
}

void scaler_destroy(struct scaler *s)
{
    if (s != NULL) {
        sws_freeContext(s->sws);
        av_buffer_pool_uninit(&s->pictures);
        mem_free(s);
    }
}

/* The "J" formats are the plain ones with full range said in another place. */
static enum AVPixelFormat plain_format(int format)
{
    switch (format) {
    case AV_PIX_FMT_YUVJ420P:
        return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P:
        return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P:
        return AV_PIX_FMT_YUV444P;
    default:
        return format;
    }
}

static bool is_rgb(const AVFrame *in)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(in->format);
    return d != NULL && (d->flags & AV_PIX_FMT_FLAG_RGB) != 0;
}

/* RGB becomes what every player takes untagged pictures of HD for: BT.709 in the limited range. */
static bool is_full_range(const AVFrame *in)
{
    return !is_rgb(in) &&
           (in->color_range == AVCOL_RANGE_JPEG || plain_format(in->format) != in->format);
}

static bool is_same_source(const struct scaler *s, const AVFrame *in)
{
    return s->sws != NULL && s->in_width == in->width && s->in_height == in->height &&
           s->in_format == in->format && s->in_range == is_full_range(in) &&
           s->in_space == in->colorspace;
}

static enum err scaler_open(struct scaler *s, const AVFrame *in, struct fault *f)
{
    enum AVPixelFormat format = plain_format(in->format);
    sws_freeContext(s->sws);
    s->sws = sws_getContext(in->width, in->height, format, s->width, s->height, AV_PIX_FMT_YUV420P,
                            SWS_BICUBIC, NULL, NULL, NULL);
    if (s->sws == NULL) {
        const char *name = av_get_pix_fmt_name(in->format);
        return fault_set(f, true, ERR_UNSUPPORTED, "pictures of %dx%d %s cannot be scaled to %dx%d",
                         in->width, in->height, name != NULL ? name : "?", s->width, s->height);
    }
    /* The output keeps the range and the matrix: only RGB input is converted by them. A refusal
     * means that nothing is to be converted. */
    const int *matrix = sws_getCoefficients(is_rgb(in) ? AVCOL_SPC_BT709 : in->colorspace);
    int full = is_full_range(in);
    (void)sws_setColorspaceDetails(s->sws, matrix, full, matrix, full, 0, 1 << 16, 1 << 16);
    s->in_width = in->width;
    s->in_height = in->height;
    s->in_format = in->format;
    s->in_range = full;
    s->in_space = in->colorspace;
    return ERR_OK;
}

static void copy_tags(const AVFrame *in, AVFrame *out)
{
    out->color_range = is_full_range(in) ? AVCOL_RANGE_JPEG
                       : is_rgb(in)      ? AVCOL_RANGE_MPEG
                                         : in->color_range;
    out->color_primaries = in->color_primaries;
    out->color_trc = in->color_trc;
    out->colorspace = is_rgb(in) ? AVCOL_SPC_BT709 : in->colorspace;
    out->chroma_location = in->chroma_location;
    out->sample_aspect_ratio = in->sample_aspect_ratio;
}

static enum err pass_through(const AVFrame *in, AVFrame *out, struct fault *f)
{
    if (av_frame_ref(out, in) < 0) {
        return fault_set(f, false, ERR_NOMEM, "no memory for a picture");
    }
    while (out->nb_side_data > 0) {
        av_frame_remove_side_data(out, out->side_data[0]->type);
    }
    out->format = AV_PIX_FMT_YUV420P;
    copy_tags(in, out);
    return ERR_OK;
}

/* From a pool: large blocks are the system's, and fresh ones for each picture cost several percent
 * of what encoding it does. */
static enum err new_picture(struct scaler *s, AVFrame *out)
{
    int lines = FFALIGN(s->height, FRAME_ALIGN);
    if (s->pictures == NULL) {
        int size = av_image_get_buffer_size(AV_PIX_FMT_YUV420P, s->width, lines, FRAME_ALIGN);
        s->pictures = size > 0 ? av_buffer_pool_init((size_t)size + FRAME_SPARE, NULL) : NULL;
    }
    out->buf[0] = s->pictures != NULL ? av_buffer_pool_get(s->pictures) : NULL;
    if (out->buf[0] == NULL) {
        return ERR_NOMEM;
    }
    out->format = AV_PIX_FMT_YUV420P;
    out->width = s->width;
    out->height = s->height;
    out->extended_data = out->data;
    int r = av_image_fill_arrays(out->data, out->linesize, out->buf[0]->data, AV_PIX_FMT_YUV420P,
                                 s->width, lines, FRAME_ALIGN);
    return r < 0 ? ERR_NOMEM : ERR_OK;
}

enum err scaler_run(struct scaler *s, const AVFrame *in, AVFrame *out, struct fault *f)
{
    if (in->width == s->width && in->height == s->height &&
        plain_format(in->format) == AV_PIX_FMT_YUV420P) {
        return pass_through(in, out, f);
    }
    if (!is_same_source(s, in)) {
        enum err e = scaler_open(s, in, f);
        if (e != ERR_OK) {
            return e;
        }
    }
    if (new_picture(s, out) != ERR_OK) {
        av_frame_unref(out);
        return fault_set(f, false, ERR_NOMEM, "no memory for a picture");
    }
    int r = sws_scale(s->sws, (const uint8_t *const *)in->data, in->linesize, 0, in->height,
                      out->data, out->linesize);
    if (r < 0) {
        av_frame_unref(out);
        return fault_set_av(f, false, "scaling", r);
    }
    copy_tags(in, out);
    return ERR_OK;
}
