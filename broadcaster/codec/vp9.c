#include "broadcaster/codec/vp9.h"

#include <stddef.h>
#include <string.h>

#include "broadcaster/codec/bits.h"

#define BOX_HEAD_BYTES 4
#define FRAME_MARKER   2
#define SYNC_CODE      0x498342
#define SPACE_RGB      7
#define CHROMA_420     1 /* colocated with luma (0,0) */
#define CHROMA_422     2
#define CHROMA_444     3
#define LEVEL_MAX      62

static bool is_record(struct span r)
{
    int depth = r.len >= VP9_RECORD_BYTES ? r.data[2] >> 4 : 0;
    return r.len >= VP9_RECORD_BYTES && r.data[0] <= 3 &&
           (depth == 8 || depth == 10 || depth == 12);
}

enum err vp9_config_parse(struct span record, struct span *ret_record,
                          struct track_color *ret_color)
{
    static const uint8_t box_head[BOX_HEAD_BYTES] = {1, 0, 0, 0};
    if (record.len >= BOX_HEAD_BYTES + VP9_RECORD_BYTES &&
        memcmp(record.data, box_head, sizeof box_head) == 0) {
        record = span_of(record.data + BOX_HEAD_BYTES, record.len - BOX_HEAD_BYTES);
    }
    if (!is_record(record)) {
        return ERR_PROTO;
    }
    *ret_color = (struct track_color){.primaries = record.data[3],
                                      .transfer = record.data[4],
                                      .matrix = record.data[5],
                                      .full_range = (record.data[2] & 1) != 0};
    *ret_record = span_of(record.data, VP9_RECORD_BYTES);
    return ERR_OK;
}

/* 6.2, color_config() */
static void read_color(struct bits *b, struct vp9_frame *f)
{
    /* 7.2.2 to code points of ISO/IEC 23091-2 */
    static const uint8_t matrices[] = {2, 6, 1, 6, 7, 9, 2, 0};
    f->bit_depth = f->profile < 2 ? 8 : bits_flag(b) ? 12 : 10;
    unsigned space = bits_read(b, 3);
    bool odd = f->profile == 1 || f->profile == 3;
    f->color.matrix = matrices[space];
    if (space == SPACE_RGB) {
        f->color.full_range = true;
        f->sub_x = f->sub_y = false;
        bits_skip(b, odd ? 1 : 0);
        return;
    }
    f->color.full_range = bits_flag(b);
    f->sub_x = f->sub_y = true;
    if (odd) {
        f->sub_x = bits_flag(b);
        f->sub_y = bits_flag(b);
        bits_skip(b, 1);
    }
}

static enum err read_key(struct bits *b, struct vp9_frame *f)
{
    if (bits_read(b, 24) != SYNC_CODE) {
        return ERR_PROTO;
    }
    read_color(b, f);
    f->width = (int)bits_read(b, 16) + 1;
    f->height = (int)bits_read(b, 16) + 1;
    return b->past_end ? ERR_PROTO : ERR_OK;
}

enum err vp9_frame_parse(struct span packet, struct vp9_frame *ret_frame)
{
    struct vp9_frame f = {0};
    struct bits b;
    bits_init(&b, packet);
    if (bits_read(&b, 2) != FRAME_MARKER) {
        return ERR_PROTO;
    }
    f.profile = (int)bits_read(&b, 1);
    f.profile |= (int)bits_read(&b, 1) << 1;
    if (f.profile == 3) {
        bits_skip(&b, 1);
    }
    bool shows_existing = bits_flag(&b);
    f.key = !shows_existing && !bits_flag(&b);
    if (f.key) {
        bits_skip(&b, 2); /* show_frame, error_resilient_mode */
        enum err e = read_key(&b, &f);
        if (e != ERR_OK) {
            return e;
        }
    }
    if (b.past_end) {
        return ERR_PROTO;
    }
    *ret_frame = f;
    return ERR_OK;
}

static uint8_t level_of(int64_t pixels)
{
    static const struct {
        int64_t pixels;
        uint8_t level;
    } levels[] = {{36864, 10},  {73728, 11},   {122880, 20},  {245760, 21},  {552960, 30},
                  {983040, 31}, {2228224, 40}, {8912896, 50}, {35651584, 60}};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (pixels <= levels[i].pixels) {
            return levels[i].level;
        }
    }
    return LEVEL_MAX;
}

bool vp9_config_fits(struct span record, const struct vp9_frame *key)
{
    return is_record(record) && record.data[0] == key->profile &&
           record.data[2] >> 4 == key->bit_depth;
}

void vp9_config_make(const struct vp9_frame *key, uint8_t ret_record[VP9_RECORD_BYTES])
{
    unsigned chroma = key->sub_x ? (key->sub_y ? CHROMA_420 : CHROMA_422) : CHROMA_444;
    const uint8_t record[VP9_RECORD_BYTES] = {
        (uint8_t)key->profile,
        level_of((int64_t)key->width * key->height),
        (uint8_t)((unsigned)key->bit_depth << 4 | chroma << 1 | key->color.full_range),
        2, /* primaries and transfer: not told by the bitstream */
        2,
        (uint8_t)key->color.matrix,
    };
    memcpy(ret_record, record, sizeof record);
}
