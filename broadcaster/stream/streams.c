#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/stream/stream_internal.h"
#include "run/events.h"
#include "run/log.h"

#define RANK_RUNGS TRACKS_PER_KIND_MAX /* behind the publisher's further pictures */

struct streams *streams_create(const struct streams_config *config)
{
    struct streams *s = mem_alloc(sizeof *s);
    s->config = *config;
    s->ladder = config->ladder;
    figures_init(&s->figures);
    list_init(&s->list);
    return s;
}

void streams_set_ladder(struct streams *s, const struct ladder *ladder)
{
    s->ladder = *ladder;
}

const struct ladder *streams_ladder(const struct streams *s)
{
    return &s->ladder;
}

void streams_set_max_live(struct streams *s, size_t max)
{
    s->config.max_live = max;
}

struct figures *streams_figures(struct streams *s)
{
    return &s->figures;
}

struct stream *streams_find(struct streams *s, const char *id)
{
    LIST_EACH (&s->list, n, next) {
        struct stream *st = LIST_ITEM(n, struct stream, node);
        if (strcmp(st->id, id) == 0) {
            return st;
        }
    }
    return NULL;
}

size_t streams_live(const struct streams *s)
{
    size_t live = 0;
    LIST_EACH (&s->list, n, next) {
        live += LIST_ITEM(n, struct stream, node)->state == STREAM_LIVE;
    }
    return live;
}

/* --- life of a stream --- */

static struct rendition *create_rendition(struct stream *st, const char *name,
                                          struct rung_figures *figures)
{
    struct rendition *r = rendition_create(st->owner->config.board, st->id, name);
    rendition_set_figures(r, figures);
    rendition_set_first_discontinuity(r, st->first_discontinuity);
    return r;
}

/* A player may hold a playlist of the stream's earlier life. What comes now has another timeline,
 * and no number of its may be below those that the player has seen. */
static void continue_earlier_life(struct stream *st)
{
    struct lives *lives = st->owner->config.lives;
    if (lives != NULL && lives_known(lives, st->id)) {
        st->discontinuity = true;
        st->first_discontinuity = st->next_msn;
    }
}

static void light_sound_came(void *arg, uint64_t msn)
{
    struct stream *st = arg;
    jobs_stream_sound_came(st->jobs, msn);
}

static bool sound_of_rung(void *arg, size_t rung, const struct segment *source,
                          struct sound **ret_sound)
{
    const struct stream *st = arg;
    if (st->ladder.rungs[rung].audio_bitrate_bps > 0) {
        return light_sounds_find(st->light, st->light_of[rung], source, ret_sound);
    }
    *ret_sound = segment_sound(source);
    return true;
}

static struct stream *stream_create(struct streams *s, const char *id, const struct ladder *ladder,
                                    int64_t now_ms, int64_t wall_ms)
{
    const struct streams_config *c = &s->config;
    struct stream *st = mem_alloc(sizeof *st);
    st->owner = s;
    snprintf(st->id, sizeof st->id, "%s", id);
    repair_init(&st->repair);
    cutter_init(&st->cutter);
    pace_init(&st->pace, now_ms);
    st->why = "";
    packets_init(&st->video_packets);
    packets_init(&st->audio_packets);
    packets_init(&st->pending);
    preroll_init(&st->preroll);
    advice_init(&st->advice);
    st->next_msn = numbers_first(c->numbers, wall_ms);
    continue_earlier_life(st);
    st->source = create_rendition(st, "source", &s->figures.source);
    rendition_hold(st->source, true);
    st->sides = sides_create(c->board, id, st->first_discontinuity);
    st->side_sounds = side_sounds_create(c->board, id, st->first_discontinuity);
    st->light =
        light_sounds_create(c->board, id, st->first_discontinuity, c->light, light_sound_came, st);
    if (!c->source_only) {
        st->wanted = ladder != NULL ? *ladder : s->ladder;
    }
    part_lane_init(&st->lanes[TRACK_VIDEO], st->source, TRACK_VIDEO);
    part_lane_init(&st->lanes[TRACK_AUDIO], st->source, TRACK_AUDIO);
    program_clock_init(&st->program, wall_ms - now_ms);
    stream_taps_open(st);
    list_init(&st->node);
    s->count++;
    s->figures.streams_created++;
    return st;
}

/* A rung that asks for sound of its own has it when it is first seen. */
static void use_light_sound(struct stream *st, size_t rung)
{
    const struct profile *p = &st->ladder.rungs[rung];
    if (p->audio_bitrate_bps > 0) {
        st->light_of[rung] = light_sounds_add(st->light, p);
        const struct rendition *sound = light_sounds_rendition(st->light, st->light_of[rung]);
        rendition_set_sound(st->rungs[rung], rendition_name(sound));
        rendition_hold(st->rungs[rung], true);
    }
}

