#include "transcoder/benchmark.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "transcoder/benchmark_clip.h"
#include "transcoder/cores.h"
#include "transcoder/pipeline.h"

#define PART 2 /* frames: how finely the time is looked at */

struct benchmark {
    struct mailbox *mail;
    benchmark_fn *fn;
    void *arg;
    uint32_t threads; /* of the second round */
    pthread_t thread;
    atomic_bool cancel;
    struct benchmark_clip clip;
    struct link_job_open open;
    struct benchmark_result result;
};

/* One thread of a round. */
struct runner {
    pthread_t thread;
    struct benchmark *b;
    int64_t end_ms;
    uint64_t end_cpu_us;
    uint64_t pixels, cpu_us;
    struct fault fault;
};

static bool is_over(const struct runner *r)
{
    return clock_thread_cpu_us() >= r->end_cpu_us || clock_mono_ms() >= r->end_ms ||
           atomic_load(&r->b->cancel);
}

static enum err on_part(void *arg, const struct link_unit *unit, struct blob *payload)
{
    const struct runner *r = arg;
    return is_over(r) ? ERR_CLOSED : ERR_OK;
}

static enum err run_job(struct runner *r)
{
    struct benchmark *b = r->b;
    struct pipeline *p = NULL;
    enum err e = pipeline_create(&b->open, on_part, r, &b->cancel, &r->fault, &p);
    if (e != ERR_OK) {
        return e;
    }
    e = pipeline_feed(p, &b->clip.packets);
    if (e == ERR_OK) {
        e = pipeline_finish(p, (int64_t)BENCHMARK_FRAMES * TICKS_PER_S / BENCHMARK_FPS);
    }
    struct link_job_done done = pipeline_done(p);
    for (size_t i = 0; i < done.n_rungs; i++) {
        r->pixels += done.rungs[i].pixels;
    }
    if (e != ERR_OK && e != ERR_CLOSED) {
        r->fault = *pipeline_fault(p);
    }
    pipeline_destroy(p);
    return e;
}

static void *run_jobs(void *arg)
{
    struct runner *r = arg;
    uint64_t start = clock_thread_cpu_us();
    r->end_cpu_us = start + (uint64_t)BENCHMARK_CPU_MS * 1000;
    while (!is_over(r) && run_job(r) == ERR_OK) {
    }
    r->cpu_us = clock_thread_cpu_us() - start;
    return NULL;
}

static struct benchmark_round run_round(struct benchmark *b, uint32_t threads)
{
    struct benchmark_round round = {0};
    struct runner *runners = mem_alloc(BENCHMARK_THREADS_MAX * sizeof *runners);
    int64_t end_ms = clock_mono_ms() + BENCHMARK_WALL_MS;
    for (; round.threads < threads; round.threads++) {
        struct runner *r = &runners[round.threads];
        r->b = b;
        r->end_ms = end_ms;
        if (thread_start("benchmark job", run_jobs, r, &r->thread) != ERR_OK) {
            break;
        }
    }
    for (uint32_t i = 0; i < round.threads; i++) {
        pthread_join(runners[i].thread, NULL);
        round.pixels += runners[i].pixels;
        round.cpu_us += runners[i].cpu_us;
        if (runners[i].fault.text[0] != '\0' && b->result.fault.text[0] == '\0') {
            b->result.fault = runners[i].fault;
        }
    }
    mem_free(runners);
    return round;
}

/* Two rungs that a small ladder has; what one costs for each sample differs less between sizes
 * than between hosts, and the jobs' own times correct it. */
static void describe_job(struct benchmark *b)
{
    static const struct link_rung rungs[] = {{.width = 640, .height = 360, .bitrate_bps = 900000},
                                             {.width = 426, .height = 240, .bitrate_bps = 500000}};
    b->open = (struct link_job_open){
        .stream = "benchmark", .track = b->clip.track, .n_ladder = sizeof rungs / sizeof rungs[0]};
    for (size_t i = 0; i < b->open.n_ladder; i++) {
        struct link_rung *r = &b->open.ladder[i];
        *r = rungs[i];
        r->name = "benchmark";
        r->fps_num = BENCHMARK_FPS;
        r->fps_den = 1;
        r->buffer_bits = r->bitrate_bps;
        r->vbv_init_permille = 900;
        r->crf = 23;
        r->preset = "veryfast";
        r->bframes = 2;
        r->dts_delay_frames = 1;
        r->frames_per_part = PART;
    }
}

static void *run(void *arg)
{
    struct benchmark *b = arg;
    struct benchmark_result *result = &b->result;
    int64_t start = clock_mono_ms();
    if (benchmark_clip_init(&b->clip, &result->fault) == ERR_OK) {
        describe_job(b);
        result->alone = run_round(b, 1);
        result->all = b->threads > 1 ? run_round(b, b->threads) : result->alone;
    }
    benchmark_clip_fini(&b->clip);
    result->wall_ms = clock_mono_ms() - start;
    mailbox_post(b->mail, b);
    return NULL;
}

static void on_mail(void *arg, void *item)
{
    struct benchmark *b = arg;
    b->fn(b->arg, &b->result);
}

struct benchmark *benchmark_start(struct loop *l, uint32_t cores_permille, benchmark_fn *fn,
                                  void *arg)
{
    struct benchmark *b = mem_alloc(sizeof *b);
    uint32_t threads = cores_threads(cores_permille);
    b->threads = threads < BENCHMARK_THREADS_MAX ? threads : BENCHMARK_THREADS_MAX;
    b->fn = fn;
    b->arg = arg;
    b->mail = mailbox_create(l, on_mail, b);
    if (thread_start("benchmark", run, b, &b->thread) != ERR_OK) {
        mailbox_destroy(b->mail, NULL);
        mem_free(b);
        return NULL;
    }
    return b;
}

static void drop(void *item)
{
}

void benchmark_destroy(struct benchmark *b)
{
    if (b == NULL) {
        return;
    }
    atomic_store(&b->cancel, true);
    pthread_join(b->thread, NULL);
    mailbox_destroy(b->mail, drop);
    mem_free(b);
}
