#include "broadcaster/stream/sound_frame.h"

#define AAC_SAMPLES    1024
#define AAC_SAMPLES_LD 512
#define AC3_SAMPLES    1536
#define EAC3_BLOCK     256
#define OPUS_RATE      48000

/* frameLengthFlag of GASpecificConfig (ISO/IEC 14496-3, 4.4.1), where the configuration has its
 * plain form: 960 samples and not 1024. */
static int aac_samples(struct span config)
{
    if (config.len < 2) {
        return AAC_SAMPLES;
    }
    unsigned bits = (unsigned)config.data[0] << 8 | config.data[1];
    unsigned type = bits >> 11, rate = bits >> 7 & 15;
    bool shorter = (bits >> 2 & 1) != 0;
    if (type == 23) {
        return shorter ? 480 : AAC_SAMPLES_LD;
    }
    return type >= 1 && type <= 4 && rate != 15 && shorter ? 960 : AAC_SAMPLES;
}

static struct sound_frame mp3(struct span data, int rate)
{
    /* Two bits behind the sync word: 3 is MPEG-1; the lower rates have one granule. */
    bool first = data.len < 2 ? rate >= 32000 : (data.data[1] >> 3 & 3) == 3;
    return (struct sound_frame){first ? 1152 : 576, rate};
}

static struct sound_frame opus(struct span data)
{
    static const int silk[] = {480, 960, 1920, 2880}, celt[] = {120, 240, 480, 960};
    if (data.len < 1) {
        return (struct sound_frame){0};
    }
    int config = data.data[0] >> 3;
    int samples = config < 12   ? silk[config & 3]
                  : config < 16 ? silk[config & 1]
                                : celt[config & 3];
    int code = data.data[0] & 3;
    int frames = code == 0 ? 1 : code < 3 ? 2 : data.len >= 2 ? data.data[1] & 63 : 0;
    if (frames == 0 || frames * samples > OPUS_RATE * 120 / 1000) {
        return (struct sound_frame){0};
    }
    return (struct sound_frame){frames * samples, OPUS_RATE};
}

/* The block size bits of a frame header; those that stand behind the coded number are of the last
 * block only, and left to the clock. */
static struct sound_frame flac(struct span data, int rate)
{
    int code = data.len >= 3 ? data.data[2] >> 4 : 0;
    int samples = code == 1                ? 192
                  : code >= 2 && code <= 5 ? 576 << (code - 2)
                  : code >= 8              ? 256 << (code - 8)
                                           : 0;
    return (struct sound_frame){samples, samples > 0 ? rate : 0};
}

static struct sound_frame eac3(struct span data, int rate)
{
    static const int blocks[] = {1, 2, 3, 6};
    if (data.len < 5) {
        return (struct sound_frame){0};
    }
    bool half = data.data[4] >> 6 == 3; /* fscod: half rates always have six blocks */
    return (struct sound_frame){EAC3_BLOCK * (half ? 6 : blocks[data.data[4] >> 4 & 3]), rate};
}

static struct sound_frame frame_of(const struct track_params *track, struct span data)
{
    if (track->sample_rate <= 0 && track->codec != CODEC_OPUS) {
        return (struct sound_frame){0};
    }
    switch (track->codec) {
    case CODEC_AAC:
        return (struct sound_frame){aac_samples(track->config), track->sample_rate};
    case CODEC_MP3:
        return mp3(data, track->sample_rate);
    case CODEC_OPUS:
        return opus(data);
    case CODEC_FLAC:
        return flac(data, track->sample_rate);
    case CODEC_AC3:
        return (struct sound_frame){AC3_SAMPLES, track->sample_rate};
    case CODEC_EAC3:
        return eac3(data, track->sample_rate);
    default:
        return (struct sound_frame){0};
    }
}

struct sound_frame sound_frame_of(const struct track_params *track, struct span data)
{
    struct sound_frame f = frame_of(track, data);
    return f.samples <= f.rate * SOUND_FRAME_MAX_S ? f : (struct sound_frame){0};
}

int64_t sound_frame_ticks(struct sound_frame f)
{
    return f.rate > 0 ? (int64_t)f.samples * TICKS_PER_S / f.rate : 0;
}