void streams_start_ladder(struct stream *st)
{
    if (st->jobs != NULL) {
        return;
    }
    const struct track_params *in = st->video != NULL ? track_params(st->video) : NULL;
    for (size_t i = 0; i < st->wanted.n; i++) {
        const struct profile *p = &st->wanted.rungs[i];
        int width, height = p->height;
        if (in != NULL && in->width > 0 && in->height > 0) {
            track_shown_size(in, &width, &height);
            profile_output_size(p, width, height, &width, &height);
        }
        if (sides_has_height(st->sides, height)) {
            log_info("stream", "rung_left_out",
                     "stream=%s rung=%s: the publisher brings a picture of this height", st->id,
                     p->name);
            continue;
        }
        st->rungs[st->ladder.n] =
            create_rendition(st, p->name, figures_rung(&st->owner->figures, p));
        rendition_set_rank(st->rungs[st->ladder.n], RANK_RUNGS + (int)st->ladder.n);
        st->ladder.rungs[st->ladder.n++] = *p;
        use_light_sound(st, st->ladder.n - 1);
    }
    st->jobs = jobs_stream_create(st->owner->config.jobs, st->id, st->ladder.rungs, st->rungs,
                                  st->ladder.n);
    jobs_stream_set_sound(st->jobs, sound_of_rung, st);
    stream_taps_open_rungs(st);
}

static void forget_announced(struct stream *st)
{
    for (int kind = 0; kind < 2; kind++) {
        for (int i = 0; i < TRACKS_PER_KIND_MAX; i++) {
            track_unref(st->tracks[kind][i]);
            st->tracks[kind][i] = NULL;
        }
    }
}

void stream_destroy(struct stream *st)
{
    struct streams *s = st->owner;
    stream_taps_end(st);
    jobs_stream_destroy(st->jobs);
    light_sounds_destroy(st->light);
    board_remove(s->config.board, st->id);
    rendition_destroy(st->source);
    sides_destroy(st->sides);
    side_sounds_destroy(st->side_sounds);
    for (size_t i = 0; i < st->ladder.n; i++) {
        rendition_destroy(st->rungs[i]);
    }
    packets_fini(&st->video_packets);
    packets_fini(&st->audio_packets);
    packets_fini(&st->pending);
    preroll_fini(&st->preroll);
    silence_forget(st);
    track_unref(st->video);
    track_unref(st->next_video);
    track_unref(st->audio);
    track_unref(st->next_audio);
    forget_announced(st);
    list_remove(&st->node);
    s->count--;
    s->figures.streams_ended++;
    repair_counters_add(&s->figures.repairs, &st->repair.counters);
    mem_free(st);
}

void streams_destroy(struct streams *s)
{
    if (s == NULL) {
        return;
    }
    LIST_EACH (&s->list, n, next) {
        stream_destroy(LIST_ITEM(n, struct stream, node));
    }
    mem_free(s);
}

static void set_ended(struct stream *st, bool ended)
{
    rendition_set_ended(st->source, ended);
    sides_set_ended(st->sides, ended);
    side_sounds_set_ended(st->side_sounds, ended);
    light_sounds_set_ended(st->light, ended);
    for (size_t i = 0; i < st->ladder.n; i++) {
        rendition_set_ended(st->rungs[i], ended);
    }
}

static int currency(const struct stream *st)
{
    return st->state != STREAM_LIVE ? 0 : rendition_count(st->source) == 0 ? 1 : 2;
}

/* The newest live stream that can be watched, or else the newest live one, or else the newest. */
const char *streams_newest(const struct streams *s)
{
    const struct stream *best = NULL;
    LIST_EACH (&s->list, n, next) {
        const struct stream *st = LIST_ITEM(n, const struct stream, node);
        if (best == NULL || currency(st) >= currency(best)) {
            best = st;
        }
    }
    return best != NULL ? best->id : NULL;
}

void streams_update_current(struct streams *s)
{
    if (s->config.show_current) {
        board_set_current(s->config.board, streams_newest(s));
    }
}

void streams_first_segment(struct stream *st)
{
    struct lives *lives = st->owner->config.lives;
    if (lives != NULL) {
        lives_note(lives, st->id);
    }
    streams_update_current(st->owner);
}

static void forget_tracks(struct stream *st)
{
    struct track **slots[] = {&st->video, &st->next_video, &st->audio, &st->next_audio};
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        track_unref(*slots[i]);
        *slots[i] = NULL;
    }
    st->sound_waits = false;
}

