#include "publisher-tools/judge_ladder.h"

#include <inttypes.h>
#include <string.h>

#include "publisher-tools/judge_ladder_find.h"
#include "publisher-tools/judge_text.h"

#define TICKS         INT64_C(90000)
#define APART_TICKS   (TICKS / 4)
#define ALIGN_TICKS   (TICKS / 1000)
#define DATES_OFF_US  100000
#define REPORT_OFF    2 /* segments by which a report may differ from what was seen then */
#define SECOND_MICROS INT64_C(1000000)

#define SAY(l, s, seen, rule, ...)                                                                 \
    judge_say((l)->sink, JUDGE_RULE_##rule, (s)->url, (seen)->line, span_cstr((seen)->text),       \
              __VA_ARGS__)

/* --- which is which --- */

static bool same_place(const char *a, const char *b)
{
    size_t n = strcspn(a, "?#");
    return n == strcspn(b, "?#") && strncmp(a, b, n) == 0;
}

const struct judge_state *judge_ladder_state(const struct judge_ladder *l, struct span uri)
{
    char url[HLS_URL_MAX];
    if (hls_url_resolve(l->url, uri, url) != ERR_OK) {
        return NULL;
    }
    for (size_t i = 0; i < l->n_states; i++) {
        if (strcmp(l->states[i]->url, url) == 0) {
            return l->states[i];
        }
    }
    return NULL;
}

const struct judge_state *judge_ladder_audio(const struct judge_ladder *l,
                                             const struct judge_variant *v)
{
    for (size_t i = 0; v->audio.len > 0 && i < l->master->n_renditions; i++) {
        const struct judge_rendition *r = &l->master->renditions[i];
        if (judge_text_is(r->type, "AUDIO") && span_equal(r->group, v->audio) && r->uri.len > 0) {
            return judge_ladder_state(l, r->uri);
        }
    }
    return NULL;
}

static bool has_video(const struct judge_state *s)
{
    for (size_t i = 0; i < s->n_seen; i++) {
        if (s->seen[i].has_media) {
            return s->seen[i].facts.video.present;
        }
    }
    return false;
}

static const struct stream_facts *main_of(const struct judge_seen *seen)
{
    return seen->facts.video.present ? &seen->facts.video : &seen->facts.audio;
}

static int64_t magnitude(int64_t v)
{
    return v < 0 ? -v : v;
}

/* --- one playlist against the one that others are held against --- */

struct pair {
    const struct judge_ladder *l;
    const struct judge_state *base, *other;
    bool video;       /* of other */
    int64_t limit;    /* ticks by which their bounds may differ */
    bool told, dates; /* one finding of each is enough */
};

/* The segment of base that begins nearest to seen; NULL: none with media. */
static const struct judge_seen *nearest(const struct pair *p, const struct judge_seen *seen,
                                        int64_t *ret_off)
{
    const struct judge_seen *best = NULL;
    int64_t at = main_of(seen)->first_pts;
    for (size_t i = 0; i < p->base->n_seen; i++) {
        const struct judge_seen *b = &p->base->seen[i];
        if (!b->has_media) {
            continue;
        }
        int64_t off = judge_media_between(main_of(b)->first_pts, at);
        if (best == NULL || magnitude(off) < magnitude(*ret_off)) {
            best = b;
            *ret_off = off;
        }
    }
    return best;
}

/* Only what both were looked at for can be compared. */
static bool is_covered(const struct pair *p, const struct judge_seen *seen)
{
    int64_t at = main_of(seen)->first_pts;
    for (size_t i = 0; i < p->base->n_seen; i++) {
        const struct judge_seen *b = &p->base->seen[i];
        if (b->has_media && judge_media_between(main_of(b)->first_pts, at) >= -p->limit &&
            judge_media_between(at, main_of(b)->last_pts) >= 0) {
            return true;
        }
    }
    return false;
}

