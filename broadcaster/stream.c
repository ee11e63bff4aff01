#include "broadcaster/stream.h"

#include <inttypes.h>

#include "base/clock.h"
#include "broadcaster/stream_internal.h"
#include "run/log.h"

#define AAC_FRAME_SAMPLES 1024

const char *stream_id(const struct stream *st)
{
    return st->id;
}

static void close_segment(struct stream *st, int64_t duration, int64_t now_ms)
{
    struct packets *video = &st->video_packets;
    if (video->count > 0) {
        struct packet *last = &video->items[video->count - 1];
        last->duration = st->info.start + duration - last->dts;
    }
    /* Also without a packet: a pause must not change which tracks a segment has. */
    struct sound *sound = st->audio != NULL ? sound_create(st->audio, &st->audio_packets) : NULL;
    st->info.duration = duration;
    st->info.made_at_ms = clock_wall_ms();
    st->info.closed_ms = now_ms;
    struct segment *seg = segment_create(&st->info, st->video, video, sound);
    sound_unref(sound);
    st->open = false;
    st->begun = true;
    rendition_expect(st->source, st->info.msn);
    rendition_settle(st->source, seg);
    jobs_segment_close(st->jobs, seg, now_ms);
    log_debug("stream", "segment", "stream=%s msn=%" PRIu64 " ticks=%" PRId64 " bytes=%zu", st->id,
              st->info.msn, duration, segment_bytes(seg));
    segment_unref(seg);
    if (rendition_count(st->source) == 1) {
        streams_update_current(st->owner);
    }
}

/* Nothing was seen for so long that the segment does not reach to here: what was heard meanwhile
 * has no place in it. */
static void cut_off_sound(struct stream *st, int64_t duration)
{
    struct packets *audio = &st->audio_packets;
    while (audio->count > 0 && audio->items[audio->count - 1].dts >= st->info.start + duration) {
        struct packet *last = &audio->items[--audio->count];
        audio->bytes -= last->data.len;
        packet_unref(last);
        st->sound_dropped++;
    }
}

static void send_preroll(struct stream *st)
{
    for (size_t i = 0; i < st->preroll.count; i++) {
        struct packet p = st->preroll.items[i];
        p.flags |= PACKET_PREROLL;
        jobs_packet(st->jobs, &p);
    }
}

static void take_over(struct stream *st, struct track **slot, struct track **next)
{
    if (*slot != NULL) {
        log_info("stream", "track_changed", "stream=%s kind=%s", st->id,
                 track_params(*next)->kind == TRACK_AUDIO ? "audio" : "video");
    }
    track_unref(*slot);
    *slot = *next;
    *next = NULL;
}

/* True when other tracks than before are in the next segment. */
static bool take_next_tracks(struct stream *st)
{
    bool changed = st->begun && (st->next_video != NULL || st->sound_waits);
    if (st->next_video != NULL) {
        take_over(st, &st->video, &st->next_video);
    }
    if (st->sound_waits) {
        take_over(st, &st->audio, &st->next_audio);
        st->sound_waits = false;
    }
    return changed;
}

static void open_segment(struct stream *st, const struct packet *p, bool independent)
{
    bool changed = take_next_tracks(st);
    st->info = (struct segment_info){
        .msn = st->next_msn++,
        .start = p->dts,
        .independent = independent,
        .discontinuity = st->discontinuity || changed,
    };
    st->discontinuity = false;
    st->open = true;
    numbers_used(st->owner->config.numbers, st->info.msn);
    jobs_segment_open(st->jobs, st->info.msn, st->video);
    if (!independent) {
        send_preroll(st);
    }
}

static enum err refuse(struct stream *st, enum err e, const char *why)
{
    st->why = why;
    return e;
}

static enum err no_memory(struct stream *st)
{
    return refuse(st, ERR_NOMEM, "the server is short of memory: try again later");
}

static enum err add_packet(struct stream *st, struct packets *to, const struct packet *p)
{
    const struct packets *video = &st->video_packets, *audio = &st->audio_packets;
    if (video->bytes + audio->bytes + p->data.len > STREAM_SEGMENT_MAX) {
        return refuse(st, ERR_LIMIT,
                      "a segment of this stream is larger than the server can hold: lower the "
                      "bitrate, and see that the timestamps rise");
    }
    if (video->count + audio->count >= STREAM_SEGMENT_PACKETS_MAX) {
        return refuse(st, ERR_LIMIT,
                      "a segment of this stream has more packets than the server can hold: see "
                      "that the timestamps rise");
    }
    if (to->count > 0 && p->kind == TRACK_VIDEO) {
        struct packet *before = &to->items[to->count - 1];
        before->duration = p->dts - before->dts;
    }
    struct packet copy = packet_ref(p);
    if (packets_push(to, copy) != ERR_OK) {
        packet_unref(&copy);
        return no_memory(st);
    }
    return ERR_OK;
}

