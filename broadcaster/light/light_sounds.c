#include "broadcaster/light/light_sounds.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/list.h"
#include "base/mem.h"
#include "broadcaster/hls/hls.h"
#include "broadcaster/light/light_lane.h"
#include "broadcaster/stream/part_lane.h"
#include "run/log.h"

#define RANK_LIGHT 2000  /* behind the publisher's own sounds */
#define FEW_BITS   48000 /* those have longer parts */

struct run {
    uint64_t msn;
    int64_t start;
    bool whole;
    struct segment *source; /* NULL until it is complete */
    struct part_run parts;
};

struct light;

/* One encoder's piece of the timeline. */
struct piece {
    struct list node;
    struct light *owner;
    struct light_lane *lane;
    struct track *track; /* of the source */
    struct run runs[LIGHT_RUNS_MAX];
    size_t n_runs;
    bool working;  /* it is being worked on, and stays */
    size_t tapped; /* of the lane's frames: those that the tap was given */
};

struct recent {
    uint64_t msn; /* 0: none */
    bool of_source;
    struct sound *sound;
};

struct light {
    struct light_sounds *all;
    struct light_form form;
    struct rendition *rendition;
    struct part_lane parts;
    struct list pieces; /* the newest may be `now`, the others end */
    struct piece *now;  /* NULL: there is no encoder */
    size_t n_runs;      /* of all pieces */
    uint64_t bare;      /* the open segment, where there is no encoder; 0: none */
    int64_t bare_start;
    bool bare_whole;
    struct track *failed; /* cannot be decoded; NULL: none */
    struct recent recent[LIGHT_RECENT];
};

struct light_sounds {
    struct board *board;
    char id[ID_MAX + 1];
    uint64_t first_discontinuity;
    struct light_workers *workers;
    light_sounds_came_fn *came;
    void *arg;
    struct light *lights[PROFILE_LADDER_MAX];
    size_t n;
    int64_t until; /* the open segment cannot end before */
    light_sounds_tap_fn *tap;
    void *tap_arg;
};

/* --- coming and going --- */

struct light_sounds *light_sounds_create(struct board *board, const char *stream_id,
                                         uint64_t first_discontinuity,
                                         struct light_workers *workers, light_sounds_came_fn *came,
                                         void *arg)
{
    struct light_sounds *s = mem_alloc(sizeof *s);
    s->board = board;
    snprintf(s->id, sizeof s->id, "%s", stream_id);
    s->first_discontinuity = first_discontinuity;
    s->workers = workers;
    s->came = came;
    s->arg = arg;
    return s;
}

static void destroy_piece(struct piece *p)
{
    for (size_t i = 0; i < p->n_runs; i++) {
        segment_unref(p->runs[i].source);
    }
    p->owner->n_runs -= p->n_runs;
    p->owner->now = p->owner->now == p ? NULL : p->owner->now;
    list_remove(&p->node);
    light_lane_destroy(p->lane);
    track_unref(p->track);
    mem_free(p);
}

static void destroy_light(struct light *l)
{
    LIST_EACH (&l->pieces, n, next) {
        destroy_piece(LIST_ITEM(n, struct piece, node));
    }
    for (size_t i = 0; i < LIGHT_RECENT; i++) {
        sound_unref(l->recent[i].sound);
    }
    track_unref(l->failed);
    rendition_destroy(l->rendition);
    mem_free(l);
}

void light_sounds_destroy(struct light_sounds *s)
{
    for (size_t i = 0; s != NULL && i < s->n; i++) {
        destroy_light(s->lights[i]);
    }
    mem_free(s);
}

static struct light *create_light(struct light_sounds *s, const struct light_form *form)
{
    struct light *l = mem_alloc(sizeof *l);
    l->all = s;
    l->form = *form;
    list_init(&l->pieces);
    char name[RENDITION_NAME_MAX + 1];
    snprintf(name, sizeof name, s->n == 0 ? HLS_AUDIO_LIGHT : HLS_AUDIO_LIGHT "%zu", s->n + 1);
    l->rendition = rendition_create(s->board, s->id, name);
    rendition_set_first_discontinuity(l->rendition, s->first_discontinuity);
    rendition_set_rank(l->rendition, RANK_LIGHT + (int)s->n);
    rendition_hold(l->rendition, true); /* its rungs are shown with a whole segment as well */
    part_lane_init(&l->parts, l->rendition, TRACK_AUDIO);
    if (form->bitrate_bps < FEW_BITS) {
        parter_set_aim(&l->parts.parter, PARTER_LIGHT_TICKS);
    }
    return l;
}

