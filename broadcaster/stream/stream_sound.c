/* The sound of a stream. It goes where the picture's segments are; where there is no picture, or
 * the picture stands still, it says itself when a segment ends. */
#include <string.h>

#include "broadcaster/stream/stream_internal.h"

/* Sound waits so long for a first picture, and longer when a codec header has announced one. */
#define ALONE_WAIT_TICKS  (3 * TICKS_PER_S)
#define HEADER_WAIT_TICKS (13 * TICKS_PER_S)
#define PENDING_PACKETS   2048
#define PENDING_BYTES     (4 * 1024 * 1024)

/* The picture stands still when the sound is so far past the end of the segment and no picture came
 * for so long; where the sound is always ahead, further. */
#define STILL_TICKS   (3 * TICKS_PER_S / 2)
#define STILL_MS      1000
#define STILL_AT_ONCE (12 * TICKS_PER_S) /* publishers that are faster than real time */

static void drop(struct stream *st, size_t n)
{
    struct packets *ps = &st->pending;
    for (size_t i = 0; i < n; i++) {
        ps->bytes -= ps->items[i].data.len;
        packet_unref(&ps->items[i]);
    }
    ps->count -= n;
    memmove(ps->items, ps->items + n, ps->count * sizeof *ps->items);
}

static enum err add(struct stream *st, const struct packet *p)
{
    enum err e = segment_add(st, &st->audio_packets, p);
    if (e == ERR_OK) {
        light_sounds_packet(st->light, st->audio, p);
        stream_taps_packet(st, p); /* behind it: it may be what a light sound begins with */
        silence_fill(st, parts_until(st));
        parts_make(st);
    }
    return e;
}

enum err stream_take_pending(struct stream *st, int64_t from)
{
    struct packets *ps = &st->pending;
    enum err e = ERR_OK;
    for (size_t i = 0; i < ps->count && e == ERR_OK; i++) {
        if (ps->items[i].dts >= from && st->audio != NULL) {
            e = add(st, &ps->items[i]);
        }
    }
    packets_fini(ps);
    return e;
}

static enum err wait_for_picture(struct stream *st, const struct packet *p)
{
    struct packets *ps = &st->pending;
    if (ps->count >= PENDING_PACKETS || ps->bytes + p->data.len > PENDING_BYTES) {
        drop(st, (ps->count + 1) / 2);
    }
    struct packet copy = packet_ref(p);
    if (packets_push(ps, copy) != ERR_OK) {
        packet_unref(&copy);
        return stream_no_memory(st);
    }
    return ERR_OK;
}

/* The first segment of sound alone begins as far back as one may reach. */
static enum err begin_alone(struct stream *st, int64_t now_ms)
{
    const struct packets *ps = &st->pending;
    int64_t newest = ps->items[ps->count - 1].dts;
    size_t first = 0;
    while (ps->items[first].dts <= newest - CUTTER_TARGET_TICKS) {
        first++;
    }
    if (!pace_may(&st->pace, now_ms)) {
        drop(st, ps->count);
        return ERR_OK;
    }
    struct begin b = {
        .at = ps->items[first].dts,
        .independent = true,
        .waited = newest - ps->items[first].dts,
    };
    cutter_begin(&st->cutter, b.at, true);
    return segment_begin(st, &b, now_ms);
}

static bool may_be_alone(const struct stream *st)
{
    const struct packets *ps = &st->pending;
    bool announced = st->video != NULL || st->next_video != NULL;
    int64_t heard = ps->items[ps->count - 1].dts - ps->items[0].dts;
    return heard >= (announced ? HEADER_WAIT_TICKS : ALONE_WAIT_TICKS);
}

/* Of a segment without a picture of its own: every packet is a place to cut. */
static enum err cut_alone(struct stream *st, const struct packet *p, int64_t now_ms)
{
    int64_t elapsed = p->dts - st->info.start;
    bool hole = elapsed > CUTTER_LONGEST_TICKS;
    struct begin b = {.at = p->dts,
                      .closed = hole ? CUTTER_LIMIT_TICKS : elapsed,
                      .independent = true,
                      .hole = hole};
    cutter_begin(&st->cutter, b.at, true);
    return segment_begin(st, &b, now_ms);
}

static enum err cut_still(struct stream *st, int64_t now_ms)
{
    struct begin b = {
        .at = st->info.start + CUTTER_TARGET_TICKS,
        .closed = CUTTER_TARGET_TICKS,
        .independent =
            st->preroll.packets.count > 0 && (st->preroll.packets.items[0].flags & PACKET_KEY) != 0,
    };
    cutter_begin(&st->cutter, b.at, b.independent);
    return segment_begin(st, &b, now_ms);
}

/* Pictures that were decoded behind the cut cannot move into the next segment: then the segment
 * must reach to them. */
static bool stands_still(const struct stream *st, const struct packet *p, int64_t now_ms)
{
    const struct packets *audio = &st->audio_packets, *video = &st->video_packets;
    int64_t end = st->info.start + CUTTER_TARGET_TICKS;
    int64_t past = p->dts - st->info.start - CUTTER_LIMIT_TICKS;
    bool late = past >= STILL_TICKS + st->sound_lead &&
                (now_ms - st->picture_ms >= STILL_MS || past >= STILL_AT_ONCE);
    /* In a pause of both there is nothing to be heard either. */
    return late && audio->count > 0 && audio->items[audio->count - 1].dts >= end &&
           (video->count == 0 || video->items[video->count - 1].dts < end);
}

static enum err cut_by_sound(struct stream *st, const struct packet *p, int64_t now_ms)
{
    if (!pace_may(&st->pace, now_ms)) {
        return ERR_OK;
    }
    if (st->video == NULL) {
        return p->dts - st->info.start >= CUTTER_TARGET_TICKS ? cut_alone(st, p, now_ms) : ERR_OK;
    }
    return stands_still(st, p, now_ms) ? cut_still(st, now_ms) : ERR_OK;
}

/* What a segment has was settled when it began, but for a publisher's first one, which nobody has
 * seen yet. */
static void settle_track(struct stream *st, const struct packet *p)
{
    bool unseen = !st->begun && st->audio_packets.count == 0;
    if (st->next_audio != NULL && (!st->open || (st->audio == NULL && unseen))) {
        track_unref(st->audio);
        st->audio = st->next_audio;
        st->next_audio = NULL;
        st->sound_waits = false;
    } else if (st->next_audio != NULL && !st->sound_waits) {
        st->sound_waits = true;
        st->sound_waits_since = p->dts;
    }
}

enum err stream_on_sound(struct stream *st, struct packet *p, int64_t now_ms)
{
    settle_track(st, p);
    st->newest_sound = p->dts > st->newest_sound ? p->dts : st->newest_sound;
    if (st->audio == NULL && !st->sound_waits) {
        st->sound_dropped++; /* no codec header */
        return ERR_OK;
    }
    enum err e = ERR_OK;
    if (!st->open) {
        e = wait_for_picture(st, p);
        return e == ERR_OK && may_be_alone(st) ? begin_alone(st, now_ms) : e;
    }
    e = cut_by_sound(st, p, now_ms);
    if (e != ERR_OK) {
        return e;
    }
    if (st->audio == NULL || st->sound_waits || segment_is_full(st, p->data.len)) {
        st->sound_dropped++;
        return ERR_OK;
    }
    return silence_takes(st, p) ? add(st, p) : ERR_OK;
}
