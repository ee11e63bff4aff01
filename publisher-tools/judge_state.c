#include "publisher-tools/judge_state.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "publisher-tools/judge_text.h"

#define SECOND         INT64_C(1000000)
#define DATE_JOIN_US   150000 /* by which a date may miss the end of the segment before */
#define DATE_SUM_US    500000 /* and the sum of all since the first date */
#define WINDOW_TARGETS 3
#define STALE_TARGETS  3
#define STALE_SLACK_MS 1000
#define FIRST_CAP      64
#define HINTS_CHECKED  8 /* of one playlist */

struct judge_state *judge_state_create(const char *url, const struct judge_sink *sink)
{
    struct judge_state *s = mem_alloc(sizeof *s);
    snprintf(s->url, sizeof s->url, "%s", url);
    s->sink = sink;
    return s;
}

void judge_state_destroy(struct judge_state *s)
{
    if (s != NULL) {
        judge_list_destroy(s->last);
        mem_free(s->seen);
        mem_free(s);
    }
}

void judge_state_say(const struct judge_state *s, enum judge_rule rule, unsigned line,
                     const char *format, ...)
{
    char words[JUDGE_WORDS_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    struct span text = s->last != NULL ? judge_list_line(s->last, line) : span_of(NULL, 0);
    judge_say(s->sink, rule, s->url, line, text, "%s", words);
}

#define SAY(rule, line, ...)                                                                       \
    judge_list_say(new, s->url, s->sink, JUDGE_RULE_##rule, line, __VA_ARGS__)

static double seconds(int64_t us)
{
    return (double)us / SECOND;
}

struct judge_seen *judge_state_find(const struct judge_state *s, uint64_t number)
{
    for (size_t i = s->n_seen; i > 0; i--) {
        if (s->seen[i - 1].number == number) {
            return &s->seen[i - 1];
        }
    }
    return NULL;
}

/* --- against the snapshot before --- */

static void check_headers(const struct judge_state *s, const struct judge_list *new)
{
    const struct judge_list *old = s->last;
    if (old->target_s != new->target_s) {
        SAY(TARGET_CHANGED, new->target_line,
            "EXT-X-TARGETDURATION went from %" PRId64 " to %" PRId64, old->target_s, new->target_s);
    }
    if (old->part_target_us != new->part_target_us && old->part_target_us != JUDGE_NONE) {
        SAY(PART_TARGET_CHANGED, new->part_inf_line, "PART-TARGET went from %.6g to %.6g",
            seconds(old->part_target_us), seconds(new->part_target_us));
    }
    if (new->media_sequence < old->media_sequence) {
        SAY(SEQUENCE_BACK, new->media_sequence_line,
            "EXT-X-MEDIA-SEQUENCE went back from %" PRIu64 " to %" PRIu64, old->media_sequence,
            new->media_sequence);
    } else if (judge_list_next(new) < judge_list_next(old)) {
        SAY(VANISHED, new->n_segments > 0 ? new->segments[new->n_segments - 1].line : 0,
            "segment %" PRIu64 " was the last one and is not listed any more",
            judge_list_next(old) - 1);
    }
    if (new->discontinuity_sequence < old->discontinuity_sequence &&new->media_sequence >=
        old->media_sequence) {
        SAY(DISCONTINUITY, new->discontinuity_line,
            "EXT-X-DISCONTINUITY-SEQUENCE went back from %" PRIu64 " to %" PRIu64,
            old->discontinuity_sequence, new->discontinuity_sequence);
    }
    if (old->ended && (!new->ended || judge_list_next(new) != judge_list_next(old))) {
        SAY(ENDED_BACK, 0, "the playlist had ended and goes on");
    }
}

/* Query strings may carry tokens that change. */
static struct span without_query(struct span uri)
{
    const uint8_t *query = uri.len > 0 ? memchr(uri.data, '?', uri.len) : NULL;
    return query != NULL ? span_of(uri.data, (size_t)(query - uri.data)) : uri;
}

static bool same_uri(struct span a, struct span b)
{
    return span_equal(without_query(a), without_query(b));
}

/* Parts are listed up to that far from the end (rfc8216bis, 4.4.4.9): a player that waits for one
 * reads on from there. What was late comes whole, with all behind it. */
#define PARTS_TARGETS 3
static bool may_have_no_parts(const struct judge_list *l, const struct judge_segment *s)
{
    int64_t from_end = 0;
    for (size_t i = 0; i < l->open.n_parts; i++) {
        from_end += l->parts[l->open.first_part + i].duration_us;
    }
    for (size_t i = l->n_segments; i > 0 && l->segments[i - 1].number >= s->number; i--) {
        from_end += l->segments[i - 1].duration_us;
    }
    return s->uri.len > 0 && from_end > PARTS_TARGETS * l->target_s * 1000000;
}

static void check_parts(const struct judge_state *s, const struct judge_list *new,
                        const struct judge_segment *was, const struct judge_segment *is)
{
    const struct judge_list *old = s->last;
    bool gone = new->ended || may_have_no_parts(new, is);
    if (is->n_parts < was->n_parts && (is->n_parts > 0 || !gone)) {
        SAY(VANISHED, is->line, "segment %" PRIu64 " had %zu parts and now has %zu", is->number,
            was->n_parts, is->n_parts);
    }
    for (size_t i = 0; i < was->n_parts && i < is->n_parts; i++) {
        const struct judge_part *a = &old->parts[was->first_part + i];
        const struct judge_part *b = &new->parts[is->first_part + i];
        if (!same_uri(a->uri, b->uri) || a->duration_us != b->duration_us ||
            a->independent != b->independent || a->range.offset != b->range.offset) {
            SAY(REWRITTEN, b->line, "part %zu of segment %" PRIu64 " was another one before", i,
                is->number);
        }
    }
}

static void check_kept(const struct judge_state *s, const struct judge_list *new,
                       const struct judge_segment *was, const struct judge_segment *is)
{
    const struct judge_list *old = s->last;
    check_parts(s, new, was, is);
    if (was->uri.len == 0) {
        return; /* it was still being made */
    }
    const char *what = NULL;
    if (was->duration_us != is->duration_us) {
        what = "EXTINF";
    } else if (!same_uri(was->uri, is->uri)) {
        what = "URI";
    } else if (was->discontinuity != is->discontinuity) {
        what = "EXT-X-DISCONTINUITY";
    } else if (was->date_us != is->date_us && was->date_us != JUDGE_NONE &&
               is->date_us != JUDGE_NONE) {
        what = "EXT-X-PROGRAM-DATE-TIME";
    } else if (was->map < old->n_maps && is->map < new->n_maps &&
               !same_uri(old->maps[was->map].uri, new->maps[is->map].uri)) {
        what = "EXT-X-MAP";
    }
    if (what != NULL) {
        SAY(REWRITTEN, is->line, "the %s of segment %" PRIu64 " was another one before", what,
            is->number);
    } else if (was->timeline != is->timeline) {
        SAY(DISCONTINUITY, new->discontinuity_line,
            "segment %" PRIu64 " had discontinuity number %" PRIu64 " and now has %" PRIu64,
            is->number, was->timeline, is->timeline);
    }
}

static void check_segments(const struct judge_state *s, const struct judge_list *new)
{
    const struct judge_list *old = s->last;
    for (size_t i = 0; i <= old->n_segments; i++) {
        const struct judge_segment *was = i < old->n_segments ? &old->segments[i] : &old->open;
        const struct judge_segment *is = judge_list_segment(new, was->number);
        if (is != NULL && (was->uri.len > 0 || was->n_parts > 0)) {
            check_kept(s, new, was, is);
        }
    }
    if (new->media_sequence > old->media_sequence && !new->ended &&new->skip_line == 0 &&
        judge_list_duration_us(new) < WINDOW_TARGETS *new->target_s * SECOND) {
        SAY(REMOVED_EARLY, new->media_sequence_line,
            "segment %" PRIu64 " left, and %.3f s remain, less than three times %" PRId64,
            new->media_sequence - 1, seconds(judge_list_duration_us(new)), new->target_s);
    }
}

static bool lists_part(const struct judge_list *l, struct span uri)
{
    for (size_t i = l->n_parts; i > 0; i--) {
        if (same_uri(l->parts[i - 1].uri, uri)) {
            return true;
        }
    }
    for (size_t i = 0; i < l->n_hints && i < HINTS_CHECKED; i++) {
        if (same_uri(l->hints[i].uri, uri)) {
            return true;
        }
    }
    return false;
}

static void check_hints(const struct judge_state *s, const struct judge_list *new)
{
    const struct judge_list *old = s->last;
    for (size_t i = 0; i < old->n_hints && i < HINTS_CHECKED && !new->ended; i++) {
        bool near = judge_list_next(new) <= judge_list_next(old) + 1;
        if (near && judge_text_is(old->hints[i].type, "PART") &&
            !lists_part(new, old->hints[i].uri)) {
            SAY(HINT_BROKEN, new->n_hints > 0 ? new->hints[0].line : 0,
                "%.*s was hinted at before and is not listed now", (int)old->hints[i].uri.len,
                (const char *)old->hints[i].uri.data);
        }
    }
}

/* --- dates --- */

static void check_dates(const struct judge_state *s, const struct judge_list *new)
{
    int64_t first = JUDGE_NONE; /* date since which sum counts */
    int64_t before = JUDGE_NONE;
    int64_t sum = 0;
    for (size_t i = 0; i < new->n_segments; i++) {
        const struct judge_segment *g = &new->segments[i];
        if (g->discontinuity) {
            first = before = JUDGE_NONE;
        }
        if (g->date_us != JUDGE_NONE) {
            int64_t off = before != JUDGE_NONE ? g->date_us - before : 0;
            int64_t all = first != JUDGE_NONE ? g->date_us - first - sum : 0;
            if (off > DATE_JOIN_US || off < -DATE_JOIN_US || all > DATE_SUM_US ||
                all < -DATE_SUM_US) {
                SAY(DATE_DRIFT, g->date_line,
                    "the date of segment %" PRIu64 " is %+.3f s off the end of the one before, "
                    "%+.3f s off the sum of EXTINF",
                    g->number, seconds(off), seconds(all));
            }
            if (first == JUDGE_NONE) {
                first = g->date_us;
                sum = 0;
            }
            before = g->date_us;
        }
        before += before != JUDGE_NONE ? g->duration_us : 0;
        sum += g->duration_us;
    }
}

/* --- feeding --- */

static void remember(struct judge_state *s, const struct judge_list *l,
                     const struct judge_segment *g)
{
    if (s->n_seen == JUDGE_SEEN_MAX) {
        return;
    }
    if (s->n_seen == 0 || (s->n_seen >= FIRST_CAP && (s->n_seen & (s->n_seen - 1)) == 0)) {
        size_t cap = s->n_seen == 0 ? FIRST_CAP : s->n_seen * 2;
        struct judge_seen *bigger = mem_try_realloc(s->seen, cap * sizeof *bigger);
        if (bigger == NULL) {
            return;
        }
        s->seen = bigger;
    }
    struct judge_seen *seen = &s->seen[s->n_seen++];
    *seen = (struct judge_seen){.number = g->number,
                                .timeline = g->timeline,
                                .duration_us = g->duration_us,
                                .date_us = g->date_us,
                                .gap = g->gap,
                                .discontinuity = g->discontinuity,
                                .has_map = g->map < l->n_maps,
                                .line = g->line};
    snprintf(seen->text, sizeof seen->text, "%.*s", (int)g->uri.len, (const char *)g->uri.data);
}

void judge_state_see(struct judge_state *s, struct judge_list *new, int64_t now_ms)
{
    bool advanced = s->last == NULL || judge_list_next(new) > judge_list_next(s->last) ||
                    new->open.n_parts > s->last->open.n_parts;
    judge_list_check(new, s->url, s->sink);
    check_dates(s, new);
    if (s->last != NULL) {
        check_headers(s, new);
        check_segments(s, new);
        check_hints(s, new);
    }
    uint64_t next = s->n_seen > 0 ? s->seen[s->n_seen - 1].number + 1 : 0;
    for (size_t i = 0; i < new->n_segments; i++) {
        if (new->segments[i].number >= next) {
            remember(s, new, &new->segments[i]);
        }
    }
    judge_list_destroy(s->last);
    s->last = new;
    s->seen_ms = now_ms;
    if (advanced) {
        s->advanced_ms = now_ms;
        s->late = s->stale = false;
    }
    judge_state_time(s, now_ms);
}

void judge_state_time(struct judge_state *s, int64_t now_ms)
{
    const struct judge_list *l = s->last;
    if (l == NULL || l->ended || l->target_s <= 0) {
        return;
    }
    int64_t since = now_ms - s->advanced_ms;
    /* One and a half, and the half of one that lies between two looks. */
    if (!s->late && since > 2 * l->target_s * 1000) {
        s->late = true;
        judge_state_say(s, JUDGE_RULE_LATE, l->target_line,
                        "nothing new for %.1f s, with a target duration of %" PRId64,
                        (double)since / 1000, l->target_s);
    }
    if (!s->stale && since > STALE_TARGETS * l->target_s * 1000 + STALE_SLACK_MS) {
        s->stale = true;
        judge_state_say(s, JUDGE_RULE_STALE, l->target_line,
                        "nothing new for %.1f s and no EXT-X-ENDLIST", (double)since / 1000);
    }
}
