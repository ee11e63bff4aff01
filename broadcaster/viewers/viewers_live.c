/* What a viewer gets below /stream/ID/live.m3u8: fMP4, picture and sound apart. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/hls/playlist_live.h"
#include "broadcaster/pack/packager.h"
#include "broadcaster/viewers/viewers_answer_internal.h"
#include "run/log.h"

#define HOLD_TARGETS  3 /* target durations that a request is held at most */
#define CACHE_TARGETS 6 /* that the answer of a held one may be kept */

static enum err make_master(const struct lineup *l, void *arg, struct window_page *ret_page)
{
    const struct hls_ask *ask = arg;
    struct buf text;
    size_t n;
    const struct variant *list = lineup_variants(l, &n);
    buf_init(&text, ANSWER_TEXT_MAX);
    enum err e = playlist_live_master(&text, ask->current ? ask->id : NULL, list, n);
    return answer_page(&text, e, ret_page);
}

void answer_live_master(struct answer *a, struct board *board, struct hls_ask *ask)
{
    answer_resolve(board, ask);
    board_ask_parts(board, ask->id);
    if (answer_master(a, board, ask->current ? LINEUP_LIVE_CURRENT : LINEUP_LIVE, make_master,
                      ask) == ERR_NOENT) {
        answer_say(a, 404, "Stream \"%s\" has neither picture nor sound yet.", ask->id, "");
    }
}

/* The hash of a segment's initialisation section; 0: there is nothing of this kind in it. */
static enum err init_hash(struct segment *s, const struct hls_ask *ask, uint64_t *ret_hash)
{
    const struct answer_form *form = answer_form_of(ask);
    struct blob *init = NULL;
    enum err e = segment_container(s, form->form, form->make, &init);
    if (e == ERR_NOMEM) {
        return e;
    }
    *ret_hash = e == ERR_OK ? packager_hash(blob_span(init)) : 0;
    blob_unref(init);
    return ERR_OK;
}

/* The track of a segment that an address means. */
static const struct track *track_of(const struct segment *s, enum track_kind kind)
{
    struct sound *sound = kind == TRACK_AUDIO ? segment_sound(s) : NULL;
    if (kind == TRACK_AUDIO) {
        return sound != NULL ? sound_track(sound) : NULL;
    }
    return segment_video(s);
}

static enum err part_hash(const struct part *p, uint64_t *ret_hash)
{
    struct blob *init = NULL;
    enum err e = part_init_section(p, &init);
    if (e == ERR_OK) {
        *ret_hash = packager_hash(blob_span(init));
        blob_unref(init);
    }
    return e;
}

/* --- the media playlist --- */

struct page {
    struct board *board;
    const struct hls_ask *ask;
    enum track_kind kind;
    bool skip;
    uint64_t *inits;
    uint64_t open_init;
    bool any; /* there is something of this kind, or what is away may come back */
    struct live_report reports[BOARD_RENDITIONS_MAX + 1];
    size_t n_reports;
};

static struct segment *listed(const struct window *w, size_t i)
{
    return w->segments[w->count - w->listed_live + i];
}

/* The initialisation sections of what is listed: a part's track is mostly that of a segment. */
static enum err find_inits(struct page *p, const struct window *w)
{
    enum err e = ERR_OK;
    for (size_t i = 0; i < w->listed_live && e == ERR_OK; i++) {
        e = init_hash(listed(w, i), p->ask, &p->inits[i]);
        p->any = p->any || p->inits[i] != 0 || segment_info(listed(w, i))->gap;
    }
    const struct window_lane *lane = &w->lanes[p->kind];
    struct hls_edge edge = hls_edge_of(w, p->kind);
    if (e != ERR_OK || edge.open == 0) {
        return e;
    }
    p->any = true;
    const struct part *newest = lane->parts[lane->count - 1];
    for (size_t i = w->listed_live; i > 0; i--) {
        if (p->inits[i - 1] != 0 && track_of(listed(w, i - 1), p->kind) == part_track(newest)) {
            p->open_init = p->inits[i - 1];
            return ERR_OK;
        }
    }
    return part_hash(newest, &p->open_init);
}

