#include "broadcaster/codec/av1.h"

#include <stddef.h>

#include "broadcaster/codec/bits.h"

#define OBU_SEQUENCE_HEADER    1
#define OBU_TEMPORAL_DELIMITER 2
#define OBU_FRAME_HEADER       3
#define OBU_FRAME              6
#define OBU_TYPE_SHIFT         3
#define OBU_EXTENSION          0x04
#define OBU_HAS_SIZE           0x02
#define LEB128_BYTES           8
#define RECORD_VERSION         0x81
#define LEVEL_WITH_TIER        7 /* and above */
#define SELECT_TOOLS           2
#define COLOR_NOT_TOLD         2
#define PRIMARIES_BT709        1
#define TRANSFER_SRGB          13
#define MATRIX_IDENTITY        0
#define DESCRIPTOR_TAG         0x80
#define DESCRIPTOR_LENGTH      4
#define START_CODE_BYTES       3

/* --- OBUs (5.3) --- */

struct obu {
    int type;
    struct span head; /* without its size */
    struct span payload;
    bool has_size;
};

static enum err read_leb128(struct span *s, size_t *ret_v)
{
    uint64_t v = 0;
    for (int i = 0; i < LEB128_BYTES; i++) {
        uint8_t byte;
        if (span_read_u8(s, &byte) != ERR_OK) {
            return ERR_PROTO;
        }
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            *ret_v = (size_t)v;
            return v <= UINT32_MAX ? ERR_OK : ERR_PROTO;
        }
    }
    return ERR_PROTO;
}

/* One without a size reaches to the end. */
static enum err read_obu(struct span *s, struct obu *ret_obu)
{
    struct obu o;
    size_t len;
    if (s->len == 0 || (s->data[0] & 0x80) != 0) {
        return ERR_PROTO;
    }
    o.type = s->data[0] >> OBU_TYPE_SHIFT & 15;
    o.has_size = (s->data[0] & OBU_HAS_SIZE) != 0;
    if (span_read_bytes(s, (s->data[0] & OBU_EXTENSION) != 0 ? 2 : 1, &o.head) != ERR_OK) {
        return ERR_PROTO;
    }
    len = s->len;
    if (o.has_size && read_leb128(s, &len) != ERR_OK) {
        return ERR_PROTO;
    }
    if (span_read_bytes(s, len, &o.payload) != ERR_OK) {
        return ERR_PROTO;
    }
    *ret_obu = o;
    return ERR_OK;
}

static enum err put_leb128(struct buf *out, size_t v)
{
    enum err e = ERR_OK;
    do {
        e = buf_put_u8(out, (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0)));
        v >>= 7;
    } while (e == ERR_OK && v > 0);
    return e;
}

static enum err put_obu(struct buf *out, struct span head, struct span payload)
{
    enum err e = buf_put_u8(out, head.data[0] | OBU_HAS_SIZE);
    if (e == ERR_OK && head.len > 1) {
        e = buf_put_u8(out, head.data[1]);
    }
    if (e == ERR_OK) {
        e = put_leb128(out, payload.len);
    }
    return e == ERR_OK ? buf_put(out, payload) : e;
}

static enum err put_sequence(struct buf *out, struct span payload)
{
    static const uint8_t head = OBU_SEQUENCE_HEADER << OBU_TYPE_SHIFT;
    return put_obu(out, span_of(&head, 1), payload);
}

/* --- sequence headers (5.5) --- */

static void skip_uvlc(struct bits *b)
{
    int zeros = 0;
    while (!bits_flag(b) && !b->past_end) {
        zeros++;
    }
    bits_skip(b, zeros < 32 ? zeros : 0);
}

/* Returns how many bits a decoder buffer delay has; 0: there is no decoder model. */
static int read_timing(struct bits *b)
{
    if (!bits_flag(b)) {
        return 0;
    }
    bits_skip(b, 32 + 32);
    if (bits_flag(b)) {
        skip_uvlc(b);
    }
    if (!bits_flag(b)) {
        return 0;
    }
    int delay_bits = (int)bits_read(b, 5) + 1;
    bits_skip(b, 32 + 5 + 5);
    return delay_bits;
}

static void read_operating_points(struct bits *b, struct av1_sequence *s)
{
    int delay_bits = read_timing(b);
    bool has_display_delay = bits_flag(b);
    int points = (int)bits_read(b, 5) + 1;
    for (int i = 0; i < points; i++) {
        bits_skip(b, 12);
        int level = (int)bits_read(b, 5);
        int tier = level > LEVEL_WITH_TIER ? bits_flag(b) : 0;
        if (i == 0) {
            s->level = level;
            s->tier = tier;
        }
        if (delay_bits > 0 && bits_flag(b)) {
            bits_skip(b, delay_bits + delay_bits + 1);
        }
        if (has_display_delay && bits_flag(b)) {
            bits_skip(b, 4);
        }
    }
}

