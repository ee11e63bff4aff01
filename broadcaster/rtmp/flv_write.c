#include "broadcaster/rtmp/flv_write.h"

#include <string.h>

#define CODEC_ID_AVC     7
#define SOUND_MP3        2
#define SOUND_AAC        10
#define SOUND_MP3_8K     14
#define SOUND_ENHANCED   9
#define SOUND_16_BITS    2
#define SOUND_STEREO     1
#define FRAME_KEY        1
#define FRAME_INTER      2
#define VIDEO_ENHANCED   0x80
#define PACKET_CONFIG    0
#define PACKET_CODED     1
#define PACKET_CODED_X   3 /* PTS = DTS */
#define COMPOSITION_MAX  0x7fffff
#define STREAMINFO_BYTES 34

/* The signature, and the STREAMINFO block's header: the last block, 34 bytes (RFC 9639, 8). */
static const uint8_t flac_start[] = {'f', 'L', 'a', 'C', 0x80, 0, 0, STREAMINFO_BYTES};

bool flv_write_is_old_form(enum track_codec codec)
{
    return codec == CODEC_H264 || codec == CODEC_AAC || codec == CODEC_MP3;
}

const char *flv_write_fourcc(enum track_codec codec)
{
    static const char *const names[CODECS_] = {
        [CODEC_H264] = "avc1", [CODEC_HEVC] = "hvc1", [CODEC_AV1] = "av01",  [CODEC_VP9] = "vp09",
        [CODEC_AAC] = "mp4a",  [CODEC_MP3] = ".mp3",  [CODEC_OPUS] = "Opus", [CODEC_FLAC] = "fLaC",
        [CODEC_AC3] = "ac-3",  [CODEC_EAC3] = "ec-3",
    };
    return names[codec];
}

static void put(struct flv_head *h, uint32_t v, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--) {
        h->bytes[h->len++] = (uint8_t)(v >> (8 * i));
    }
}

static void put_composition(struct flv_head *h, int64_t ms)
{
    ms = ms > COMPOSITION_MAX ? COMPOSITION_MAX : ms < -COMPOSITION_MAX ? -COMPOSITION_MAX : ms;
    put(h, (uint32_t)ms & 0xffffff, 3);
}

static void put_fourcc(struct flv_head *h, enum track_codec codec)
{
    memcpy(h->bytes + h->len, flv_write_fourcc(codec), 4);
    h->len += 4;
}

/* Rates that have no code of their own stand under the highest one; each frame tells its own. */
static uint32_t mp3_byte(const struct track_params *t)
{
    uint32_t rate = t->sample_rate >= 32000   ? 3
                    : t->sample_rate >= 16000 ? 2
                    : t->sample_rate > 8000   ? 1
                                              : 0;
    uint32_t format = t->sample_rate == 8000 ? SOUND_MP3_8K : SOUND_MP3;
    return format << 4 | rate << 2 | SOUND_16_BITS | (t->channels != 1 ? SOUND_STEREO : 0);
}

static struct flv_head audio_head(const struct track_params *t, int packet_type)
{
    struct flv_head h = {.len = 0};
    if (t->codec == CODEC_AAC) {
        put(&h, SOUND_AAC << 4 | 3 << 2 | SOUND_16_BITS | SOUND_STEREO, 1); /* always so */
        put(&h, (uint32_t)packet_type, 1);
    } else if (t->codec == CODEC_MP3) {
        put(&h, mp3_byte(t), 1);
    } else {
        put(&h, SOUND_ENHANCED << 4 | (uint32_t)packet_type, 1);
        put_fourcc(&h, t->codec);
    }
    return h;
}

static struct flv_head video_head(const struct track_params *t, int packet_type, bool key,
                                  int64_t composition_ms)
{
    struct flv_head h = {.len = 0};
    uint32_t frame = key ? FRAME_KEY : FRAME_INTER;
    if (t->codec == CODEC_H264) {
        put(&h, frame << 4 | CODEC_ID_AVC, 1);
        put(&h, (uint32_t)packet_type, 1);
        put_composition(&h, composition_ms);
        return h;
    }
    bool timed = t->codec == CODEC_HEVC && packet_type == PACKET_CODED;
    if (timed && composition_ms == 0) {
        packet_type = PACKET_CODED_X;
    }
    put(&h, VIDEO_ENHANCED | frame << 4 | (uint32_t)packet_type, 1);
    put_fourcc(&h, t->codec);
    if (packet_type == PACKET_CODED && timed) {
        put_composition(&h, composition_ms);
    }
    return h;
}

struct flv_head flv_write_head(const struct track_params *t, unsigned packet_flags,
                               int64_t composition_ms)
{
    return t->kind == TRACK_AUDIO
               ? audio_head(t, PACKET_CODED)
               : video_head(t, PACKET_CODED, (packet_flags & PACKET_KEY) != 0, composition_ms);
}

enum err flv_write_config(struct buf *out, const struct track_params *t)
{
    if (t->config.len == 0) {
        return ERR_OK;
    }
    if (t->codec == CODEC_FLAC && t->config.len != STREAMINFO_BYTES) {
        return ERR_UNSUPPORTED;
    }
    struct flv_head h = t->kind == TRACK_AUDIO ? audio_head(t, PACKET_CONFIG)
                                               : video_head(t, PACKET_CONFIG, true, 0);
    enum err e = buf_put(out, span_of(h.bytes, h.len));
    if (e == ERR_OK && t->codec == CODEC_FLAC) {
        e = buf_put(out, span_of(flac_start, sizeof flac_start));
    }
    return e == ERR_OK ? buf_put(out, t->config) : e;
}