static void add_report(struct page *p, const char *name, const struct window *w,
                       enum track_kind kind)
{
    struct hls_edge edge = hls_edge_of(w, kind);
    if (!edge.any || strcmp(name, p->ask->rendition) == 0) {
        return;
    }
    struct live_report *r = &p->reports[p->n_reports++];
    *r = (struct live_report){.msn = edge.msn, .has_part = edge.has_part, .part = edge.part};
    snprintf(r->name, sizeof r->name, "%s", name);
}

/* A light sound stands in the master playlist with the first rung that plays with it. */
static bool is_used(const struct variant *list, size_t n, const char *light)
{
    bool used = false;
    for (size_t i = 0; i < n; i++) {
        used = used || strcmp(list[i].sound, light) == 0;
    }
    return used;
}

/* Of all that stands in the master playlist. */
static void find_reports(struct page *p)
{
    struct variant list[BOARD_RENDITIONS_MAX];
    struct window *windows[BOARD_RENDITIONS_MAX];
    size_t n = board_windows(p->board, p->ask->id, list, windows, BOARD_RENDITIONS_MAX);
    for (size_t i = 0; i < n; i++) {
        bool audio = hls_is_audio(list[i].name);
        bool unused = hls_is_light_audio(list[i].name) && !is_used(list, n, list[i].name);
        const struct window_lane *lanes = windows[i]->lanes;
        if (!audio && (list[i].video.peak_bps > 0 || lanes[TRACK_VIDEO].count > 0)) {
            add_report(p, list[i].name, windows[i], TRACK_VIDEO);
        }
        if (!unused && (audio || strcmp(list[i].name, BOARD_SOURCE) == 0) &&
            (list[i].audio.peak_bps > 0 || lanes[TRACK_AUDIO].count > 0)) {
            add_report(p, audio ? list[i].name : HLS_AUDIO, windows[i], TRACK_AUDIO);
        }
        window_unref(windows[i]);
    }
}

static enum err write_page(const struct page *p, const struct window *w,
                           struct window_page *ret_page)
{
    struct live_media m = {
        .window = w,
        .kind = p->kind,
        .inits = p->inits,
        .open_init = p->open_init,
        .reports = p->reports,
        .n_reports = p->n_reports,
        .skip = p->skip,
    };
    struct buf text;
    buf_init(&text, ANSWER_TEXT_MAX);
    return answer_page(&text, playlist_live_media(&text, &m), ret_page);
}

static enum err make_page(const struct window *w, void *arg, struct window_page *ret_page)
{
    struct page *p = arg;
    p->inits = mem_alloc((w->listed_live + 1) * sizeof *p->inits);
    enum err e = find_inits(p, w);
    if (e == ERR_OK && !p->any) {
        e = ERR_NOENT;
    }
    if (e == ERR_OK && w->lanes[p->kind].part_target > 0) {
        find_reports(p);
    }
    e = e == ERR_OK ? write_page(p, w, ret_page) : e;
    mem_free(p->inits);
    return e;
}

static enum track_kind kind_of(const struct hls_ask *ask)
{
    return hls_is_audio(ask->rendition) ? TRACK_AUDIO : TRACK_VIDEO;
}

