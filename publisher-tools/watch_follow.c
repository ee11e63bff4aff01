#include "publisher-tools/watch_follow.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "publisher-tools/fetch.h"
#include "publisher-tools/hls_url.h"

#define POLL_MIN_MS 100
#define POLL_MAX_MS 1000
#define WAIT_MS     250 /* between tries for the first playlist */
#define SLICE_MS    50  /* how soon a stop is noticed */

struct follow {
    const char *url;
    const struct watch_settings *settings;
    struct watch_report *report;
    struct fetcher *fetcher;
    struct media_prober *prober;
    struct hls_check check;
    struct watch_totals totals;
    char base[HLS_URL_MAX]; /* where the playlist really is */
    char map_url[HLS_URL_MAX];
    struct buf map;
    bool unreachable; /* and said so */
};

static void on_fault(void *arg, const char *rule, const char *words)
{
    struct follow *f = arg;
    watch_report_fault(f->report, f->url, rule, words);
}

static void sleep_ms(int64_t ms, const volatile int *stop)
{
    int64_t until = clock_mono_ms() + ms;
    for (int64_t left = ms; left > 0 && !*stop; left = until - clock_mono_ms()) {
        int64_t slice = left < SLICE_MS ? left : SLICE_MS;
        nanosleep(&(struct timespec){.tv_nsec = slice * 1000000}, NULL);
    }
}

static bool is_one_of(const char *text, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(text, *list) == 0) {
            return true;
        }
    }
    return false;
}

static bool playlist_type_ok(const char *type)
{
    static const char *const types[] = {"application/vnd.apple.mpegurl", "application/x-mpegurl",
                                        "audio/mpegurl", "audio/x-mpegurl", NULL};
    return is_one_of(type, types);
}

static bool segment_type_ok(const char *type)
{
    static const char *const types[] = {"video/mp2t", "video/mp4",         "audio/mp4", "audio/aac",
                                        "audio/mpeg", "video/iso.segment", NULL};
    return is_one_of(type, types);
}

/* Fetches with a status of 200, or a fault in words. ERR_CLOSED: there was no answer at all. */
static enum err get(struct fetcher *fetcher, const char *url, struct fetched *ret_answer,
                    char *ret_why)
{
    char why[FETCH_WHY_MAX];
    enum err e = fetch(fetcher, url, ret_answer, why);
    if (e != ERR_OK) {
        snprintf(ret_why, HLS_FAULT_WORDS_MAX, "%.200s: %.200s", url, why);
        return ERR_CLOSED;
    }
    if (ret_answer->status != 200) {
        snprintf(ret_why, HLS_FAULT_WORDS_MAX, "%.200s: status %d", url, ret_answer->status);
        fetched_fini(ret_answer);
        return ret_answer->status == 404 ? ERR_NOENT : ERR_IO;
    }
    return ERR_OK;
}

static enum err read_playlist(const struct fetched *a, const char *url,
                              struct hls_playlist **ret_playlist, char *ret_why)
{
    struct hls_refusal refusal;
    enum err e = hls_playlist_read(buf_span(&a->body), ret_playlist, &refusal);
    if (e != ERR_OK) {
        snprintf(ret_why, HLS_FAULT_WORDS_MAX, "%.200s: line %u: %s", url, refusal.line,
                 refusal.why);
    }
    return e;
}

/* --- segments --- */

/* Loads the initialisation section when it is another one than before. */
static bool load_map(struct follow *f, const struct hls_segment *s)
{
    char url[HLS_URL_MAX];
    char why[HLS_FAULT_WORDS_MAX];
    if (s->map_uri.len == 0) {
        buf_clear(&f->map);
        f->map_url[0] = '\0';
        return true;
    }
    if (hls_url_resolve(f->base, s->map_uri, url) != ERR_OK) {
        hls_check_fault(&f->check, "uri", "segment %" PRIu64 ": its EXT-X-MAP has no good URI",
                        s->number);
        return false;
    }
    if (strcmp(url, f->map_url) == 0) {
        return true;
    }
    struct fetched a;
    if (get(f->fetcher, url, &a, why) != ERR_OK) {
        hls_check_fault(&f->check, "fetch", "segment %" PRIu64 ": EXT-X-MAP: %s", s->number, why);
        return false;
    }
    buf_fini(&f->map);
    f->map = a.body;
    memcpy(f->map_url, url, sizeof url);
    return true;
}

