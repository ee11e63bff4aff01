#include "broadcaster/jobs/rung_describe.h"

#define USUAL_PRESET "veryfast"
#define USUAL_CRF    23
#define USUAL_FPS    30 /* of a rung with the source's own rate, until it is known */

#define LOW_BFRAMES     2
#define QUALITY_BFRAMES 3
#define QUALITY_LOOKAHEAD                                                                          \
    24 /* frames: what it gains grows slowly beyond, and its delay does not                        \
        */

/* Units that make up a part of a playlist: each ends with a picture that nothing behind it needs to
 * be waited for, which costs bits. */
#define LOW_UNITS_PER_PART 2

#define GOP_FRAMES_MAX 100000 /* more is longer than any segment */
#define MS_PER_S       1000

static uint32_t wire_profile(enum profile_h264 h264)
{
    switch (h264) {
    case PROFILE_H264_BASELINE:
        return LINK_PROFILE_BASELINE;
    case PROFILE_H264_MAIN:
        return LINK_PROFILE_MAIN;
    case PROFILE_H264_HIGH:
    case PROFILE_H264_CONSTRAINED_HIGH:
        return LINK_PROFILE_HIGH;
    case PROFILE_H264_ANY:
        break;
    }
    return LINK_PROFILE_ANY;
}

static int64_t known_frame(int64_t frame)
{
    return frame > 0 ? frame : TICKS_PER_S / USUAL_FPS;
}

/* To the nearest frame, at least one. */
static uint32_t gop_frames(const struct profile *p, int64_t frame)
{
    if (p->gop_ms <= 0) {
        return p->gop_ms == PROFILE_GOP_INTRA;
    }
    int64_t num = p->fps_num > 0 ? p->fps_num : TICKS_PER_S;
    int64_t den = (p->fps_num > 0 ? p->fps_den : known_frame(frame)) * MS_PER_S;
    int64_t frames = (2 * p->gop_ms * num + den) / (2 * den);
    return frames < 1 ? 1 : frames > GOP_FRAMES_MAX ? 0 : (uint32_t)frames;
}

/* Nothing is gained by looking ahead where every picture stands alone. */
static uint32_t lookahead(const struct profile *p, bool quality)
{
    return quality && p->gop_ms != PROFILE_GOP_INTRA ? QUALITY_LOOKAHEAD : 0;
}

static uint32_t bframes(const struct profile *p, bool quality)
{
    bool none = p->h264 == PROFILE_H264_BASELINE || p->h264 == PROFILE_H264_CONSTRAINED_HIGH ||
                p->gop_ms == PROFILE_GOP_INTRA;
    return none ? 0 : quality ? QUALITY_BFRAMES : LOW_BFRAMES;
}

struct link_rung rung_describe(const struct profile *p, const struct track_params *in,
                               int64_t frame, bool quality)
{
    int w, h;
    track_shown_size(in, &w, &h);
    profile_output_size(p, w, h, &w, &h);
    return (struct link_rung){
        .name = p->name,
        .width = (uint32_t)w,
        .height = (uint32_t)h,
        .fps_num = (uint32_t)p->fps_num,
        .fps_den = (uint32_t)p->fps_den,
        .bitrate_bps = (uint32_t)p->bitrate_bps,
        .crf = p->quality > 0 ? (uint32_t)p->quality : USUAL_CRF,
        .preset = p->preset[0] != '\0' ? p->preset : USUAL_PRESET,
        .profile = wire_profile(p->h264),
        .gop_frames = gop_frames(p, frame),
        .bframes = bframes(p, quality),
        .lookahead_frames = lookahead(p, quality),
        .dts_delay_frames = RUNG_DTS_DELAY,
    };
}

int64_t rung_lag(const struct profile *p, int64_t frame, bool quality)
{
    return lookahead(p, quality) * known_frame(frame);
}

uint32_t rung_unit_frames(const struct parter *parter, bool quality)
{
    struct parter usual;
    if (parter->frames == 0) {
        parter_init(&usual);
        parter_set_aim(&usual, parter->aim);
        parter_set_rate(&usual, USUAL_FPS, 1);
        parter = &usual;
    }
    bool halves = !quality && parter->frames % LOW_UNITS_PER_PART == 0;
    return (uint32_t)(parter->frames / (halves ? LOW_UNITS_PER_PART : 1));
}
