#include "publisher-tools/judge_run.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "publisher-tools/judge_ladder.h"
#include "publisher-tools/judge_text.h"

#define RETRY_MS    200
#define PROGRESS_MS 500

struct run;

struct task {
    struct run *run;
    pthread_t thread;
    struct judge_state *state;
};

struct run {
    const struct judge_settings *settings;
    struct judge_report_to *report;
    struct fetcher *fetcher;
    const char *url;
    char base[HLS_URL_MAX]; /* of the master, where it really is */
    struct judge_list *master;
    struct task tasks[JUDGE_PLAYLISTS_MAX];
    struct judge_state *states[JUDGE_PLAYLISTS_MAX];
    size_t n;
    atomic_size_t running;
};

static void pause_ms(int64_t ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static enum err get_list(struct run *r, struct fetched *ret_answer, struct judge_list **ret_list,
                         char *ret_why)
{
    struct fetch_ask ask = {.url = r->url, .as_page = true};
    enum err e = fetch_ask(r->fetcher, &ask, ret_answer, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    if (ret_answer->status != 200) {
        snprintf(ret_why, FETCH_WHY_MAX, "status %d", ret_answer->status);
        e = ERR_NOENT;
    } else {
        e = judge_list_read(buf_span(&ret_answer->body), ret_list);
        snprintf(ret_why, FETCH_WHY_MAX, "longer than can be read");
    }
    if (e != ERR_OK) {
        fetched_fini(ret_answer);
    }
    return e;
}

static void check_master(struct run *r, const struct fetched *a)
{
    struct judge_answer answer = judge_follow_answer(a);
    answer.url = r->url;
    judge_http_check(&answer, JUDGE_THING_PLAYLIST, 0, true, judge_report_sink(r->report));
    judge_master_check(r->master, r->base, judge_report_sink(r->report));
}

static enum err add_playlist(struct run *r, struct span uri, bool rendition)
{
    char url[HLS_URL_MAX];
    if (uri.len == 0 || hls_url_resolve(r->base, uri, url) != ERR_OK) {
        return ERR_OK; /* said by the master's rules */
    }
    for (size_t i = 0; i < r->n; i++) {
        if (strcmp(r->states[i]->url, url) == 0) {
            return ERR_OK;
        }
    }
    if (r->n == JUDGE_PLAYLISTS_MAX) {
        return ERR_LIMIT;
    }
    r->states[r->n] = judge_state_create(url, judge_report_sink(r->report));
    r->states[r->n]->is_rendition = rendition;
    r->n++;
    return ERR_OK;
}

static enum err add_all(struct run *r)
{
    enum err e = ERR_OK;
    for (size_t i = 0; i < r->master->n_variants && e == ERR_OK; i++) {
        e = add_playlist(r, r->master->variants[i].uri, false);
    }
    for (size_t i = 0; i < r->master->n_renditions && e == ERR_OK; i++) {
        if (judge_text_is(r->master->renditions[i].type, "AUDIO") ||
            judge_text_is(r->master->renditions[i].type, "VIDEO")) {
            e = add_playlist(r, r->master->renditions[i].uri, true);
        }
    }
    return e;
}

/* The first good playlist, which tells what is to be followed. */
static enum err find(struct run *r, long wait_seconds, char *ret_why)
{
    int64_t deadline = clock_mono_ms() + wait_seconds * 1000;
    struct fetched a;
    struct judge_list *list = NULL;
    enum err e = get_list(r, &a, &list, ret_why);
    while (e != ERR_OK && clock_mono_ms() < deadline && !*r->settings->stop) {
        pause_ms(RETRY_MS);
        e = get_list(r, &a, &list, ret_why);
    }
    if (e != ERR_OK) {
        return ERR_NOENT;
    }
    snprintf(r->base, sizeof r->base, "%s", a.url);
    if (list->is_master) {
        r->master = list;
        check_master(r, &a);
        e = add_all(r);
        snprintf(ret_why, FETCH_WHY_MAX, "its master has more than %d playlists",
                 JUDGE_PLAYLISTS_MAX);
    } else {
        judge_list_destroy(list);
        e = add_playlist(r, span_cstr(r->url), false);
    }
    fetched_fini(&a);
    return e;
}

static void *run_task(void *arg)
{
    struct task *t = arg;
    judge_follow(t->state, t->run->settings, t->run->report);
    atomic_fetch_sub(&t->run->running, 1);
    return NULL;
}

static enum err follow_all(struct run *r, char *ret_why)
{
    enum err e = ERR_OK;
    size_t started = 0;
    int64_t begun = clock_mono_ms();
    for (; started < r->n && e == ERR_OK; started++) {
        struct task *t = &r->tasks[started];
        t->run = r;
        t->state = r->states[started];
        atomic_fetch_add(&r->running, 1);
        if (thread_start("rendition", run_task, t, &t->thread) != ERR_OK) {
            snprintf(ret_why, FETCH_WHY_MAX, "the system refuses a thread");
            atomic_fetch_sub(&r->running, 1);
            e = ERR_IO;
            break;
        }
    }
    for (int64_t i = 0; atomic_load(&r->running) > 0; i++) {
        if (i % (PROGRESS_MS / 10) == 0) {
            judge_report_progress(r->report, r->n, (clock_mono_ms() - begun) / 1000,
                                  r->settings->seconds);
        }
        pause_ms(10);
    }
    for (size_t i = 0; i < started; i++) {
        pthread_join(r->tasks[i].thread, NULL);
    }
    return e;
}

/* The master as it is now: what it tells of a live stream is measured, too. */
static void judge_ladder_now(struct run *r)
{
    char why[FETCH_WHY_MAX];
    struct fetched a;
    struct judge_list *list = NULL;
    if (r->master != NULL && get_list(r, &a, &list, why) == ERR_OK) {
        fetched_fini(&a);
        if (list->is_master && list->n_variants >= r->master->n_variants) {
            judge_list_destroy(r->master);
            r->master = list;
            judge_master_check(list, r->base, judge_report_sink(r->report));
        } else {
            judge_list_destroy(list);
        }
    }
    judge_ladder_check(&(struct judge_ladder){.url = r->base,
                                              .master = r->master,
                                              .states = r->states,
                                              .n_states = r->n,
                                              .sink = judge_report_sink(r->report)});
}

enum err judge_run(const char *url, const struct judge_settings *settings, long wait_seconds,
                   struct judge_report_to *report, char *ret_why)
{
    struct run *r = mem_alloc(sizeof *r);
    enum err e = ERR_IO;
    r->settings = settings;
    r->report = report;
    r->url = url;
    r->fetcher = fetcher_create(settings->timeout_ms);
    if (r->fetcher == NULL) {
        snprintf(ret_why, FETCH_WHY_MAX, "libcurl refuses to start");
    } else {
        e = find(r, wait_seconds, ret_why);
    }
    if (e == ERR_OK) {
        e = follow_all(r, ret_why);
        judge_ladder_now(r);
        judge_report_summary(report, url);
    }
    for (size_t i = 0; i < r->n; i++) {
        judge_state_destroy(r->states[i]);
    }
    judge_list_destroy(r->master);
    fetcher_destroy(r->fetcher);
    mem_free(r);
    return e;
}
