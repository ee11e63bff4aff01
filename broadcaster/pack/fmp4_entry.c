#include "broadcaster/pack/ac3.h"
#include "broadcaster/pack/fmp4_box.h"

#define RESOLUTION_72_DPI 0x480000u

/* Object types of "esds" (ISO/IEC 14496-1, 7.2.6.6). */
#define OBJECT_AAC       0x40
#define OBJECT_MP3_MPEG2 0x69 /* ISO/IEC 13818-3: the low sample rates */
#define OBJECT_MP3_MPEG1 0x6b
#define MPEG1_RATE_MIN   32000

#define DESCRIPTOR_ES       3
#define DESCRIPTOR_DECODER  4
#define DESCRIPTOR_SPECIFIC 5
#define DESCRIPTOR_SL       6

#define OPUS_HEAD_BYTES  19 /* without a mapping table */
#define OPUS_MAPPING_AT  18
#define OPUS_RATE        48000
#define FLAC_INFO_BYTES  34
#define FLAC_LAST_BLOCK  0x80
#define VPCC_BYTES_MIN   8
#define AV1C_BYTES_MIN   4
#define CONFIG_BYTES_MAX 65535

static void fail(struct boxes *b)
{
    b->e = b->e == ERR_OK ? ERR_PROTO : b->e;
}

/* --- audio ------------------------------------------------------------------------------------ */

static void put_descriptor(struct boxes *b, unsigned tag, size_t len)
{
    box_u8(b, tag);
    for (int shift = 21; shift > 0; shift -= 7) {
        box_u8(b, 0x80 | (len >> shift & 0x7f));
    }
    box_u8(b, len & 0x7f);
}

#define DESCRIPTOR_HEAD 5 /* bytes */
#define DECODER_BYTES   13
#define ES_BYTES        3

static void put_esds(struct boxes *b, unsigned object, struct span specific)
{
    if (specific.len > CONFIG_BYTES_MAX) {
        fail(b);
        return;
    }
    size_t inner = DECODER_BYTES + (specific.len > 0 ? DESCRIPTOR_HEAD + specific.len : 0);
    size_t at = box_open_full(b, "esds", 0, 0);
    put_descriptor(b, DESCRIPTOR_ES, ES_BYTES + DESCRIPTOR_HEAD + inner + DESCRIPTOR_HEAD + 1);
    box_u16(b, 0);
    box_u8(b, 0);
    put_descriptor(b, DESCRIPTOR_DECODER, inner);
    box_u8(b, object);
    box_u8(b, 0x15); /* an audio stream, towards the player */
    box_zeros(b, 3 + 4 + 4);
    if (specific.len > 0) {
        put_descriptor(b, DESCRIPTOR_SPECIFIC, specific.len);
        box_bytes(b, specific);
    }
    put_descriptor(b, DESCRIPTOR_SL, 1);
    box_u8(b, 2); /* for MP4 */
    box_close(b, at);
}

/* From "OpusHead" (RFC 7845, 5.1), whose numbers are little-endian. */
static void put_dops(struct boxes *b, struct span head)
{
    if (head.len < OPUS_HEAD_BYTES || head.len > CONFIG_BYTES_MAX ||
        !span_equal(span_of(head.data, 8), span_cstr("OpusHead"))) {
        fail(b);
        return;
    }
    const uint8_t *p = head.data;
    size_t at = box_open(b, "dOps");
    box_u8(b, 0);
    box_u8(b, p[9]);
    box_u16(b, (unsigned)p[11] << 8 | p[10]);
    box_u32(b, (uint32_t)p[15] << 24 | (uint32_t)p[14] << 16 | (uint32_t)p[13] << 8 | p[12]);
    box_u16(b, (unsigned)p[17] << 8 | p[16]);
    if (p[OPUS_MAPPING_AT] == 0) {
        box_u8(b, 0);
    } else {
        box_bytes(b, span_of(p + OPUS_MAPPING_AT, head.len - OPUS_MAPPING_AT));
    }
    box_close(b, at);
}

static void put_dfla(struct boxes *b, struct span info)
{
    if (info.len != FLAC_INFO_BYTES) {
        fail(b);
        return;
    }
    size_t at = box_open_full(b, "dfLa", 0, 0);
    box_u32(b, (uint32_t)FLAC_LAST_BLOCK << 24 | FLAC_INFO_BYTES);
    box_bytes(b, info);
    box_close(b, at);
}

static void put_dolby(struct boxes *b, bool enhanced, const struct ac3_facts *f)
{
    size_t at = box_open(b, enhanced ? "dec3" : "dac3");
    if (b->e == ERR_OK) {
        b->e = enhanced ? ac3_put_dec3(b->out, f) : ac3_put_dac3(b->out, f);
    }
    box_close(b, at);
}

static size_t open_audio(struct boxes *b, const char *type, int channels, int rate)
{
    size_t at = box_open(b, type);
    box_zeros(b, 6);
    box_u16(b, 1); /* data reference */
    box_zeros(b, 8);
    box_u16(b, channels > 0 ? (unsigned)channels : 2);
    box_u16(b, 16);
    box_u32(b, 0);
    box_u32(b, rate > 0 && rate <= UINT16_MAX ? (uint32_t)rate << 16 : 0);
    return at;
}

