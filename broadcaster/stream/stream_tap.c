#include "broadcaster/stream/stream_tap.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/stream/stream_internal.h"

#define HELD_FIRST_CAP 64

void tap_init(struct tap *t, const struct tap_fns *fns, void *arg)
{
    *t = (struct tap){.fns = fns, .arg = arg, .reached = INT64_MIN};
    list_init(&t->node);
}

static void set_track(struct track **slot, struct track *track)
{
    if (*slot != track) {
        track_unref(*slot);
        *slot = track != NULL ? track_ref(track) : NULL;
    }
}

static void drop_held(struct tap *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        t->held_bytes -= t->held[i].packet.data.len;
        packet_unref(&t->held[i].packet);
        track_unref(t->held[i].track);
    }
    t->n_held -= n;
    if (n > 0 && t->n_held > 0) {
        memmove(t->held, t->held + n, t->n_held * sizeof *t->held);
    }
}

void tap_remove(struct tap *t)
{
    list_remove(&t->node);
    t->point = NULL;
    drop_held(t, t->n_held);
    mem_free(t->held);
    t->held = NULL;
    t->cap_held = 0;
    set_track(&t->video, NULL);
    set_track(&t->audio, NULL);
}

/* --- giving --- */

static void give(struct tap *t, struct track *track, const struct packet *p)
{
    bool audio = p->kind == TRACK_AUDIO;
    set_track(audio ? &t->audio : &t->video, track);
    t->fns->on_packet(t->arg, track, audio ? t->video : t->audio, p);
}

/* The sound that is heard before there. */
static void release(struct tap *t, int64_t until)
{
    size_t n = 0;
    while (n < t->n_held && t->held[n].packet.dts < until) {
        give(t, t->held[n].track, &t->held[n].packet);
        n++;
    }
    drop_held(t, n);
}

static bool grow(struct tap *t)
{
    size_t cap = t->cap_held > 0 ? t->cap_held * 2 : HELD_FIRST_CAP;
    struct tap_held *held = mem_try_realloc(t->held, cap * sizeof *held);
    if (held != NULL) {
        t->held = held;
        t->cap_held = cap;
    }
    return held != NULL;
}

/* Without memory the packet is left out: a player hears a gap. */
static void hold(struct tap *t, struct track *track, const struct packet *p)
{
    if (t->n_held >= TAP_HELD_MAX || t->held_bytes + p->data.len > TAP_HELD_BYTES_MAX) {
        drop_held(t, t->n_held / 2 + 1 > t->n_held ? t->n_held : t->n_held / 2 + 1);
    }
    if (t->n_held < t->cap_held || grow(t)) {
        t->held[t->n_held++] = (struct tap_held){packet_ref(p), track_ref(track)};
        t->held_bytes += p->data.len;
        set_track(&t->audio, track); /* known before the first picture */
    }
}

static void give_picture(struct tap *t, struct track *track, const struct packet *p)
{
    release(t, p->dts);
    t->reached = p->dts;
    give(t, track, p);
}

/* --- the source --- */

static struct track *sound_of(const struct stream *st)
{
    return st->audio != NULL ? st->audio : st->next_audio;
}

/* A rung's own; NULL: it has the source's, at least now. */
static struct track *light_track(const struct stream *st, size_t point)
{
    size_t rung = point - STREAM_TAP_RUNGS;
    bool asked = point >= STREAM_TAP_RUNGS && rung < st->ladder.n &&
                 st->ladder.rungs[rung].audio_bitrate_bps > 0;
    return asked ? light_sounds_track(st->light, st->light_of[rung]) : NULL;
}

void stream_taps_packet(struct stream *st, const struct packet *p)
{
    bool audio = p->kind == TRACK_AUDIO;
    LIST_EACH (&st->taps[0].taps, node, next) {
        struct tap *t = LIST_ITEM(node, struct tap, node);
        set_track(&t->audio, sound_of(st));
        give(t, audio ? st->audio : st->video, p);
    }
    for (size_t i = STREAM_TAP_RUNGS; audio && i < STREAM_TAP_POINTS; i++) {
        if (light_track(st, i) != NULL) {
            continue;
        }
        LIST_EACH (&st->taps[i].taps, node, next) {
            hold(LIST_ITEM(node, struct tap, node), st->audio, p);
        }
    }
}

static void hold_all(struct tap *t, const struct track *track, const struct packets *ps,
                     int64_t from)
{
    for (size_t i = 0; i < ps->count; i++) {
        if (ps->items[i].dts >= from) {
            hold(t, (struct track *)track, &ps->items[i]);
        }
    }
}

static void hold_sound_of(struct stream *st, const char *rendition, struct tap *t, int64_t from)
{
    struct window *w = board_window(st->owner->config.board, st->id, rendition);
    for (size_t i = 0; w != NULL && i < w->count; i++) {
        const struct segment_info *info = segment_info(w->segments[i]);
        const struct sound *sound = segment_sound(w->segments[i]);
        if (sound != NULL && info->start + info->duration >= from) {
            hold_all(t, sound_track(sound), sound_packets(sound), from);
        }
    }
    window_unref(w);
}

