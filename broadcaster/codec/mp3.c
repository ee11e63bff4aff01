#include "broadcaster/codec/mp3.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broadcaster/codec/bits.h"

#define SYNC          0x7ff
#define VERSION_2_5   0
#define VERSION_NONE  1
#define VERSION_1     3
#define LAYER_III     1
#define MODE_MONO     3
#define RATE_NONE     3
#define BIT_RATE_NONE 15
#define GRANULE       576

struct frame {
    size_t bytes; /* 0: free format, whose length nobody tells */
    int sample_rate, channels, samples;
};

static enum err read_frame(struct span packet, struct frame *ret_frame)
{
    static const uint16_t kbps_1[] = {0,   32,  40,  48,  56,  64,  80, 96,
                                      112, 128, 160, 192, 224, 256, 320};
    static const uint16_t kbps_2[] = {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160};
    static const int rates[] = {44100, 48000, 32000};
    struct bits b;
    bits_init(&b, packet);
    unsigned sync = bits_read(&b, 11), version = bits_read(&b, 2), layer = bits_read(&b, 2);
    bits_skip(&b, 1); /* protection_bit */
    unsigned bit_rate = bits_read(&b, 4), rate = bits_read(&b, 2), padding = bits_read(&b, 1);
    bits_skip(&b, 1); /* private_bit */
    unsigned mode = bits_read(&b, 2);
    bits_skip(&b, 6);
    if (sync != SYNC || version == VERSION_NONE || layer != LAYER_III ||
        bit_rate == BIT_RATE_NONE || rate == RATE_NONE || b.past_end) {
        return ERR_PROTO;
    }
    bool full = version == VERSION_1;
    struct frame f = {.channels = mode == MODE_MONO ? 1 : 2,
                      .samples = full ? 2 * GRANULE : GRANULE};
    f.sample_rate = rates[rate] >> (full ? 0 : version == VERSION_2_5 ? 2 : 1);
    unsigned kbps = full ? kbps_1[bit_rate] : kbps_2[bit_rate];
    if (kbps > 0) {
        f.bytes = (size_t)f.samples / 8 * kbps * 1000 / (size_t)f.sample_rate + padding;
    }
    *ret_frame = f;
    return ERR_OK;
}

enum err mp3_packet_parse(struct span packet, struct mp3_packet *ret_packet)
{
    struct frame f;
    enum err e = read_frame(packet, &f);
    if (e != ERR_OK) {
        return e;
    }
    struct mp3_packet p = {f.sample_rate, f.channels, 0};
    while (e == ERR_OK) {
        p.samples += f.samples;
        if (f.bytes == 0 || f.bytes >= packet.len) {
            break;
        }
        packet = span_of(packet.data + f.bytes, packet.len - f.bytes);
        e = read_frame(packet, &f);
    }
    *ret_packet = p;
    return ERR_OK;
}
