#include "broadcaster/pack/packager.h"

/* ISO/IEC 13818-1: a packet's bytes and those of them that carry media. */
#define TS_PACKET  188
#define TS_PAYLOAD 184

#define PES_HEADER      19 /* with PTS and DTS */
#define CLOCK_BYTES     8  /* adaptation field with the PCR */
#define UNIT_DELIMITER  6
#define SETS_BYTES      64 /* parameter sets, about */
#define ADTS_HEADER     7
#define AUDIO_PES_BYTES 2930  /* libavformat gathers sound up to this */
#define AUDIO_PES_TICKS 31500 /* and this long */
#define TABLES          3

static size_t packets_for(size_t payload)
{
    return (payload + TS_PAYLOAD - 1) / TS_PAYLOAD;
}

size_t packager_mpegts_size(const struct segment *s)
{
    const struct packets *video = segment_packets(s);
    struct sound *sound = segment_sound(s);
    size_t packets = TABLES;
    size_t gathered = 0;
    int64_t first = 0; /* DTS of what is gathered */
    for (size_t i = 0; i < video->count; i++) {
        const struct packet *p = &video->items[i];
        size_t sets = (p->flags & PACKET_KEY) != 0 ? SETS_BYTES : 0;
        packets += packets_for(p->data.len + sets + UNIT_DELIMITER + PES_HEADER + CLOCK_BYTES);
    }
    bool audio = sound != NULL && packager_ts_carries(track_params(sound_track(sound)));
    for (size_t i = 0; audio && i < sound_packets(sound)->count; i++) {
        size_t len = sound_packets(sound)->items[i].data.len + ADTS_HEADER;
        int64_t since = sound_packets(sound)->items[i].dts - first;
        if (gathered > 0 && (gathered + len > AUDIO_PES_BYTES || since > AUDIO_PES_TICKS)) {
            packets += packets_for(gathered + PES_HEADER);
            gathered = 0;
        }
        first = gathered == 0 ? sound_packets(sound)->items[i].dts : first;
        gathered += len;
    }
    packets += gathered > 0 ? packets_for(gathered + PES_HEADER) : 0;
    return packets * TS_PACKET;
}
