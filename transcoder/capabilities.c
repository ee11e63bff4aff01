#include "transcoder/capabilities.h"

#include <libavcodec/avcodec.h>
#include <stdio.h>
#include <string.h>

#include "media/profile.h"
#include "transcoder/avcc.h"
#include "transcoder/decode.h"
#include "transcoder/encode.h"

/* Raised when encode.c tells libx264 anything else for the same rung. */
#define ENCODER_SETTINGS 3

#define SIDE_MAX            8192
#define FPS_MAX             240
#define FPS_TERM_MAX        1000000 /* of the numerator and the denominator */
#define BITRATE_MIN         1000    /* libx264 counts in kbit/s */
#define BITRATE_MAX         1000000000
#define CRF_MAX             51
#define PERMILLE_MAX        1000
#define DTS_DELAY_MAX       16
#define GOP_FRAMES_MAX      100000
#define FINGERPRINT_PICTURE 64 /* pixels of a side */

static bool is_side(uint32_t side)
{
    return side >= 2 && side <= SIDE_MAX && side % 2 == 0;
}

static bool is_rate(uint32_t num, uint32_t den)
{
    return num == 0 ||
           (den > 0 && num <= FPS_TERM_MAX && den <= FPS_TERM_MAX && num / FPS_MAX <= den);
}

static bool is_between(uint32_t v, uint32_t min, uint32_t max)
{
    return v >= min && v <= max;
}

/* The name of the parameter that is outside its range, or NULL. */
static const char *bad_parameter(const struct link_rung *r)
{
    const struct {
        bool good;
        const char *name;
    } checks[] = {
        {is_side(r->width) && is_side(r->height) && r->width <= DECODE_PIXELS_MAX / r->height,
         "size"},
        {is_rate(r->fps_num, r->fps_den), "frame rate"},
        {is_between(r->bitrate_bps, BITRATE_MIN, BITRATE_MAX), "bit rate"},
        {is_between(r->buffer_bits, BITRATE_MIN, BITRATE_MAX), "buffer size"},
        {r->vbv_init_permille <= PERMILLE_MAX, "buffer fill"},
        {r->crf <= CRF_MAX, "quality (CRF)"},
        {profile_is_preset(r->preset), "preset"},
        {r->profile < LINK_PROFILES_, "profile"},
        {r->bframes <= (r->profile == LINK_PROFILE_BASELINE ? 0 : ENCODE_BFRAMES_MAX),
         "number of B-frames"},
        {r->gop_frames <= GOP_FRAMES_MAX, "distance of IDR pictures"},
        {r->lookahead_frames <= ENCODE_LOOKAHEAD_MAX, "lookahead"},
        {is_between(r->dts_delay_frames, r->bframes > 0, DTS_DELAY_MAX), "DTS delay"},
        {is_between(r->frames_per_part, 1, LINK_PACKETS_MAX), "number of frames per part"},
    };
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (!checks[i].good) {
            return checks[i].name;
        }
    }
    return NULL;
}

enum err capabilities_check(const struct link_job_open *open, struct fault *f)
{
    enum err e = decoder_check(&open->track, f);
    if (e != ERR_OK) {
        return e;
    }
    if (open->n_ladder == 0 || open->n_ladder > PROFILE_LADDER_MAX) {
        return fault_set(f, true, ERR_UNSUPPORTED, "a job has 1 to %d rungs", PROFILE_LADDER_MAX);
    }
    for (size_t i = 0; i < open->n_ladder; i++) {
        const char *bad = bad_parameter(&open->ladder[i]);
        if (bad != NULL) {
            return fault_set(f, true, ERR_UNSUPPORTED, "rung %zu: its %s cannot be done here", i,
                             bad);
        }
    }
    return ERR_OK;
}

static AVFrame *grey_picture(void)
{
    AVFrame *frame = av_frame_alloc();
    if (frame == NULL) {
        return NULL;
    }
    frame->format = AV_PIX_FMT_YUV420P;
    frame->width = FINGERPRINT_PICTURE;
    frame->height = FINGERPRINT_PICTURE;
    if (av_frame_get_buffer(frame, 0) < 0) {
        av_frame_free(&frame);
        return NULL;
    }
    for (int plane = 0; plane < 3; plane++) {
        int rows = plane == 0 ? FINGERPRINT_PICTURE : FINGERPRINT_PICTURE / 2;
        memset(frame->data[plane], 128, (size_t)frame->linesize[plane] * (size_t)rows);
    }
    return frame;
}

/* "x264 - core 164 r3095 baee400 - H.264/..." -> up to the second " - ". */
static void write_fingerprint(struct span text, char *ret_text)
{
    int len = 0;
    int dashes = 0;
    while (len < (int)text.len && text.data[len] >= ' ' && len < FINGERPRINT_MAX / 2) {
        dashes += text.data[len] == '-';
        if (dashes == 2) {
            break;
        }
        len++;
    }
    while (len > 0 && text.data[len - 1] == ' ') {
        len--;
    }
    unsigned v = avcodec_version();
    snprintf(ret_text, FINGERPRINT_MAX, "%.*s, libavcodec %u.%u.%u, settings %d", len,
             (const char *)text.data, v >> 16, v >> 8 & 0xff, v & 0xff, ENCODER_SETTINGS);
}

static enum err encode_one(struct encoder *encoder, AVFrame *picture, char *ret_text,
                           struct fault *f)
{
    struct encoded out;
    enum err e = encoder_push(encoder, picture, 0, ENCODER_IDR, f);
    if (e == ERR_OK) {
        e = encoder_end(encoder, f);
    }
    if (e == ERR_OK) {
        e = encoder_pull(encoder, &out, f);
    }
    if (e != ERR_OK) {
        return fault_set(f, false, ERR_UNSUPPORTED, "the encoder does not encode");
    }
    struct span text;
    if (avcc_user_data(out.annex_b, &text) != ERR_OK) {
        text = span_cstr("x264 of an unknown build");
    }
    write_fingerprint(text, ret_text);
    return ERR_OK;
}

enum err capabilities_fingerprint(char ret_text[FINGERPRINT_MAX], struct fault *f)
{
    const struct link_rung rung = {.name = "",
                                   .width = FINGERPRINT_PICTURE,
                                   .height = FINGERPRINT_PICTURE,
                                   .fps_num = 30,
                                   .fps_den = 1,
                                   .bitrate_bps = 100000,
                                   .buffer_bits = 100000,
                                   .vbv_init_permille = 900,
                                   .crf = 23,
                                   .preset = "veryfast",
                                   .frames_per_part = 1};
    AVFrame *picture = grey_picture();
    if (picture == NULL) {
        return fault_set(f, false, ERR_NOMEM, "no memory for a picture");
    }
    struct encoder *encoder = NULL;
    enum err e = encoder_create(&rung, picture, f, &encoder);
    if (e == ERR_OK) {
        e = encode_one(encoder, picture, ret_text, f);
    }
    encoder_destroy(encoder);
    av_frame_free(&picture);
    return e;
}
