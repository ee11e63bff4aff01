#include "publisher-tools/load/sessions.h"

#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "broadcaster/jobs/jobs_rung.h"
#include "broadcaster/jobs/rung_describe.h"
#include "broadcaster/stream/parter.h"
#include "transcoder/cores.h"
#include "transcoder/lanes.h"
#include "transcoder/pipeline.h"

#define LAG_STEP_US 500
#define NAP_MAX_US  50000 /* so that a stop is noticed */
#define US_PER_S    1000000

struct run {
    const struct sessions_config *config;
    struct link_job_open open;
    size_t threads; /* of each job, as a transcoder on this host takes */
    int64_t begin_us;
    pthread_mutex_t lock; /* guards what follows, and on_row */
    struct sessions_result *result;
    atomic_bool failed;
};

struct session {
    pthread_t thread;
    struct run *run;
    unsigned number;
    int64_t due_us;     /* when the segment's first packet comes */
    int64_t first_pts;  /* of the segment */
    int64_t working_us; /* spent in the pipeline for this segment */
    struct jobs_rate rates[PROFILE_LADDER_MAX];
};

static int64_t us_of(int64_t t)
{
    return t * US_PER_S / TICKS_PER_S;
}

static bool is_over(const struct run *r)
{
    return atomic_load(r->config->stop) || atomic_load(&r->failed);
}

static void sleep_until(const struct run *r, int64_t due_us)
{
    for (int64_t now = clock_mono_us(); now < due_us && !is_over(r); now = clock_mono_us()) {
        int64_t us = due_us - now < NAP_MAX_US ? due_us - now : NAP_MAX_US;
        nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
    }
}

static enum err on_part(void *arg, const struct link_unit *unit, struct blob *payload)
{
    struct session *s = arg;
    struct run *r = s->run;
    if (is_over(r)) {
        return ERR_CLOSED;
    }
    jobs_rate_spend(&s->rates[unit->rung], unit);
    if (r->config->live && unit->n_packets > 0) {
        int64_t newest = INT64_MIN;
        for (size_t i = 0; i < unit->n_packets; i++) {
            newest = unit->packets[i].pts > newest ? unit->packets[i].pts : newest;
        }
        int64_t due_us = s->due_us + us_of(newest - s->first_pts);
        int64_t now = clock_mono_us();
        pthread_mutex_lock(&r->lock);
        samples_add(&r->result->lag, now - due_us);
        pthread_mutex_unlock(&r->lock);
    }
    return ERR_OK;
}

static enum err feed(struct session *s, struct pipeline *p, const struct clip_segment *segment)
{
    const struct packets *ps = &segment->packets;
    enum err e = ERR_OK;
    for (size_t i = 0; i < ps->count && e == ERR_OK; i++) {
        if (s->run->config->live) {
            sleep_until(s->run, s->due_us + us_of(ps->items[i].dts - ps->items[0].dts));
        }
        if (is_over(s->run)) {
            return ERR_CLOSED;
        }
        struct packets one = {
            .items = &ps->items[i], .count = 1, .cap = 1, .bytes = ps->items[i].data.len};
        int64_t begin = clock_mono_us();
        e = pipeline_feed(p, &one);
        s->working_us += clock_mono_us() - begin;
    }
    if (e == ERR_OK && s->run->config->live) {
        sleep_until(s->run, s->due_us + us_of(segment->duration));
    }
    return e;
}

static void count(struct session *s, const struct clip_segment *segment, unsigned number,
                  const struct pipeline *p)
{
    struct run *r = s->run;
    struct link_job_done done = pipeline_done(p);
    struct session_row row = {.wall_ms = clock_wall_ms(),
                              .session = s->number,
                              .segment = number,
                              .source_us = us_of(segment->duration),
                              .transcode_us = s->working_us};
    for (size_t i = 0; i < done.n_rungs; i++) {
        row.frames += done.rungs[i].frames;
    }
    pthread_mutex_lock(&r->lock);
    r->result->segments++;
    r->result->real_time += row.transcode_us <= row.source_us;
    r->result->source_us += row.source_us;
    r->result->transcode_us += row.transcode_us;
    r->result->frames += row.frames;
    if (r->config->on_row != NULL) {
        r->config->on_row(r->config->arg, &row);
    }
    pthread_mutex_unlock(&r->lock);
}

static void fail(struct run *r, const struct fault *f, unsigned session, unsigned segment)
{
    pthread_mutex_lock(&r->lock);
    (void)fault_set(&r->result->fault, f->final, ERR_STATE, "session %u, segment %u: %s", session,
                    segment, f->text);
    pthread_mutex_unlock(&r->lock);
    atomic_store(&r->failed, true);
}