static void check_dates(struct pair *p, const struct judge_seen *b, const struct judge_seen *o,
                        int64_t off_ticks)
{
    bool one = (b->date_us == JUDGE_NONE) != (o->date_us == JUDGE_NONE);
    int64_t off_us = off_ticks * SECOND_MICROS / TICKS;
    if (p->dates || (!one && b->date_us == JUDGE_NONE)) {
        return;
    }
    if (one) {
        p->dates = true;
        SAY(p->l, p->other, o, DATES_DIFFER,
            "segment %" PRIu64 " has %s date, and the same content in %s has %s", o->number,
            o->date_us == JUDGE_NONE ? "no" : "a", p->base->url,
            b->date_us == JUDGE_NONE ? "none" : "one");
    } else if (magnitude(o->date_us - b->date_us - off_us) > DATES_OFF_US) {
        p->dates = true;
        SAY(p->l, p->other, o, DATES_DIFFER,
            "the date of segment %" PRIu64 " is %+.3f s off that of the same content in %s",
            o->number, (double)(o->date_us - b->date_us - off_us) / SECOND_MICROS, p->base->url);
    }
}

static void compare_segment(struct pair *p, const struct judge_seen *o)
{
    int64_t off = 0;
    const struct judge_seen *b = nearest(p, o, &off);
    if (b == NULL || !is_covered(p, o)) {
        return;
    }
    if (magnitude(off) > p->limit) {
        bool begins = o->discontinuity || o->number <= 1;
        if (p->told || (!p->video && (begins || b->number != o->number))) {
            return; /* sound may be cut elsewhere, and begin late */
        }
        p->told = true;
        judge_say(p->l->sink, p->video ? JUDGE_RULE_NOT_ALIGNED : JUDGE_RULE_APART, p->other->url,
                  o->line, span_cstr(o->text),
                  "segment %" PRIu64 " begins %+.1f ms off the nearest one, %" PRIu64 ", of %s",
                  o->number, (double)off * 1000 / TICKS, b->number, p->base->url);
        return;
    }
    if (b->timeline != o->timeline || b->discontinuity != o->discontinuity) {
        SAY(p->l, p->other, o, DISCONTINUITIES_DIFFER,
            "segment %" PRIu64 " has discontinuity number %" PRIu64
            ", the same content in %s has %" PRIu64,
            o->number, o->timeline, p->base->url, b->timeline);
    }
    check_dates(p, b, o, off);
}

static int64_t frame_of(const struct judge_state *s)
{
    int64_t frame = 0;
    for (size_t i = 0; i < s->n_seen; i++) {
        int64_t ticks = judge_media_frame_ticks(&s->seen[i].facts.video);
        frame = s->seen[i].has_media && ticks > frame ? ticks : frame;
    }
    return frame;
}

static void compare(const struct judge_ladder *l, const struct judge_state *base,
                    const struct judge_state *other)
{
    struct pair p = {.l = l, .base = base, .other = other, .video = has_video(other)};
    int64_t a = frame_of(base), b = frame_of(other);
    p.limit = p.video ? (a > b ? a : b) + ALIGN_TICKS : APART_TICKS;
    if (base->last->target_s != other->last->target_s) {
        judge_state_say(other, JUDGE_RULE_TARGETS_DIFFER, other->last->target_line,
                        "the target duration is %" PRId64 ", that of %s is %" PRId64,
                        other->last->target_s, base->url, base->last->target_s);
    }
    for (size_t i = 0; i < other->n_seen; i++) {
        if (other->seen[i].has_media) {
            compare_segment(&p, &other->seen[i]);
        }
    }
}

/* --- rendition reports --- */

static const struct judge_report *report_on(const struct judge_state *s, const char *url)
{
    char address[HLS_URL_MAX];
    for (size_t i = 0; i < s->last->n_reports; i++) {
        const struct judge_report *r = &s->last->reports[i];
        if (hls_url_resolve(s->url, r->uri, address) == ERR_OK && same_place(address, url)) {
            return r;
        }
    }
    return NULL;
}

static bool leads_to(const struct judge_ladder *l, struct span uri, const char *address)
{
    char url[HLS_URL_MAX];
    return uri.len > 0 && hls_url_resolve(l->url, uri, url) == ERR_OK && same_place(url, address);
}

