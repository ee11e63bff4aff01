#include "broadcaster/jobs/rung_form.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "broadcaster/jobs/ladder.h"

#define COLOR_DEPTH       8
#define CHROMA_FORMAT     420
#define CHROMA_TEXT       "4:2:0"
#define GOP_DECIMALS_UNIT 1000 /* milliseconds */

/* The known form counts the CRF of other encoders as well, which goes further. */
#define QUALITY_SAID_MAX 63

struct number_field {
    const char *name;
    size_t at;
    int64_t min, max;
};

static const struct number_field numbers[] = {
    {"width", offsetof(struct profile, width), PROFILE_SIDE_MIN, PROFILE_SIDE_MAX},
    {"height", offsetof(struct profile, height), PROFILE_SIDE_MIN, PROFILE_SIDE_MAX},
    {"bitrate", offsetof(struct profile, bitrate_bps), PROFILE_BITRATE_MIN, PROFILE_BITRATE_MAX},
    {"fps", offsetof(struct profile, fps_num), 0, (int64_t)PROFILE_FPS_MAX *PROFILE_FPS_DEN_MAX},
    {"fpsDen", offsetof(struct profile, fps_den), 0, PROFILE_FPS_DEN_MAX},
};

static enum err set_number(struct profile *p, const struct number_field *f,
                           const struct rung_value *v, char *ret_why)
{
    if (!v->is_number || v->number < f->min || v->number > f->max) {
        snprintf(ret_why, RUNG_FORM_WHY_MAX, "%s: takes a whole number from %lld to %lld", f->name,
                 (long long)f->min, (long long)f->max);
        return ERR_PROTO;
    }
    int value = (int)v->number;
    memcpy((char *)p + f->at, &value, sizeof value);
    return ERR_OK;
}

static enum err say(char *ret_why, enum err e, const char *sentence)
{
    snprintf(ret_why, RUNG_FORM_WHY_MAX, "%s", sentence);
    return e;
}

static enum err set_name(struct profile *p, const struct rung_value *v, char *ret_why)
{
    if (v->text == NULL || strlen(v->text) > PROFILE_NAME_MAX) {
        snprintf(ret_why, RUNG_FORM_WHY_MAX, "name: takes a text of up to %d bytes",
                 PROFILE_NAME_MAX);
        return ERR_PROTO;
    }
    snprintf(p->name, sizeof p->name, "%s", v->text);
    return ERR_OK;
}

static enum err set_profile(struct profile *p, const struct rung_value *v, char *ret_why)
{
    static const struct {
        const char *name;
        enum profile_h264 profile;
    } known[] = {{"", PROFILE_H264_ANY},
                 {"None", PROFILE_H264_ANY},
                 {"H264Baseline", PROFILE_H264_BASELINE},
                 {"H264Main", PROFILE_H264_MAIN},
                 {"H264High", PROFILE_H264_HIGH},
                 {"H264ConstrainedHigh", PROFILE_H264_CONSTRAINED_HIGH}};
    for (size_t i = 0; v->text != NULL && i < sizeof known / sizeof known[0]; i++) {
        if (strcasecmp(known[i].name, v->text) == 0) {
            p->h264 = known[i].profile;
            return ERR_OK;
        }
    }
    return say(ret_why, ERR_PROTO,
               "profile: takes \"H264Baseline\", \"H264Main\", \"H264High\", "
               "\"H264ConstrainedHigh\" or \"None\"");
}