static void skip_tools(struct bits *b)
{
    bits_skip(b, 4); /* interintra, masked, warped, dual_filter */
    bool order_hint = bits_flag(b);
    bits_skip(b, order_hint ? 2 : 0);
    unsigned screen_content = bits_flag(b) ? SELECT_TOOLS : bits_flag(b);
    if (screen_content > 0 && !bits_flag(b)) {
        bits_skip(b, 1);
    }
    bits_skip(b, order_hint ? 3 : 0);
}

/* 5.5.2 */
static void read_color(struct bits *b, struct av1_sequence *s)
{
    s->high_bit_depth = bits_flag(b);
    s->twelve_bit = s->profile == 2 && s->high_bit_depth && bits_flag(b);
    s->monochrome = s->profile != 1 && bits_flag(b);
    s->color = (struct track_color){
        .primaries = COLOR_NOT_TOLD, .transfer = COLOR_NOT_TOLD, .matrix = COLOR_NOT_TOLD};
    if (bits_flag(b)) {
        s->color.primaries = (int)bits_read(b, 8);
        s->color.transfer = (int)bits_read(b, 8);
        s->color.matrix = (int)bits_read(b, 8);
    }
    s->sub_x = s->sub_y = true;
    if (s->monochrome) {
        s->color.full_range = bits_flag(b);
        return;
    }
    if (s->color.primaries == PRIMARIES_BT709 && s->color.transfer == TRANSFER_SRGB &&
        s->color.matrix == MATRIX_IDENTITY) {
        s->color.full_range = true;
        s->sub_x = s->sub_y = false;
        return;
    }
    s->color.full_range = bits_flag(b);
    if (s->profile == 2 && s->twelve_bit) {
        s->sub_x = bits_flag(b);
        s->sub_y = s->sub_x && bits_flag(b);
    } else {
        s->sub_x = s->profile != 1;
        s->sub_y = s->profile == 0;
    }
    s->sample_position = s->sub_x && s->sub_y ? bits_read(b, 2) : 0;
}

enum err av1_sequence_parse(struct span payload, struct av1_sequence *ret_sequence)
{
    struct av1_sequence s = {0};
    struct bits b;
    bits_init(&b, payload);
    s.profile = (int)bits_read(&b, 3);
    bits_skip(&b, 1); /* still_picture */
    s.reduced_still = bits_flag(&b);
    if (s.reduced_still) {
        s.level = (int)bits_read(&b, 5);
    } else {
        read_operating_points(&b, &s);
    }
    int width_bits = (int)bits_read(&b, 4) + 1, height_bits = (int)bits_read(&b, 4) + 1;
    s.width = (int)bits_read(&b, width_bits) + 1;
    s.height = (int)bits_read(&b, height_bits) + 1;
    if (!s.reduced_still && bits_flag(&b)) {
        bits_skip(&b, 4 + 3); /* frame id lengths */
    }
    bits_skip(&b, 3); /* use_128x128_superblock, filter_intra, intra_edge_filter */
    if (!s.reduced_still) {
        skip_tools(&b);
    }
    bits_skip(&b, 3); /* superres, cdef, restoration */
    read_color(&b, &s);
    if (b.past_end || s.profile > 2) {
        return ERR_PROTO;
    }
    *ret_sequence = s;
    return ERR_OK;
}

/* --- records --- */

enum err av1_config_parse(struct span record, struct span *ret_sequence)
{
    struct span sequence = {0};
    if (record.len < AV1_RECORD_BYTES || record.data[0] != RECORD_VERSION) {
        return ERR_PROTO;
    }
    record = span_of(record.data + AV1_RECORD_BYTES, record.len - AV1_RECORD_BYTES);
    while (record.len > 0 && sequence.len == 0) {
        struct obu o;
        if (read_obu(&record, &o) != ERR_OK) {
            return ERR_PROTO;
        }
        if (o.type == OBU_SEQUENCE_HEADER) {
            sequence = o.payload;
        }
    }
    *ret_sequence = sequence;
    return ERR_OK;
}

