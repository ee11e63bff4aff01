/* The open segment of a stream: its beginning, what goes into it, its end. */
#include <inttypes.h>

#include "base/clock.h"
#include "broadcaster/stream/hold.h"
#include "broadcaster/stream/stream_internal.h"
#include "run/log.h"

/* A track that came later is taken in where a picture can begin, or after this all the same. */
#define LATE_TRACK_TICKS JOIN_WAIT_TICKS

enum err stream_no_memory(struct stream *st)
{
    st->why = "the server is short of memory: try again later";
    return ERR_NOMEM;
}

size_t segment_held(const struct stream *st)
{
    return st->video_packets.bytes + st->audio_packets.bytes + sides_bytes(st->sides) +
           side_sounds_bytes(st->side_sounds);
}

bool segment_is_full(const struct stream *st, size_t bytes)
{
    const struct packets *video = &st->video_packets, *audio = &st->audio_packets;
    return segment_held(st) + bytes > STREAM_SEGMENT_MAX ||
           video->count + audio->count >= STREAM_SEGMENT_PACKETS_MAX;
}

enum err segment_add(struct stream *st, struct packets *to, const struct packet *p)
{
    if (to->count > 0 && p->kind == TRACK_VIDEO) {
        struct packet *before = &to->items[to->count - 1];
        before->duration = p->dts - before->dts;
    }
    struct packet copy = packet_ref(p);
    copy.flags &= ~(unsigned)PACKET_PREROLL;
    if (packets_push(to, copy) != ERR_OK) {
        packet_unref(&copy);
        return stream_no_memory(st);
    }
    return ERR_OK;
}

/* --- end --- */

void segment_end(struct stream *st, int64_t duration, int64_t now_ms)
{
    struct packets *video = &st->video_packets;
    if (video->count > 0) {
        struct packet *last = &video->items[video->count - 1];
        int64_t rest = st->info.start + duration - last->dts;
        last->duration = rest > 0 ? rest : 1;
    }
    silence_fill(st, st->info.start + duration);
    rendition_begin(st->source);
    parts_close(st, duration);
    /* Also without a packet: a pause must not change which tracks a segment has. */
    struct sound *sound = st->audio != NULL ? sound_create(st->audio, &st->audio_packets) : NULL;
    st->info.duration = duration;
    st->info.made_at_ms = clock_wall_ms();
    st->info.closed_ms = now_ms;
    struct segment *seg = segment_create(&st->info, st->video, video, sound);
    sound_unref(sound);
    st->open = false;
    st->begun = true;
    rendition_settle(st->source, seg);
    rendition_commit(st->source);
    sides_close(st->sides, seg);
    side_sounds_close(st->side_sounds, seg);
    light_sounds_close(st->light, seg);
    if (st->video != NULL) {
        jobs_segment_close(st->jobs, seg, now_ms);
    } else {
        jobs_segment_without_picture(st->jobs, seg);
    }
    log_debug("stream", "segment", "stream=%s msn=%" PRIu64 " ticks=%" PRId64 " bytes=%zu", st->id,
              st->info.msn, duration, segment_bytes(seg));
    segment_unref(seg);
    if (rendition_count(st->source) == 1) {
        streams_first_segment(st);
    }
}

/* Sound from `at` on, which belongs to the next segment; what lies in a hole before it has no place
 * anywhere. */
static struct packets split_sound(struct stream *st, int64_t end, int64_t at)
{
    struct packets *audio = &st->audio_packets;
    struct packets rest;
    packets_init(&rest);
    size_t keep = audio->count;
    while (keep > 0 && audio->items[keep - 1].dts >= end) {
        keep--;
    }
    for (size_t i = keep; i < audio->count; i++) {
        struct packet *p = &audio->items[i];
        audio->bytes -= p->data.len;
        if (p->dts < at || packets_push(&rest, *p) != ERR_OK) {
            packet_unref(p);
            st->sound_dropped++;
        }
    }
    audio->count = keep;
    return rest;
}

void segment_leave_sound(struct stream *st, int64_t end)
{
    struct packets none = split_sound(st, end, INT64_MAX);
    packets_fini(&none);
    st->unbroken = st->unbroken < st->audio_packets.count ? st->unbroken : st->audio_packets.count;
}

/* --- begin --- */

static void take_over(struct stream *st, struct track **slot, struct track **next)
{
    enum track_kind kind = track_params(*next)->kind;
    if (*slot != NULL || st->begun) {
        st->repair.counters.n[REPAIR_TRACK_CHANGED]++;
        log_debug("stream", "track_changed", "stream=%s kind=%s", st->id,
                  kind == TRACK_AUDIO ? "audio" : "video");
    }
    track_unref(*slot);
    *slot = *next;
    *next = NULL;
}