/* Fetches, looks inside, judges and reports one segment; false: it could not be looked into. */
static bool look_into(struct follow *f, const struct hls_segment *s, const char *url)
{
    char why[HLS_FAULT_WORDS_MAX];
    struct fetched a;
    struct segment_facts facts;
    if (!load_map(f, s)) {
        return false;
    }
    enum err e = get(f->fetcher, url, &a, why);
    if (e == ERR_CLOSED && f->settings->away_seconds > 0) {
        f->totals.missed++; /* it went with its server */
        return false;
    }
    if (e != ERR_OK) {
        hls_check_fault(&f->check, "fetch", "segment %" PRIu64 ": %s", s->number, why);
        return false;
    }
    if (!segment_type_ok(a.content_type)) {
        hls_check_fault(&f->check, "content-type", "segment %" PRIu64 ": Content-Type \"%s\"",
                        s->number, a.content_type);
    }
    e = media_prober_read(f->prober, buf_span(&f->map), buf_span(&a.body), &facts, why);
    if (e != ERR_OK) {
        hls_check_fault(&f->check, "decode", "segment %" PRIu64 ": %s", s->number, why);
    } else {
        watch_report_segment(f->report, f->url, s, &facts, a.body.len, a.took_ms);
        hls_check_media(&f->check, s, &facts);
        f->totals.frames += facts.video.decoded;
        f->totals.bytes += a.body.len;
    }
    fetched_fini(&a);
    return e == ERR_OK;
}

static void on_segment(struct follow *f, const struct hls_segment *s)
{
    char url[HLS_URL_MAX];
    if (!hls_check_takes(&f->check, s)) {
        return;
    }
    f->totals.segments++;
    f->totals.duration_us += s->duration_us;
    if (s->discontinuity || s->gap || !f->check.has_last) {
        media_prober_forget(f->prober);
    }
    if (hls_url_resolve(f->base, s->uri, url) != ERR_OK) {
        hls_check_fault(&f->check, "uri", "segment %" PRIu64 " (line %u) has no good URI",
                        s->number, s->line);
        return;
    }
    hls_check_url(&f->check, s, url);
    if (s->gap) {
        watch_report_gap(f->report, f->url, s);
    } else if (!look_into(f, s, url)) {
        media_prober_forget(f->prober);
        hls_check_lost(&f->check);
    }
}

/* --- the playlist --- */

static void on_unreachable(struct follow *f, const char *rule, const char *why)
{
    if (!f->unreachable && f->settings->away_seconds == 0) {
        hls_check_fault(&f->check, rule, "%s", why);
    }
    f->unreachable = true;
    hls_check_time(&f->check, clock_mono_ms());
}

static void judge_playlist(struct follow *f, const struct hls_playlist *p, int64_t deadline_ms)
{
    hls_check_playlist(&f->check, p, clock_mono_ms());
    for (size_t i = 0; i < p->n_segments && !*f->settings->stop; i++) {
        if (clock_mono_ms() > deadline_ms) {
            return;
        }
        on_segment(f, &p->segments[i]);
    }
}

static void poll_once(struct follow *f, int64_t deadline_ms)
{
    char why[HLS_FAULT_WORDS_MAX];
    struct fetched a;
    if (get(f->fetcher, f->url, &a, why) != ERR_OK) {
        on_unreachable(f, "playlist-fetch", why);
        return;
    }
    if (!f->check.has_playlist && !playlist_type_ok(a.content_type)) {
        hls_check_fault(&f->check, "content-type", "the playlist's Content-Type is \"%s\"",
                        a.content_type);
    }
    memcpy(f->base, a.url, sizeof f->base);
    struct hls_playlist *p = NULL;
    enum err e = read_playlist(&a, f->url, &p, why);
    fetched_fini(&a);
    if (e == ERR_OK && p->is_master) {
        snprintf(why, sizeof why, "%.200s: a master playlist where a media playlist was", f->url);
        e = ERR_PROTO;
    }
    if (e != ERR_OK) {
        on_unreachable(f, "playlist", why);
    } else {
        f->unreachable = false;
        judge_playlist(f, p, deadline_ms);
    }
    hls_playlist_destroy(p);
}

static int64_t poll_interval_ms(const struct follow *f)
{
    int64_t half = f->check.target_duration_s * 500;
    return half < POLL_MIN_MS ? POLL_MIN_MS : half > POLL_MAX_MS ? POLL_MAX_MS : half;
}

