#include "broadcaster/stream/stream_push.h"

#include <inttypes.h>

#include "base/clock.h"
#include "broadcaster/stream/cutter.h"
#include "broadcaster/stream/stream_internal.h"
#include "run/log.h"

#define CLOCK_TICKS    (INT64_C(1) << 33) /* of MPEG-TS: it wraps here */
#define HOLE_LONGEST   3                  /* of a missing segment, in durations of its neighbour */
#define STEP_TICKS     (TICKS_PER_S / 30)
#define TARGET_S_LEAST (CUTTER_TARGET_TICKS / TICKS_PER_S)

/* --- where a segment begins --- */

static int64_t round_of_clock(int64_t delta)
{
    delta &= CLOCK_TICKS - 1;
    return delta >= CLOCK_TICKS / 2 ? delta - CLOCK_TICKS : delta;
}

static bool follows(int64_t delta)
{
    return delta >= -STREAM_PUSH_BACK_TICKS && delta <= STREAM_PUSH_AHEAD_TICKS;
}

/* *ret_hole: how long each missing segment was. Returns the segment's start on the timeline, behind
 * the holes; *ret_broken: it does not follow on. */
static int64_t place(struct stream *st, struct stream_push *p, const struct push_media *m,
                     unsigned holes, bool restarted, int64_t *ret_hole, bool *ret_broken)
{
    int64_t newest = st->repair.newest;
    if (!p->started) {
        p->end = rendition_count(st->source) > 0 ? newest + STEP_TICKS : newest;
        *ret_broken = false;
        return p->end;
    }
    int64_t delta = m->start - p->next;
    delta = m->wraps ? round_of_clock(delta) : delta;
    int64_t hole = holes > 0 ? delta / holes : 0;
    bool fits = hole > 0 && hole <= HOLE_LONGEST * p->duration && hole <= stream_push_longest(p);
    if (holes > 0 && !restarted && fits) {
        *ret_hole = hole;
        *ret_broken = false;
        return p->end + delta;
    }
    *ret_hole = p->duration;
    int64_t start = p->end + (int64_t)holes * p->duration;
    *ret_broken = restarted || holes > 0 || !follows(delta);
    p->jumps += *ret_broken;
    return !*ret_broken && delta > 0 ? start + delta : start;
}

/* --- into the renditions --- */

static void settle_gap(struct rendition *r, struct segment *s)
{
    rendition_expect(r, segment_info(s)->msn);
    rendition_settle(r, s);
}

/* It came when it had ended. */
static int64_t recorded_at(struct stream *st, const struct segment_info *info, int64_t now_ms)
{
    return program_clock_begin(&st->program, info->start, now_ms - info->duration / TICKS_PER_MS,
                               info->discontinuity);
}

static void add_gap(struct stream *st, int64_t start, int64_t duration, int64_t now_ms)
{
    struct segment_info info = {
        .msn = st->next_msn++,
        .start = start,
        .duration = duration,
        .made_at_ms = clock_wall_ms(),
        .closed_ms = now_ms,
        .discontinuity = st->discontinuity,
        .gap = true,
    };
    info.program_ms = recorded_at(st, &info, now_ms);
    st->discontinuity = false;
    numbers_used(st->owner->config.numbers, info.msn);
    struct segment *s = segment_create(&info, NULL, NULL, NULL);
    settle_gap(st->source, s);
    for (size_t i = 0; i < st->ladder.n; i++) {
        settle_gap(st->rungs[i], s);
    }
    light_sounds_gap(st->light, s);
    segment_unref(s);
}

static void move_times(struct packets *ps, int64_t offset)
{
    for (size_t i = 0; i < ps->count; i++) {
        ps->items[i].dts += offset;
        ps->items[i].pts += offset;
    }
}

/* What overlaps with the segment before is left out. */
static void drop_overlap(struct stream *st, struct stream_push *p, struct packets *audio)
{
    size_t n = 0;
    while (n < audio->count && p->has_sound && audio->items[n].dts <= p->newest_sound) {
        audio->bytes -= audio->items[n].data.len;
        packet_unref(&audio->items[n]);
        n++;
    }
    for (size_t i = n; n > 0 && i < audio->count; i++) {
        audio->items[i - n] = audio->items[i];
    }
    audio->count -= n;
    st->sound_dropped += n;
    if (audio->count > 0) {
        p->newest_sound = audio->items[audio->count - 1].dts;
        p->has_sound = true;
    }
}

static bool take_track(struct track **slot, struct track *track)
{
    if (track_equal(*slot, track)) {
        return false;
    }
    bool changed = *slot != NULL;
    track_unref(*slot);
    *slot = track != NULL ? track_ref(track) : NULL;
    return changed;
}

/* EXT-X-TARGETDURATION stays as it is (RFC 8216, 6.2.1), and what comes later is not known when the
 * first segment does: a fifth is added. */
