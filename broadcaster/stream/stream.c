#include "broadcaster/stream/stream.h"

#include "base/clock.h"
#include "broadcaster/stream/hold.h"
#include "broadcaster/stream/stream_internal.h"
#include "run/log.h"

/* A first picture joins a segment of sound that is no older; another one would be too short. */
#define ADOPT_TICKS (TICKS_PER_S / 5)

/* From here on a GOP is searched for recovery points, which would make its preroll shorter. */
#define RECOVERY_TICKS (2 * TICKS_PER_S)

#define LEAD_TICKS_MAX (8 * TICKS_PER_S)

/* Pictures so far apart are shown still between them; fewer at a time leave a hole. */
#define SLOW_STEP_TICKS TICKS_PER_S
#define SLOW_FILL_MAX   16

#define STARVED_WAIT_MS 200

const char *stream_id(const struct stream *st)
{
    return st->id;
}

static void leave_out(struct stream *st, enum repair_kind why)
{
    st->undecodable_dropped++;
    st->repair.counters.n[why]++;
}

/* --- where a picture goes --- */

static struct track *coming_video(const struct stream *st)
{
    return st->next_video != NULL ? st->next_video : st->video;
}

/* False: nothing can be decoded from here on. */
static bool may_begin(struct stream *st, const struct packet *p)
{
    bool key = (p->flags & PACKET_KEY) != 0;
    if (!join_here(&st->join, coming_video(st), p)) {
        return false;
    }
    st->repair.counters.n[REPAIR_BEGUN_NO_KEY] += !key;
    return true;
}

/* Sound may have begun segments where this picture would have been: it is shown as soon as it can.
 */
static void push_behind(const struct stream *st, struct packet *p)
{
    const struct packets *video = &st->video_packets;
    int64_t floor = st->open ? parts_until(st) : p->dts;
    if (video->count > 0) {
        int64_t next = video->items[video->count - 1].dts + 1;
        floor = next > floor ? next : floor;
    }
    p->dts = p->dts > floor ? p->dts : floor;
    p->pts = p->pts > p->dts ? p->pts : p->dts;
}

/* Whether the time up to this picture is no hole: they always come far apart, or there was sound.
 */
static bool is_filled(const struct stream *st, const struct packet *p)
{
    const struct packets *audio = &st->audio_packets;
    size_t shown = st->preroll.packets.count;
    if (!st->open || st->video == NULL || shown == 0 || shown > HOLD_PACKETS_MAX) {
        return false;
    }
    int64_t step = p->dts - st->cutter.last_dts;
    bool slow = st->cutter.last_step >= SLOW_STEP_TICKS && st->cutter.last_step >= step / 4;
    return slow || (audio->count > 0 &&
                    audio->items[audio->count - 1].dts >= st->info.start + CUTTER_TARGET_TICKS);
}

/* Pictures that come further apart than a segment may last: each is shown until the next. */
static enum err fill_up(struct stream *st, const struct packet *p, int64_t now_ms)
{
    enum err e = ERR_OK;
    bool filled = is_filled(st, p);
    int n = 0;
    while (e == ERR_OK && filled && n++ < SLOW_FILL_MAX &&
           p->dts - st->info.start > CUTTER_LIMIT_TICKS) {
        int64_t last = st->cutter.last_dts, last_step = st->cutter.last_step;
        struct begin b = {
            .at = st->info.start + CUTTER_TARGET_TICKS,
            .independent = (st->preroll.packets.items[0].flags & PACKET_KEY) != 0,
        };
        if (last >= b.at) {
            break;
        }
        b.closed = cutter_begin(&st->cutter, b.at, b.independent);
        st->cutter.last_dts = last;
        st->cutter.last_step = last_step;
        e = segment_begin(st, &b, now_ms);
    }
    return e;
}

static enum preroll_start start_of(const struct stream *st, const struct packet *p, bool joined)
{
    const struct packets *ps = &st->preroll.packets;
    if (joined || (p->flags & PACKET_KEY) != 0) {
        return PREROLL_ANEW;
    }
    bool far = ps->count > 0 && p->dts - ps->items[0].dts > RECOVERY_TICKS;
    return far && join_is_recovery_point(track_params(st->video), p->data) ? PREROLL_RECOVERY
                                                                           : PREROLL_NOT_HERE;
}

