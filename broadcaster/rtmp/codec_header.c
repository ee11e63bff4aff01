#include "broadcaster/rtmp/codec_header.h"

#include <string.h>

#include "broadcaster/codec/av1.h"
#include "broadcaster/codec/avc.h"
#include "broadcaster/codec/flac.h"
#include "broadcaster/codec/hevc.h"
#include "broadcaster/codec/opus.h"
#include "broadcaster/rtmp/asc.h"

static enum err read_hevc(struct span header, struct codec_header *h)
{
    struct hevc_config config;
    struct hevc_sps sps;
    enum err e = hevc_config_parse(header, &config);
    if (e == ERR_OK) {
        e = hevc_sps_parse(config.sps, &sps);
    }
    if (e == ERR_OK) {
        h->codec = CODEC_HEVC;
        h->nal_length_size = config.nal_length_size;
        h->color = sps.color;
        h->params = (struct track_params){.codec = CODEC_HEVC,
                                          .config = header,
                                          .width = sps.width,
                                          .height = sps.height,
                                          .sar_num = sps.sar_num,
                                          .sar_den = sps.sar_den};
    }
    return e;
}

static enum err read_h264(struct span header, struct codec_header *h)
{
    struct avc_config config;
    struct avc_sps sps;
    enum err e = avc_config_parse(header, &config);
    if (e == ERR_OK) {
        e = avc_sps_parse(config.sps, &sps);
    }
    if (e == ERR_OK) {
        h->codec = CODEC_H264;
        h->nal_length_size = config.nal_length_size;
        h->params = (struct track_params){.codec = CODEC_H264,
                                          .config = header,
                                          .width = sps.width,
                                          .height = sps.height,
                                          .sar_num = sps.sar_num,
                                          .sar_den = sps.sar_den};
    }
    return e;
}

static enum err read_av1(struct span header, struct codec_header *h)
{
    struct span payload;
    struct av1_sequence s;
    enum err e = av1_config_parse(header, &payload);
    if (e != ERR_OK || payload.len == 0) {
        return e; /* the first key frame will tell */
    }
    e = av1_sequence_parse(payload, &s);
    if (e == ERR_OK) {
        h->color = s.color;
        h->params = (struct track_params){
            .codec = CODEC_AV1, .config = header, .width = s.width, .height = s.height};
    }
    return e;
}

static enum err read_aac(struct span header, struct codec_header *h)
{
    struct asc asc;
    enum err e = asc_parse(header, &asc);
    if (e == ERR_OK) {
        h->params = (struct track_params){.codec = CODEC_AAC,
                                          .config = header,
                                          .sample_rate = asc.sample_rate,
                                          .channels = asc.channels};
    }
    return e;
}

static enum err read_opus(struct span header, struct codec_header *h)
{
    int channels;
    enum err e = opus_head_parse(header, &channels);
    if (e == ERR_OK) {
        h->params = (struct track_params){
            .codec = CODEC_OPUS, .config = header, .sample_rate = OPUS_RATE, .channels = channels};
    }
    return e;
}

static enum err read_flac(struct span header, struct codec_header *h)
{
    struct flac_config config;
    enum err e = flac_config_parse(header, &config);
    if (e == ERR_OK) {
        h->params = (struct track_params){.codec = CODEC_FLAC,
                                          .config = config.streaminfo,
                                          .sample_rate = config.sample_rate,
                                          .channels = config.channels};
    }
    return e;
}

/* The one that was declared, or else the other one, if it is that beyond doubt. */
static enum err read_either(enum track_codec codec, struct span header, struct codec_header *h)
{
    struct codec_header other = *h;
    enum err e = codec == CODEC_H264 ? read_h264(header, h) : read_hevc(header, h);
    if (e == ERR_OK) {
        return e;
    }
    if ((codec == CODEC_H264 ? read_hevc(header, &other) : read_h264(header, &other)) == ERR_OK) {
        *h = other;
        return ERR_OK;
    }
    return e;
}

static enum err read_vp9(struct span header, struct codec_header *h)
{
    struct span record;
    enum err e = vp9_config_parse(header, &record, &h->color);
    if (e == ERR_OK) {
        memcpy(h->record, record.data, sizeof h->record);
        h->has_record = true;
    }
    return e;
}

static enum err read_of(enum track_codec codec, struct span header, struct codec_header *h)
{
    switch (codec) {
    case CODEC_H264:
    case CODEC_HEVC:
        return read_either(codec, header, h);
    case CODEC_AV1:
        return read_av1(header, h);
    case CODEC_VP9:
        return read_vp9(header, h);
    case CODEC_AAC:
        return read_aac(header, h);
    case CODEC_OPUS:
        return read_opus(header, h);
    case CODEC_FLAC:
        return read_flac(header, h);
    default:
        return ERR_OK; /* each frame says it all */
    }
}

enum err codec_header_read(enum track_codec codec, struct span header,
                           struct codec_header *ret_header)
{
    struct codec_header h = {.codec = codec};
    enum err e = read_of(codec, header, &h);
    if (e == ERR_OK) {
        *ret_header = h;
    }
    return e;
}

const char *codec_header_unreadable(enum track_codec codec)
{
    static const char *const texts[CODECS_] = {
        [CODEC_H264] = "the H.264 codec header cannot be read",
        [CODEC_HEVC] = "the HEVC codec header cannot be read",
        [CODEC_AV1] = "the AV1 codec header cannot be read",
        [CODEC_VP9] = "the VP9 codec header cannot be read",
        [CODEC_AAC] = "the AAC codec header cannot be read",
        [CODEC_OPUS] = "the Opus codec header cannot be read",
        [CODEC_FLAC] = "the FLAC codec header cannot be read",
    };
    return texts[codec];
}