size_t light_sounds_add(struct light_sounds *s, const struct profile *rung)
{
    struct light_form form = {rung->audio_bitrate_bps, rung->audio_channels};
    for (size_t i = 0; i < s->n; i++) {
        const struct light_form *f = &s->lights[i]->form;
        if (f->bitrate_bps == form.bitrate_bps && f->channels == form.channels) {
            return i;
        }
    }
    s->lights[s->n] = create_light(s, &form);
    return s->n++;
}

/* --- segments --- */

static void record(struct light *l, uint64_t msn, struct sound *sound, bool of_source)
{
    struct recent *r = &l->recent[msn % LIGHT_RECENT];
    sound_unref(r->sound);
    *r = (struct recent){msn, of_source, sound != NULL ? sound_ref(sound) : NULL};
    l->all->came(l->all->arg, msn);
}

bool light_sounds_find(const struct light_sounds *s, size_t i, const struct segment *source,
                       struct sound **ret_sound)
{
    uint64_t msn = segment_info(source)->msn;
    const struct recent *r = &s->lights[i]->recent[msn % LIGHT_RECENT];
    if (r->msn < msn) {
        return false;
    }
    *ret_sound = r->msn > msn || r->of_source ? segment_sound(source) : r->sound;
    return true;
}

/* There is no encoder for it. */
static void settle_bare(struct light *l, struct segment *source)
{
    struct segment_info info = *segment_info(source);
    info.gap = true;
    struct segment *gap = segment_create(&info, NULL, NULL, NULL);
    l->bare = 0;
    rendition_settle(l->rendition, gap);
    segment_unref(gap);
    record(l, info.msn, NULL, true);
}

static void make_parts(struct piece *p, struct run *run, const struct packets *ps, size_t n,
                       bool all)
{
    if (n > 0 && !run->whole) {
        const struct packet *last = &ps->items[n - 1];
        part_lane_cut(&p->owner->parts, &run->parts, light_lane_track(p->lane), ps->items, n,
                      last->dts + last->duration, all);
    }
}

static int64_t end_of(const struct run *run)
{
    const struct segment_info *info = segment_info(run->source);
    return info->start + info->duration;
}

/* Frames of the first run, as far as they are there. */
static size_t count_before(const struct packets *ps, int64_t end)
{
    size_t n = 0;
    while (n < ps->count && ps->items[n].dts < end) {
        n++;
    }
    return n;
}

static void publish(struct piece *p, struct run *run, struct packets *taken)
{
    struct light *l = p->owner;
    rendition_begin(l->rendition);
    make_parts(p, run, taken, taken->count, true);
    struct segment_info info = *segment_info(run->source);
    info.independent = true;
    info.gap = taken->count == 0;
    struct sound *sound = info.gap ? NULL : sound_create(light_lane_track(p->lane), taken);
    struct segment *seg = segment_create(&info, NULL, NULL, sound);
    rendition_settle(l->rendition, seg);
    rendition_commit(l->rendition);
    segment_unref(seg);
    record(l, info.msn, sound, info.gap);
    sound_unref(sound);
}

/* The first run, which is complete, gets what there is. */
static void settle(struct piece *p)
{
    struct run run = p->runs[0];
    struct packets *frames = light_lane_frames(p->lane);
    struct packets taken;
    packets_init(&taken);
    size_t n = count_before(frames, end_of(&run));
    if (packets_move(frames, n, &taken) != ERR_OK) {
        packets_drop(frames, n - taken.count); /* without memory they are left out */
    }
    p->tapped -= n < p->tapped ? n : p->tapped;
    memmove(p->runs, p->runs + 1, --p->n_runs * sizeof p->runs[0]);
    p->owner->n_runs--;
    publish(p, &run, &taken);
    segment_unref(run.source);
    packets_fini(&taken);
}

static bool is_complete(const struct piece *p, const struct run *run)
{
    const struct packets *frames = light_lane_frames(p->lane);
    return run->source != NULL &&
           (light_lane_ended(p->lane) || (run->whole && light_lane_marked(p->lane) >= run->msn) ||
            (frames->count > 0 && frames->items[frames->count - 1].dts >= end_of(run)));
}

/* Whether more of the run follows this frame: what is in a part without the segment's last frame is
 * not its last part, and the one behind it may be promised. */
static bool is_followed(const struct run *run, const struct packet *f, int64_t until)
{
    int64_t end = run->source != NULL ? end_of(run) : until;
    return f->dts + f->duration < end;
}

static void make_parts_so_far(struct piece *p)
{
    const struct packets *frames = light_lane_frames(p->lane);
    int64_t until = p->n_runs > 1 ? p->runs[1].start : p->owner->all->until;
    size_t n = 0;
    while (p->n_runs > 0 && n < frames->count &&
           is_followed(&p->runs[0], &frames->items[n], until)) {
        n++;
    }
    if (n > 0) {
        make_parts(p, &p->runs[0], frames, n, false);
    }
}

