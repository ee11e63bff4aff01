#include "broadcaster/ingest/feed.h"

#include <stdio.h>

#include "base/mem.h"
#include "broadcaster/stream/stream_internal.h"
#include "run/events.h"
#include "run/log.h"

#define CODE_REPLACED "NetStream.Publish.Replaced"

struct feed {
    struct streams *streams;
    struct feed_claim claim; /* its texts are not kept */
    char id[ID_MAX + 1];
    struct publish_key key;
    struct ladder ladder;
    bool own_ladder;
    int64_t wall_offset_ms;                       /* wall clock minus monotonic */
    struct stream *stream;                        /* NULL: another feed has taken over */
    struct track *tracks[2][TRACKS_PER_KIND_MAX]; /* while it waits */
    char title[BOARD_TITLE_MAX + 1];
    int fps_milli;
    bool heard;
    int64_t first_sound_ms;
};

const char *feed_id(const struct feed *f)
{
    return f->id;
}

static bool in_force(const struct feed *f)
{
    return f->stream != NULL && f->stream->feed == f;
}

struct stream *feed_stream(const struct feed *f)
{
    return in_force(f) ? f->stream : NULL;
}

/* --- begin and end --- */

static void forget_tracks(struct feed *f)
{
    for (size_t kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < TRACKS_PER_KIND_MAX; i++) {
            track_unref(f->tracks[kind][i]);
            f->tracks[kind][i] = NULL;
        }
    }
}

/* The stream has no feed; f is in force from now on, with the tracks that it told of meanwhile. */
static void put_in_force(struct feed *f, int64_t now_ms)
{
    struct stream *st = streams_begin(f->streams, f->id, f->own_ladder ? &f->ladder : NULL, now_ms,
                                      now_ms + f->wall_offset_ms);
    f->stream = st;
    st->feed = f;
    st->key = f->key;
    st->key_given = f->claim.key_given;
    stream_told(st, f->title, f->fps_milli);
    st->heard_ms = now_ms;
    for (size_t kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < TRACKS_PER_KIND_MAX; i++) {
            if (f->tracks[kind][i] != NULL) {
                stream_track(st, f->tracks[kind][i]);
            }
        }
    }
    forget_tracks(f);
}

static void lose(struct feed *f, const char *text)
{
    f->stream = NULL;
    forget_tracks(f);
    f->claim.on_lost(f->claim.arg, CODE_REPLACED, text);
}

static void wait_for_stream(struct feed *f, struct stream *st)
{
    struct feed *before = st->claimant;
    st->claimant = f;
    f->stream = st;
    log_info("feed", "waits",
             "stream=%s: a publisher is back, and takes over at its first keyframe", st->id);
    if (before != NULL) {
        lose(before, "Another publisher came for this stream with the same key.");
    }
}

static const char *refuse_key(const struct stream *st)
{
    return st->state == STREAM_LIVE
               ? "this stream is being published already, with another key"
               : "this stream waits for its publisher to come back: give the key that it had, or "
                 "wait until the stream has ended";
}

/* key: NULL: whatever it is. */
static enum err check(struct streams *s, const char *id, const struct publish_key *key,
                      const char **ret_why)
{
    const struct stream *st = streams_find(s, id);
    bool known = st != NULL && (key == NULL || publish_key_equal(&st->key, key));
    if (st != NULL && st->state != STREAM_ENDED && !known) {
        *ret_why = refuse_key(st);
        return ERR_AUTH;
    }
    return st != NULL && st->feed != NULL ? ERR_OK : streams_check(s, id, ret_why);
}

enum err feed_check(struct streams *s, const char *id, const char *key, const char **ret_why)
{
    struct publish_key mark = publish_key_of(key);
    const struct stream *st = streams_find(s, id);
    return check(s, id, st != NULL && st->key_given ? NULL : &mark, ret_why);
}

static struct feed *feed_create(struct streams *s, const struct feed_claim *claim,
                                const struct publish_key *key, int64_t wall_offset_ms)
{
    struct feed *f = mem_alloc(sizeof *f);
    f->streams = s;
    f->claim = *claim;
    snprintf(f->id, sizeof f->id, "%s", claim->id);
    f->key = *key;
    f->own_ladder = claim->ladder != NULL;
    if (f->own_ladder) {
        f->ladder = *claim->ladder;
    }
    f->wall_offset_ms = wall_offset_ms;
    return f;
}