static enum err begin_segment(struct stream *st, const struct packet *p, const struct cut *cut,
                              int64_t now_ms)
{
    if (st->open) {
        if (cut->hole) {
            cut_off_sound(st, cut->closed_duration);
        }
        close_segment(st, cut->closed_duration, now_ms);
    }
    if (!pace_take(&st->pace, now_ms)) {
        return refuse(st, ERR_LIMIT,
                      "segments are begun faster than the server can take them: publish in real "
                      "time, and with one codec header");
    }
    st->discontinuity = st->discontinuity || cut->hole;
    open_segment(st, p, cut->independent);
    return ERR_OK;
}

static enum err on_video(struct stream *st, const struct packet *p, int64_t now_ms)
{
    bool key = (p->flags & PACKET_KEY) != 0;
    bool changes = st->next_video != NULL || st->discontinuity;
    if ((st->video == NULL && st->next_video == NULL) || (changes && !key)) {
        st->undecodable_dropped++;
        return ERR_OK;
    }
    struct cut cut = cutter_push(&st->cutter, p, key && (changes || st->sound_waits));
    if (cut.drop) {
        st->undecodable_dropped++;
        return ERR_OK;
    }
    enum err e = cut.begins ? begin_segment(st, p, &cut, now_ms) : ERR_OK;
    if (e == ERR_OK) {
        e = add_packet(st, &st->video_packets, p);
    }
    if (e == ERR_OK) {
        jobs_packet(st->jobs, p);
        e = preroll_push(&st->preroll, p) == ERR_OK ? ERR_OK : no_memory(st);
    }
    if (e == ERR_OK) {
        stream_taps_packet(st, p);
    }
    return e;
}

/* Sound starts with the first picture. What a segment has was settled when it began, but for a
 * publisher's first one, which nobody has seen yet. */
static enum err on_audio(struct stream *st, struct packet *p)
{
    if (!st->open) {
        return ERR_OK;
    }
    if (st->next_audio != NULL && st->audio == NULL && !st->begun) {
        take_over(st, &st->audio, &st->next_audio);
    }
    st->sound_waits = st->next_audio != NULL;
    if (st->audio == NULL || st->sound_waits) {
        st->sound_dropped++;
        return ERR_OK;
    }
    int rate = track_params(st->audio)->sample_rate;
    p->duration = rate > 0 ? (int64_t)AAC_FRAME_SAMPLES * TICKS_PER_S / rate : 0;
    enum err e = add_packet(st, &st->audio_packets, p);
    if (e == ERR_OK) {
        stream_taps_packet(st, p);
    }
    return e;
}

void stream_track(struct stream *st, struct track *track)
{
    bool audio = track_params(track)->kind == TRACK_AUDIO;
    const struct track *now = audio ? st->audio : st->video;
    struct track **next = audio ? &st->next_audio : &st->next_video;
    track_unref(*next);
    *next = track_equal(now, track) ? NULL : track_ref(track);
    st->sound_waits = st->sound_waits && st->next_audio != NULL;
}

enum err stream_packet(struct stream *st, const struct packet *p, int64_t now_ms)
{
    struct packet mended = *p;
    repair_packet(&st->repair, &mended);
    st->received_bytes += p->data.len;
    if (p->kind == TRACK_AUDIO) {
        st->audio_count++;
        return on_audio(st, &mended);
    }
    st->video_count++;
    return on_video(st, &mended, now_ms);
}

const char *stream_why(const struct stream *st)
{
    return st->why;
}

int64_t stream_wait_ms(const struct stream *st)
{
    return pace_wait_ms(&st->pace);
}

void stream_end(struct stream *st, int64_t now_ms)
{
    struct streams *s = st->owner;
    int64_t duration = cutter_close(&st->cutter);
    if (st->open) {
        close_segment(st, duration, now_ms);
    }
    packets_fini(&st->preroll);
    st->state = STREAM_WAITING;
    st->ended_ms = now_ms;
    if (rendition_count(st->source) == 0) {
        stream_destroy(st);
    }
    streams_update_current(s);
}
