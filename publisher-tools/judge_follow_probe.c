#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "publisher-tools/judge_follow.h"
#include "publisher-tools/judge_text.h"

#define FAR_AHEAD     10   /* segments; more than two must be refused */
#define FAR_PARTS     1000 /* of a segment that has none yet; three seconds' must be refused */
#define PROBE_MS      3000
#define SECOND_MS     1000
#define HINT_SLACK_MS 2000
#define RANGE_ASKED   "0-99"
#define RANGE_BYTES   100
#define QUERY_MAX     96

static bool probe(struct judge_follow *f, const struct fetch_ask *ask, struct fetched *ret_answer)
{
    char why[FETCH_WHY_MAX];
    return fetch_ask(f->fetcher, ask, ret_answer, why) == ERR_OK;
}

/* Asks the playlist with a query; status 0: held, or no answer. */
static struct judge_reload ask_list(struct judge_follow *f, const char *query, uint64_t number)
{
    char url[HLS_URL_MAX + QUERY_MAX];
    struct judge_reload r = {.url = f->state->url, .number = number, .part = -1};
    struct fetched a;
    snprintf(url, sizeof url, "%s%c%s", f->state->url,
             strchr(f->state->url, '?') != NULL ? '&' : '?', query);
    int64_t started = clock_mono_ms();
    struct fetch_ask ask = {.url = url, .as_page = true, .timeout_ms = PROBE_MS};
    if (probe(f, &ask, &a)) {
        r.status = a.status;
        if (a.status != 200) { /* an error is read by pages, too */
            judge_follow_headers(f, &a, JUDGE_THING_PLAYLIST);
        }
        fetched_fini(&a);
    }
    r.took_ms = clock_mono_ms() - started;
    return r;
}

/* Answered late, it may have come meanwhile. */
static void probe_far_part(struct judge_follow *f)
{
    char query[QUERY_MAX];
    const struct judge_list *l = f->state->last;
    uint64_t soon = judge_list_next(l) + 1;
    if (l->part_target_us > 0) {
        snprintf(query, sizeof query, "_HLS_msn=%" PRIu64 "&_HLS_part=%d", soon, FAR_PARTS);
        struct judge_reload r = ask_list(f, query, soon);
        r.part = FAR_PARTS;
        bool late = clock_mono_ms() - f->state->seen_ms > l->target_s * SECOND_MS;
        if (r.status != 200 || !late) {
            judge_http_far_ahead(&r, f->sink);
        }
    }
}

static void probe_blocking(struct judge_follow *f)
{
    char query[QUERY_MAX];
    const struct judge_list *l = f->state->last;
    uint64_t far = judge_list_next(l) + FAR_AHEAD;
    snprintf(query, sizeof query, "_HLS_msn=%" PRIu64, far);
    struct judge_reload r = ask_list(f, query, far);
    judge_http_far_ahead(&r, f->sink);
    probe_far_part(f);
    r = ask_list(f, "_HLS_part=0", 0);
    if (r.status != 400) {
        judge_state_say(f->state, JUDGE_RULE_PART_ALONE, 0,
                        "_HLS_part=0 without _HLS_msn gets status %d", r.status);
    }
    const struct judge_segment *last = l->n_segments > 0 ? &l->segments[l->n_segments - 1] : NULL;
    if (last != NULL && last->n_parts > 0 && l->open.n_parts > 0) {
        /* One past the end of a whole segment is the first part of the next. */
        snprintf(query, sizeof query, "_HLS_msn=%" PRIu64 "&_HLS_part=%zu", last->number,
                 last->n_parts);
        r = ask_list(f, query, last->number);
        if (r.status != 200) {
            judge_state_say(f->state, JUDGE_RULE_RELOAD_REFUSED, last->line,
                            "%s, one past the end of the segment, gets status %d", query, r.status);
        }
    }
}