enum err feed_open(struct streams *s, const struct feed_claim *claim, int64_t now_ms,
                   int64_t wall_ms, struct feed **ret_feed, const char **ret_why)
{
    struct publish_key key = publish_key_of(claim->key);
    enum err e = check(s, claim->id, &key, ret_why);
    if (e != ERR_OK) {
        s->figures.streams_refused++;
        return e;
    }
    struct stream *st = streams_find(s, claim->id);
    struct feed *f = feed_create(s, claim, &key, wall_ms - now_ms);
    if (st != NULL && st->feed != NULL) {
        wait_for_stream(f, st);
    } else {
        if (st != NULL && !publish_key_equal(&st->key, &key)) {
            stream_destroy(st); /* ended: another's media have no place behind it */
        }
        put_in_force(f, now_ms);
    }
    *ret_feed = f;
    return ERR_OK;
}

/* Takes the feed in force off its stream and gives who waits for it; NULL: nobody. The stream may
 * be gone then, which is of no matter to who waits: it begins it anew. */
static struct feed *vacate(struct stream *st, int64_t now_ms)
{
    struct feed *next = st->claimant;
    st->feed = NULL;
    st->claimant = NULL;
    stream_end(st, now_ms);
    return next;
}

void feed_close(struct feed *f, int64_t now_ms)
{
    if (in_force(f)) {
        struct feed *next = vacate(f->stream, now_ms);
        if (next != NULL) {
            put_in_force(next, now_ms);
            next->stream->key_due_ms = now_ms + FEED_KEY_MS;
        }
    } else if (f->stream != NULL) {
        f->stream->claimant = NULL;
    }
    forget_tracks(f);
    mem_free(f);
}

/* --- packets --- */

static void tell_fight(const struct stream *st)
{
    const char *words = "two publishers send this stream at the same time, and each comes back "
                        "when the other takes over: stop one of them, or give it another name";
    event_emit_reason("publishers_fight", "stream", st->id, words);
    log_warn("feed", "fight", "stream=%s: %s", st->id, words);
}

/* Whether the stream may be taken from the feed in force now. */
static bool may_take(const struct stream *st, int64_t now_ms)
{
    return now_ms - st->heard_ms >= FEED_SILENT_MS || !st->was_taken ||
           now_ms - st->taken_ms >= FEED_TAKE_OVER_MS;
}

/* A picture that decoding can start with, or sound where there are no pictures. */
static bool can_start(struct feed *f, const struct packet *p, int64_t now_ms)
{
    if (p->index != 0) {
        return false;
    }
    if (p->kind == TRACK_VIDEO) {
        return (p->flags & PACKET_KEY) != 0 && f->tracks[TRACK_VIDEO][0] != NULL;
    }
    if (!f->heard) {
        f->heard = true;
        f->first_sound_ms = now_ms;
    }
    return f->tracks[TRACK_VIDEO][0] == NULL && f->tracks[TRACK_AUDIO][0] != NULL &&
           now_ms - f->first_sound_ms >= FEED_SOUND_MS;
}

static void take_over(struct feed *f, int64_t now_ms)
{
    struct stream *st = f->stream;
    struct feed *old = st->feed;
    bool alive = now_ms - st->heard_ms < FEED_SILENT_MS;
    if (alive && st->was_taken && now_ms - st->taken_ms < FEED_FIGHT_MS) {
        tell_fight(st);
        f->streams->figures.fights++;
    }
    f->streams->figures.take_overs++;
    log_info("feed", "takes_over", "stream=%s silent_ms=%lld", st->id,
             (long long)(now_ms - st->heard_ms));
    event_emit("publisher_replaced", "stream", st->id);
    vacate(st, now_ms);
    put_in_force(f, now_ms);
    f->stream->was_taken = true;
    f->stream->taken_ms = now_ms;
    lose(old, "The publisher came back on another connection, which has taken over.");
}

void feed_track(struct feed *f, struct track *track)
{
    const struct track_params *p = track_params(track);
    if (in_force(f)) {
        stream_track(f->stream, track);
    } else if (f->stream != NULL && p->index < TRACKS_PER_KIND_MAX) {
        track_unref(f->tracks[p->kind][p->index]);
        f->tracks[p->kind][p->index] = track_ref(track);
    }
}

void feed_told(struct feed *f, const char *title, int fps_milli)
{
    f->fps_milli = fps_milli;
    snprintf(f->title, sizeof f->title, "%s", title);
    if (in_force(f)) {
        stream_told(f->stream, f->title, f->fps_milli);
    }
}

void feed_left_out(struct feed *f, enum repair_kind why, int64_t now_ms)
{
    if (in_force(f)) {
        stream_left_out(f->stream, why, now_ms);
    }
}

enum err feed_packet(struct feed *f, const struct packet *p, int64_t now_ms)
{
    if (f->stream == NULL) {
        return ERR_OK;
    }
    if (!in_force(f)) {
        if (!can_start(f, p, now_ms) || !may_take(f->stream, now_ms)) {
            return ERR_OK;
        }
        take_over(f, now_ms);
    }
    f->stream->heard_ms = now_ms;
    return stream_packet(f->stream, p, now_ms);
}