/* "2", "2.5", "0.125": seconds, cut to milliseconds. */
static bool read_seconds(const char *text, int *ret_ms)
{
    int64_t ms = 0;
    size_t i = 0;
    for (; text[i] >= '0' && text[i] <= '9' && ms <= PROFILE_GOP_MS_MAX; i++) {
        ms = ms * 10 + (int64_t)(text[i] - '0') * GOP_DECIMALS_UNIT;
    }
    if (i > 0 && text[i] == '.') {
        size_t dot = i++;
        for (int unit = GOP_DECIMALS_UNIT / 10; text[i] >= '0' && text[i] <= '9'; unit /= 10) {
            ms += (int64_t)(text[i++] - '0') * unit;
        }
        if (i == dot + 1) {
            return false;
        }
    }
    if (i == 0 || text[i] != '\0' || ms > PROFILE_GOP_MS_MAX) {
        return false;
    }
    *ret_ms = (int)ms;
    return true;
}

static enum err set_gop(struct profile *p, const struct rung_value *v, char *ret_why)
{
    if (v->text != NULL && strcasecmp(v->text, "intra") == 0) {
        p->gop_ms = PROFILE_GOP_INTRA;
        return ERR_OK;
    }
    if (v->text != NULL && v->text[0] == '\0') {
        p->gop_ms = 0;
        return ERR_OK;
    }
    if (v->text != NULL ? read_seconds(v->text, &p->gop_ms)
                        : v->is_number && v->number >= 0 &&
                              v->number <= PROFILE_GOP_MS_MAX / GOP_DECIMALS_UNIT) {
        p->gop_ms = v->text != NULL ? p->gop_ms : (int)v->number * GOP_DECIMALS_UNIT;
        return ERR_OK;
    }
    return say(ret_why, ERR_PROTO,
               "gop: takes the seconds from one key frame to the next as a text, \"2\" or \"0.5\", "
               "up to an hour, or \"intra\"");
}

static enum err set_quality(struct profile *p, const struct rung_value *v, char *ret_why)
{
    if (v->is_number && v->number >= 0 && v->number <= PROFILE_QUALITY_MAX) {
        p->quality = (int)v->number;
        return ERR_OK;
    }
    if (v->is_number && v->number > 0 && v->number <= QUALITY_SAID_MAX) {
        return say(ret_why, ERR_UNSUPPORTED,
                   "quality: above 51 is for other encoders than H.264, whose CRF goes from 1 "
                   "(best) to 51; 0 is the usual");
    }
    return say(ret_why, ERR_PROTO,
               "quality: takes a CRF, a whole number from 1 (best) to 51; 0 is the usual");
}

static enum err set_preset(struct profile *p, const struct rung_value *v, char *ret_why)
{
    if (v->text == NULL || (v->text[0] != '\0' && !profile_is_preset(v->text))) {
        return say(ret_why, ERR_PROTO, "preset: takes one of " PROFILE_PRESETS);
    }
    snprintf(p->preset, sizeof p->preset, "%s", v->text);
    return ERR_OK;
}

static enum err set_encoder(struct profile *p, const struct rung_value *v, char *ret_why)
{
    static const char *const later[] = {"HEVC", "H.265", "VP8", "VP9", "AV1"};
    if (v->text != NULL && (v->text[0] == '\0' || strcasecmp(v->text, "H.264") == 0 ||
                            strcasecmp(v->text, "H264") == 0)) {
        return ERR_OK;
    }
    for (size_t i = 0; v->text != NULL && i < sizeof later / sizeof later[0]; i++) {
        if (strcasecmp(later[i], v->text) == 0) {
            snprintf(ret_why, RUNG_FORM_WHY_MAX,
                     "encoder: %s is not supported yet; leave the field out, or say \"H.264\"",
                     later[i]);
            return ERR_UNSUPPORTED;
        }
    }
    return say(ret_why, ERR_PROTO,
               "encoder: takes \"H.264\"; HEVC, VP8, VP9 and AV1 are not supported yet");
}

static enum err set_color_depth(struct profile *p, const struct rung_value *v, char *ret_why)
{
    if (v->is_number && (v->number == COLOR_DEPTH || v->number == 0)) {
        return ERR_OK;
    }
    return say(ret_why, v->is_number ? ERR_UNSUPPORTED : ERR_PROTO,
               "colorDepth: only 8 bits are supported yet; leave the field out, or say 8");
}

