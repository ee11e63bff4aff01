#include "broadcaster/hls/codec_string.h"

#include <stdio.h>
#include <string.h>

#define TRANSFER_PQ  16 /* ISO/IEC 23091-2 */
#define TRANSFER_HLG 18
#define ASC_ESCAPE   31
#define MPEG1_RATE   32000 /* MP3 below it is that of MPEG-2 */

#define HVCC_HEAD_BYTES     13 /* up to general_level_idc, included */
#define HVCC_CONSTRAINTS_AT 6
#define HVCC_CONSTRAINTS    6

struct text {
    char s[CODEC_STRING_MAX];
    size_t len;
};

static void add(struct text *t, const char *piece)
{
    size_t n = strlen(piece);
    if (n < sizeof t->s - t->len) {
        memcpy(t->s + t->len, piece, n + 1);
        t->len += n;
    }
}

static void add_hex(struct text *t, const char *format, unsigned v)
{
    char piece[16];
    snprintf(piece, sizeof piece, format, v);
    add(t, piece);
}

static bool avc(const struct track_params *t, struct text *out)
{
    const uint8_t *c = t->config.data;
    if (t->config.len < 4 || c[0] != 1) {
        return false;
    }
    add(out, "avc1.");
    for (int i = 1; i <= 3; i++) {
        add_hex(out, "%02x", c[i]);
    }
    return true;
}

static uint32_t reversed(const uint8_t *p)
{
    uint32_t v = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    uint32_t r = 0;
    for (int i = 0; i < 32; i++) {
        r = r << 1 | (v >> i & 1);
    }
    return r;
}

static bool hevc(const struct track_params *t, struct text *out)
{
    static const char *const spaces[] = {"", "A", "B", "C"};
    const uint8_t *c = t->config.data;
    if (t->config.len < HVCC_HEAD_BYTES || c[0] != 1) {
        return false;
    }
    add(out, "hvc1.");
    add(out, spaces[c[1] >> 6]);
    add_hex(out, "%u", c[1] & 31);
    add_hex(out, ".%X", reversed(c + 2));
    add(out, c[1] & 0x20 ? ".H" : ".L");
    add_hex(out, "%u", c[12]);
    int last = HVCC_CONSTRAINTS; /* zeros at the end are left out */
    while (last > 0 && c[HVCC_CONSTRAINTS_AT + last - 1] == 0) {
        last--;
    }
    for (int i = 0; i < last; i++) {
        add_hex(out, ".%X", c[HVCC_CONSTRAINTS_AT + i]);
    }
    return true;
}

static bool av1(const struct track_params *t, struct text *out)
{
    const uint8_t *c = t->config.data;
    if (t->config.len < 4 || c[0] != 0x81) {
        return false;
    }
    unsigned depth = !(c[2] & 0x40) ? 8 : (c[1] >> 5) == 2 && (c[2] & 0x20) ? 12 : 10;
    add_hex(out, "av01.%u", c[1] >> 5);
    add_hex(out, ".%02u", c[1] & 31);
    add(out, c[2] & 0x80 ? "H" : "M");
    add_hex(out, ".%02u", depth);
    return true;
}

static bool vp9(const struct track_params *t, struct text *out)
{
    const uint8_t *c = t->config.data;
    if (t->config.len < 3) {
        return false;
    }
    add_hex(out, "vp09.%02u", c[0]);
    add_hex(out, ".%02u", c[1]);
    add_hex(out, ".%02u", c[2] >> 4);
    return true;
}

static bool aac(const struct track_params *t, struct text *out)
{
    const uint8_t *c = t->config.data;
    if (t->config.len < 2) {
        return false;
    }
    unsigned type = c[0] >> 3;
    if (type == ASC_ESCAPE) {
        type = 32 + ((c[0] & 7u) << 3 | c[1] >> 5);
    }
    add_hex(out, "mp4a.40.%u", type);
    return type > 0;
}

bool codec_string(const struct track_params *t, char ret_text[CODEC_STRING_MAX])
{
    struct text out = {.len = 0};
    bool known = true;
    switch (t->codec) {
    case CODEC_H264:
        known = avc(t, &out);
        break;
    case CODEC_HEVC:
        known = hevc(t, &out);
        break;
    case CODEC_AV1:
        known = av1(t, &out);
        break;
    case CODEC_VP9:
        known = vp9(t, &out);
        break;
    case CODEC_AAC:
        known = aac(t, &out);
        break;
    case CODEC_MP3:
        add(&out, t->sample_rate > 0 && t->sample_rate < MPEG1_RATE ? "mp4a.69" : "mp4a.6B");
        break;
    case CODEC_OPUS:
        add(&out, "Opus");
        break;
    case CODEC_FLAC:
        add(&out, "fLaC");
        break;
    case CODEC_AC3:
        add(&out, "ac-3");
        break;
    case CODEC_EAC3:
        add(&out, "ec-3");
        break;
    case CODECS_:
        known = false;
        break;
    }
    if (known) {
        memcpy(ret_text, out.s, out.len + 1);
    }
    return known;
}

const char *codec_video_range(const struct track_params *t)
{
    return t->color.transfer == TRANSFER_PQ    ? "PQ"
           : t->color.transfer == TRANSFER_HLG ? "HLG"
                                               : NULL;
}