static void resume(struct stream *st)
{
    if (st->state == STREAM_ENDED) {
        set_ended(st, false);
    }
    repair_restart(&st->repair);
    int64_t end = st->info.start + st->info.duration;
    st->repair.origin = st->repair.origin > end ? st->repair.origin : end;
    forget_announced(st);
    forget_tracks(st); /* who comes back may be another encoder */
    st->begun = false;
    st->discontinuity = rendition_count(st->source) > 0;
}

void streams_tell_board(struct stream *st)
{
    struct board_facts f = {.since_ms = st->on_wall_ms};
    f.state = st->state == STREAM_LIVE      ? BOARD_LIVE
              : st->state == STREAM_WAITING ? BOARD_WAITING
                                            : BOARD_ENDED;
    f.until_ms = st->state != STREAM_LIVE ? st->on_wall_ms + st->left_ms - st->on_ms : 0;
    memcpy(f.title, st->title, sizeof f.title);
    board_set_facts(st->owner->config.board, st->id, &f);
}

void stream_told(struct stream *st, const char *title, int fps_milli)
{
    parter_expect(&st->lanes[TRACK_VIDEO].parter, fps_milli);
    if (strcmp(st->title, title) != 0) {
        snprintf(st->title, sizeof st->title, "%s", title);
        streams_tell_board(st);
    }
}

enum err streams_check(struct streams *s, const char *id, const char **ret_why)
{
    const struct stream *st = streams_find(s, id);
    if (st != NULL && st->state == STREAM_LIVE) {
        *ret_why = "this stream is being published already";
        return ERR_STATE;
    }
    if (streams_live(s) >= s->config.max_live || (st == NULL && s->count >= STREAM_NAMES_MAX)) {
        *ret_why = "too many streams are live: raise -maxSessions or end one";
        return ERR_LIMIT;
    }
    return ERR_OK;
}

struct stream *streams_begin(struct streams *s, const char *id, const struct ladder *ladder,
                             int64_t now_ms, int64_t wall_ms)
{
    struct stream *st = streams_find(s, id);
    bool anew = st == NULL || st->state == STREAM_ENDED;
    if (st == NULL) {
        st = stream_create(s, id, ladder, now_ms, wall_ms);
    } else {
        resume(st);
    }
    if (anew) {
        st->on_ms = now_ms;
        st->on_wall_ms = wall_ms;
    }
    s->figures.streams_started++;
    st->state = STREAM_LIVE;
    st->since_ms = now_ms;
    advice_restart(&st->advice, now_ms);
    list_remove(&st->node);
    list_push_back(&s->list, &st->node);
    streams_tell_board(st);
    streams_update_current(s);
    return st;
}

enum err streams_publish(struct streams *s, const char *id, const struct ladder *ladder,
                         int64_t now_ms, int64_t wall_ms, struct stream **ret_stream,
                         const char **ret_why)
{
    enum err e = streams_check(s, id, ret_why);
    if (e == ERR_OK) {
        *ret_stream = streams_begin(s, id, ladder, now_ms, wall_ms);
    } else {
        s->figures.streams_refused++;
    }
    return e;
}

/* --- time --- */

/* A player may be a whole playlist behind its end; that of a rung may have lasted longer. */
static int64_t linger_ms(const struct stream *st)
{
    int64_t fixed = st->owner->config.linger_ms;
    if (fixed >= 0) {
        return fixed;
    }
    int64_t longest = rendition_stays_ms(st->source);
    for (size_t i = 0; i < st->ladder.n; i++) {
        int64_t ms = rendition_stays_ms(st->rungs[i]);
        longest = ms > longest ? ms : longest;
    }
    return longest;
}

static void tell_time(struct stream *st, int64_t now_ms)
{
    rendition_tick(st->source, now_ms);
    for (size_t i = 0; i < st->ladder.n; i++) {
        rendition_tick(st->rungs[i], now_ms);
    }
    light_sounds_tick(st->light, now_ms);
}

void streams_tick(struct streams *s, int64_t now_ms)
{
    LIST_EACH (&s->list, n, next) {
        struct stream *st = LIST_ITEM(n, struct stream, node);
        tell_time(st, now_ms);
        if (st->state == STREAM_WAITING && now_ms - st->ended_ms >= s->config.grace_ms) {
            st->state = STREAM_ENDED;
            st->ended_ms = now_ms;
            set_ended(st, true);
            streams_tell_board(st);
            stream_taps_end(st);
            event_emit("stream_ended", "stream", st->id);
            log_info("stream", "ended", "stream=%s", st->id);
        } else if (st->state == STREAM_ENDED && now_ms - st->ended_ms >= linger_ms(st)) {
            log_info("stream", "removed", "stream=%s", st->id);
            stream_destroy(st);
            streams_update_current(s);
        }
    }
}