size_t watch_follow(const char *url, const struct watch_settings *settings,
                    struct watch_report *report)
{
    struct follow *f = mem_alloc(sizeof *f);
    f->url = url;
    f->settings = settings;
    f->report = report;
    f->fetcher = fetcher_create(settings->timeout_ms);
    f->prober = media_prober_create();
    buf_init(&f->map, FETCH_MAX_BYTES);
    hls_check_init(&f->check, on_fault, f, settings->allow_gaps);
    f->check.away_ms = settings->away_seconds * 1000;
    int64_t deadline = clock_mono_ms() + settings->seconds * 1000;
    if (f->fetcher == NULL) {
        hls_check_fault(&f->check, "fetch", "libcurl refuses to start");
    }
    while (f->fetcher != NULL && !*settings->stop && !f->check.ended) {
        poll_once(f, deadline);
        int64_t left = deadline - clock_mono_ms();
        if (left <= 0) {
            break;
        }
        int64_t wait = poll_interval_ms(f);
        sleep_ms(wait < left ? wait : left, settings->stop);
    }
    if (f->totals.segments == 0) {
        hls_check_fault(&f->check, "advance", "not one segment was seen");
    }
    f->totals.gaps = f->check.gaps;
    f->totals.jumps = f->check.jumps;
    f->totals.faults = f->check.faults;
    watch_report_summary(report, url, &f->totals);
    size_t faults = f->check.faults;
    fetcher_destroy(f->fetcher);
    media_prober_destroy(f->prober);
    buf_fini(&f->map);
    mem_free(f);
    return faults;
}

/* --- from a master playlist to its variants --- */

static void free_urls(char **urls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mem_free(urls[i]);
    }
    mem_free(urls);
}

static bool is_listed(char *const *urls, size_t n, const char *url)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(urls[i], url) == 0) {
            return true;
        }
    }
    return false;
}

/* Variants first, then the renditions that have a playlist of their own; each address once. */
static enum err list_urls(const struct hls_playlist *p, const char *base, bool all,
                          char ***ret_urls, size_t *ret_n, char *ret_why)
{
    size_t most = !p->is_master ? 1 : all ? p->n_variants + p->n_renditions : p->n_variants > 0;
    if (most == 0 || (p->is_master && p->n_variants == 0)) {
        snprintf(ret_why, HLS_FAULT_WORDS_MAX, "%.200s: a master playlist without variants", base);
        return ERR_NOENT;
    }
    char **urls = mem_alloc(most * sizeof *urls);
    size_t n = 0;
    for (size_t i = 0; i < most; i++) {
        char url[HLS_URL_MAX];
        bool variant = !p->is_master || i < p->n_variants;
        const struct hls_rendition *other = variant ? NULL : &p->renditions[i - p->n_variants];
        if (p->is_master &&
            hls_url_resolve(base, variant ? p->variants[i].uri : other->uri, url) != ERR_OK) {
            snprintf(ret_why, HLS_FAULT_WORDS_MAX, "%.200s: line %u: no good URI", base,
                     variant ? p->variants[i].line : other->line);
            free_urls(urls, n);
            return ERR_PROTO;
        }
        const char *found = p->is_master ? url : base;
        if (!is_listed(urls, n, found)) {
            urls[n++] = mem_strdup(found);
        }
    }
    *ret_urls = urls;
    *ret_n = n;
    return ERR_OK;
}

static enum err find_once(struct fetcher *fetcher, const char *url, bool all, char ***ret_urls,
                          size_t *ret_n, char *ret_why)
{
    struct fetched a;
    enum err e = get(fetcher, url, &a, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    struct hls_playlist *p = NULL;
    e = read_playlist(&a, url, &p, ret_why);
    if (e == ERR_OK) {
        e = list_urls(p, a.url, all, ret_urls, ret_n, ret_why);
    }
    hls_playlist_destroy(p);
    fetched_fini(&a);
    return e;
}

enum err watch_find(const char *url, const struct watch_settings *settings, bool all,
                    char ***ret_urls, size_t *ret_n, char *ret_why)
{
    struct fetcher *fetcher = fetcher_create(settings->timeout_ms);
    if (fetcher == NULL) {
        snprintf(ret_why, HLS_FAULT_WORDS_MAX, "libcurl refuses to start");
        return ERR_IO;
    }
    int64_t deadline = clock_mono_ms() + settings->wait_seconds * 1000;
    enum err e = find_once(fetcher, url, all, ret_urls, ret_n, ret_why);
    while (e != ERR_OK && clock_mono_ms() < deadline && !*settings->stop) {
        sleep_ms(WAIT_MS, settings->stop);
        e = find_once(fetcher, url, all, ret_urls, ret_n, ret_why);
    }
    fetcher_destroy(fetcher);
    return e;
}