/* What was heard since then: of the segments that are complete, and of the open one. */
static void hold_sound_since(struct stream *st, struct tap *t, int64_t from)
{
    hold_sound_of(st, "source", t, from);
    if (st->open && st->audio != NULL) {
        hold_all(t, st->audio, &st->audio_packets, from);
    }
}

static void begin_source(struct stream *st, struct tap *t)
{
    const struct packets *ps = &st->preroll.packets;
    if (!st->open) {
        return;
    }
    set_track(&t->audio, sound_of(st));
    if (st->video == NULL) {
        hold_all(t, st->audio, &st->audio_packets, INT64_MIN);
    } else if (ps->count > 0) {
        hold_sound_since(st, t, ps->items[0].dts);
        for (size_t i = 0; i < ps->count; i++) {
            struct packet p = ps->items[i];
            p.flags |= i == 0 ? PACKET_KEY : 0; /* or a recovery point, which is as good here */
            give_picture(t, st->video, &p);
        }
    }
    release(t, INT64_MAX);
}

/* --- the rungs --- */

struct light_join {
    struct tap *tap;
    int64_t from;
};

static void join_light(void *arg, size_t i, struct track *track, const struct packet *p)
{
    const struct light_join *j = arg;
    (void)i;
    if (p->dts >= j->from) {
        hold(j->tap, track, p);
    }
}

static void hold_rung_sound_since(struct stream *st, size_t rung, struct tap *t, int64_t from)
{
    if (light_track(st, STREAM_TAP_RUNGS + rung) == NULL) {
        hold_sound_since(st, t, from);
        return;
    }
    struct light_join join = {t, from};
    size_t light = st->light_of[rung];
    hold_sound_of(st, rendition_name(light_sounds_rendition(st->light, light)), t, from);
    light_sounds_recent(st->light, light, join_light, &join);
}

/* It may be later than the rung's pictures, and waits no longer then. */
static void on_light(void *arg, size_t light, struct track *track, const struct packet *p)
{
    struct stream *st = arg;
    for (size_t i = 0; i < st->ladder.n; i++) {
        if (st->ladder.rungs[i].audio_bitrate_bps == 0 || st->light_of[i] != light) {
            continue;
        }
        LIST_EACH (&st->taps[STREAM_TAP_RUNGS + i].taps, node, next) {
            struct tap *t = LIST_ITEM(node, struct tap, node);
            hold(t, track, p);
            release(t, t->reached);
        }
    }
}

/* What of a segment's packets has not been given yet. */
static void give_new(struct tap_point *point, uint64_t msn, struct track *track,
                     const struct packets *ps)
{
    size_t from = point->msn == msn ? point->given : 0;
    LIST_EACH (&point->taps, node, next) {
        struct tap *t = LIST_ITEM(node, struct tap, node);
        for (size_t i = from; i < ps->count; i++) {
            give_picture(t, track, &ps->items[i]);
        }
    }
    point->msn = msn;
    point->given = ps->count;
}

/* Parts of the segment that is next; those of later ones wait for it. */
static void on_parts(void *arg, size_t rung, uint64_t msn, struct track *track,
                     const struct packets *ps)
{
    struct stream *st = arg;
    struct tap_point *point = &st->taps[STREAM_TAP_RUNGS + rung];
    if (!list_empty(&point->taps) && msn == rendition_next(st->rungs[rung])) {
        give_new(point, msn, track, ps);
    }
}

/* A segment is settled, and all before it are. */
static void on_segment(void *arg, struct segment *s)
{
    struct tap_point *point = arg;
    const struct segment_info *info = segment_info(s);
    if (list_empty(&point->taps)) {
        return;
    }
    if (!info->gap) {
        give_new(point, info->msn, (struct track *)segment_video(s), segment_packets(s));
    }
    LIST_EACH (&point->taps, node, next) {
        release(LIST_ITEM(node, struct tap, node), info->start + info->duration);
    }
}

static struct segment *last_of(const struct window *w)
{
    for (size_t i = w != NULL ? w->count : 0; i > 0; i--) {
        if (!segment_info(w->segments[i - 1])->gap) {
            return w->segments[i - 1];
        }
    }
    return NULL;
}

static void give_all(struct stream *st, size_t rung, struct tap *t, struct track *track,
                     const struct packets *ps)
{
    if (ps->count > 0) {
        hold_rung_sound_since(st, rung, t, ps->items[0].dts);
    }
    for (size_t i = 0; i < ps->count; i++) {
        give_picture(t, track, &ps->items[i]);
    }
}

