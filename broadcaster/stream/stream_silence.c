/* Holes in the sound, filled with silence: players take a hole for missing media, wait for it or
 * leave out the picture as well. */
#include "broadcaster/stream/silence.h"
#include "broadcaster/stream/sound_frame.h"
#include "broadcaster/stream/stream_internal.h"

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

/* The last of the sound is silence that was put there. */
static bool is_silent(const struct stream *st)
{
    return st->sound_end != 0 && st->sound_end == st->silent_until;
}

static bool has_silence(struct stream *st)
{
    if (st->silence == NULL) {
        st->silence = silence_create(track_params(st->audio));
    }
    return st->silence != NULL;
}

/* n frames from `base` on; returns how many, which is less when there is no memory. */
static int64_t put_frames(struct stream *st, struct packets *to, struct sound_frame f, int64_t base,
                          int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        struct packet p = {.kind = TRACK_AUDIO,
                           .flags = PACKET_KEY,
                           .dts = base + i * f.samples * TICKS_PER_S / f.rate,
                           .pts = base + i * f.samples * TICKS_PER_S / f.rate,
                           .duration = sound_frame_ticks(f),
                           .blob = blob_ref(st->silence),
                           .data = blob_span(st->silence)};
        if (packets_push(to, p) != ERR_OK) {
            packet_unref(&p);
            return i; /* then it stays a hole */
        }
    }
    return n;
}

/* Where a piece of the stream begins, its sound is often behind the picture: B-frames put the time
 * at which a picture is decoded before that of the sound it is shown with. */
static void put_lead_in(struct stream *st, struct packets *to, int64_t until)
{
    struct sound_frame f = sound_frame_of(track_params(st->audio), span_of(NULL, 0));
    int64_t hole = until - st->info.start;
    if (hole <= 0 || hole > FILL_TICKS || f.rate <= 0 || !has_silence(st)) {
        return;
    }
    int64_t n = hole * f.rate / (f.samples * TICKS_PER_S);
    (void)put_frames(st, to, f, until - n * f.samples * TICKS_PER_S / f.rate, n);
}

static void put_silence(struct stream *st, struct packets *to, int64_t until)
{
    struct sound_frame f = sound_frame_of(track_params(st->audio), span_of(NULL, 0));
    int64_t base = st->sound_end, hole = until - base, least = is_silent(st) ? 1 : HOLE_TICKS;
    if (base == 0 || hole < least || hole > FILL_TICKS || f.rate <= 0 || !has_silence(st)) {
        return;
    }
    int64_t length = sound_frame_ticks(f);
    int64_t n = 0;
    while (base + n * f.samples * TICKS_PER_S / f.rate + length <= until) {
        n++;
    }
    n = put_frames(st, to, f, base, n);
    if (n > 0) {
        st->sound_end = base + (n - 1) * f.samples * TICKS_PER_S / f.rate + length;
        st->silent_until = st->sound_end;
        st->repair.counters.n[REPAIR_SILENCE] += (uint64_t)n;
    }
}

/* What is gone stays away for a while: its silence goes on as it is needed. */
static bool is_gone(const struct stream *st, int64_t sure)
{
    return sure - st->sound_end > (is_silent(st) ? HOLE_TICKS : GONE_TICKS);
}

/* Moves all from the n-th on. ERR_NOMEM: nothing. */
static enum err take_from(struct packets *ps, size_t n, struct packets *to)
{
    for (size_t i = n; i < ps->count; i++) {
        if (packets_push(to, ps->items[i]) != ERR_OK) {
            to->count = 0; /* they are still the others */
            packets_fini(to);
            return ERR_NOMEM;
        }
    }
    ps->count = n;
    ps->bytes -= to->bytes;
    return ERR_OK;
}

static void put_back(struct stream *st, struct packets *rest, size_t from)
{
    for (size_t i = from; i < rest->count; i++) {
        if (packets_push(&st->audio_packets, rest->items[i]) != ERR_OK) {
            packet_unref(&rest->items[i]);
            st->sound_dropped++;
        }
    }
    rest->count = 0;
    packets_fini(rest);
}

void silence_fill(struct stream *st, int64_t end)
{
    struct packets *audio = &st->audio_packets;
    bool heard = st->unbroken < audio->count && audio->items[st->unbroken].dts < end;
    int64_t sure = end - st->sound_lag; /* behind it sound may still come */
    if (st->audio == NULL || st->video == NULL || (!heard && !is_gone(st, sure))) {
        return;
    }
    struct packets rest;
    packets_init(&rest);
    if (take_from(audio, st->unbroken, &rest) != ERR_OK) {
        return;
    }
    size_t n = 0;
    for (; n < rest.count && rest.items[n].dts < end; n++) {
        if (st->sound_end == 0) {
            put_lead_in(st, audio, rest.items[n].dts);
        } else {
            put_silence(st, audio, rest.items[n].dts);
        }
        st->sound_end = rest.items[n].dts + rest.items[n].duration;
        if (packets_push(audio, rest.items[n]) != ERR_OK) {
            packet_unref(&rest.items[n]);
            st->sound_dropped++;
        }
    }
    if (n == rest.count && is_gone(st, sure)) {
        put_silence(st, audio, sure);
    }
    st->unbroken = audio->count;
    put_back(st, &rest, n);
}

void silence_end(struct stream *st, int64_t end)
{
    silence_fill(st, end);
    if (st->audio != NULL && st->video != NULL && st->unbroken == st->audio_packets.count) {
        put_silence(st, &st->audio_packets, end);
        st->unbroken = st->audio_packets.count;
    }
}
