#include "broadcaster/rtmp/media.h"

#include "broadcaster/avc.h"
#include "broadcaster/rtmp/asc.h"
#include "broadcaster/rtmp/flv.h"

#define HALF_CLOCK_MS ((int64_t)1 << 31)
#define ROUND_31_MS   60000 /* how far audio and video may be apart at that moment */

void media_init(struct media *m)
{
    *m = (struct media){0};
}

void media_fini(struct media *m)
{
    track_unref(m->tracks[TRACK_VIDEO]);
    track_unref(m->tracks[TRACK_AUDIO]);
    media_init(m);
}

/* The 32-bit clock of all messages goes round every 49.7 days and may step back a little. Encoders
 * that write FLV's signed times go round after 31 bits, 24.8 days: steps of about that size are
 * nothing else. */
static int64_t unroll(struct media *m, uint32_t timestamp)
{
    if (!m->clocked) {
        m->clocked = true;
        m->now_ms = timestamp;
    } else {
        int64_t step = (int32_t)(timestamp - m->last_timestamp);
        if (step < ROUND_31_MS - HALF_CLOCK_MS) {
            step += HALF_CLOCK_MS;
        } else if (step > HALF_CLOCK_MS - ROUND_31_MS) {
            step -= HALF_CLOCK_MS;
        }
        m->now_ms += step;
    }
    m->last_timestamp = timestamp;
    return m->now_ms;
}

/* ERR_NOENT: a header that says nothing. */
static enum err video_params(struct span config, struct track_params *ret_params, int *ret_nal_size)
{
    struct avc_config avc;
    struct avc_sps sps;
    enum err e = avc_config_parse(config, &avc);
    if (e == ERR_OK) {
        e = avc_sps_parse(avc.sps, &sps);
    }
    if (e == ERR_OK) {
        *ret_nal_size = avc.nal_length_size;
        *ret_params = (struct track_params){.kind = TRACK_VIDEO,
                                            .codec = CODEC_H264,
                                            .config = config,
                                            .width = sps.width,
                                            .height = sps.height,
                                            .sar_num = sps.sar_num,
                                            .sar_den = sps.sar_den};
    }
    return e;
}

static enum err audio_params(struct span config, struct track_params *ret_params)
{
    struct asc asc;
    enum err e = asc_parse(config, &asc);
    if (e == ERR_OK) {
        *ret_params = (struct track_params){.kind = TRACK_AUDIO,
                                            .codec = CODEC_AAC,
                                            .config = config,
                                            .sar_den = 1,
                                            .sample_rate = asc.sample_rate,
                                            .channels = asc.channels};
    }
    return e;
}

static enum err set_track(struct media *m, enum track_kind kind, struct span config,
                          const char **ret_why)
{
    struct track *old = m->tracks[kind];
    struct track_params params;
    int nal_size = m->nal_length_size;
    if (config.len == 0 || (old != NULL && span_equal(track_params(old)->config, config))) {
        return ERR_OK;
    }
    if (config.len > MEDIA_CONFIG_MAX) {
        *ret_why = "a codec header is too large";
        return ERR_LIMIT;
    }
    enum err e = kind == TRACK_VIDEO ? video_params(config, &params, &nal_size)
                                     : audio_params(config, &params);
    if (e == ERR_NOENT) {
        return ERR_OK;
    }
    if (e != ERR_OK) {
        *ret_why = kind == TRACK_VIDEO ? "the H.264 codec header cannot be read"
                                       : "the AAC codec header cannot be read";
        return e;
    }
    struct track *t = track_create(&params);
    if (t == NULL) {
        *ret_why = "out of memory";
        return ERR_NOMEM;
    }
    track_unref(old);
    m->tracks[kind] = t;
    m->announced[kind] = false;
    m->nal_length_size = nal_size;
    return ERR_OK;
}

static void announce(struct media *m, rtmp_event_fn *fn, void *arg)
{
    for (int kind = 0; kind < 2; kind++) {
        if (m->tracks[kind] != NULL && !m->announced[kind]) {
            m->announced[kind] = true;
            fn(arg, &(struct rtmp_event){.type = RTMP_EVENT_TRACK, .track = m->tracks[kind]});
        }
    }
}

static void give_packet(const struct media *m, const struct media_message *message,
                        const struct flv_body *body, int64_t dts_ms, rtmp_event_fn *fn, void *arg)
{
    bool key = message->kind == TRACK_AUDIO || avc_has_idr(body->data, m->nal_length_size);
    struct packet p = {.kind = message->kind,
                       .flags = key ? PACKET_KEY : 0,
                       .dts = dts_ms * TICKS_PER_MS,
                       .pts = (dts_ms + body->composition_ms) * TICKS_PER_MS,
                       .data = body->data,
                       .blob = message->blob};
    fn(arg, &(struct rtmp_event){.type = RTMP_EVENT_PACKET, .packet = &p});
}

enum err media_feed(struct media *m, const struct media_message *message, bool live,
                    rtmp_event_fn *fn, void *arg, const char **ret_why)
{
    bool video = message->kind == TRACK_VIDEO;
    struct flv_body body;
    enum err e =
        video ? flv_video_parse(message->body, &body) : flv_audio_parse(message->body, &body);
    if (e == ERR_UNSUPPORTED) {
        *ret_why = video ? "the video codec is not supported; publish H.264"
                         : "the audio codec is not supported; publish AAC";
    } else if (e != ERR_OK) {
        *ret_why = "an audio or video message is cut short";
    }
    if (e != ERR_OK) {
        return e;
    }
    if (body.payload == FLV_CONFIG) {
        e = set_track(m, message->kind, body.data, ret_why);
    }
    if (e != ERR_OK || !live) {
        return e;
    }
    announce(m, fn, arg);
    /* Only these run the clock: headers come with any time, often 0. */
    if (body.payload == FLV_CODED && m->tracks[message->kind] != NULL) {
        give_packet(m, message, &body, unroll(m, message->timestamp), fn, arg);
    }
    return ERR_OK;
}
