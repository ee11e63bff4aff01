/* What jobs leave behind: the process is as large after many as after a few. */
#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fixture.h"
#include "run/footprint.h"
#include "tests/support/unit.h"
#include "transcoder/work.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_GLIBC 0 /* the sanitizer's has no such books, and keeps what is freed */
#else
#define IS_GLIBC 1
#endif

#define AT_ONCE 4
#define WARM_UP 100
#define JOBS    300
#define FRAMES  4

/* 100 kB left by each job after the first ones would be 20 MB. */
#define LEFT_BYTES  (1L << 20)
#define GROWN_BYTES (10L << 20)

/* Of a job's memory, what may stay when the last one has ended. */
#define SIDE_BY_SIDE    6
#define KEPT_BYTES_EACH (4L << 20)

struct bench {
    struct loop *loop;
    struct mailbox *mail;
    struct source source;
    const char *rung;
    int started, ended, wanted;
    struct work *open_one; /* NULL, or a job that gets nothing */
};

/* With a lane where the rung is worth one. */
static struct work *open_work(struct bench *b, uint64_t job)
{
    struct link_job_open open = open_for(&b->source, b->rung);
    struct fault f = {0};
    struct work *w = NULL;
    ck_assert_int_eq(work_create(b->mail, job, &open, 2, &f, &w), ERR_OK);
    return w;
}

static void start_one(struct bench *b)
{
    struct work *w = open_work(b, (uint64_t)++b->started);
    for (uint32_t i = 0; i < b->source.packets.count; i++) {
        const struct packet *p = &b->source.packets.items[i];
        struct link_packet lp = {
            .length = (uint32_t)p->data.len, .dts = p->dts, .pts = p->pts, .flags = p->flags};
        struct link_unit u = {.packets = &lp, .n_packets = 1, .seq = i};
        ck_assert_int_eq(work_push(w, &u, p->blob), ERR_OK);
    }
    struct link_unit u = {.last = true,
                          .duration = TICKS_PER_S * (uint32_t)b->source.frames / 30,
                          .seq = (uint32_t)b->source.packets.count};
    ck_assert_int_eq(work_push(w, &u, NULL), ERR_OK);
}

static void on_event(void *arg, void *item)
{
    struct bench *b = arg;
    struct work_event *e = item;
    struct work *w = e->work;
    bool ended = e->type == WORK_ENDED;
    ck_assert(!e->failed);
    work_event_destroy(e);
    if (!ended) {
        return;
    }
    work_destroy(w);
    if (w == b->open_one) {
        loop_stop(b->loop);
        return;
    }
    b->ended++;
    if (b->started < b->wanted) {
        start_one(b);
    } else if (b->ended == b->wanted) {
        loop_stop(b->loop);
    }
}

static void bench_open(struct bench *b, int width, const char *rung)
{
    footprint_keep_small();
    footprint_keep_for_next();
    *b = (struct bench){.loop = loop_create(), .rung = rung};
    b->mail = mailbox_create(b->loop, on_event, b);
    b->source = (struct source){.width = width,
                                .height = width * 9 / 16,
                                .fps_num = 30,
                                .fps_den = 1,
                                .frames = FRAMES,
                                .gop = FRAMES};
    source_make(&b->source);
}

static void bench_close(struct bench *b)
{
    mailbox_destroy(b->mail, NULL);
    loop_destroy(b->loop);
    source_free(&b->source);
}

/* So many jobs more, some at once. */
static void run_jobs(struct bench *b, int jobs, int at_once)
{
    b->wanted = b->started + jobs;
    for (int i = 0; i < at_once; i++) {
        start_one(b);
    }
    loop_run(b->loop);
}

static long resident_bytes(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fscanf(f, "%*d %ld", &pages), 1);
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

static long in_use(void)
{
    struct mallinfo2 m = mallinfo2();
    return (long)(m.uordblks + m.hblkhd);
}

START_TEST(many_jobs_leave_nothing)
{
    struct bench b;
    bench_open(&b, 160, "P144p30fps16x9");
    run_jobs(&b, WARM_UP, AT_ONCE);
    long used = in_use();
    (void)malloc_trim(0); /* as the timer does */
    long resident = resident_bytes();
    run_jobs(&b, JOBS - WARM_UP, AT_ONCE);
    used = in_use() - used;
    (void)malloc_trim(0);
    resident = resident_bytes() - resident;
    bench_close(&b);
    ck_assert_msg(!IS_GLIBC || used < LEFT_BYTES,
                  "%ld bytes more in use after %d jobs than after %d", used, JOBS, WARM_UP);
    ck_assert_msg(!IS_GLIBC || resident < GROWN_BYTES,
                  "%ld bytes more resident after %d jobs than after %d", resident, JOBS, WARM_UP);
}
END_TEST

START_TEST(what_jobs_had_goes_back)
{
    struct bench b;
    bench_open(&b, 640, "P360p30fps16x9");
    long resident = resident_bytes();
    run_jobs(&b, 4 * SIDE_BY_SIDE, SIDE_BY_SIDE);
    resident = resident_bytes() - resident;
    bench_close(&b);
    ck_assert_msg(!IS_GLIBC || resident < SIDE_BY_SIDE * KEPT_BYTES_EACH,
                  "%ld bytes are kept of %d jobs at once, with none at work", resident,
                  SIDE_BY_SIDE);
}
END_TEST

static long faults(void)
{
    struct rusage r;
    ck_assert_int_eq(getrusage(RUSAGE_SELF, &r), 0);
    return r.ru_minflt;
}

/* While another job of the stream is open. */
START_TEST(the_next_job_has_what_one_had)
{
    struct bench b;
    bench_open(&b, 640, "P360p30fps16x9");
    b.open_one = open_work(&b, JOBS);
    long start = faults();
    run_jobs(&b, 1, 1);
    long first = faults() - start;
    run_jobs(&b, 1, 1);
    long next = faults() - start - first;
    work_cancel(b.open_one);
    loop_run(b.loop);
    bench_close(&b);
    ck_assert_msg(!IS_GLIBC || next < first / 4, "%ld pages are had anew, of %ld", next, first);
}
END_TEST

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    const TTest *const tests[] = {many_jobs_leave_nothing, what_jobs_had_goes_back,
                                  the_next_job_has_what_one_had};
    return unit_run("work_footprint", tests, sizeof tests / sizeof tests[0]);
}