static enum err place(struct stream *st, struct packet *p, bool joined, int64_t now_ms)
{
    bool changes = st->next_video != NULL || st->discontinuity || st->video == NULL;
    bool adopts = joined && st->open && st->video == NULL && st->runs[TRACK_AUDIO].count == 0 &&
                  p->dts - st->info.start < ADOPT_TICKS;
    bool full = st->open && segment_is_full(st, p->data.len);
    bool key = (p->flags & PACKET_KEY) != 0;
    push_behind(st, p);
    enum err e = fill_up(st, p, now_ms);
    if (e != ERR_OK) {
        return e;
    }
    st->repair.counters.n[REPAIR_CUT_EARLY] += full;
    bool force = (joined && (changes || !st->open)) || (key && st->sound_waits) || full;
    if (adopts) {
        segment_adopt_picture(st, key);
        force = false;
    }
    struct cut cut = cutter_push(&st->cutter, p, force);
    if (!cut.begins) {
        return ERR_OK;
    }
    struct begin b = {.at = p->dts,
                      .closed = cut.closed_duration,
                      .independent = cut.independent && (p->flags & PACKET_OPEN) == 0,
                      .hole = cut.hole,
                      .picture = true};
    return segment_begin(st, &b, now_ms);
}

static void note_lead(struct stream *st, const struct packet *p)
{
    int64_t lead = st->newest_sound - p->dts;
    lead = lead < LEAD_TICKS_MAX ? lead : LEAD_TICKS_MAX;
    st->sound_lead = lead > st->sound_lead ? lead : st->sound_lead - st->sound_lead / 64;
}

static enum err on_video(struct stream *st, struct packet *p, int64_t now_ms)
{
    bool changes = st->next_video != NULL || st->discontinuity;
    bool begins = changes || st->join.waiting || st->starved || !st->open || st->video == NULL;
    if (coming_video(st) == NULL) {
        leave_out(st, REPAIR_NO_HEADER);
        return ERR_OK;
    }
    if (!pace_may(&st->pace, now_ms)) {
        st->starved = st->flooded = true;
        leave_out(st, REPAIR_TOO_FAST);
        return ERR_OK;
    }
    if (begins && !may_begin(st, p)) {
        if (now_ms >= st->key_due_ms) {
            leave_out(st, REPAIR_NO_KEY);
        }
        bool goes_on = st->next_video == NULL && !st->starved && st->video != NULL;
        return !goes_on || preroll_push(&st->preroll, p, PREROLL_NOT_HERE) == ERR_OK
                   ? ERR_OK
                   : stream_no_memory(st);
    }
    if (st->starved || st->next_video != NULL) {
        preroll_fini(&st->preroll); /* what was before is of no use to what follows */
    }
    st->discontinuity = st->discontinuity || st->starved;
    st->starved = false;
    st->flooded = st->flooded && pace_wait_ms(&st->pace) > 0;
    note_lead(st, p);
    st->picture_ms = now_ms;
    enum err e = place(st, p, begins, now_ms);
    if (e == ERR_OK) {
        e = segment_add(st, &st->video_packets, p);
    }
    if (e == ERR_OK) {
        jobs_packet(st->jobs, p);
        bool anew = begins && st->preroll.packets.count == 0;
        enum preroll_start start = start_of(st, p, anew);
        e = preroll_push(&st->preroll, p, start);
        if (start == PREROLL_RECOVERY) {
            advice_recovery_point(&st->advice);
        }
    }
    if (e == ERR_OK) {
        stream_taps_packet(st, p);
        silence_fill(st, parts_until(st));
        parts_date(st, p->dts, now_ms);
        parts_make(st);
    }
    return e == ERR_OK ? ERR_OK : stream_no_memory(st);
}

/* Beside the first one of its kind. */
static void add_other_track(struct stream *st, struct track *track)
{
    if (track_params(track)->kind == TRACK_VIDEO) {
        sides_track(st->sides, track);
    } else {
        side_sounds_track(st->side_sounds, track);
    }
}

static void add_other_packet(struct stream *st, const struct packet *p, int64_t now_ms)
{
    size_t held = segment_held(st);
    size_t room = held < STREAM_SEGMENT_MAX ? STREAM_SEGMENT_MAX - held : 0;
    st->received_bytes += p->data.len;
    if (p->kind == TRACK_VIDEO) {
        sides_packet(st->sides, p, room);
    } else {
        side_sounds_packet(st->side_sounds, p, &st->repair, room, now_ms);
    }
}

/* What the publisher announces is shown in the status. */
static void note_track(struct stream *st, struct track *track)
{
    const struct track_params *t = track_params(track);
    track_unref(st->tracks[t->kind][t->index]);
    st->tracks[t->kind][t->index] = track_ref(track);
}

