#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "publisher-tools/judge_follow.h"
#include "publisher-tools/judge_ts.h"

#define KEPT_MAX       2000
#define AGAIN_AT_END   3  /* listed segments that are asked for again */
#define AGAIN_PER_CENT 80 /* of the time that a segment must stay, after which it is asked for */
#define RANGE_MAX      48

static uint64_t hash_of(struct span s)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < s.len; i++) {
        h = (h ^ s.data[i]) * UINT64_C(1099511628211);
    }
    return h;
}

bool judge_follow_url(const struct judge_follow *f, struct span uri, char *ret_url)
{
    return hls_url_resolve(f->base, uri, ret_url) == ERR_OK;
}

struct judge_answer judge_follow_answer(const struct fetched *a)
{
    return (struct judge_answer){.url = a->url,
                                 .status = a->status,
                                 .content_type = a->content_type,
                                 .cache_control = a->cache_control,
                                 .allow_origin = a->allow_origin,
                                 .encoding = a->encoding,
                                 .etag = a->etag,
                                 .body = buf_span(&a->body)};
}

void judge_follow_headers(const struct judge_follow *f, const struct fetched *a,
                          enum judge_thing thing)
{
    const struct judge_list *l = f->state->last;
    struct judge_answer answer = judge_follow_answer(a);
    /* The directives of a blocked reload make each of its addresses another one. */
    if (thing == JUDGE_THING_BLOCKED || thing == JUDGE_THING_PLAYLIST) {
        answer.url = f->state->url;
    }
    judge_http_check(&answer, thing, l != NULL ? l->target_s : 0, l != NULL && !l->ended, f->sink);
}

static const char *range_text(struct judge_range r, char *out)
{
    if (r.length == 0) {
        return NULL;
    }
    snprintf(out, RANGE_MAX, "%" PRIu64 "-%" PRIu64, r.offset, r.offset + r.length - 1);
    return out;
}

/* A part of a file is answered with 206. */
static bool get(struct judge_follow *f, const char *url, const char *range, unsigned line,
                struct fetched *ret_answer)
{
    char why[FETCH_WHY_MAX];
    struct fetch_ask ask = {.url = url, .range = range, .as_page = true};
    enum err e = fetch_ask(f->fetcher, &ask, ret_answer, why);
    if (e != ERR_OK) {
        judge_state_say(f->state, JUDGE_RULE_SEGMENT_MISSING, line, "%.300s: %.100s", url, why);
        return false;
    }
    if (ret_answer->status != (range != NULL ? 206 : 200)) {
        judge_state_say(f->state, JUDGE_RULE_SEGMENT_MISSING, line, "%.300s: status %d", url,
                        ret_answer->status);
        fetched_fini(ret_answer);
        return false;
    }
    return true;
}

/* --- maps --- */

/* The bytes of a segment's map; NULL when they cannot be had, and then it was said. */
static const struct buf *map_of(struct judge_follow *f, const struct judge_segment *s)
{
    static const struct buf none;
    const struct judge_list *l = f->state->last;
    char url[HLS_URL_MAX], range[RANGE_MAX];
    if (s->map >= l->n_maps) {
        return &none;
    }
    const struct judge_map *m = &l->maps[s->map];
    if (!judge_follow_url(f, m->uri, url)) {
        return NULL;
    }
    for (size_t i = 0; i < f->n_maps; i++) {
        if (strcmp(f->maps[i]->url, url) == 0 && f->maps[i]->range.offset == m->range.offset) {
            return &f->maps[i]->bytes;
        }
    }
    struct fetched a;
    if (!get(f, url, range_text(m->range, range), m->line, &a)) {
        return NULL;
    }
    if (f->n_maps == JUDGE_MAPS_MAX) { /* the oldest goes */
        buf_fini(&f->maps[0]->bytes);
        mem_free(f->maps[0]);
        memmove(f->maps, f->maps + 1, --f->n_maps * sizeof f->maps[0]);
    }
    judge_follow_headers(f, &a, JUDGE_THING_MAP);
    struct judge_map_bytes *kept = mem_alloc(sizeof *kept);
    memcpy(kept->url, url, sizeof url);
    kept->range = m->range;
    kept->hash = hash_of(buf_span(&a.body));
    kept->bytes = a.body; /* the answer's only memory */
    f->maps[f->n_maps++] = kept;
    return &kept->bytes;
}

