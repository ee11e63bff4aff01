/* Jobs whose rungs are encoded on several threads: nothing of what comes out is different. */
/* usual time: 3 s */
#include <pthread.h>

#include "fixture.h"
#include "tests/support/unit.h"
#include "transcoder/lanes.h"

#define FRAMES     60
#define N_RUNGS    4
#define ALL        64 /* threads: more than there are rungs */
#define STOP_AT    3  /* parts, all rungs together */
#define DURATION   TICKS_PER_S
#define LATE_CYCLE 5

/* What comes out, on whatever thread, and what is to happen at the STOP_AT-th part. */
struct desk {
    pthread_mutex_t lock;
    struct output out;
    enum err error;
    bool cancels;
    atomic_bool cancel;
    atomic_int tids[LANES_MAX];
    size_t lanes;
    uint64_t lanes_cpu_us;
    size_t late_of; /* of each LATE_CYCLE packets so many have waited for long */
    pthread_t own;
    size_t beside; /* parts that came on other threads */
};

static enum err take(void *arg, const struct link_unit *unit, struct blob *payload)
{
    struct desk *d = arg;
    pthread_mutex_lock(&d->lock);
    enum err e = collect(&d->out, unit, payload);
    d->beside += !pthread_equal(d->own, pthread_self());
    if (d->out.count == STOP_AT) {
        atomic_store(&d->cancel, d->cancels);
        e = d->error;
    }
    pthread_mutex_unlock(&d->lock);
    return e;
}

static void draw_caption(AVFrame *picture, int number)
{
    const uint8_t cc[] = {0xfc, 'a', (uint8_t)number};
    AVFrameSideData *side = av_frame_new_side_data(picture, AV_FRAME_DATA_A53_CC, sizeof cc);
    ck_assert_ptr_nonnull(side);
    memcpy(side->data, cc, sizeof cc);
}

static struct source wide_source(void)
{
    struct source s = {.width = 640,
                       .height = 360,
                       .fps_num = 60,
                       .fps_den = 1,
                       .frames = FRAMES,
                       .gop = FRAMES,
                       .bframes = 2,
                       .side = draw_caption};
    source_make(&s);
    return s;
}

/* One of the source's size and rate, one of half its rate, one with the source's own times that
 * begins from the first, and a small one that is joined in the middle. */
static struct link_job_open ladder_for(const struct source *s)
{
    static const struct {
        uint32_t width, height, fps, emit_from;
    } rungs[N_RUNGS] = {{640, 360, 60, 0}, {640, 360, 30, 0}, {320, 180, 0, 0}, {256, 144, 30, 2}};
    struct link_job_open open = open_for(s, "P144p30fps16x9");
    open.n_ladder = N_RUNGS;
    for (size_t i = 0; i < N_RUNGS; i++) {
        struct link_rung *r = &open.ladder[i];
        *r = open.ladder[0];
        r->width = rungs[i].width;
        r->height = rungs[i].height;
        r->fps_num = rungs[i].fps;
        r->emit_from = rungs[i].emit_from;
        r->preset = "ultrafast";
    }
    return open;
}

static struct pipeline *begin(struct desk *d, const struct link_job_open *open, size_t threads)
{
    struct pipeline *p = NULL;
    pthread_mutex_init(&d->lock, NULL);
    d->own = pthread_self();
    ck_assert_int_eq(pipeline_create(open, take, d, &d->cancel, &d->out.fault, &p), ERR_OK);
    d->lanes = pipeline_spread(p, threads, d->tids);
    return p;
}

static void feed(struct desk *d, struct pipeline *p, const struct source *s, size_t packets)
{
    for (size_t i = 0; i < packets && d->out.result == ERR_OK; i++) {
        struct packets one = {.items = &s->packets.items[i], .count = 1};
        pipeline_set_waited(p, i % LATE_CYCLE < d->late_of ? PIPELINE_LATE_US : 0);
        d->out.result = pipeline_feed(p, &one);
    }
}

static void end(struct desk *d, struct pipeline *p)
{
    d->lanes_cpu_us = pipeline_halt(p);
    d->out.fault = *pipeline_fault(p);
    d->out.done = pipeline_done(p);
    pipeline_destroy(p);
}