/* What one encoder would remember from segment to segment travels with each job. */
static struct link_job_open describe_next(struct session *s, unsigned number)
{
    struct link_job_open open = s->run->open;
    open.msn = number;
    for (size_t i = 0; i < open.n_ladder; i++) {
        struct link_rung *r = &open.ladder[i];
        r->bitrate_bps = (uint32_t)s->rates[i].rate_bps;
        r->buffer_bits = (uint32_t)s->rates[i].size_bits;
        r->crf += jobs_rate_crf_more(&s->rates[i]);
        r->crf = r->crf < PROFILE_QUALITY_MAX ? r->crf : PROFILE_QUALITY_MAX;
        r->vbv_init_permille = jobs_rate_permille(&s->rates[i]);
        jobs_rate_open(&s->rates[i]);
    }
    return open;
}

static enum err run_segment(struct session *s, unsigned number)
{
    struct run *r = s->run;
    const struct clip_segment *segment = &r->config->clip->segments[number % r->config->clip->n];
    struct fault fault = {0};
    struct pipeline *p = NULL;
    atomic_int tids[LANES_MAX];
    int64_t begin = clock_mono_us();
    struct link_job_open open = describe_next(s, number);
    enum err e = pipeline_create(&open, on_part, s, r->config->stop, &fault, &p);
    s->working_us = clock_mono_us() - begin;
    s->first_pts = segment->packets.items[0].pts;
    if (e == ERR_OK) {
        (void)pipeline_spread(p, r->threads, tids);
        e = feed(s, p, segment);
    }
    if (e == ERR_OK) {
        begin = clock_mono_us();
        e = pipeline_finish(p, segment->duration);
        s->working_us += clock_mono_us() - begin;
    }
    if (e == ERR_OK) {
        count(s, segment, number, p);
    } else if (!is_over(r)) {
        fail(r, p != NULL ? pipeline_fault(p) : &fault, s->number, number);
    }
    pipeline_destroy(p);
    s->due_us += us_of(segment->duration);
    return e;
}

static void *run_session(void *arg)
{
    struct session *s = arg;
    struct run *r = s->run;
    unsigned n = (unsigned)r->config->clip->n * r->config->repeat;
    s->due_us = r->begin_us + (int64_t)s->number * r->config->delay_ms * 1000;
    for (size_t i = 0; i < r->config->ladder->n; i++) {
        jobs_rate_init(&s->rates[i], r->config->ladder->rungs[i].bitrate_bps);
    }
    sleep_until(r, s->due_us);
    for (unsigned i = 0; i < n && !is_over(r) && run_segment(s, i) == ERR_OK; i++) {
    }
    return NULL;
}

/* --- all of them --- */

/* As a broadcaster describes its jobs, but for what changes from one to the next. */
static void describe(const struct sessions_config *c, struct link_job_open *open)
{
    const struct track_params *in = &c->clip->track;
    *open = (struct link_job_open){.stream = "load", .track = *in, .n_ladder = c->ladder->n};
    for (size_t i = 0; i < c->ladder->n; i++) {
        const struct profile *p = &c->ladder->rungs[i];
        struct parter parter;
        parter_init(&parter);
        parter_set_rate(&parter, p->fps_num > 0 ? p->fps_num : TICKS_PER_S,
                        p->fps_num > 0 ? p->fps_den : (int)c->clip->frame);
        open->ladder[i] = rung_describe(p, in, c->clip->frame, c->quality);
        open->ladder[i].frames_per_part = rung_unit_frames(&parter, c->quality);
    }
}

static int64_t cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return ((int64_t)u.ru_utime.tv_sec + u.ru_stime.tv_sec) * US_PER_S + u.ru_utime.tv_usec +
           u.ru_stime.tv_usec;
}

static unsigned start_all(struct run *r, struct session *all)
{
    unsigned n = 0;
    for (; n < r->config->sessions; n++) {
        all[n] = (struct session){.run = r, .number = n};
        if (thread_start("session", run_session, &all[n], &all[n].thread) != ERR_OK) {
            atomic_store(&r->failed, true);
            break;
        }
    }
    return n;
}

enum err sessions_run(const struct sessions_config *config, struct sessions_result *ret_result)
{
    struct run r = {
        .config = config, .result = ret_result, .threads = cores_threads(cores_permille())};
    struct session *all = mem_try_alloc(config->sessions * sizeof *all);
    if (all == NULL) {
        return ERR_NOMEM;
    }
    memset(ret_result, 0, sizeof *ret_result);
    ret_result->sessions = config->sessions;
    samples_init(&ret_result->lag, LAG_STEP_US);
    describe(config, &r.open);
    pthread_mutex_init(&r.lock, NULL);
    int64_t cpu = cpu_us();
    r.begin_us = clock_mono_us();
    unsigned n = start_all(&r, all);
    for (unsigned i = 0; i < n; i++) {
        pthread_join(all[i].thread, NULL);
    }
    ret_result->wall_us = clock_mono_us() - r.begin_us;
    ret_result->cpu_us = cpu_us() - cpu;
    pthread_mutex_destroy(&r.lock);
    mem_free(all);
    if (n < config->sessions) {
        return ERR_NOMEM;
    }
    return atomic_load(&r.failed) ? ERR_STATE : ERR_OK;
}