static void maps_again(struct judge_follow *f)
{
    char range[RANGE_MAX];
    for (size_t i = 0; i < f->n_maps; i++) {
        struct fetched a;
        struct judge_map_bytes *m = f->maps[i];
        char why[FETCH_WHY_MAX];
        struct fetch_ask ask = {
            .url = m->url, .range = range_text(m->range, range), .as_page = true};
        if (fetch_ask(f->fetcher, &ask, &a, why) != ERR_OK) {
            continue;
        }
        bool same = a.status / 100 != 2 || hash_of(buf_span(&a.body)) == m->hash;
        if (!same) {
            judge_state_say(f->state, JUDGE_RULE_MAP_CHANGED, 0,
                            "%.300s gives other bytes than before", m->url);
        }
        fetched_fini(&a);
    }
}

/* --- segments --- */

static void keep(struct judge_follow *f, const struct judge_segment *s, const char *url,
                 const char *range, struct span bytes)
{
    if (f->n_kept == KEPT_MAX) {
        return;
    }
    if (f->kept == NULL) {
        f->kept = mem_alloc(KEPT_MAX * sizeof *f->kept);
    }
    f->kept[f->n_kept++] = (struct judge_kept){.url = mem_strdup(url),
                                               .range = range != NULL ? mem_strdup(range) : NULL,
                                               .number = s->number,
                                               .hash = hash_of(bytes),
                                               .duration_us = s->duration_us};
}

static bool is_mp4(struct span s)
{
    return s.len > 8 && (memcmp(s.data + 4, "moof", 4) == 0 || memcmp(s.data + 4, "styp", 4) == 0 ||
                         memcmp(s.data + 4, "sidx", 4) == 0 || memcmp(s.data + 4, "prft", 4) == 0);
}

/* Parts that were all fetched hold, together, what the segment holds. */
static void check_parts_media(struct judge_follow *f, const struct judge_segment *s,
                              struct span map, struct span bytes)
{
    struct part_facts whole;
    char why[MEDIA_WHY_MAX];
    if (f->parts_number != s->number || !f->parts_whole || f->parts_done == 0 ||
        f->parts_done != s->n_parts || media_prober_peek(map, bytes, &whole, why) != ERR_OK) {
        return;
    }
    if (whole.media != f->parts_media) {
        judge_state_say(f->state, JUDGE_RULE_PARTS_BYTES, s->line,
                        "the %zu parts hold %u frames that are not the %u of the segment",
                        f->parts_done, f->parts_packets, whole.packets);
    }
}

static void look_inside(struct judge_follow *f, const struct judge_segment *s, struct span map,
                        struct span bytes)
{
    struct segment_facts facts;
    char why[MEDIA_WHY_MAX];
    if (judge_ts_is(bytes)) {
        const char *fault = judge_ts_fault(bytes);
        if (fault != NULL) {
            judge_state_say(f->state, JUDGE_RULE_TS_FORM, s->line, "segment %" PRIu64 ": %s",
                            s->number, fault);
        }
    }
    if (is_mp4(bytes) && map.len == 0) {
        judge_state_say(f->state, JUDGE_RULE_MAP_MISSING, s->line,
                        "segment %" PRIu64 " is fMP4 and has no EXT-X-MAP", s->number);
        judge_media_lost(f->state);
        return;
    }
    if (s->discontinuity || f->state->last_media == 0) {
        media_prober_forget(f->prober);
    }
    if (media_prober_read(f->prober, map, bytes, &facts, why) != ERR_OK) {
        judge_state_say(f->state, JUDGE_RULE_UNREADABLE, s->line, "segment %" PRIu64 ": %s",
                        s->number, why);
        judge_media_lost(f->state);
        return;
    }
    judge_media_see(f->state, s->number, &facts, bytes.len);
}

static void look_at_segment(struct judge_follow *f, const struct judge_segment *s)
{
    char url[HLS_URL_MAX], range[RANGE_MAX];
    struct fetched a;
    const struct buf *map = s->gap ? NULL : map_of(f, s);
    if (map == NULL || !judge_follow_url(f, s->uri, url) ||
        !get(f, url, range_text(s->range, range), s->line, &a)) {
        judge_media_lost(f->state);
        return;
    }
    if (!f->checked_segment) { /* one speaks for all */
        f->checked_segment = true;
        judge_follow_headers(f, &a, JUDGE_THING_SEGMENT);
    }
    keep(f, s, url, range_text(s->range, range), buf_span(&a.body));
    check_parts_media(f, s, buf_span(map), buf_span(&a.body));
    look_inside(f, s, buf_span(map), buf_span(&a.body));
    f->totals.segments++;
    f->totals.bytes += a.body.len;
    judge_report_count(f->report, 1, 0);
    fetched_fini(&a);
}

/* --- parts --- */

