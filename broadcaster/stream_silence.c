/* Holes in the sound, filled with silence: players take a hole for missing media, wait for it or
 * leave out the picture as well. */
#include "broadcaster/silence.h"
#include "broadcaster/sound_frame.h"
#include "broadcaster/stream_internal.h"

#define HOLE_TICKS (TICKS_PER_S / 20)

/* Sound that is so late, beside its usual lag behind the picture, does not come any more. */
#define GONE_TICKS    TICKS_PER_S
#define LAG_TICKS_MAX (8 * TICKS_PER_S)
#define FILL_TICKS    (16 * TICKS_PER_S) /* of one segment */

bool silence_takes(struct stream *st, const struct packet *p)
{
    int64_t lag = st->cutter.last_dts - p->dts;
    if (st->open && st->video != NULL && lag < LAG_TICKS_MAX) {
        lag = lag > 0 ? lag : 0;
        st->sound_lag = lag > st->sound_lag ? lag : st->sound_lag - st->sound_lag / 64;
    }
    if (p->dts >= st->silent_until) {
        return true;
    }
    st->repair.counters.n[REPAIR_SOUND_OVERLAP]++;
    return false;
}

void silence_forget(struct stream *st)
{
    blob_unref(st->silence);
    st->silence = NULL;
    st->sound_end = 0;
}

static void put_silence(struct stream *st, struct packets *to, int64_t until)
{
    struct sound_frame f = sound_frame_of(track_params(st->audio), span_of(NULL, 0));
    int64_t base = st->sound_end, hole = until - base;
    if (base == 0 || hole < HOLE_TICKS || hole > FILL_TICKS || f.rate <= 0) {
        return;
    }
    if (st->silence == NULL) {
        st->silence = silence_create(track_params(st->audio));
    }
    int64_t length = sound_frame_ticks(f);
    for (int64_t i = 0; st->silence != NULL && st->sound_end + length <= until; i++) {
        struct packet p = {.kind = TRACK_AUDIO,
                           .flags = PACKET_KEY,
                           .dts = base + i * f.samples * TICKS_PER_S / f.rate,
                           .pts = base + i * f.samples * TICKS_PER_S / f.rate,
                           .duration = length,
                           .blob = blob_ref(st->silence),
                           .data = blob_span(st->silence)};
        if (packets_push(to, p) != ERR_OK) {
            packet_unref(&p);
            return; /* then it stays a hole */
        }
        st->sound_end = p.dts + length;
        st->silent_until = st->sound_end;
        st->repair.counters.n[REPAIR_SILENCE]++;
    }
}

void silence_fill(struct stream *st, int64_t end)
{
    if (st->audio == NULL || st->video == NULL) {
        return;
    }
    struct packets *audio = &st->audio_packets;
    struct packets filled;
    packets_init(&filled);
    for (size_t i = 0; i < audio->count; i++) {
        struct packet *p = &audio->items[i];
        put_silence(st, &filled, p->dts);
        st->sound_end = p->dts + p->duration;
        if (packets_push(&filled, *p) != ERR_OK) {
            packet_unref(p);
            st->sound_dropped++;
        }
    }
    audio->count = 0;
    audio->bytes = 0;
    packets_fini(audio);
    int64_t sure = end - st->sound_lag; /* behind it sound may still come */
    if (sure - st->sound_end > GONE_TICKS) {
        put_silence(st, &filled, sure);
    }
    *audio = filled;
}
