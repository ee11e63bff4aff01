#include "broadcaster/codec/opus.h"

#include <string.h>

#define MAGIC_BYTES        8
#define PACKET_SAMPLES_MAX 5760 /* 120 ms */
#define PRE_SKIP           312  /* samples; what encoders of today begin with */
#define FAMILY_RTP         0
#define MAPPING_HEAD_BYTES 2

enum err opus_head_parse(struct span head, int *ret_channels)
{
    static const uint8_t magic[MAGIC_BYTES] = {'O', 'p', 'u', 's', 'H', 'e', 'a', 'd'};
    if (head.len < OPUS_HEAD_BYTES || memcmp(head.data, magic, sizeof magic) != 0 ||
        head.data[8] >> 4 != 0 || head.data[9] == 0) {
        return ERR_PROTO;
    }
    size_t channels = head.data[9];
    if (head.data[18] == FAMILY_RTP ? channels > 2
                                    : head.len < OPUS_HEAD_BYTES + MAPPING_HEAD_BYTES + channels) {
        return ERR_PROTO;
    }
    *ret_channels = (int)channels;
    return ERR_OK;
}

void opus_head_make(int channels, uint8_t ret_head[OPUS_HEAD_BYTES])
{
    const uint8_t head[OPUS_HEAD_BYTES] = {'O',
                                           'p',
                                           'u',
                                           's',
                                           'H',
                                           'e',
                                           'a',
                                           'd',
                                           1,
                                           (uint8_t)channels,
                                           PRE_SKIP & 255,
                                           PRE_SKIP >> 8,
                                           OPUS_RATE & 255,
                                           OPUS_RATE >> 8 & 255};
    memcpy(ret_head, head, sizeof head);
}

int opus_packet_samples(struct span packet)
{
    static const uint16_t silk[] = {480, 960, 1920, 2880}, celt[] = {120, 240, 480, 960};
    if (packet.len == 0) {
        return 0;
    }
    unsigned config = packet.data[0] >> 3, code = packet.data[0] & 3;
    int samples = config < 12   ? silk[config & 3]
                  : config < 16 ? silk[config & 1]
                                : celt[config & 3];
    int frames = code == 0 ? 1 : 2;
    if (code == 3) {
        frames = packet.len > 1 ? packet.data[1] & 63 : 0;
    }
    samples *= frames;
    return samples <= PACKET_SAMPLES_MAX ? samples : 0;
}
