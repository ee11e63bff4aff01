#include "broadcaster/codec/flac.h"

#include <string.h>

#include "broadcaster/codec/bits.h"

#define MAGIC_BYTES        4
#define BLOCK_HEADER_BYTES 4
#define BLOCK_TYPE_MASK    0x7f /* 0: STREAMINFO */
#define FRAME_SYNC         0xfff8
#define FRAME_SYNC_MASK    0xfffe

/* RFC 9639, 8.1 */
static bool skip_block_header(struct span *s)
{
    if (s->len < BLOCK_HEADER_BYTES + FLAC_STREAMINFO_BYTES ||
        (s->data[0] & BLOCK_TYPE_MASK) != 0 || s->data[1] != 0 || s->data[2] != 0 ||
        s->data[3] != FLAC_STREAMINFO_BYTES) {
        return false;
    }
    *s = span_of(s->data + BLOCK_HEADER_BYTES, s->len - BLOCK_HEADER_BYTES);
    return true;
}

enum err flac_config_parse(struct span header, struct flac_config *ret_config)
{
    if (header.len >= MAGIC_BYTES && memcmp(header.data, "fLaC", MAGIC_BYTES) == 0) {
        header = span_of(header.data + MAGIC_BYTES, header.len - MAGIC_BYTES);
        if (!skip_block_header(&header)) {
            return ERR_PROTO;
        }
    } else if (header.len != FLAC_STREAMINFO_BYTES && !skip_block_header(&header)) {
        return ERR_PROTO;
    }
    struct bits b;
    bits_init(&b, header);
    bits_skip(&b, 16 + 16 + 24 + 24); /* smallest and largest block and frame */
    struct flac_config c = {.streaminfo = span_of(header.data, FLAC_STREAMINFO_BYTES)};
    c.sample_rate = (int)bits_read(&b, 20);
    c.channels = (int)bits_read(&b, 3) + 1;
    if (c.sample_rate == 0) {
        return ERR_PROTO;
    }
    *ret_config = c;
    return ERR_OK;
}

/* How many bytes the frame's or sample's number takes, by its first (9.1.5); 0: none such. */
static size_t number_bytes(uint8_t first)
{
    size_t ones = 0;
    while (ones < 8 && (first << ones & 0x80) != 0) {
        ones++;
    }
    return ones == 0 ? 1 : ones >= 2 && ones <= 7 ? ones : 0;
}

int flac_frame_samples(struct span frame)
{
    uint16_t sync, long_size;
    uint8_t sizes, format, first, short_size;
    struct span number;
    if (span_read_be16(&frame, &sync) != ERR_OK || (sync & FRAME_SYNC_MASK) != FRAME_SYNC ||
        span_read_u8(&frame, &sizes) != ERR_OK || span_read_u8(&frame, &format) != ERR_OK) {
        return 0;
    }
    int code = sizes >> 4;
    if (code == 1) {
        return 192;
    }
    if (code >= 2 && code <= 5) {
        return 576 << (code - 2);
    }
    if (code >= 8) {
        return 256 << (code - 8);
    }
    if (code == 0 || frame.len == 0) {
        return 0;
    }
    first = frame.data[0];
    if (number_bytes(first) == 0 ||
        span_read_bytes(&frame, number_bytes(first), &number) != ERR_OK) {
        return 0;
    }
    if (code == 6) {
        return span_read_u8(&frame, &short_size) == ERR_OK ? short_size + 1 : 0;
    }
    return span_read_be16(&frame, &long_size) == ERR_OK ? long_size + 1 : 0;
}
