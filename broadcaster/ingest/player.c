#include "broadcaster/ingest/player.h"

#include <string.h>

#include "base/mem.h"
#include "broadcaster/rtmp/play.h"
#include "run/log.h"

#define QUEUE_FIRST_CAP 64

struct queued {
    struct packet packet;
    struct track *track;
    struct track *other; /* the other kind's, for onMetaData */
};

struct player {
    struct tap tap;
    void (*wake)(void *arg);
    void *arg;
    struct player_counters *counters;
    const char *peer;
    struct queued *queue; /* a ring */
    size_t first, count, cap, bytes;
    bool has_video;
    bool needs_key;      /* until then nothing can be decoded */
    bool waits;          /* for one, and there are pictures, */
    int64_t waits_since; /* DTS */
    bool paused;
    bool ended;
    bool behind; /* has been told in the log */
    bool clocked;
    int64_t origin;    /* DTS that is 0 on the player's clock */
    unsigned left_out; /* codecs of which the log has told that they cannot be sent */
};

/* --- the queue --- */

static struct queued *at(const struct player *p, size_t i)
{
    return &p->queue[(p->first + i) % p->cap];
}

static void fini(struct queued *q)
{
    packet_unref(&q->packet);
    track_unref(q->track);
    track_unref(q->other);
}

static void drop_first(struct player *p)
{
    struct queued *q = at(p, 0);
    p->bytes -= q->packet.data.len;
    fini(q);
    p->first = (p->first + 1) % p->cap;
    p->count--;
}

static bool grow(struct player *p)
{
    size_t cap = p->cap > 0 ? p->cap * 2 : QUEUE_FIRST_CAP;
    struct queued *queue = mem_try_alloc(cap * sizeof *queue);
    if (queue == NULL) {
        return false;
    }
    for (size_t i = 0; i < p->count; i++) {
        queue[i] = *at(p, i);
    }
    mem_free(p->queue);
    p->queue = queue;
    p->first = 0;
    p->cap = cap;
    return true;
}

static void drop_until(struct player *p, size_t n)
{
    p->counters->packets_dropped += n;
    for (size_t i = 0; i < n; i++) {
        drop_first(p);
    }
    if (n > 0 && !p->behind) {
        p->behind = true;
        log_warn("player", "behind",
                 "peer=%s: it does not read as fast as the stream comes, so packets up to a key "
                 "frame are left out; it may need a lower rung",
                 p->peer);
    }
}

static bool is_key_picture(const struct queued *q)
{
    return q->packet.kind == TRACK_VIDEO && (q->packet.flags & PACKET_KEY) != 0;
}

/* The newest key frame that waits, behind the first packet; 0: there is none. */
static size_t newest_key(const struct player *p)
{
    for (size_t i = p->count; i > 1; i--) {
        if (is_key_picture(at(p, i - 1))) {
            return i - 1;
        }
    }
    return 0;
}

static bool is_full(const struct player *p, const struct packet *next)
{
    return p->bytes + next->data.len > PLAYER_BYTES_MAX || p->count >= PLAYER_PACKETS_MAX;
}

/* Before a packet is kept. */
static void keep_up(struct player *p, const struct packet *next)
{
    if (p->count == 0) {
        return;
    }
    if (is_full(p, next) || next->dts - at(p, 0)->packet.dts > PLAYER_BEHIND_TICKS) {
        drop_until(p, newest_key(p));
    }
    if (is_full(p, next)) {
        drop_until(p, p->count);
        p->needs_key = p->has_video;
    }
}

/* --- from the tap --- */

static void look_for_key(struct player *p, const struct packet *picture)
{
    bool key = (picture->flags & PACKET_KEY) != 0;
    if (!p->waits) {
        p->waits = true;
        p->waits_since = picture->dts;
    }
    if (key || picture->dts - p->waits_since > PLAYER_KEY_TICKS) {
        p->needs_key = p->waits = false;
    }
}

static bool can_start(struct player *p, const struct packet *packet)
{
    bool video = packet->kind == TRACK_VIDEO;
    p->has_video = p->has_video || video;
    if (video && p->needs_key) {
        look_for_key(p, packet);
    }
    return !p->needs_key || (!video && !p->has_video);
}