void stream_track(struct stream *st, struct track *track)
{
    note_track(st, track);
    if (track_params(track)->index > 0) {
        add_other_track(st, track);
        return;
    }
    bool audio = track_params(track)->kind == TRACK_AUDIO;
    const struct track *now = audio ? st->audio : st->video;
    struct track **next = audio ? &st->next_audio : &st->next_video;
    track_unref(*next);
    *next = track_equal(now, track) ? NULL : track_ref(track);
    st->sound_waits = st->sound_waits && st->next_audio != NULL;
}

/* --- packets --- */

static struct sound_frame frame_of(const struct stream *st, const struct packet *p)
{
    const struct track *t = st->next_audio != NULL ? st->next_audio : st->audio;
    return p->kind == TRACK_AUDIO && t != NULL ? sound_frame_of(track_params(t), p->data)
                                               : (struct sound_frame){0};
}

static void look(struct stream *st, int64_t now_ms)
{
    unsigned tell =
        advice_look(&st->advice, &st->repair.counters, st->repair.newest, now_ms, clock_wall_ms());
    for (int i = 0; tell != 0 && i < ADVICES_; i++) {
        if ((tell >> i & 1) != 0) {
            log_warn("stream", "advice", "stream=%s kind=%s text=\"%s\"", st->id, advice_name(i),
                     st->advice.warnings[i].text);
        }
    }
}

enum err stream_packet(struct stream *st, const struct packet *p, int64_t now_ms)
{
    if (p->index != 0) {
        add_other_packet(st, p, now_ms);
        return ERR_OK;
    }
    struct packet mended = *p;
    struct sound_frame frame = frame_of(st, p);
    struct repair_verdict v = repair_packet(&st->repair, &mended, frame, now_ms);
    st->received_bytes += p->data.len;
    side_sounds_reach(st->side_sounds, st->repair.newest);
    light_sounds_reach(st->light, st->repair.newest);
    advice_packet(&st->advice, &mended, now_ms);
    look(st, now_ms);
    if (p->kind == TRACK_AUDIO) {
        st->audio_count++;
        st->sound_dropped += v.drop;
        mended.duration = frame.rate > 0 ? sound_frame_ticks(frame) : p->duration;
        return v.drop ? ERR_OK : stream_on_sound(st, &mended, now_ms);
    }
    st->video_count++;
    sides_follow(st->sides, p, &mended);
    if (v.jumped && st->begun && (p->flags & PACKET_KEY) != 0) {
        st->discontinuity = true; /* another encoder, or this one anew */
    }
    return on_video(st, &mended, now_ms);
}

void stream_left_out(struct stream *st, enum repair_kind why, int64_t now_ms)
{
    leave_out(st, why);
    advice_left_out(&st->advice, now_ms);
    look(st, now_ms);
}

const char *stream_why(const struct stream *st)
{
    return st->why;
}

int64_t stream_wait_ms(const struct stream *st)
{
    /* What is left out anyway costs little, and its publisher's end should be seen soon. */
    int64_t wait_ms = pace_wait_ms(&st->pace);
    return st->flooded && wait_ms > STARVED_WAIT_MS ? STARVED_WAIT_MS : wait_ms;
}

/* How long the open segment has become: by its pictures, or where they stand still by its sound. */
static int64_t final_duration(struct stream *st)
{
    const struct packets *audio = &st->audio_packets;
    bool still = st->video == NULL || st->cutter.last_dts <= st->info.start;
    int64_t duration = cutter_close(&st->cutter);
    if (still && audio->count > 0) {
        const struct packet *last = &audio->items[audio->count - 1];
        duration = last->dts + last->duration - st->info.start;
        duration = duration < CUTTER_LONGEST_TICKS ? duration : CUTTER_LONGEST_TICKS;
    }
    return duration > 0 ? duration : 1;
}

void stream_end(struct stream *st, int64_t now_ms)
{
    struct streams *s = st->owner;
    if (st->open) {
        int64_t duration = final_duration(st);
        segment_leave_sound(st, st->info.start + duration);
        silence_end(st, st->info.start + duration);
        segment_end(st, duration, now_ms);
    }
    sides_end(st->sides);
    side_sounds_end(st->side_sounds);
    light_sounds_end(st->light);
    cutter_init(&st->cutter);
    preroll_fini(&st->preroll);
    packets_fini(&st->pending);
    silence_forget(st);
    st->join = (struct join){0};
    st->starved = false;
    st->state = STREAM_WAITING;
    st->ended_ms = st->left_ms = now_ms;
    streams_tell_board(st);
    if (rendition_count(st->source) == 0) {
        stream_destroy(st);
    }
    streams_update_current(s);
}
