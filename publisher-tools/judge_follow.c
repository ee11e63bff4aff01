#include "publisher-tools/judge_follow.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "publisher-tools/judge_delta.h"

#define POLL_MIN_MS  100
#define POLL_MAX_MS  1000
#define SLICE_MS     50 /* how soon a stop is noticed */
#define HELD_TARGETS 4  /* longest hold that is waited for */
#define HINT_EVERY   8  /* reloads */
#define RETRY_MS     200
#define SECOND_MS    1000
#define QUERY_MAX    96

static void sleep_ms(int64_t ms, const volatile int *stop)
{
    int64_t until = clock_mono_ms() + ms;
    for (int64_t left = ms; left > 0 && !*stop; left = until - clock_mono_ms()) {
        int64_t slice = left < SLICE_MS ? left : SLICE_MS;
        nanosleep(&(struct timespec){.tv_nsec = slice * 1000000}, NULL);
    }
}

static void on_unreachable(struct judge_follow *f, const char *why)
{
    if (!f->unreachable) {
        judge_state_say(f->state, JUDGE_RULE_UNREACHABLE, 0, "%s", why);
    }
    f->unreachable = true;
    judge_state_time(f->state, clock_mono_ms());
}

/* The end of the newest media by its date, against the clock. */
static void note_latency(struct judge_follow *f)
{
    const struct judge_list *l = f->state->last;
    int64_t date = JUDGE_NONE;
    for (size_t i = 0; i < l->n_segments; i++) {
        date = l->segments[i].date_us != JUDGE_NONE ? l->segments[i].date_us : date;
        date += date != JUDGE_NONE ? l->segments[i].duration_us : 0;
    }
    date = l->open.date_us != JUDGE_NONE ? l->open.date_us : date;
    for (size_t i = 0; i < l->open.n_parts && date != JUDGE_NONE; i++) {
        date += l->parts[l->open.first_part + i].duration_us;
    }
    if (date != JUDGE_NONE && f->n_latencies < JUDGE_LATENCIES_MAX) {
        int64_t late = clock_wall_ms() - date / 1000;
        late = late < INT32_MIN ? INT32_MIN : late > INT32_MAX ? INT32_MAX : late;
        f->latencies[f->n_latencies++] = (int32_t)late;
    }
}

/* Takes list. */
static void see(struct judge_follow *f, struct judge_list *list)
{
    int64_t before = f->state->advanced_ms;
    bool first = f->state->last == NULL;
    judge_state_see(f->state, list, clock_mono_ms());
    if (!first && f->state->advanced_ms != before) {
        note_latency(f);
    }
}

/* What stands in for the playlist: a delta update merged with the last one. Takes list; NULL: it
 * cannot be merged, and must be asked for as a whole. */
static struct judge_list *whole_of(struct judge_follow *f, struct judge_list *list)
{
    struct judge_list *whole = NULL;
    if (list->skip_line == 0) {
        return list;
    }
    judge_delta_check(list, f->state->url, f->sink);
    if (f->state->last == NULL || judge_delta_merge(f->state->last, list, &whole) != ERR_OK) {
        whole = NULL;
    }
    judge_list_destroy(list);
    return whole;
}