static void on_packet(void *arg, struct track *track, struct track *other,
                      const struct packet *packet)
{
    struct player *p = arg;
    p->has_video = p->has_video || (other != NULL && track_params(other)->kind == TRACK_VIDEO);
    if (p->paused || !can_start(p, packet)) {
        return;
    }
    keep_up(p, packet);
    if (!can_start(p, packet)) {
        p->counters->packets_dropped++;
        return;
    }
    if (p->count == p->cap && !grow(p)) {
        drop_until(p, p->count); /* short of memory is as short of time */
        p->needs_key = p->has_video;
        return;
    }
    *at(p, p->count++) = (struct queued){packet_ref(packet), track_ref(track),
                                         other != NULL ? track_ref(other) : NULL};
    p->bytes += packet->data.len;
    p->wake(p->arg);
}

static void on_end(void *arg)
{
    struct player *p = arg;
    p->ended = true;
    p->wake(p->arg);
}

static const struct tap_fns tap_fns = {on_packet, on_end};

struct player *player_create(void (*wake)(void *arg), void *arg, struct player_counters *counters,
                             const char *peer)
{
    struct player *p = mem_alloc(sizeof *p);
    tap_init(&p->tap, &tap_fns, p);
    p->wake = wake;
    p->arg = arg;
    p->counters = counters;
    p->peer = peer;
    p->needs_key = true;
    return p;
}

void player_destroy(struct player *p)
{
    if (p == NULL) {
        return;
    }
    tap_remove(&p->tap);
    while (p->count > 0) {
        drop_first(p);
    }
    mem_free(p->queue);
    mem_free(p);
}

struct tap *player_tap(struct player *p)
{
    return &p->tap;
}

void player_set_paused(struct player *p, bool paused)
{
    p->paused = paused;
    p->needs_key = true;
    p->waits = false;
    while (p->count > 0) {
        drop_first(p);
    }
}

bool player_waiting(const struct player *p)
{
    return p->count > 0;
}

bool player_ended(const struct player *p)
{
    return p->ended && p->count == 0;
}

/* --- to the session --- */

static int64_t floor_ms(int64_t ticks)
{
    return ticks >= 0 ? ticks / TICKS_PER_MS : -((-ticks + TICKS_PER_MS - 1) / TICKS_PER_MS);
}

static void tell_left_out(struct player *p, const struct rtmp_session *s, const struct track *t)
{
    enum track_codec codec = track_params(t)->codec;
    if ((p->left_out & 1u << codec) == 0 && !rtmp_session_can_play(s, codec)) {
        p->left_out |= 1u << codec;
        log_warn("player", "left_out",
                 "peer=%s: its player did not say that it can take %s over RTMP (Enhanced RTMP, "
                 "fourCcList), so it does not get that track; HLS has it",
                 p->peer, track_codec_name(codec));
    }
}

static enum err put(struct player *p, struct rtmp_session *s, const struct queued *q)
{
    bool video = q->packet.kind == TRACK_VIDEO;
    if (!p->clocked) {
        p->clocked = true;
        p->origin = q->packet.dts;
    }
    int64_t ms = floor_ms(q->packet.dts - p->origin);
    if (ms < 0) {
        return ERR_OK; /* sound from before the first picture */
    }
    tell_left_out(p, s, q->track);
    enum err e =
        rtmp_session_put_tracks(s, video ? q->track : q->other, video ? q->other : q->track, ms);
    if (e == ERR_OK) {
        p->counters->packets++;
        e = rtmp_session_put_packet(s, &q->packet, ms, floor_ms(q->packet.pts - p->origin) - ms);
    }
    return e;
}

enum err player_fill(struct player *p, struct rtmp_session *s)
{
    enum err e = ERR_OK;
    while (e == ERR_OK && p->count > 0 && rtmp_session_output(s)->len < PLAYER_OUTPUT_BYTES) {
        e = put(p, s, at(p, 0));
        drop_first(p);
    }
    if (p->count == 0) {
        p->behind = false;
    }
    return e;
}
