#include "broadcaster/rtmp/asc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OBJECT_TYPE_ESCAPE 31
#define OBJECT_TYPE_SBR    5
#define OBJECT_TYPE_PS     29
#define RATE_EXPLICIT      15
#define RATE_MAX           192000
#define CORE_CODER_BITS    14

struct bits {
    struct span bytes;
    size_t at;
    bool past_end;
};

static unsigned read_bits(struct bits *b, int n)
{
    unsigned v = 0;
    for (int i = 0; i < n; i++) {
        unsigned bit = 0;
        if (b->at / 8 < b->bytes.len) {
            bit = b->bytes.data[b->at / 8] >> (7 - b->at % 8) & 1;
            b->at++;
        } else {
            b->past_end = true;
        }
        v = v << 1 | bit;
    }
    return v;
}

/* Table 1.18; 0 for reserved ones. */
static int read_rate(struct bits *b)
{
    static const int rates[] = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                22050, 16000, 12000, 11025, 8000,  7350};
    unsigned index = read_bits(b, 4);
    if (index == RATE_EXPLICIT) {
        unsigned rate = read_bits(b, 24);
        return rate <= RATE_MAX ? (int)rate : 0;
    }
    return index < sizeof rates / sizeof rates[0] ? rates[index] : 0;
}

static int read_object_type(struct bits *b)
{
    unsigned type = read_bits(b, 5);
    return (int)(type == OBJECT_TYPE_ESCAPE ? 32 + read_bits(b, 6) : type);
}

static int count_elements(struct bits *b, unsigned n)
{
    int channels = 0;
    for (unsigned i = 0; i < n; i++) {
        channels += read_bits(b, 1) != 0 ? 2 : 1;
        read_bits(b, 4);
    }
    return channels;
}

/* GASpecificConfig as far as the program_config_element (4.4.1, 4.4.1.1). */
static int read_program_config(struct bits *b)
{
    read_bits(b, 1);
    if (read_bits(b, 1) != 0) {
        read_bits(b, CORE_CODER_BITS);
    }
    read_bits(b, 1);
    read_bits(b, 4 + 2 + 4); /* tag, object type, rate */
    unsigned front = read_bits(b, 4), side = read_bits(b, 4), back = read_bits(b, 4);
    unsigned lfe = read_bits(b, 2);
    read_bits(b, 3 + 4); /* data and coupling elements stand behind all that is counted */
    read_bits(b, read_bits(b, 1) != 0 ? 4 : 0); /* mono mixdown */
    read_bits(b, read_bits(b, 1) != 0 ? 4 : 0); /* stereo mixdown */
    read_bits(b, read_bits(b, 1) != 0 ? 3 : 0); /* matrix mixdown */
    return count_elements(b, front) + count_elements(b, side) + count_elements(b, back) + (int)lfe;
}

static int read_channels(struct bits *b, unsigned configuration)
{
    /* Table 1.19 */
    static const uint8_t channels[16] = {0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8, 0};
    return configuration != 0 ? channels[configuration] : read_program_config(b);
}

enum err asc_parse(struct span config, struct asc *ret_asc)
{
    struct bits b = {.bytes = config};
    struct asc asc = {.object_type = read_object_type(&b)};
    asc.sample_rate = read_rate(&b);
    unsigned configuration = read_bits(&b, 4);
    if (asc.object_type == OBJECT_TYPE_SBR || asc.object_type == OBJECT_TYPE_PS) {
        read_rate(&b); /* of the extension */
        asc.object_type = read_object_type(&b);
    }
    asc.channels = read_channels(&b, configuration);
    if (b.past_end || asc.object_type == 0 || asc.sample_rate <= 0 || asc.channels <= 0) {
        return ERR_PROTO;
    }
    *ret_asc = asc;
    return ERR_OK;
}