/* May destroy it. */
static void advance(struct piece *p)
{
    if (p->working) {
        return;
    }
    p->working = true;
    while (p->n_runs > 0 && is_complete(p, &p->runs[0])) {
        settle(p);
    }
    make_parts_so_far(p);
    p->working = false;
    if (p->owner->now != p && p->n_runs == 0 && light_lane_ended(p->lane)) {
        destroy_piece(p);
    }
}

/* --- encoders --- */

static void tell_failure(struct light *l, struct track *track, const char *why)
{
    log_warn("stream", "light_sound_failed",
             "stream=%s rendition=%s codec=%s why=\"%s: its rungs have the source's sound\"",
             l->all->id, rendition_name(l->rendition), track_codec_name(track_params(track)->codec),
             why);
    track_unref(l->failed);
    l->failed = track_ref(track);
}

static size_t index_of(const struct light *l)
{
    size_t i = 0;
    while (l->all->lights[i] != l) {
        i++;
    }
    return i;
}

static void give_tap(struct piece *p)
{
    const struct light_sounds *s = p->owner->all;
    const struct packets *frames = light_lane_frames(p->lane);
    for (; s->tap != NULL && p->tapped < frames->count; p->tapped++) {
        s->tap(s->tap_arg, index_of(p->owner), light_lane_track(p->lane),
               &frames->items[p->tapped]);
    }
}

static void on_frames(void *arg, struct light_lane *lane)
{
    struct piece *p = arg;
    give_tap(p);
    if (light_lane_failed(lane) && p->owner->now == p) {
        p->owner->now = NULL;
        tell_failure(p->owner, p->track, "the encoder failed");
    }
    advance(p);
}

static void begin_piece(struct light *l, struct track *track, int64_t anchor)
{
    struct piece *p = mem_alloc(sizeof *p);
    enum err e = light_lane_create(l->all->workers, track_params(track), &l->form, anchor,
                                   on_frames, p, &p->lane);
    if (e != ERR_OK) {
        mem_free(p);
        tell_failure(l, track, e == ERR_NOMEM ? err_text(e) : "it cannot be decoded");
        return;
    }
    track_unref(l->failed);
    l->failed = NULL;
    p->owner = l;
    p->track = track_ref(track);
    list_push_back(&l->pieces, &p->node);
    l->now = p;
    if (l->parts.parter.target == 0) {
        parter_set_rate(&l->parts.parter, light_lane_rate(p->lane), LIGHT_FRAME_SAMPLES);
    }
}

static void end_piece(struct light *l)
{
    struct piece *p = l->now;
    l->now = NULL;
    if (p == NULL) {
        return;
    }
    const struct run *last = p->n_runs > 0 ? &p->runs[p->n_runs - 1] : NULL;
    light_lane_end(p->lane, last != NULL && last->source != NULL ? end_of(last) : INT64_MIN);
}

/* What takes too long ends. */
static void make_room(struct light *l)
{
    while (l->n_runs >= LIGHT_RUNS_MAX) {
        struct piece *oldest = LIST_ITEM(l->pieces.next, struct piece, node);
        if (oldest->n_runs > 0) {
            settle(oldest);
        } else {
            destroy_piece(oldest);
        }
    }
}

static void add_run(struct light *l, uint64_t msn, int64_t start, bool whole)
{
    struct run *run = &l->now->runs[l->now->n_runs++];
    *run = (struct run){.msn = msn, .start = start, .whole = whole};
    part_run_init(&run->parts, msn);
    l->n_runs++;
}

/* The open segment has an encoder from now on, if there can be one. */
static void begin_bare(struct light *l, struct track *track)
{
    if (l->failed != NULL && track_equal(l->failed, track)) {
        return;
    }
    begin_piece(l, track, l->bare_start);
    if (l->now != NULL) {
        add_run(l, l->bare, l->bare_start, l->bare_whole);
        l->bare = 0;
    }
}

/* --- the source --- */

static void open_one(struct light *l, const struct segment_info *info, struct track *track)
{
    struct segment_info own = *info;
    own.independent = true;
    make_room(l);
    if (info->discontinuity) {
        end_piece(l);
        track_unref(l->failed); /* another try */
        l->failed = NULL;
    }
    rendition_expect(l->rendition, info->msn);
    if (info->duration == 0) {
        rendition_open(l->rendition, &own);
    }
    if (l->now != NULL) {
        add_run(l, info->msn, info->start, info->duration > 0);
        advance(l->now);
        return;
    }
    l->bare = info->msn;
    l->bare_start = info->start;
    l->bare_whole = info->duration > 0;
    if (track != NULL) {
        begin_bare(l, track);
    }
}