static void put_dolby_entry(struct boxes *b, const struct track_params *t, struct span frame)
{
    bool enhanced = t->codec == CODEC_EAC3;
    struct ac3_facts f;
    if ((enhanced ? eac3_parse(frame, &f) : ac3_parse(frame, &f)) != ERR_OK) {
        fail(b);
        return;
    }
    size_t at = open_audio(b, enhanced ? "ec-3" : "ac-3", f.channels, f.sample_rate);
    put_dolby(b, enhanced, &f);
    box_close(b, at);
}

static void put_audio(struct boxes *b, const struct track_params *t, struct span frame)
{
    size_t at;
    switch (t->codec) {
    case CODEC_AAC:
        if (t->config.len == 0) {
            fail(b);
        }
        at = open_audio(b, "mp4a", t->channels, t->sample_rate);
        put_esds(b, OBJECT_AAC, t->config);
        break;
    case CODEC_MP3:
        at = open_audio(b, "mp4a", t->channels, t->sample_rate);
        put_esds(b,
                 t->sample_rate > 0 && t->sample_rate < MPEG1_RATE_MIN ? OBJECT_MP3_MPEG2
                                                                       : OBJECT_MP3_MPEG1,
                 span_of(NULL, 0));
        break;
    case CODEC_OPUS:
        at = open_audio(b, "Opus", t->channels, OPUS_RATE);
        put_dops(b, t->config);
        break;
    case CODEC_FLAC:
        at = open_audio(b, "fLaC", t->channels, t->sample_rate);
        put_dfla(b, t->config);
        break;
    default:
        put_dolby_entry(b, t, frame);
        return;
    }
    box_close(b, at);
}

/* --- video ------------------------------------------------------------------------------------ */

static void put_pasp(struct boxes *b, const struct track_params *t)
{
    if (t->sar_num > 0 && t->sar_den > 0) {
        size_t at = box_open(b, "pasp");
        box_u32(b, (uint32_t)t->sar_num);
        box_u32(b, (uint32_t)t->sar_den);
        box_close(b, at);
    }
}

static void put_colr(struct boxes *b, const struct track_color *c)
{
    if (c->primaries == 0 && c->transfer == 0 && c->matrix == 0) {
        return;
    }
    const int *code[] = {&c->primaries, &c->transfer, &c->matrix};
    size_t at = box_open(b, "colr");
    box_bytes(b, span_cstr("nclx"));
    for (size_t i = 0; i < 3; i++) {
        box_u16(b, *code[i] > 0 ? (unsigned)*code[i] : 2); /* 2: not told */
    }
    box_u8(b, c->full_range ? 0x80 : 0);
    box_close(b, at);
}

static void put_light(struct boxes *b, const struct track_color *c)
{
    if (c->has_mastering) {
        size_t at = box_open(b, "mdcv");
        for (size_t i = 0; i < 3; i++) {
            box_u16(b, c->display_x[i]);
            box_u16(b, c->display_y[i]);
        }
        box_u16(b, c->white_x);
        box_u16(b, c->white_y);
        box_u32(b, c->luminance_max);
        box_u32(b, c->luminance_min);
        box_close(b, at);
    }
    if (c->max_cll > 0 || c->max_fall > 0) {
        size_t at = box_open(b, "clli");
        box_u16(b, c->max_cll);
        box_u16(b, c->max_fall);
        box_close(b, at);
    }
}

static void put_config(struct boxes *b, const char *type, bool full, size_t least,
                       struct span config)
{
    if (config.len < least || config.len > CONFIG_BYTES_MAX) {
        fail(b);
        return;
    }
    size_t at = full ? box_open_full(b, type, 1, 0) : box_open(b, type);
    box_bytes(b, config);
    box_close(b, at);
}

static const struct {
    const char *entry;
    const char *config;
    bool full;    /* the configuration's box has version and flags */
    size_t least; /* bytes of the configuration */
} video_forms[] = {
    [CODEC_H264] = {"avc1", "avcC", false, 7},
    [CODEC_HEVC] = {"hvc1", "hvcC", false, 23},
    [CODEC_AV1] = {"av01", "av1C", false, AV1C_BYTES_MIN},
    [CODEC_VP9] = {"vp09", "vpcC", true, VPCC_BYTES_MIN},
};

static void put_video(struct boxes *b, const struct track_params *t)
{
    size_t at = box_open(b, video_forms[t->codec].entry);
    box_zeros(b, 6);
    box_u16(b, 1); /* data reference */
    box_zeros(b, 16);
    box_u16(b, (unsigned)t->width & UINT16_MAX);
    box_u16(b, (unsigned)t->height & UINT16_MAX);
    box_u32(b, RESOLUTION_72_DPI);
    box_u32(b, RESOLUTION_72_DPI);
    box_u32(b, 0);
    box_u16(b, 1);      /* frames in a sample */
    box_zeros(b, 32);   /* the compressor's name */
    box_u16(b, 24);     /* depth */
    box_u16(b, 0xffff); /* pre_defined */
    put_config(b, video_forms[t->codec].config, video_forms[t->codec].full,
               video_forms[t->codec].least, t->config);
    put_colr(b, &t->color);
    put_light(b, &t->color);
    put_pasp(b, t);
    box_close(b, at);
}

void box_sample_entry(struct boxes *b, const struct track_params *t, struct span first_frame)
{
    bool video = t->codec <= CODEC_VP9;
    if (video != (t->kind == TRACK_VIDEO)) {
        fail(b);
    } else if (video) {
        put_video(b, t);
    } else {
        put_audio(b, t, first_frame);
    }
}
