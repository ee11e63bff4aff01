#include "transcoder/work.h"

#include "base/clock.h"
#include "fixture.h"
#include "tests/support/unit.h"

#define WAIT_MS 10000

/* What the loop's side has received. */
struct desk {
    struct loop *loop;
    struct mailbox *mail;
    struct work_event *parts[64];
    size_t n_parts;
    struct work_event *ended;
    bool keep; /* parts are kept, not released */
};

static void on_event(void *arg, void *item)
{
    struct desk *d = arg;
    struct work_event *e = item;
    ck_assert_ptr_null(d->ended);
    if (e->type == WORK_ENDED) {
        d->ended = e;
        loop_stop(d->loop);
        return;
    }
    ck_assert_uint_lt(d->n_parts, 64);
    if (d->keep) {
        d->parts[d->n_parts] = e;
    } else {
        work_event_destroy(e);
    }
    d->n_parts++;
}

static void too_late(void *arg)
{
    ck_abort_msg("nothing came in time");
}

static void desk_open(struct desk *d)
{
    *d = (struct desk){.loop = loop_create()};
    d->mail = mailbox_create(d->loop, on_event, d);
}

/* Runs until the job has ended. */
static void desk_wait(struct desk *d)
{
    struct loop_timer *t = loop_timer_create(d->loop, too_late, NULL);
    loop_timer_start(t, WAIT_MS, 0);
    if (d->ended == NULL) {
        loop_run(d->loop);
    }
    loop_timer_destroy(t);
    ck_assert_ptr_nonnull(d->ended);
}

static void desk_close(struct desk *d, struct work *w)
{
    work_event_destroy(d->ended);
    work_destroy(w);
    mailbox_destroy(d->mail, NULL);
    loop_destroy(d->loop);
}

static struct source small_source(void)
{
    struct source s = {
        .width = 160, .height = 90, .fps_num = 30, .fps_den = 1, .frames = 30, .gop = 30};
    source_make(&s);
    return s;
}

static enum err push(struct work *w, const struct source *s, size_t i, uint32_t seq)
{
    const struct packet *p = &s->packets.items[i];
    struct link_packet lp = {
        .length = (uint32_t)p->data.len, .dts = p->dts, .pts = p->pts, .flags = p->flags};
    struct link_unit u = {.packets = &lp, .n_packets = 1, .seq = seq};
    return work_push(w, &u, p->blob);
}

static enum err push_last(struct work *w, uint32_t duration, uint32_t seq)
{
    struct link_unit u = {.last = true, .duration = duration, .seq = seq};
    return work_push(w, &u, NULL);
}

static struct work *start_open(struct desk *d, const struct link_job_open *open, size_t threads)
{
    struct fault f = {0};
    struct work *w = NULL;
    desk_open(d);
    ck_assert_int_eq(work_create(d->mail, 77, open, threads, &f, &w), ERR_OK);
    ck_assert_uint_eq(work_job(w), 77);
    return w;
}

static struct work *start(struct desk *d, const struct source *s)
{
    struct link_job_open open = open_for(s, "P144p30fps16x9");
    return start_open(d, &open, 1);
}

static struct link_msg *unpack(const struct work_event *e)
{
    struct link_msg *m = NULL;
    const char *why = "";
    size_t len = blob_span(e->payload).len;
    ck_assert_msg(link_msg_unpack(blob_span(e->envelope), len, &m, &why) == ERR_OK, "%s", why);
    ck_assert_uint_eq(m->job, 77);
    return m;
}