static void look_at_part(struct judge_follow *f, const struct judge_segment *s,
                         const struct judge_part *p)
{
    char url[HLS_URL_MAX], range[RANGE_MAX], why[MEDIA_WHY_MAX];
    struct part_facts facts;
    struct fetched a;
    const struct buf *map = p->gap ? NULL : map_of(f, s);
    if (map == NULL || !judge_follow_url(f, p->uri, url) ||
        !get(f, url, range_text(p->range, range), p->line, &a)) {
        f->parts_whole = false;
        return;
    }
    if (!f->checked_part) {
        f->checked_part = true;
        judge_follow_headers(f, &a, JUDGE_THING_PART);
    }
    if (media_prober_peek(buf_span(map), buf_span(&a.body), &facts, why) == ERR_OK) {
        judge_media_part(f->state, p, &facts);
        f->parts_media += facts.media;
        f->parts_packets += facts.packets;
    } else {
        f->parts_whole = false;
        judge_state_say(f->state, JUDGE_RULE_UNREADABLE, p->line, "the part: %s", why);
    }
    f->totals.parts++;
    judge_report_count(f->report, 0, 1);
    fetched_fini(&a);
}

static void look_at_parts(struct judge_follow *f, const struct judge_segment *s)
{
    if (s->n_parts == 0 || s->number < f->parts_number) {
        return;
    }
    if (s->number > f->parts_number || f->totals.parts == 0) {
        f->parts_number = s->number;
        f->parts_done = 0;
        f->parts_whole = true;
        f->parts_media = 0;
        f->parts_packets = 0;
    }
    for (; f->parts_done < s->n_parts; f->parts_done++) {
        look_at_part(f, s, &f->state->last->parts[s->first_part + f->parts_done]);
    }
}

void judge_follow_media(struct judge_follow *f, int64_t deadline_ms)
{
    const struct judge_list *l = f->state->last;
    while (f->done < f->state->n_seen && !*f->settings->stop) {
        const struct judge_segment *s = judge_list_segment(l, f->state->seen[f->done].number);
        if (clock_mono_ms() > deadline_ms) {
            return;
        }
        f->done++;
        if (s == NULL) {
            judge_media_lost(f->state); /* it left before it could be looked at */
            continue;
        }
        look_at_parts(f, s);
        look_at_segment(f, s);
    }
    look_at_parts(f, &l->open);
}

/* --- again --- */

static void again(struct judge_follow *f, struct judge_kept *k)
{
    char why[FETCH_WHY_MAX];
    struct fetched a;
    struct fetch_ask ask = {.url = k->url, .range = k->range, .as_page = true};
    k->asked_again = true;
    if (fetch_ask(f->fetcher, &ask, &a, why) != ERR_OK) {
        return; /* the server has gone: said elsewhere */
    }
    if (a.status / 100 != 2) {
        judge_state_say(f->state, JUDGE_RULE_GONE_EARLY, 0,
                        "segment %" PRIu64 " gets status %d %s, it must stay for %.1f s", k->number,
                        a.status,
                        k->left_ms > 0 ? "after it left the playlist" : "while it is listed",
                        (double)(k->due_ms - k->left_ms) / 1000);
    } else if (hash_of(buf_span(&a.body)) != k->hash) {
        judge_state_say(f->state, JUDGE_RULE_CHANGED_BYTES, 0,
                        "%.300s gives other bytes than before", k->url);
    }
    fetched_fini(&a);
}

void judge_follow_again(struct judge_follow *f, bool at_the_end)
{
    const struct judge_list *l = f->state->last;
    int64_t now = clock_mono_ms();
    size_t listed = 0;
    for (size_t i = 0; i < f->n_kept; i++) {
        struct judge_kept *k = &f->kept[i];
        if (k->left_ms == 0 && k->number < l->media_sequence) {
            k->left_ms = now;
            k->due_ms = now + (k->duration_us + judge_list_duration_us(l)) / 1000;
        }
        bool due = k->left_ms > 0 && (at_the_end || (now - k->left_ms) * 100 >
                                                        (k->due_ms - k->left_ms) * AGAIN_PER_CENT);
        bool sample = at_the_end && k->left_ms == 0 && listed++ < AGAIN_AT_END;
        if (!k->asked_again && ((due && now <= k->due_ms) || sample)) {
            again(f, k);
        }
    }
    if (at_the_end && l != NULL) {
        maps_again(f);
    }
}

void judge_follow_media_fini(struct judge_follow *f)
{
    for (size_t i = 0; i < f->n_maps; i++) {
        buf_fini(&f->maps[i]->bytes);
        mem_free(f->maps[i]);
    }
    for (size_t i = 0; i < f->n_kept; i++) {
        mem_free(f->kept[i].url);
        mem_free(f->kept[i].range);
    }
    mem_free(f->kept);
}