static void probe_absent(struct judge_follow *f)
{
    char url[HLS_URL_MAX];
    struct fetched a;
    if (!judge_follow_url(f, span_cstr("there-is-no-such-segment.ts"), url)) {
        return;
    }
    struct fetch_ask ask = {.url = url, .as_page = true, .timeout_ms = PROBE_MS};
    if (probe(f, &ask, &a)) {
        judge_follow_headers(f, &a, JUDGE_THING_ABSENT);
        fetched_fini(&a);
    }
}

static void probe_segment(struct judge_follow *f)
{
    struct fetched a;
    const struct judge_kept *k = f->n_kept > 0 ? &f->kept[f->n_kept - 1] : NULL;
    if (k == NULL || k->range != NULL) {
        return;
    }
    struct fetch_ask ask = {
        .url = k->url, .range = RANGE_ASKED, .as_page = true, .timeout_ms = PROBE_MS};
    if (probe(f, &ask, &a)) {
        if (a.status != 206 || a.body.len != RANGE_BYTES) {
            judge_state_say(f->state, JUDGE_RULE_RANGE, 0,
                            "%.300s: bytes=" RANGE_ASKED " gets status %d and %zu bytes", k->url,
                            a.status, a.body.len);
        }
        fetched_fini(&a);
    }
    ask.range = NULL;
    ask.method = "HEAD";
    if (probe(f, &ask, &a)) {
        if (a.status != 200) {
            judge_state_say(f->state, JUDGE_RULE_HEAD, 0, "%.300s: HEAD gets status %d", k->url,
                            a.status);
        }
        fetched_fini(&a);
    }
    ask.method = "OPTIONS";
    if (probe(f, &ask, &a)) {
        if (a.status / 100 != 2 || a.allow_origin[0] == '\0') {
            judge_state_say(f->state, JUDGE_RULE_CORS, 0,
                            "%.300s: OPTIONS before a GET with Range gets status %d%s", k->url,
                            a.status,
                            a.allow_origin[0] == '\0' ? " and no Access-Control-Allow-Origin" : "");
        }
        fetched_fini(&a);
    }
}

void judge_follow_probe(struct judge_follow *f)
{
    probe_absent(f);
    probe_segment(f);
    if (f->state->last->can_block && !f->state->last->ended) {
        probe_blocking(f);
    }
}

void judge_follow_hint(struct judge_follow *f)
{
    const struct judge_list *l = f->state->last;
    char url[HLS_URL_MAX];
    struct fetched a;
    size_t i = 0;
    while (i < l->n_hints && !judge_text_is(l->hints[i].type, "PART")) {
        i++;
    }
    if (i == l->n_hints || l->hints[i].range.length + l->hints[i].range.offset > 0 ||
        !judge_follow_url(f, l->hints[i].uri, url)) {
        return;
    }
    int64_t limit = l->target_s * 1000 + HINT_SLACK_MS;
    struct fetch_ask ask = {.url = url, .as_page = true, .timeout_ms = (int)limit};
    if (!probe(f, &ask, &a)) {
        judge_state_say(f->state, JUDGE_RULE_HINT_NOT_HELD, l->hints[i].line,
                        "a GET of the hinted part has no answer after %" PRId64 " ms", limit);
        return;
    }
    if (a.status != 200) {
        snprintf(f->refused, sizeof f->refused, "%.*s", (int)l->hints[i].uri.len,
                 (const char *)l->hints[i].uri.data);
        f->refused_status = a.status;
    }
    fetched_fini(&a);
}

void judge_follow_hinted(struct judge_follow *f)
{
    const struct judge_list *l = f->state->last;
    bool listed = false;
    for (size_t i = 0; i < l->n_parts && f->refused[0] != '\0'; i++) {
        listed = judge_text_is(l->parts[i].uri, f->refused);
        if (listed) {
            judge_state_say(f->state, JUDGE_RULE_HINT_NOT_HELD, l->parts[i].line,
                            "a GET of the part got status %d when it was hinted at",
                            f->refused_status);
            break;
        }
    }
    bool hinted = false;
    for (size_t i = 0; i < l->n_hints && !hinted; i++) {
        hinted = judge_text_is(l->hints[i].uri, f->refused);
    }
    if (listed || !hinted) {
        f->refused[0] = '\0';
    }
}