enum err av1_config_make(struct span payload, struct buf *out)
{
    struct av1_sequence s;
    enum err e = av1_sequence_parse(payload, &s);
    if (e != ERR_OK) {
        return e;
    }
    const uint8_t head[AV1_RECORD_BYTES] = {
        RECORD_VERSION,
        (uint8_t)((unsigned)s.profile << 5 | (unsigned)s.level),
        (uint8_t)((unsigned)s.tier << 7 | (unsigned)s.high_bit_depth << 6 |
                  (unsigned)s.twelve_bit << 5 | (unsigned)s.monochrome << 4 |
                  (unsigned)s.sub_x << 3 | (unsigned)s.sub_y << 2 | s.sample_position),
        0,
    };
    e = buf_put(out, span_of(head, sizeof head));
    return e == ERR_OK ? put_sequence(out, payload) : e;
}

bool av1_is_descriptor(struct span bytes)
{
    return bytes.len >= 2 + DESCRIPTOR_LENGTH && bytes.data[0] == DESCRIPTOR_TAG &&
           bytes.data[1] >= DESCRIPTOR_LENGTH && bytes.data[2] == RECORD_VERSION;
}

/* --- temporal units --- */

/* 5.9.2, its first bits */
static bool is_shown_key(struct span payload, bool reduced_still)
{
    struct bits b;
    bits_init(&b, payload);
    if (reduced_still) {
        return true;
    }
    bool shows_existing = bits_flag(&b);
    unsigned type = bits_read(&b, 2);
    return !shows_existing && type == 0 && bits_flag(&b) && !b.past_end;
}

enum err av1_unit_parse(struct span unit, bool reduced_still, struct av1_unit *ret_unit)
{
    struct av1_unit u = {.plain = true};
    bool framed = false;
    for (struct span rest = unit; rest.len > 0;) {
        struct span from = rest;
        struct obu o;
        if (read_obu(&rest, &o) != ERR_OK) {
            return ERR_PROTO;
        }
        if (o.type == OBU_TEMPORAL_DELIMITER) {
            u.plain = u.plain && u.body.len == 0;
            continue;
        }
        u.body = u.body.len == 0 ? from : u.body;
        u.plain = u.plain && o.has_size;
        if (o.type == OBU_SEQUENCE_HEADER && u.sequence.len == 0) {
            struct av1_sequence s;
            u.sequence = o.payload;
            reduced_still = av1_sequence_parse(o.payload, &s) == ERR_OK && s.reduced_still;
        } else if ((o.type == OBU_FRAME || o.type == OBU_FRAME_HEADER) && !framed) {
            framed = true;
            u.key = is_shown_key(o.payload, reduced_still);
        }
    }
    if (u.body.len == 0) {
        return ERR_PROTO;
    }
    *ret_unit = u;
    return ERR_OK;
}

enum err av1_unit_write(struct span unit, struct span sequence, struct buf *out)
{
    enum err e = sequence.len > 0 ? put_sequence(out, sequence) : ERR_OK;
    while (e == ERR_OK && unit.len > 0) {
        struct obu o;
        e = read_obu(&unit, &o);
        if (e == ERR_OK && o.type != OBU_TEMPORAL_DELIMITER) {
            e = put_obu(out, o.head, o.payload);
        }
    }
    return e;
}

/* --- in the form of MPEG-2 TS --- */

static bool at_start_code(struct span s)
{
    return s.len >= START_CODE_BYTES && s.data[0] == 0 && s.data[1] == 0 && s.data[2] == 1;
}

bool av1_is_ts_unit(struct span unit)
{
    return at_start_code(unit);
}

/* Takes one OBU with its emulation prevention bytes, up to the next start code. */
static struct span take_ts_obu(struct span *s)
{
    size_t n = 0;
    while (n < s->len && !at_start_code(span_of(s->data + n, s->len - n))) {
        n++;
    }
    struct span obu = span_of(s->data, n);
    *s = span_of(s->data + n, s->len - n);
    return obu;
}

static enum err unescape(struct span s, struct buf *out)
{
    int zeros = 0;
    enum err e = ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < s.len; i++) {
        bool escape = zeros >= 2 && s.data[i] == 3;
        zeros = s.data[i] == 0 ? zeros + 1 : 0;
        e = escape ? ERR_OK : buf_put_u8(out, s.data[i]);
    }
    return e;
}

enum err av1_ts_unit_write(struct span unit, struct buf *out)
{
    struct buf one;
    enum err e = ERR_OK;
    buf_init(&one, unit.len);
    while (e == ERR_OK && at_start_code(unit)) {
        unit = span_of(unit.data + START_CODE_BYTES, unit.len - START_CODE_BYTES);
        buf_clear(&one);
        e = unescape(take_ts_obu(&unit), &one);
        if (e == ERR_OK) {
            e = av1_unit_write(buf_span(&one), span_of(NULL, 0), out);
        }
    }
    buf_fini(&one);
    return e;
}