static void run(struct desk *d, const struct source *s, const struct link_job_open *open,
                size_t threads)
{
    struct pipeline *p = begin(d, open, threads);
    feed(d, p, s, s->packets.count);
    if (d->out.result == ERR_OK) {
        d->out.result = pipeline_finish(p, DURATION);
    }
    end(d, p);
}

/* The next part of a rung from *at on; NULL: there is none. */
static const struct out_unit *next_of(const struct output *o, uint32_t rung, size_t *at)
{
    while (*at < o->count && o->units[*at].unit.rung != rung) {
        (*at)++;
    }
    return *at < o->count ? &o->units[(*at)++] : NULL;
}

static bool is_same_span(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static void check_same_unit(const struct out_unit *a, const struct out_unit *b)
{
    ck_assert_uint_eq(a->unit.part, b->unit.part);
    ck_assert_int_eq(a->unit.last, b->unit.last);
    ck_assert_uint_eq(a->unit.config_hash, b->unit.config_hash);
    ck_assert(is_same_span(a->unit.config, b->unit.config));
    ck_assert(is_same_span(blob_span(a->payload), blob_span(b->payload)));
    ck_assert_uint_eq(a->unit.n_packets, b->unit.n_packets);
    for (size_t i = 0; i < a->unit.n_packets; i++) {
        const struct link_packet *pa = &a->unit.packets[i];
        const struct link_packet *pb = &b->unit.packets[i];
        ck_assert(pa->length == pb->length && pa->dts == pb->dts && pa->pts == pb->pts &&
                  pa->duration == pb->duration && pa->flags == pb->flags);
    }
}

/* The same parts of each rung in the same order; the rungs among each other may differ. */
static void check_same(const struct output *a, const struct output *b)
{
    ck_assert_uint_eq(a->count, b->count);
    for (uint32_t rung = 0; rung < N_RUNGS; rung++) {
        size_t at_a = 0;
        size_t at_b = 0;
        const struct out_unit *unit;
        size_t parts = 0;
        while ((unit = next_of(a, rung, &at_a)) != NULL) {
            const struct out_unit *other = next_of(b, rung, &at_b);
            ck_assert_ptr_nonnull(other);
            check_same_unit(unit, other);
            parts++;
        }
        ck_assert_uint_gt(parts, 1);
        ck_assert_uint_eq(a->done.rungs[rung].frames, b->done.rungs[rung].frames);
        ck_assert_uint_eq(a->done.rungs[rung].bytes, b->done.rungs[rung].bytes);
    }
}

START_TEST(every_byte_is_the_same)
{
    static const size_t threads[] = {2, 3, ALL};
    static const size_t lanes[] = {1, 2, 3};
    static struct desk one;
    struct source s = wide_source();
    struct link_job_open open = ladder_for(&s);
    run(&one, &s, &open, 1);
    ck_assert_msg(one.out.result == ERR_OK, "%s", one.out.fault.text);
    ck_assert_uint_eq(one.lanes + one.lanes_cpu_us, 0);
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        static struct desk many;
        many = (struct desk){.late_of = LATE_CYCLE};
        run(&many, &s, &open, threads[i]);
        ck_assert_msg(many.out.result == ERR_OK, "%s", many.out.fault.text);
        ck_assert_uint_eq(many.lanes, lanes[i]);
        ck_assert_uint_gt(many.lanes_cpu_us, 0);
        check_same(&one.out, &many.out);
        output_free(&many.out);
    }
    output_free(&one.out);
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

/* What has not waited is encoded where it is; what comes of it is the same, also where rungs go
 * over to their lanes and come back in the middle. */
START_TEST(only_when_late)
{
    static const size_t late[] = {0, 1, 3};
    static struct desk one;
    struct source s = wide_source();
    struct link_job_open open = ladder_for(&s);
    run(&one, &s, &open, 1);
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++) {
        static struct desk many;
        many = (struct desk){.late_of = late[i]};
        run(&many, &s, &open, ALL);
        ck_assert_msg(many.out.result == ERR_OK, "%s", many.out.fault.text);
        ck_assert_uint_eq(many.lanes, 3);
        ck_assert_int_eq(many.beside > 0, late[i] > 0);
        check_same(&one.out, &many.out);
        output_free(&many.out);
    }
    output_free(&one.out);
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

/* A small job is not worth a thread more. */
START_TEST(not_for_little)
{
    static struct desk d;
    struct source s = wide_source();
    struct link_job_open open = ladder_for(&s);
    open.ladder[0] = open.ladder[N_RUNGS - 1];
    open.n_ladder = 1;
    run(&d, &s, &open, ALL);
    ck_assert_uint_eq(d.lanes, 0);
    ck_assert_msg(d.out.result == ERR_OK, "%s", d.out.fault.text);
    output_free(&d.out);
    source_free(&s);
}
END_TEST

/* The parts of each rung up to the error are there, in order. */
static void check_begun(const struct output *o)
{
    for (uint32_t rung = 0; rung < N_RUNGS; rung++) {
        size_t at = 0;
        uint32_t part = rung == N_RUNGS - 1 ? 2 : 0;
        const struct out_unit *u;
        while ((u = next_of(o, rung, &at)) != NULL) {
            ck_assert_uint_eq(u->unit.part, part++);
        }
    }
    ck_assert_uint_ge(o->count, STOP_AT);
}

START_TEST(an_error_of_a_rung_is_the_job_s)
{
    static struct desk d;
    struct source s = wide_source();
    struct link_job_open open = ladder_for(&s);
    d.late_of = LATE_CYCLE;
    d.error = ERR_LIMIT;
    run(&d, &s, &open, ALL);
    ck_assert_int_eq(d.out.result, ERR_LIMIT);
    ck_assert_str_eq(d.out.fault.text, "");
    check_begun(&d.out);
    output_free(&d.out);

    /* Of the encoder it comes with words: what loses nothing is beyond this profile. */
    d = (struct desk){.late_of = LATE_CYCLE};
    open.ladder[0].profile = LINK_PROFILE_MAIN;
    open.ladder[0].crf = 0;
    run(&d, &s, &open, ALL);
    ck_assert_int_eq(d.out.result, ERR_UNSUPPORTED);
    ck_assert_msg(strstr(d.out.fault.text, "the encoder refuses the rung's parameters") != NULL,
                  "%s", d.out.fault.text);
    ck_assert(d.out.fault.final);
    output_free(&d.out);
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(cancelled_between_two_pictures)
{
    static struct desk d;
    struct source s = wide_source();
    struct link_job_open open = ladder_for(&s);
    d.late_of = LATE_CYCLE;
    d.cancels = true;
    run(&d, &s, &open, ALL);
    ck_assert_int_eq(d.out.result, ERR_CLOSED);
    ck_assert_str_eq(d.out.fault.text, "cancelled");
    check_begun(&d.out);
    ck_assert_uint_lt(d.out.count, 10);
    output_free(&d.out);
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

/* Nothing more comes: what is queued is dropped, what was made is counted. */
START_TEST(halted_in_the_middle)
{
    static struct desk d;
    struct source s = wide_source();
    struct link_job_open open = ladder_for(&s);
    d.late_of = LATE_CYCLE;
    struct pipeline *p = begin(&d, &open, ALL);
    ck_assert_uint_eq(d.lanes, 3);
    feed(&d, p, &s, FRAMES / 2);
    ck_assert_int_eq(d.out.result, ERR_OK);
    end(&d, p);
    size_t frames[N_RUNGS] = {0};
    for (size_t i = 0; i < d.out.count; i++) {
        frames[d.out.units[i].unit.rung] += d.out.units[i].unit.n_packets;
    }
    for (size_t i = 0; i < N_RUNGS; i++) {
        ck_assert_uint_eq(d.out.done.rungs[i].frames, frames[i]);
    }
    ck_assert_uint_gt(d.lanes_cpu_us, 0);
    output_free(&d.out);

    /* Nor does it wait for what was never begun. */
    p = begin(&d, &open, ALL);
    pipeline_destroy(p);
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    const TTest *const tests[] = {every_byte_is_the_same,
                                  only_when_late,
                                  not_for_little,
                                  an_error_of_a_rung_is_the_job_s,
                                  cancelled_between_two_pictures,
                                  halted_in_the_middle};
    return unit_run("spread", tests, sizeof tests / sizeof tests[0]);
}