static void give_page(struct answer *a, struct board *board, const struct window *w,
                      const struct hls_ask *ask)
{
    static const enum window_text texts[2][2] = {
        {WINDOW_TEXT_VIDEO, WINDOW_TEXT_VIDEO_DELTA},
        {WINDOW_TEXT_AUDIO, WINDOW_TEXT_AUDIO_DELTA},
    };
    struct page p = {
        .board = board, .ask = ask, .kind = kind_of(ask), .skip = ask->directives.skip};
    struct window_page page = {0};
    enum err e = window_text(w, texts[p.kind][p.skip], make_page, &p, &page);
    if (e == ERR_OK) {
        answer_playlist_kept(a, page.plain, page.gzip, page.tag);
    } else if (e == ERR_NOENT) {
        answer_say(
            a, 404,
            p.kind == TRACK_AUDIO
                ? "There is no sound in rendition \"%s\" of stream \"%s\" now."
                : "There is no picture in rendition \"%s\" of stream \"%s\" now: its sound is in "
                  "rendition \"" HLS_AUDIO "\".",
            ask->rendition, ask->id);
    } else {
        answer_playlist(a, e);
    }
}

/* What waits at the live edge is what everybody there gets for this address; what lags behind it
 * would get an older and older playlist, like one without directives. */
static void set_cache(struct answer *a, const struct window *w, const struct hls_ask *ask)
{
    struct hls_edge edge = hls_edge_of(w, kind_of(ask));
    bool blocked = ask->directives.has_msn && ask->directives.msn >= edge.closed && !w->ended;
    if (blocked) {
        snprintf(a->cache_text, sizeof a->cache_text, "max-age=%d",
                 CACHE_TARGETS * w->target_duration_s);
        a->cache_control = a->cache_text;
    } else {
        answer_playlist_age(a, w);
    }
}

/* --- waiting --- */

/* It comes: the answer waits, or says why it does not. */
static void give_wait(struct answer *a, const struct window *w, const struct hls_ask *ask,
                      const struct hls_want *want, enum viewer_wait wait)
{
    const char *why =
        wait == VIEWER_LATE
            ? "What was asked for of rendition \"%s\" of stream \"%s\" has not come in time: its "
              "publisher may have stopped. Ask again."
        : wait == VIEWER_TOO_MANY
            ? "Too many requests wait here by now; rendition \"%s\" of stream \"%s\" goes on "
              "without. Ask again."
            : "The server is stopping; rendition \"%s\" of stream \"%s\" may be back soon.";
    if (wait != VIEWER_MAY_WAIT) {
        answer_say(a, 503, why, ask->rendition, ask->id);
        a->cache_control = "no-store";
        return;
    }
    a->waits = true;
    a->hold = (struct answer_hold){
        .want = *want,
        .max_ms = (int64_t)HOLD_TARGETS * w->target_duration_s * 1000,
    };
    snprintf(a->hold.id, sizeof a->hold.id, "%s", ask->id);
    snprintf(a->hold.rendition, sizeof a->hold.rendition, "%s", answer_live_name(ask));
}

void answer_live_media(struct answer *a, struct board *board, const struct hls_ask *ask,
                       enum viewer_wait wait)
{
    struct window *w = answer_live_window(a, board, ask);
    if (w == NULL) {
        return;
    }
    const struct hls_directives *d = &ask->directives;
    struct hls_want want = {
        .kind = kind_of(ask), .has_part = d->has_part, .msn = d->msn, .part = d->part};
    switch (d->has_msn ? hls_ready(&want, w) : HLS_ANSWER) {
    case HLS_ANSWER:
    case HLS_NEVER:
        give_page(a, board, w, ask);
        if (a->status == 200) {
            set_cache(a, w, ask);
        }
        break;
    case HLS_WAIT:
        give_wait(a, w, ask, &want, wait);
        break;
    case HLS_TOO_FAR:
        answer_say(a, 400,
                   "That is too far ahead of rendition \"%s\" of stream \"%s\" to wait for it.",
                   ask->rendition, ask->id);
        break;
    }
    window_unref(w);
}

/* A number never gets other bytes in one publication; the times tell those of the next one. */
static uint64_t part_tag(const struct part_info *info, enum track_kind kind,
                         const struct blob *blob)
{
    const uint64_t numbers[] = {info->msn, info->index, (uint64_t)kind, (uint64_t)info->start,
                                blob_span(blob).len};
    return http_tag_of_numbers(numbers, sizeof numbers / sizeof numbers[0]);
}