START_TEST(a_whole_job)
{
    struct source s = small_source();
    struct desk d;
    struct work *w = start(&d, &s);
    d.keep = true;
    for (uint32_t i = 0; i < 30; i++) {
        ck_assert_int_eq(push(w, &s, i, i), ERR_OK);
    }
    ck_assert_int_eq(push_last(w, TICKS_PER_S, 30), ERR_OK);
    ck_assert_int_eq(push(w, &s, 0, 31), ERR_PROTO);
    desk_wait(&d);
    ck_assert_uint_eq(d.n_parts, 5);
    for (uint32_t i = 0; i < 5; i++) {
        struct link_msg *m = unpack(d.parts[i]);
        ck_assert_int_eq(m->type, LINK_RUNG_UNIT);
        ck_assert_uint_eq(m->unit.part, i);
        ck_assert_uint_eq(m->unit.n_packets, 6);
        ck_assert_int_eq(m->unit.last, i == 4);
        ck_assert_uint_ne(m->unit.config_hash, 0);
        ck_assert_int_eq(m->unit.config.len > 0, i == 0);
        link_msg_destroy(m);
        work_event_destroy(d.parts[i]);
    }
    struct link_msg *m = unpack(d.ended);
    ck_assert_int_eq(m->type, LINK_JOB_DONE);
    ck_assert_uint_eq(m->done.n_rungs, 1);
    ck_assert_uint_eq(m->done.rungs[0].frames, 30);
    ck_assert_uint_eq(m->done.rungs[0].pixels, 30u * 256 * 144);
    ck_assert_uint_gt(m->done.rungs[0].bytes, 0);
    ck_assert_uint_gt(m->done.cpu_us, 0);
    ck_assert(!d.ended->failed);
    link_msg_destroy(m);
    desk_close(&d, w);
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(a_missing_unit)
{
    struct source s = small_source();
    struct desk d;
    struct work *w = start(&d, &s);
    ck_assert_int_eq(push(w, &s, 0, 0), ERR_OK);
    ck_assert_int_eq(push(w, &s, 2, 2), ERR_PROTO);
    ck_assert_int_eq(push(w, &s, 0, 0), ERR_PROTO);
    work_cancel(w);
    desk_wait(&d);
    desk_close(&d, w);
    source_free(&s);
}
END_TEST

START_TEST(a_cancelled_job)
{
    struct source s = small_source();
    struct desk d;
    struct work *w = start(&d, &s);
    ck_assert_int_eq(push(w, &s, 0, 0), ERR_OK);
    ck_assert(!work_is_cancelled(w));
    work_cancel(w);
    ck_assert(work_is_cancelled(w));
    desk_wait(&d);
    ck_assert_ptr_null(d.ended->envelope);
    ck_assert(!d.ended->failed);
    desk_close(&d, w);
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(a_failing_job)
{
    struct source s = small_source();
    struct desk d;
    struct work *w = start(&d, &s);
    ck_assert_int_eq(push_last(w, TICKS_PER_S, 0), ERR_OK);
    desk_wait(&d);
    ck_assert(d.ended->failed);
    struct link_msg *m = unpack(d.ended);
    ck_assert_int_eq(m->type, LINK_JOB_FAILED);
    ck_assert_str_eq(m->reason, "no picture of the segment can be decoded");
    ck_assert(m->final);
    link_msg_destroy(m);
    desk_close(&d, w);
    source_free(&s);
}
END_TEST

START_TEST(a_request_that_cannot_be)
{
    struct source s = small_source();
    struct link_job_open open = open_for(&s, "P144p30fps16x9");
    struct fault f = {0};
    struct work *w = NULL;
    struct desk d;
    desk_open(&d);
    open.ladder[0].preset = "none";
    ck_assert_int_eq(work_create(d.mail, 1, &open, 1, &f, &w), ERR_UNSUPPORTED);
    ck_assert_ptr_null(w);
    ck_assert_str_ne(f.text, "");
    mailbox_destroy(d.mail, NULL);
    loop_destroy(d.loop);
    source_free(&s);
}
END_TEST

/* The queue is bounded in bytes: a job that is fed faster than it works is told so. */
START_TEST(a_full_queue)
{
    struct source s = small_source();
    struct desk d;
    struct work *w = start(&d, &s);
    struct blob *big = blob_create(8 << 20);
    memset(blob_bytes(big), 0, 8 << 20);
    struct link_packet lp = {.length = 8 << 20};
    enum err e = ERR_OK;
    uint32_t seq = 0;
    while (e == ERR_OK && seq < 2000) {
        struct link_unit u = {.packets = &lp, .n_packets = 1, .seq = seq};
        e = work_push(w, &u, big);
        seq += e == ERR_OK;
    }
    ck_assert_int_eq(e, ERR_LIMIT);
    ck_assert_uint_ge(seq, 8);
    work_cancel(w);
    desk_wait(&d);
    desk_close(&d, w);
    blob_unref(big);
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

/* Eight jobs at once, one of them hopeless and one cancelled: the others are whole. */
START_TEST(jobs_side_by_side)
{
    struct source s = small_source();
    struct desk d[8];
    struct work *w[8];
    for (size_t k = 0; k < 8; k++) {
        w[k] = start(&d[k], &s);
    }
    for (uint32_t i = 0; i < 30; i++) {
        for (size_t k = 0; k < 8; k++) {
            if (k != 3 && (k != 5 || i < 10)) {
                ck_assert_int_eq(push(w[k], &s, i, i), ERR_OK);
            }
        }
    }
    work_cancel(w[5]);
    for (size_t k = 0; k < 8; k++) {
        if (k != 5) {
            ck_assert_int_eq(push_last(w[k], TICKS_PER_S, k == 3 ? 0 : 30), ERR_OK);
        }
        desk_wait(&d[k]);
        ck_assert_int_eq(d[k].ended->failed, k == 3);
        ck_assert(k == 5 || d[k].n_parts == (k == 3 ? 0 : 5));
        desk_close(&d[k], w[k]);
    }
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

/* Two rungs that are worth a thread each. */
static struct work *start_wide(struct desk *d, const struct source *s)
{
    struct link_job_open open = open_for(s, "P144p30fps16x9");
    open.n_ladder = 2;
    for (size_t i = 0; i < 2; i++) {
        open.ladder[i] = open.ladder[0];
        open.ladder[i].width = 640;
        open.ladder[i].height = i == 0 ? 360 : 352;
        open.ladder[i].fps_num = 60;
    }
    return start_open(d, &open, 8);
}

static int64_t process_cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* The time of a job is that of all its threads: one alone has a third of it here. */
START_TEST(all_threads_are_counted)
{
    struct source s = small_source();
    struct desk d;
    int64_t before = process_cpu_us();
    struct work *w = start_wide(&d, &s);
    for (uint32_t i = 0; i < 30; i++) {
        ck_assert_int_eq(push(w, &s, i, i), ERR_OK);
    }
    ck_assert_int_eq(push_last(w, TICKS_PER_S, 30), ERR_OK);
    desk_wait(&d);
    int64_t all = process_cpu_us() - before;
    ck_assert(!d.ended->failed);
    ck_assert_uint_eq(d.ended->done.n_rungs, 2);
    ck_assert_uint_eq(d.ended->done.rungs[0].frames, 60);
    ck_assert_uint_eq(d.ended->done.rungs[1].frames, 60);
    ck_assert_int_gt((int64_t)d.ended->done.cpu_us, all * 7 / 10);
    ck_assert_int_le((int64_t)d.ended->done.cpu_us, all);
    desk_close(&d, w);
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

/* While its threads are at it. */
START_TEST(a_job_on_many_threads_is_cancelled)
{
    struct source s = small_source();
    struct desk d;
    struct work *w = start_wide(&d, &s);
    for (uint32_t i = 0; i < 30; i++) {
        ck_assert_int_eq(push(w, &s, i, i), ERR_OK);
    }
    ck_assert_int_eq(push_last(w, TICKS_PER_S, 30), ERR_OK);
    while (d.n_parts == 0) {
        loop_run_once(d.loop);
    }
    ck_assert_int_ge(work_waited_us(w), 0);
    work_cancel(w);
    desk_wait(&d);
    ck_assert_ptr_null(d.ended->envelope);
    ck_assert(!d.ended->failed);
    ck_assert_uint_lt(d.n_parts, 20);
    ck_assert_int_eq(work_waited_us(w), 0);
    desk_close(&d, w);
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    const TTest *const tests[] = {
        a_whole_job,       a_missing_unit,           a_cancelled_job,
        a_failing_job,     a_request_that_cannot_be, a_full_queue,
        jobs_side_by_side, all_threads_are_counted,  a_job_on_many_threads_is_cancelled};
    return unit_run("work", tests, sizeof tests / sizeof tests[0]);
}
