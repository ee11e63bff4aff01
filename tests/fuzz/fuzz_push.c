/* libFuzzer target: the body of a push. The first byte says which container it is taken for. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <libavutil/log.h>

#include "base/blob.h"
#include "broadcaster/push/push_demux.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned sum;

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

static void check_packets(const struct packets *ps)
{
    size_t bytes = 0;
    for (size_t i = 0; i < ps->count; i++) {
        const struct packet *p = &ps->items[i];
        check(p->pts >= p->dts && p->duration >= 0 && p->data.len > 0);
        check(i == 0 || p->dts > ps->items[i - 1].dts);
        bytes += p->data.len;
        sum += p->data.data[0] + p->data.data[p->data.len - 1];
    }
    check(bytes == ps->bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int begun;
    if (!begun) {
        begun = 1;
        av_log_set_level(AV_LOG_QUIET);
        push_demux_init();
    }
    if (size == 0) {
        return 0;
    }
    struct push_demux_options o = {.mp4 = data[0] & 1, .told_ticks = 180000};
    struct push_media m;
    char why[PUSH_DEMUX_WHY_MAX] = "";
    enum err e = push_demux(span_of(data + 1, size - 1), &o, &m, why);
    if (e != ERR_OK) {
        check(why[0] != '\0');
        return 0;
    }
    check(m.duration > 0 && m.duration <= PUSH_DURATION_TICKS);
    check(m.video_packets.count + m.audio_packets.count <= PUSH_PACKETS_MAX);
    check(m.video_packets.count == 0 || m.video != NULL);
    check(m.audio_packets.count == 0 || m.audio != NULL);
    check_packets(&m.video_packets);
    check_packets(&m.audio_packets);
    push_media_fini(&m);
    check(blob_live_bytes() == 0);
    return 0;
}