/* From the segment that is coming in, or else from the last complete one. */
static void begin_rung(struct stream *st, size_t rung, struct tap *t)
{
    struct tap_point *point = &st->taps[STREAM_TAP_RUNGS + rung];
    uint64_t msn = rendition_next(st->rungs[rung]);
    struct track *track;
    const struct packets *parts = jobs_stream_parts(st->jobs, rung, msn, &track);
    if (parts != NULL && parts->count > 0) {
        give_new(point, msn, track, parts); /* for those who are there already */
        give_all(st, rung, t, track, parts);
        return;
    }
    struct window *w = board_window(st->owner->config.board, st->id, st->ladder.rungs[rung].name);
    struct segment *s = last_of(w);
    if (s != NULL) {
        give_all(st, rung, t, (struct track *)segment_video(s), segment_packets(s));
    } else {
        struct track *light = light_track(st, STREAM_TAP_RUNGS + rung);
        set_track(&t->audio, light != NULL ? light : sound_of(st));
    }
    window_unref(w);
}

/* From the newest complete segment that begins with a key frame. */
static void begin_side(struct stream *st, struct rendition *r, struct tap *t)
{
    struct window *w = board_window(st->owner->config.board, st->id, rendition_name(r));
    size_t n = w != NULL ? w->count : 0, from = n;
    for (size_t i = n; i > 0 && from == n; i--) {
        const struct segment_info *info = segment_info(w->segments[i - 1]);
        from = !info->gap && info->independent ? i - 1 : n;
    }
    set_track(&t->audio, sound_of(st));
    for (size_t i = from; i < n; i++) {
        struct segment *s = w->segments[i];
        const struct packets *ps = segment_packets(s);
        if (i == from && ps->count > 0) {
            hold_sound_since(st, t, ps->items[0].dts);
        }
        for (size_t k = 0; !segment_info(s)->gap && k < ps->count; k++) {
            give_picture(t, (struct track *)segment_video(s), &ps->items[k]);
        }
    }
    window_unref(w);
}

/* --- who comes and goes --- */

static struct stream *find(struct streams *s, const char *id)
{
    LIST_EACH (&s->list, n, next) {
        struct stream *st = LIST_ITEM(n, struct stream, node);
        if (strcmp(st->id, id) == 0 && st->state != STREAM_ENDED) {
            return st;
        }
    }
    return NULL;
}

/* An index of st->taps; SIZE_MAX: there is no such one. */
static size_t find_point(const struct stream *st, const char *rung)
{
    if (rung[0] == '\0' || strcmp(rung, "source") == 0) {
        return 0;
    }
    for (size_t i = 0; i < st->ladder.n; i++) {
        if (strcmp(st->ladder.rungs[i].name, rung) == 0) {
            return STREAM_TAP_RUNGS + i;
        }
    }
    for (unsigned index = 1; index <= SIDES_MAX; index++) {
        const struct rendition *r = sides_of_track(st->sides, index);
        if (r != NULL && strcmp(rendition_name(r), rung) == 0) {
            return STREAM_TAP_SIDES + index - 1;
        }
    }
    return SIZE_MAX;
}

enum err streams_tap(struct streams *s, const char *id, const char *rung, struct tap *t,
                     const char **ret_why)
{
    struct stream *st = find(s, id);
    if (st == NULL) {
        *ret_why = "no stream of this name is live: see that it is being published, and try again";
        return ERR_NOENT;
    }
    size_t i = find_point(st, rung);
    if (i == SIZE_MAX) {
        *ret_why = "this stream has no such rung: the master playlist (/stream/NAME.m3u8) lists "
                   "those that it has";
        return ERR_NOENT;
    }
    if (i == 0) {
        begin_source(st, t);
    } else if (i < STREAM_TAP_SIDES) {
        begin_rung(st, i - STREAM_TAP_RUNGS, t);
    } else {
        struct rendition *r = sides_of_track(st->sides, (unsigned)(i - STREAM_TAP_SIDES) + 1);
        rendition_set_tap(r, on_segment, &st->taps[i]);
        begin_side(st, r, t);
    }
    t->point = &st->taps[i];
    list_push_back(&st->taps[i].taps, &t->node);
    return ERR_OK;
}

void stream_taps_open(struct stream *st)
{
    for (size_t i = 0; i < STREAM_TAP_POINTS; i++) {
        list_init(&st->taps[i].taps);
    }
}

void stream_taps_open_rungs(struct stream *st)
{
    for (size_t i = 0; i < st->ladder.n; i++) {
        rendition_set_tap(st->rungs[i], on_segment, &st->taps[STREAM_TAP_RUNGS + i]);
    }
    jobs_stream_set_tap(st->jobs, on_parts, st);
    light_sounds_set_tap(st->light, on_light, st);
}

void stream_taps_end(struct stream *st)
{
    for (size_t i = 0; i < STREAM_TAP_POINTS; i++) {
        LIST_EACH (&st->taps[i].taps, node, next) {
            struct tap *t = LIST_ITEM(node, struct tap, node);
            release(t, INT64_MAX);
            tap_remove(t);
            t->fns->on_end(t->arg);
        }
    }
}

size_t stream_taps_count(const struct stream *st)
{
    size_t n = 0;
    for (size_t i = 0; i < STREAM_TAP_POINTS; i++) {
        LIST_EACH (&st->taps[i].taps, node, next) {
            n++;
        }
    }
    return n;
}