/* True when other tracks than before are in the next segment. */
static bool take_next_tracks(struct stream *st, const struct begin *b)
{
    bool video = b->picture && st->next_video != NULL;
    bool patient = st->video != NULL && !b->independent && !video &&
                   b->at - st->sound_waits_since < LATE_TRACK_TICKS;
    bool audio = st->sound_waits && !(st->begun && patient);
    if (video) {
        take_over(st, &st->video, &st->next_video);
    }
    if (audio) {
        take_over(st, &st->audio, &st->next_audio);
        repair_sound_changed(&st->repair);
        st->sound_waits = false;
    }
    return st->begun && (video || audio);
}

static void send_preroll(struct stream *st)
{
    const struct packets *ps = &st->preroll.packets;
    for (size_t i = 0; i < ps->count; i++) {
        struct packet p = ps->items[i];
        p.flags |= PACKET_PREROLL;
        jobs_packet(st->jobs, &p);
    }
}

/* The picture stands still: what is shown goes on being shown. */
static enum err hold_picture(struct stream *st)
{
    struct packets held;
    bool exact = false;
    packets_init(&held);
    enum err e = hold_fill(&st->preroll.packets, st->info.start, &held, &exact);
    for (size_t i = 0; i < held.count && e == ERR_OK; i++) {
        jobs_packet(st->jobs, &held.items[i]);
        e = segment_add(st, &st->video_packets, &held.items[i]);
    }
    packets_fini(&held);
    st->repair.counters.n[REPAIR_PICTURE_HELD]++;
    if (!exact && !st->join.waiting) {
        st->join = (struct join){.waiting = true, .since = st->info.start};
    }
    return e == ERR_OK ? ERR_OK : stream_no_memory(st);
}

static enum err open_segment(struct stream *st, const struct begin *b, int64_t now_ms)
{
    bool changed = take_next_tracks(st, b);
    bool hold = !b->picture && st->preroll.packets.count > 0 && st->video != NULL;
    st->info = (struct segment_info){
        .msn = st->next_msn++,
        .start = b->at,
        .independent = b->independent,
        .discontinuity = st->discontinuity || changed,
    };
    st->discontinuity = false;
    if (st->info.discontinuity) {
        silence_forget(st);
    }
    st->info.program_ms = program_clock_begin(
        &st->program, st->info.start, now_ms - b->waited / TICKS_PER_MS, st->info.discontinuity);
    st->unbroken = 0;
    st->open = true;
    numbers_used(st->owner->config.numbers, st->info.msn);
    rendition_expect(st->source, st->info.msn);
    parts_open(st);
    streams_start_ladder(st);
    sides_open(st->sides, &st->info);
    side_sounds_open(st->side_sounds, &st->info);
    light_sounds_open(st->light, &st->info, st->audio);
    if (st->video != NULL) {
        jobs_segment_open(st->jobs, &st->info, st->video);
    }
    if (b->picture && !b->independent) {
        send_preroll(st);
    }
    return hold ? hold_picture(st) : ERR_OK;
}

static enum err put_back_sound(struct stream *st, struct packets *rest, const struct track *track)
{
    enum err e = ERR_OK;
    for (size_t i = 0; i < rest->count && st->audio == track && e == ERR_OK; i++) {
        e = segment_add(st, &st->audio_packets, &rest->items[i]);
        if (st->info.discontinuity) {
            light_sounds_packet(st->light, st->audio, &rest->items[i]); /* to the new encoder */
        }
    }
    packets_fini(rest);
    return e;
}

enum err segment_begin(struct stream *st, const struct begin *b, int64_t now_ms)
{
    pace_take(&st->pace, now_ms);
    struct packets rest;
    packets_init(&rest);
    const struct track *track = st->audio;
    bool was_open = st->open;
    if (was_open) {
        rest = split_sound(st, st->info.start + b->closed, b->at);
        segment_end(st, b->closed, now_ms);
    }
    if (b->hole) {
        st->repair.counters.n[REPAIR_HOLE]++;
        st->discontinuity = true;
    }
    enum err e = open_segment(st, b, now_ms);
    if (e == ERR_OK) {
        e = was_open ? put_back_sound(st, &rest, track) : stream_take_pending(st, b->at);
    }
    return e;
}

void segment_adopt_picture(struct stream *st, bool independent)
{
    take_over(st, &st->video, &st->next_video);
    st->info.independent = independent;
    st->info.discontinuity = st->info.discontinuity || st->begun;
    parts_open(st);
    light_sounds_told(st->light, &st->info);
    jobs_segment_open(st->jobs, &st->info, st->video);
}