static void set_target(struct stream *st, struct stream_push *p, int64_t duration)
{
    if (p->target_s > 0) {
        return;
    }
    p->target_s = (int)((duration * 6 / 5 + TICKS_PER_S / 2) / TICKS_PER_S);
    p->target_s = p->target_s > TARGET_S_LEAST ? p->target_s : TARGET_S_LEAST;
    rendition_set_target(st->source, p->target_s);
    for (size_t i = 0; i < st->ladder.n; i++) {
        rendition_set_target(st->rungs[i], p->target_s);
    }
    light_sounds_set_target(st->light, p->target_s);
}

/* Half a second is rounded off. */
int64_t stream_push_longest(const struct stream_push *p)
{
    return p->target_s > 0 ? p->target_s * TICKS_PER_S + TICKS_PER_S / 2 - TICKS_PER_MS : 0;
}

/* The rungs follow the pictures; where there are none, there is nothing to transcode. */
static void open_job(struct stream *st, const struct segment_info *info, const struct push_media *m)
{
    if (st->video == NULL) {
        return;
    }
    jobs_segment_open(st->jobs, info, st->video);
    for (size_t i = 0; i < m->preroll.count; i++) {
        jobs_packet(st->jobs, &m->preroll.items[i]);
    }
    for (size_t i = 0; i < m->video_packets.count; i++) {
        jobs_packet(st->jobs, &m->video_packets.items[i]);
    }
}

static void count(struct stream *st, const struct push_media *m)
{
    st->video_count += m->video_packets.count;
    st->audio_count += m->audio_packets.count;
    st->received_bytes += m->video_packets.bytes + m->audio_packets.bytes;
}

static void finish(struct stream *st, struct segment_info *info, struct push_media *m,
                   int64_t now_ms)
{
    bool pictures = st->video != NULL;
    open_job(st, info, m);
    light_sounds_open(st->light, info, st->audio);
    for (size_t i = 0; st->audio != NULL && i < m->audio_packets.count; i++) {
        light_sounds_packet(st->light, st->audio, &m->audio_packets.items[i]);
    }
    struct sound *sound = st->audio != NULL ? sound_create(st->audio, &m->audio_packets) : NULL;
    struct segment *s = segment_create(info, st->video, &m->video_packets, sound);
    sound_unref(sound);
    rendition_expect(st->source, info->msn);
    rendition_settle(st->source, s);
    light_sounds_close(st->light, s);
    if (pictures) {
        jobs_segment_close(st->jobs, s, now_ms);
    } else {
        jobs_segment_without_picture(st->jobs, s);
    }
    log_debug("stream", "pushed", "stream=%s msn=%" PRIu64 " ticks=%" PRId64 " bytes=%zu", st->id,
              info->msn, info->duration, segment_bytes(s));
    segment_unref(s);
    if (rendition_count(st->source) == 1) {
        streams_first_segment(st);
    }
}

void stream_push_segment(struct stream *st, struct stream_push *p, struct push_media *m,
                         unsigned holes, bool restarted, int64_t now_ms)
{
    int64_t hole = 0;
    bool broken = false;
    int64_t start = place(st, p, m, holes, restarted, &hole, &broken);
    set_target(st, p, m->duration);
    for (unsigned i = 0; i < holes && p->started; i++) {
        add_gap(st, start - (holes - i) * hole, hole, now_ms);
    }
    bool changed = take_track(&st->video, m->video);
    changed = take_track(&st->audio, m->audio) || changed;
    move_times(&m->video_packets, start - m->start);
    move_times(&m->audio_packets, start - m->start);
    move_times(&m->preroll, start - m->start);
    drop_overlap(st, p, &m->audio_packets);
    struct segment_info info = {
        .msn = st->next_msn++,
        .start = start,
        .duration = m->duration,
        .made_at_ms = clock_wall_ms(),
        .closed_ms = now_ms,
        .independent = m->independent,
        .discontinuity = st->discontinuity || broken || changed,
    };
    info.program_ms = recorded_at(st, &info, now_ms);
    st->discontinuity = false;
    st->begun = true;
    numbers_used(st->owner->config.numbers, info.msn);
    count(st, m);
    st->info = info;
    p->started = true;
    p->next = m->start + m->duration;
    p->end = start + m->duration;
    p->duration = m->duration;
    st->repair.newest = p->end > st->repair.newest ? p->end : st->repair.newest;
    finish(st, &info, m, now_ms);
}

void stream_push_begin(struct stream *st, const struct push_media *m)
{
    if (st->jobs == NULL) {
        take_track(&st->video, m->video);
        streams_start_ladder(st);
    }
}

uint64_t stream_push_next(const struct stream *st)
{
    return st->next_msn;
}

size_t stream_push_rungs(const struct stream *st)
{
    return st->ladder.n;
}

const char *stream_push_rung(const struct stream *st, size_t rung)
{
    return rendition_name(st->rungs[rung]);
}

void stream_push_watch(struct stream *st, jobs_settled_fn *fn, void *arg)
{
    if (st->jobs != NULL) {
        jobs_stream_watch(st->jobs, fn, arg);
    }
}

bool stream_push_pending(const struct stream *st, uint64_t msn)
{
    return jobs_stream_has(st->jobs, msn);
}

void stream_push_size(struct stream *st, int width, int height)
{
    rendition_set_size(st->source, width, height);
}