/* From where the segment's first part of this kind begins: the segment itself may not be there. */
static int64_t end_in_segment(const struct window *w, const struct part *part,
                              const struct hls_ask *ask)
{
    const struct part_info *info = part_info(part);
    const struct part *first = window_find_part(w, kind_of(ask), ask->msn, 0);
    return info->start + info->duration - (first != NULL ? part_info(first)->start : info->start);
}

static void give_part(struct answer *a, const struct window *w, struct part *part,
                      const struct hls_ask *ask)
{
    struct blob *blob = NULL;
    enum err e = part_fragment(part, &blob);
    if (e == ERR_OK) {
        answer_found(a, blob, ask, part_tag(part_info(part), kind_of(ask), blob));
        answer_costs(a, ask, end_in_segment(w, part, ask));
    } else if (e == ERR_NOMEM) {
        answer_no_memory(a);
    } else {
        log_warn("viewers", "packaging_failed",
                 "stream=%s rendition=%s msn=%" PRIu64 " part=%" PRIu32 " why=\"%s\"", ask->id,
                 ask->rendition, ask->msn, ask->part, err_text(e));
        answer_say(a, 500, "That part of rendition \"%s\" of stream \"%s\" cannot be packaged.",
                   ask->rendition, ask->id);
    }
}

void answer_live_part(struct answer *a, struct board *board, const struct hls_ask *ask,
                      enum viewer_wait wait)
{
    struct window *w = answer_live_window(a, board, ask);
    if (w == NULL) {
        return;
    }
    struct hls_want want = {
        .kind = kind_of(ask), .file = true, .has_part = true, .msn = ask->msn, .part = ask->part};
    enum hls_verdict verdict = hls_ready(&want, w);
    if (verdict == HLS_ANSWER) {
        give_part(a, w, window_find_part(w, want.kind, want.msn, want.part), ask);
    } else if (verdict == HLS_WAIT) {
        give_wait(a, w, ask, &want, wait);
        answer_costs(a, ask, w->lanes[want.kind].part_target * ((int64_t)ask->part + 1));
    } else {
        answer_say(a, 404,
                   "Rendition \"%s\" of stream \"%s\" does not have that part: it is too old, or "
                   "its segment ended before it.",
                   ask->rendition, ask->id);
    }
    window_unref(w);
}

/* Of parts whose segment is not complete yet. */
static bool give_part_init(struct answer *a, const struct window *w, const struct hls_ask *ask)
{
    const struct window_lane *lane = &w->lanes[kind_of(ask)];
    const struct track *seen = NULL;
    for (size_t i = lane->count; i > 0; i--) {
        const struct part *p = lane->parts[i - 1];
        struct blob *init = NULL;
        if (part_track(p) == seen || part_init_section(p, &init) != ERR_OK) {
            continue;
        }
        seen = part_track(p);
        if (packager_hash(blob_span(init)) == ask->hash) {
            answer_found(a, init, ask, ask->hash);
            return true;
        }
        blob_unref(init);
    }
    return false;
}

void answer_live_init(struct answer *a, struct board *board, const struct hls_ask *ask)
{
    struct window *w = answer_live_window(a, board, ask);
    if (w == NULL) {
        return;
    }
    enum err e = ERR_NOENT;
    for (size_t i = w->count; i > 0 && e == ERR_NOENT; i--) {
        uint64_t hash = 0;
        if (init_hash(w->segments[i - 1], ask, &hash) == ERR_OK && hash == ask->hash) {
            answer_container(a, w->segments[i - 1], ask);
            e = ERR_OK;
        }
    }
    if (e != ERR_OK && !give_part_init(a, w, ask)) {
        answer_say(
            a, 404,
            "No segment of rendition \"%s\" of stream \"%s\" that is still here begins with that.",
            ask->rendition, ask->id);
    }
    window_unref(w);
}