static enum err set_chroma_format(struct profile *p, const struct rung_value *v, char *ret_why)
{
    if ((v->is_number && (v->number == CHROMA_FORMAT || v->number == 0)) ||
        (v->text != NULL && strcmp(v->text, CHROMA_TEXT) == 0)) {
        return ERR_OK;
    }
    return say(ret_why, v->is_number || v->text != NULL ? ERR_UNSUPPORTED : ERR_PROTO,
               "chromaFormat: only 4:2:0 is supported yet; leave the field out, or say 420");
}

static enum err set_audio_bitrate(struct profile *p, const struct rung_value *v, char *ret_why)
{
    if (v->is_number &&
        (v->number == 0 || (v->number >= PROFILE_AUDIO_MIN && v->number <= PROFILE_AUDIO_MAX))) {
        p->audio_bitrate_bps = (int)v->number;
        return ERR_OK;
    }
    return say(ret_why, ERR_PROTO,
               "audioBitrate: takes the bits per second of AAC of the rung's own, a whole number "
               "from 16000 to 128000; 0 is the source's sound as it is");
}

static enum err set_audio_channels(struct profile *p, const struct rung_value *v, char *ret_why)
{
    if (v->is_number && v->number >= 1 && v->number <= 2) {
        p->audio_channels = (int)v->number;
        return ERR_OK;
    }
    return say(ret_why, ERR_PROTO, "audioChannels: takes 1 or 2");
}

void rung_form_init(struct profile *p)
{
    *p = (struct profile){.fps_den = 1};
}

enum err rung_form_set(struct profile *p, const char *field, const struct rung_value *v,
                       char *ret_why)
{
    static const struct {
        const char *name;
        enum err (*set)(struct profile *p, const struct rung_value *v, char *ret_why);
    } others[] = {{"name", set_name},
                  {"profile", set_profile},
                  {"gop", set_gop},
                  {"quality", set_quality},
                  {"preset", set_preset},
                  {"encoder", set_encoder},
                  {"colorDepth", set_color_depth},
                  {"chromaFormat", set_chroma_format},
                  {"audioBitrate", set_audio_bitrate},
                  {"audioChannels", set_audio_channels}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(numbers[i].name, field) == 0) {
            return set_number(p, &numbers[i], v, ret_why);
        }
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (strcmp(others[i].name, field) == 0) {
            return others[i].set(p, v, ret_why);
        }
    }
    return say(ret_why, ERR_NOENT, "there is no such field; known are " RUNG_FORM_FIELDS);
}

enum err rung_form_end(struct profile *p, const char *prefix, char *ret_why)
{
    p->fps_den += p->fps_den == 0; /* which says "not given" in the known form */
    const char *missing = p->width == 0         ? "width"
                          : p->height == 0      ? "height"
                          : p->bitrate_bps == 0 ? "bitrate"
                                                : NULL;
    if (missing != NULL) {
        snprintf(ret_why, RUNG_FORM_WHY_MAX, "%s: is missing", missing);
        return ERR_LIMIT;
    }
    if (p->audio_bitrate_bps == 0 && p->audio_channels != 0) {
        return say(ret_why, ERR_LIMIT,
                   "audioChannels: is of sound of the rung's own; say its audioBitrate too");
    }
    if (p->audio_bitrate_bps != 0 && p->audio_channels == 0) {
        p->audio_channels = p->audio_bitrate_bps <= PROFILE_AUDIO_MONO ? 1 : 2;
    }
    if (p->name[0] == '\0') {
        snprintf(p->name, sizeof p->name, "%s_%dx%d_%d", prefix, p->width, p->height,
                 p->bitrate_bps);
    }
    const char *why = "";
    enum err e = ladder_check(p, &why);
    return e == ERR_OK ? ERR_OK : say(ret_why, e, why);
}