/* Also what came into the master playlist later, and is not followed. */
static bool is_known(const struct judge_ladder *l, const struct judge_state *s,
                     const struct judge_report *r)
{
    char address[HLS_URL_MAX];
    if (hls_url_resolve(s->url, r->uri, address) != ERR_OK) {
        return true; /* said elsewhere */
    }
    bool known = false;
    for (size_t i = 0; i < l->n_states; i++) {
        known = known || same_place(l->states[i]->url, address);
    }
    for (size_t i = 0; i < l->master->n_variants; i++) {
        known = known || leads_to(l, l->master->variants[i].uri, address);
    }
    for (size_t i = 0; i < l->master->n_renditions; i++) {
        known = known || leads_to(l, l->master->renditions[i].uri, address);
    }
    return known;
}

/* How many segments may have come in so long. */
static int64_t segments_in(const struct judge_list *l, int64_t ms)
{
    int64_t shortest_us = l->target_s * SECOND_MICROS;
    for (size_t i = 0; i < l->n_segments; i++) {
        int64_t us = l->segments[i].duration_us;
        shortest_us = us > 0 && us < shortest_us ? us : shortest_us;
    }
    return ms <= 0 || shortest_us <= 0 ? 0 : ms * 1000 / shortest_us + 1;
}

/* Both were read at different times: between them the other playlist has gone on. */
static bool is_off(const struct judge_state *s, const struct judge_state *o, int64_t reported,
                   int64_t last)
{
    int64_t later_ms = s->seen_ms - o->seen_ms;
    return reported > last + REPORT_OFF + segments_in(o->last, later_ms) ||
           reported < last - REPORT_OFF - segments_in(o->last, -later_ms);
}

/* The number of the newest segment or part. */
static int64_t last_of(const struct judge_list *l)
{
    return (int64_t)judge_list_next(l) - (l->open.n_parts == 0);
}

static void check_reports(const struct judge_ladder *l, const struct judge_state *s)
{
    const struct judge_list *list = s->last;
    if (list->part_inf_line == 0 || list->ended) {
        return;
    }
    for (size_t i = 0; i < l->n_states; i++) {
        const struct judge_state *o = l->states[i];
        const struct judge_report *r = o != s ? report_on(s, o->url) : NULL;
        if (o == s || o->last == NULL || o->last->part_inf_line == 0) {
            continue;
        }
        if (r == NULL) {
            judge_state_say(s, JUDGE_RULE_REPORT_MISSING, list->part_inf_line,
                            "there is no EXT-X-RENDITION-REPORT on %s", o->url);
            continue;
        }
        /* What is left out is as in the playlist that has the report. */
        int64_t told = r->last_number != JUDGE_NONE ? r->last_number : last_of(list);
        if (is_off(s, o, told, last_of(o->last))) {
            judge_state_say(s, JUDGE_RULE_REPORT_WRONG, r->line,
                            "LAST-MSN is %" PRId64 "%s, and the playlist is at %" PRId64, told,
                            r->last_number != JUDGE_NONE ? "" : " (not told: as here)",
                            last_of(o->last));
        }
    }
    for (size_t i = 0; i < list->n_reports; i++) {
        if (!is_known(l, s, &list->reports[i])) {
            judge_state_say(s, JUDGE_RULE_REPORT_WRONG, list->reports[i].line,
                            "it reports on a playlist that the master does not list");
        }
    }
}

void judge_ladder_check(const struct judge_ladder *l)
{
    const struct judge_state *base = NULL;
    for (size_t i = 0; i < l->n_states && base == NULL; i++) {
        base = l->states[i]->last != NULL && has_video(l->states[i]) ? l->states[i] : NULL;
    }
    for (size_t i = 0; i < l->n_states; i++) {
        const struct judge_state *s = l->states[i];
        if (s->last == NULL) {
            continue;
        }
        if (base != NULL && s != base && s->n_seen > 0) {
            compare(l, base, s);
        }
        if (l->master != NULL) {
            check_reports(l, s);
        }
    }
    judge_frames_check(l);
    judge_master_contents(l);
}
