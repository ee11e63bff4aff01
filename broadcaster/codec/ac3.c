#include "broadcaster/codec/ac3.h"

#include <stddef.h>
#include <stdint.h>

#include "broadcaster/codec/bits.h"

#define SYNC_WORD      0x0b77
#define BSID_AT        5 /* byte; its upper five bits, in both forms */
#define BSID_AC3_MAX   10
#define BSID_PLAIN     8 /* each above it halves the rate */
#define BSID_EAC3_MAX  16
#define BLOCK_SAMPLES  256
#define BLOCKS         6
#define SIZE_CODES     38
#define TYPE_DEPENDENT 1
#define SAMPLES_MAX    (1 << 20) /* of a packet; what is behind them is not counted */

struct frame {
    bool enhanced;
    bool first_stream; /* of the independent substream 0, which counts time */
    size_t bytes;
    int sample_rate, channels, blocks;
};

static const int rates[] = {48000, 44100, 32000};
/* Table 5.8 */
static const uint8_t mode_channels[] = {2, 1, 2, 3, 3, 4, 4, 5};

/* Table 5.18: 16-bit words of a frame */
static size_t ac3_bytes(unsigned rate_code, unsigned size_code)
{
    static const uint16_t kbps[] = {32,  40,  48,  56,  64,  80,  96,  112, 128, 160,
                                    192, 224, 256, 320, 384, 448, 512, 576, 640};
    unsigned rate = kbps[size_code / 2];
    switch (rate_code) {
    case 0:
        return rate * 4;
    case 1:
        return (rate * 320 / 147 + (size_code & 1)) * 2;
    default:
        return rate * 6;
    }
}

/* 5.3.1 and 5.3.2 */
static enum err read_ac3(struct bits *b, struct frame *f)
{
    bits_skip(b, 16); /* crc1 */
    unsigned rate_code = bits_read(b, 2), size_code = bits_read(b, 6), bsid = bits_read(b, 5);
    if (rate_code == 3 || size_code >= SIZE_CODES) {
        return ERR_PROTO;
    }
    bits_skip(b, 3); /* bsmod */
    unsigned mode = bits_read(b, 3);
    bits_skip(b, (mode & 1) != 0 && mode != 1 ? 2 : 0); /* cmixlev */
    bits_skip(b, (mode & 4) != 0 ? 2 : 0);              /* surmixlev */
    bits_skip(b, mode == 2 ? 2 : 0);                    /* dsurmod */
    f->channels = mode_channels[mode] + bits_flag(b);
    f->sample_rate = rates[rate_code] >> (bsid > BSID_PLAIN ? bsid - BSID_PLAIN : 0);
    f->bytes = ac3_bytes(rate_code, size_code);
    f->blocks = BLOCKS;
    f->first_stream = true;
    return ERR_OK;
}

/* E.1.2.2 */
static enum err read_eac3(struct bits *b, struct frame *f)
{
    static const uint8_t block_counts[] = {1, 2, 3, 6};
    unsigned type = bits_read(b, 2), substream = bits_read(b, 3);
    f->bytes = (bits_read(b, 11) + 1) * 2;
    unsigned rate_code = bits_read(b, 2), half_code = bits_read(b, 2);
    if (rate_code == 3 && half_code == 3) {
        return ERR_PROTO;
    }
    f->sample_rate = rate_code == 3 ? rates[half_code] / 2 : rates[rate_code];
    f->blocks = rate_code == 3 ? BLOCKS : block_counts[half_code];
    unsigned mode = bits_read(b, 3);
    f->channels = mode_channels[mode] + bits_flag(b);
    f->first_stream = type != TYPE_DEPENDENT && substream == 0;
    f->enhanced = true;
    return ERR_OK;
}

static enum err read_frame(struct span packet, struct frame *ret_frame)
{
    struct frame f = {0};
    struct bits b;
    bits_init(&b, packet);
    if (packet.len <= BSID_AT || bits_read(&b, 16) != SYNC_WORD) {
        return ERR_PROTO;
    }
    unsigned bsid = packet.data[BSID_AT] >> 3;
    enum err e = bsid <= BSID_AC3_MAX    ? read_ac3(&b, &f)
                 : bsid <= BSID_EAC3_MAX ? read_eac3(&b, &f)
                                         : ERR_PROTO;
    if (e != ERR_OK || b.past_end) {
        return ERR_PROTO;
    }
    *ret_frame = f;
    return ERR_OK;
}

enum err ac3_packet_parse(struct span packet, struct ac3_packet *ret_packet)
{
    struct frame f;
    enum err e = read_frame(packet, &f);
    if (e != ERR_OK) {
        return e;
    }
    struct ac3_packet p = {f.enhanced, f.sample_rate, f.channels, 0};
    while (e == ERR_OK) {
        p.enhanced = p.enhanced || f.enhanced;
        p.samples += f.first_stream ? f.blocks * BLOCK_SAMPLES : 0;
        if (f.bytes >= packet.len || p.samples > SAMPLES_MAX) {
            break;
        }
        packet = span_of(packet.data + f.bytes, packet.len - f.bytes);
        e = read_frame(packet, &f);
    }
    *ret_packet = p;
    return ERR_OK;
}