void light_sounds_open(struct light_sounds *s, const struct segment_info *info, struct track *track)
{
    s->until = info->start;
    for (size_t i = 0; i < s->n; i++) {
        open_one(s->lights[i], info, track);
    }
}

void light_sounds_told(struct light_sounds *s, const struct segment_info *info)
{
    struct segment_info own = *info;
    own.independent = true;
    for (size_t i = 0; i < s->n; i++) {
        struct light *l = s->lights[i];
        const struct run *last =
            l->now != NULL && l->now->n_runs > 0 ? &l->now->runs[l->now->n_runs - 1] : NULL;
        if (l->bare == info->msn ||
            (last != NULL && last->msn == info->msn && last->parts.count == 0)) {
            rendition_open(l->rendition, &own);
        }
    }
}

void light_sounds_packet(struct light_sounds *s, struct track *track, const struct packet *p)
{
    for (size_t i = 0; i < s->n; i++) {
        struct light *l = s->lights[i];
        if (l->now == NULL && l->bare != 0) {
            begin_bare(l, track);
        }
        if (l->now != NULL) {
            light_lane_packet(l->now->lane, p);
        }
    }
}

void light_sounds_close(struct light_sounds *s, struct segment *source)
{
    uint64_t msn = segment_info(source)->msn;
    for (size_t i = 0; i < s->n; i++) {
        struct light *l = s->lights[i];
        LIST_EACH (&l->pieces, n, next) {
            struct piece *p = LIST_ITEM(n, struct piece, node);
            struct run *last = p->n_runs > 0 ? &p->runs[p->n_runs - 1] : NULL;
            if (last == NULL || last->msn != msn) {
                continue;
            }
            last->source = segment_ref(source);
            if (last->whole) {
                light_lane_mark(p->lane, msn);
            }
            advance(p);
        }
        if (l->bare == msn) {
            settle_bare(l, source);
        }
    }
}

void light_sounds_gap(struct light_sounds *s, struct segment *gap)
{
    for (size_t i = 0; i < s->n; i++) {
        struct light *l = s->lights[i];
        make_room(l);
        end_piece(l);
        rendition_expect(l->rendition, segment_info(gap)->msn);
        settle_bare(l, gap);
    }
}

void light_sounds_end(struct light_sounds *s)
{
    for (size_t i = 0; i < s->n; i++) {
        end_piece(s->lights[i]);
    }
}

void light_sounds_reach(struct light_sounds *s, int64_t newest)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->lights[i]->now != NULL) {
            light_lane_reach(s->lights[i]->now->lane, newest - LIGHT_LATE_TICKS);
        }
    }
}

void light_sounds_parts(struct light_sounds *s, int64_t until)
{
    s->until = until;
    for (size_t i = 0; i < s->n; i++) {
        if (s->lights[i]->now != NULL) {
            advance(s->lights[i]->now);
        }
    }
}

void light_sounds_tick(struct light_sounds *s, int64_t now_ms)
{
    for (size_t i = 0; i < s->n; i++) {
        rendition_tick(s->lights[i]->rendition, now_ms);
    }
}

void light_sounds_set_ended(struct light_sounds *s, bool ended)
{
    for (size_t i = 0; i < s->n; i++) {
        rendition_set_ended(s->lights[i]->rendition, ended);
    }
}

void light_sounds_set_target(struct light_sounds *s, int seconds)
{
    for (size_t i = 0; i < s->n; i++) {
        rendition_set_target(s->lights[i]->rendition, seconds);
    }
}

void light_sounds_set_tap(struct light_sounds *s, light_sounds_tap_fn *fn, void *arg)
{
    s->tap = fn;
    s->tap_arg = arg;
}

void light_sounds_recent(const struct light_sounds *s, size_t i, light_sounds_tap_fn *fn, void *arg)
{
    LIST_EACH (&s->lights[i]->pieces, node, next) {
        const struct piece *p = LIST_ITEM(node, struct piece, node);
        const struct packets *frames = light_lane_frames(p->lane);
        for (size_t k = 0; k < frames->count; k++) {
            fn(arg, i, light_lane_track(p->lane), &frames->items[k]);
        }
    }
}

struct track *light_sounds_track(const struct light_sounds *s, size_t i)
{
    const struct piece *now = s->lights[i]->now;
    return now != NULL ? light_lane_track(now->lane) : NULL;
}

struct rendition *light_sounds_rendition(const struct light_sounds *s, size_t i)
{
    return i < s->n ? s->lights[i]->rendition : NULL;
}