static enum err ask(struct judge_follow *f, const char *query, int64_t timeout_ms,
                    struct fetched *ret_answer, struct judge_list **ret_list, char *ret_why)
{
    char url[HLS_URL_MAX + QUERY_MAX];
    struct judge_list *list = NULL;
    bool has_query = strchr(f->state->url, '?') != NULL;
    snprintf(url, sizeof url, "%s%s%s", f->state->url,
             query[0] == '\0' ? ""
             : has_query      ? "&"
                              : "?",
             query);
    struct fetch_ask a = {.url = url, .as_page = true, .timeout_ms = (int)timeout_ms};
    enum err e = fetch_ask(f->fetcher, &a, ret_answer, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    f->totals.reloads++;
    if (ret_answer->status == 200) {
        e = judge_list_read(buf_span(&ret_answer->body), &list);
        if (e != ERR_OK) {
            snprintf(ret_why, FETCH_WHY_MAX, "the playlist is longer than can be read");
            fetched_fini(ret_answer);
            return e;
        }
    }
    *ret_list = list;
    return ERR_OK;
}

static void reload_plainly(struct judge_follow *f)
{
    char why[FETCH_WHY_MAX];
    struct fetched a;
    struct judge_list *list = NULL;
    if (ask(f, "", 0, &a, &list, why) != ERR_OK) {
        on_unreachable(f, why);
        return;
    }
    if (list == NULL) {
        snprintf(why, sizeof why, "status %d", a.status);
        on_unreachable(f, why);
    } else if (list->is_master) {
        on_unreachable(f, "a master playlist where a media playlist must be");
        judge_list_destroy(list);
    } else {
        snprintf(f->base, sizeof f->base, "%s", a.url);
        f->unreachable = false;
        see(f, list);
        judge_follow_headers(f, &a, JUDGE_THING_PLAYLIST);
    }
    fetched_fini(&a);
}

static void query_of(const struct judge_reload *r, bool skip, char *ret_query)
{
    int n = snprintf(ret_query, QUERY_MAX, "_HLS_msn=%" PRIu64, r->number);
    if (r->part >= 0) {
        n += snprintf(ret_query + n, QUERY_MAX - (size_t)n, "&_HLS_part=%" PRId64, r->part);
    }
    if (skip) {
        snprintf(ret_query + n, QUERY_MAX - (size_t)n, "&_HLS_skip=YES");
    }
}

static bool is_part_playlist(const struct judge_list *l)
{
    return l->part_target_us > 0;
}

static void reload_blocking(struct judge_follow *f)
{
    char why[FETCH_WHY_MAX];
    char query[QUERY_MAX];
    const struct judge_list *l = f->state->last;
    struct judge_reload r = {.url = f->state->url,
                             .number = judge_list_next(l),
                             .part = is_part_playlist(l) ? (int64_t)l->open.n_parts : -1};
    bool skip = l->skip_until_us != JUDGE_NONE && f->totals.reloads % 2 == 1;
    int64_t target_s = l->target_s;
    struct fetched a;
    struct judge_list *list = NULL;
    query_of(&r, skip, query);
    enum err e = ask(f, query, HELD_TARGETS * target_s * SECOND_MS + SECOND_MS, &a, &list, why);
    if (e == ERR_TIMEOUT) {
        judge_state_say(f->state, JUDGE_RULE_HELD_LONG, 0,
                        "%s was held for more than %" PRId64 " s", query, HELD_TARGETS * target_s);
        return;
    }
    if (e != ERR_OK) {
        on_unreachable(f, why);
        return;
    }
    r.status = a.status;
    r.took_ms = a.took_ms;
    r.list = list;
    judge_http_reload(&r, target_s, f->sink);
    if (list != NULL) {
        struct judge_list *whole = whole_of(f, list);
        if (whole != NULL) {
            see(f, whole);
            judge_follow_headers(f, &a, JUDGE_THING_BLOCKED);
        } else {
            reload_plainly(f);
        }
    } else {
        judge_state_time(f->state, clock_mono_ms());
        sleep_ms(RETRY_MS, f->settings->stop);
    }
    fetched_fini(&a);
}

/* The same moment as a delta update and as a whole. */
static void compare_delta(struct judge_follow *f)
{
    char why[FETCH_WHY_MAX];
    struct fetched a;
    struct judge_list *list = NULL;
    if (f->state->last->skip_until_us == JUDGE_NONE ||
        ask(f, "_HLS_skip=YES", 0, &a, &list, why) != ERR_OK) {
        return;
    }
    fetched_fini(&a);
    bool skips = list != NULL && list->skip_line != 0;
    struct judge_list *whole = list != NULL ? whole_of(f, list) : NULL;
    if (skips && whole != NULL && ask(f, "", 0, &a, &list, why) == ERR_OK) {
        if (list != NULL) {
            judge_delta_compare(whole, list, f->state->url, f->sink);
        }
        judge_list_destroy(list);
        fetched_fini(&a);
    }
    judge_list_destroy(whole);
}

static void wait_for_more(struct judge_follow *f, int64_t left_ms)
{
    const struct judge_list *l = f->state->last;
    int64_t half = l != NULL ? l->target_s * SECOND_MS / 2 : POLL_MAX_MS;
    int64_t wait = half < POLL_MIN_MS ? POLL_MIN_MS : half > POLL_MAX_MS ? POLL_MAX_MS : half;
    sleep_ms(wait < left_ms ? wait : left_ms, f->settings->stop);
}

static void look_once(struct judge_follow *f, int64_t deadline_ms)
{
    const struct judge_list *l = f->state->last;
    if (l == NULL || !l->can_block || l->ended || f->unreachable) {
        if (l != NULL) {
            wait_for_more(f, deadline_ms - clock_mono_ms());
        }
        reload_plainly(f);
        return;
    }
    if (f->blocked++ % HINT_EVERY == 1) {
        judge_follow_hint(f);
    }
    reload_blocking(f);
    judge_follow_hinted(f);
}

/* What ends meanwhile is looked at once more: it must stay so. */
static bool is_over(struct judge_follow *f)
{
    bool ended = f->state->last->ended;
    bool over = ended && (!f->lived || f->ended_before);
    f->lived = f->lived || !ended;
    f->ended_before = f->ended_before || ended;
    return over;
}

static void run(struct judge_follow *f)
{
    int64_t deadline = clock_mono_ms() + f->settings->seconds * SECOND_MS;
    while (!*f->settings->stop && clock_mono_ms() < deadline) {
        look_once(f, deadline);
        if (f->state->last == NULL) {
            wait_for_more(f, deadline - clock_mono_ms());
            continue;
        }
        judge_follow_media(f, deadline);
        judge_follow_again(f, false);
        if (!f->probed && f->totals.segments > 0) {
            f->probed = true;
            if (f->state->last->can_block) {
                reload_plainly(f); /* what is far ahead depends on where it is by now */
            }
            judge_follow_probe(f);
            compare_delta(f);
        }
        if (is_over(f)) {
            break;
        }
    }
    judge_follow_again(f, true);
}

static int by_size(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}

static void finish(struct judge_follow *f)
{
    size_t n = f->n_latencies;
    qsort(f->latencies, n, sizeof f->latencies[0], by_size);
    f->totals.latency_p50_ms = n > 0 ? f->latencies[n / 2] : JUDGE_NONE;
    f->totals.latency_p95_ms = n > 0 ? f->latencies[n * 95 / 100] : JUDGE_NONE;
    judge_report_playlist(f->report, f->state->url, &f->totals);
    judge_follow_media_fini(f);
    media_prober_destroy(f->prober);
    fetcher_destroy(f->fetcher);
    mem_free(f);
}

void judge_follow(struct judge_state *state, const struct judge_settings *settings,
                  struct judge_report_to *report)
{
    struct judge_follow *f = mem_alloc(sizeof *f);
    f->state = state;
    f->settings = settings;
    f->report = report;
    f->sink = judge_report_sink(report);
    f->fetcher = fetcher_create(settings->timeout_ms);
    f->prober = media_prober_create();
    snprintf(f->base, sizeof f->base, "%s", state->url);
    if (f->fetcher != NULL) {
        run(f);
    } else {
        on_unreachable(f, "libcurl refuses to start");
    }
    finish(f);
}
