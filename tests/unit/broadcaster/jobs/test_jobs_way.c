#include "broadcaster/jobs/jobs.h"

#include <stdio.h>
#include <string.h>

#include "answers.h"
#include "base/mem.h"
#include "tests/support/unit.h"

/* Which orchestrator a stream has, and what moves it. */

#define SENT_MAX 256
#define WAYS     2
#define STREAMS  3
#define DEADLINE 12000

/* What one orchestrator got. */
struct far {
    struct {
        enum link_msg_type type;
        uint64_t job, msn;
        uint32_t emit_from;
        char stream[8];
    } sent[SENT_MAX];
    size_t n;
    bool full;
    struct jobs_way *way;
};

struct bench {
    struct far far[WAYS];
    struct board *board;
    struct jobs *jobs;
    struct rendition *rungs[STREAMS];
    struct job_stream *streams[STREAMS];
    struct track *video;
    enum jobs_failure failure;
    size_t gaps;
};

static enum err on_send(void *arg, const struct link_msg *m, struct blob *payload)
{
    struct far *f = arg;
    if (f->full) {
        return ERR_AGAIN;
    }
    ck_assert_uint_lt(f->n, SENT_MAX);
    f->sent[f->n].type = m->type;
    f->sent[f->n].job = m->job;
    if (m->type == LINK_JOB_OPEN) {
        f->sent[f->n].msn = m->open.msn;
        f->sent[f->n].emit_from = m->open.ladder[0].emit_from;
        snprintf(f->sent[f->n].stream, sizeof f->sent[f->n].stream, "%s", m->open.stream);
    }
    f->n++;
    return ERR_OK;
}

static void on_settled(void *arg, size_t rung, struct segment *s, const enum jobs_failure *why)
{
    struct bench *b = arg;
    if (why != NULL) {
        b->failure = *why;
        b->gaps++;
    }
}

static struct bench *bench_create(void)
{
    static const char *const names[STREAMS] = {"x", "y", "z"};
    static const char *const hosts[WAYS] = {"a:1", "b:1"};
    struct bench *b = mem_alloc(sizeof *b);
    b->board = board_create();
    b->jobs = jobs_create(DEADLINE, 3);
    for (size_t i = 0; i < WAYS; i++) {
        b->far[i].way = jobs_way_create(b->jobs, hosts[i], on_send, &b->far[i]);
    }
    const struct profile *ladder = profile_find(span_cstr("P144p30fps16x9"));
    for (size_t i = 0; i < STREAMS; i++) {
        b->rungs[i] = rendition_create(b->board, names[i], ladder->name);
        b->streams[i] = jobs_stream_create(b->jobs, names[i], ladder, &b->rungs[i], 1);
        jobs_stream_watch(b->streams[i], on_settled, b);
    }
    b->video = small_picture();
    return b;
}

static struct bench *bench_of_open_ways(void)
{
    struct bench *b = bench_create();
    for (size_t i = 0; i < WAYS; i++) {
        jobs_way_open(b->far[i].way);
    }
    return b;
}

static void bench_destroy(struct bench *b)
{
    for (size_t i = 0; i < STREAMS; i++) {
        jobs_stream_destroy(b->streams[i]);
    }
    for (size_t i = 0; i < WAYS; i++) {
        ck_assert_uint_eq(jobs_way_streams(b->far[i].way), 0);
        jobs_way_destroy(b->far[i].way);
    }
    jobs_destroy(b->jobs);
    for (size_t i = 0; i < STREAMS; i++) {
        rendition_destroy(b->rungs[i]);
    }
    board_destroy(b->board);
    track_unref(b->video);
    mem_free(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static void begin(struct bench *b, size_t stream, uint64_t msn)
{
    struct blob *blob = blob_create(50);
    struct packet p = {.flags = PACKET_KEY, .blob = blob, .data = blob_span(blob)};
    jobs_segment_open(b->streams[stream], &(struct segment_info){.msn = msn}, b->video);
    jobs_packet(b->streams[stream], &p);
    blob_unref(blob);
}

static void end(struct bench *b, size_t stream, uint64_t msn, int64_t now_ms)
{
    close_empty(b->streams[stream], b->video, msn, now_ms);
}

/* The newest opening that an orchestrator got. */
static size_t newest(const struct far *f)
{
    size_t i = f->n;
    while (i > 0 && f->sent[i - 1].type != LINK_JOB_OPEN) {
        i--;
    }
    ck_assert_uint_gt(i, 0);
    return i - 1;
}

static uint64_t newest_job(const struct far *f)
{
    return f->sent[newest(f)].job;
}

static size_t count(const struct far *f, enum link_msg_type type)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++) {
        n += f->sent[i].type == type;
    }
    return n;
}

static void answer(struct far *f, uint64_t job, uint32_t part, bool last, uint64_t hash)
{
    struct answer a;
    answer_init(&a, job, part, last);
    a.msg.unit.config_hash = hash;
    answer_send(f->way, &a);
}

static void give_up(struct far *f, uint64_t job)
{
    struct link_msg m = {.type = LINK_RUNG_GIVEN_UP, .job = job, .reason = "all are full"};
    jobs_way_message(f->way, &m, NULL);
}

static void refuse(struct far *f, uint64_t job, enum link_msg_type type, bool final)
{
    struct link_msg m = {.type = type, .job = job, .reason = "OrchestratorCapped", .final = final};
    jobs_way_message(f->way, &m, NULL);
}

START_TEST(a_rung_without_room_is_asked_of_another)
{
    struct bench *b = bench_of_open_ways();
    begin(b, 0, 1);
    uint64_t first = newest_job(&b->far[0]);
    give_up(&b->far[0], first);
    ck_assert_uint_eq(count(&b->far[0], LINK_JOB_CANCEL), 1);
    ck_assert_str_eq(jobs_way_why(b->far[0].way), "all are full");
    ck_assert_uint_eq(count(&b->far[1], LINK_JOB_OPEN), 1);
    end(b, 0, 1, 0);
    answer(&b->far[1], newest_job(&b->far[1]), 0, true, 42);
    ck_assert_uint_eq(b->gaps, 0);
    ck_assert(jobs_idle(b->jobs));
    /* None has room: a gap, and the stream stays where it is. */
    begin(b, 0, 2);
    end(b, 0, 2, 0);
    ck_assert_uint_eq(count(&b->far[1], LINK_JOB_OPEN), 2);
    give_up(&b->far[1], newest_job(&b->far[1]));
    ck_assert_uint_eq(b->gaps, 1);
    ck_assert_int_eq(b->failure, JOBS_FAILED_BUSY);
    ck_assert_uint_eq(count(&b->far[0], LINK_JOB_OPEN), 1);
    bench_destroy(b);
}
END_TEST

/* What viewers have seen of it is not thrown away. */
START_TEST(a_rung_given_up_late_is_a_gap)
{
    struct bench *b = bench_of_open_ways();
    begin(b, 0, 1);
    end(b, 0, 1, 0);
    answer(&b->far[0], newest_job(&b->far[0]), 0, false, 42);
    give_up(&b->far[0], newest_job(&b->far[0]));
    ck_assert_uint_eq(b->gaps, 1);
    ck_assert_uint_eq(b->far[1].n, 0);
    bench_destroy(b);
}
END_TEST

START_TEST(streams_are_spread_and_stay)
{
    struct bench *b = bench_of_open_ways();
    for (size_t i = 0; i < STREAMS; i++) {
        begin(b, i, 1);
    }
    ck_assert_uint_eq(jobs_way_streams(b->far[0].way), 2);
    ck_assert_uint_eq(jobs_way_streams(b->far[1].way), 1);
    ck_assert_str_eq(b->far[1].sent[0].stream, "y");
    end(b, 1, 1, 0);
    begin(b, 1, 2);
    ck_assert_uint_eq(count(&b->far[1], LINK_JOB_OPEN), 2);
    jobs_stream_destroy(b->streams[0]);
    b->streams[0] = NULL;
    ck_assert_uint_eq(jobs_way_streams(b->far[0].way), 1);
    bench_destroy(b);
}
END_TEST

START_TEST(a_lost_orchestrators_segments_go_on_elsewhere)
{
    struct bench *b = bench_of_open_ways();
    begin(b, 0, 7);
    uint64_t first = newest_job(&b->far[0]);
    answer(&b->far[0], first, 0, false, 42);
    answer(&b->far[0], first, 1, false, 42);
    jobs_way_close(b->far[0].way, "not connected");
    ck_assert_str_eq(jobs_way_why(b->far[0].way), "not connected");
    ck_assert_uint_eq(jobs_way_streams(b->far[1].way), 1);
    size_t i = newest(&b->far[1]);
    ck_assert_uint_eq(b->far[1].sent[i].msn, 7);
    ck_assert_uint_eq(b->far[1].sent[i].emit_from, 2);
    ck_assert_uint_eq(count(&b->far[1], LINK_JOB_UNIT), 1);
    end(b, 0, 7, 0);
    answer(&b->far[1], newest_job(&b->far[1]), 2, true, 42);
    ck_assert_uint_eq(rendition_last(b->rungs[0]), 7);
    ck_assert_uint_eq(b->gaps, 0);
    ck_assert(jobs_idle(b->jobs));
    /* It is back: the stream stays where it is. */
    jobs_way_open(b->far[0].way);
    begin(b, 0, 8);
    ck_assert_uint_eq(count(&b->far[0], LINK_JOB_OPEN), 1);
    ck_assert_uint_eq(count(&b->far[1], LINK_JOB_OPEN), 2);
    bench_destroy(b);
}
END_TEST

START_TEST(another_ones_answers_are_nobodys)
{
    struct bench *b = bench_of_open_ways();
    begin(b, 0, 1);
    end(b, 0, 1, 0);
    uint64_t job = newest_job(&b->far[0]);
    answer(&b->far[1], job, 0, true, 42);
    refuse(&b->far[1], job, LINK_JOB_FAILED, true);
    ck_assert_uint_eq(rendition_last(b->rungs[0]), 0);
    answer(&b->far[0], job, 0, true, 42);
    ck_assert_uint_eq(rendition_last(b->rungs[0]), 1);
    ck_assert_uint_eq(b->gaps, 0);
    bench_destroy(b);
}
END_TEST

START_TEST(a_busy_one_sends_the_stream_to_another)
{
    struct bench *b = bench_of_open_ways();
    begin(b, 0, 1);
    refuse(&b->far[0], newest_job(&b->far[0]), LINK_JOB_REFUSE, false);
    ck_assert_uint_eq(b->far[1].sent[newest(&b->far[1])].msn, 1);
    ck_assert_uint_eq(count(&b->far[0], LINK_JOB_CANCEL), 0); /* it knows */
    ck_assert_uint_eq(jobs_counters(b->jobs).moved, 1);
    ck_assert_str_eq(jobs_way_why(b->far[0].way), "OrchestratorCapped");
    begin(b, 1, 1); /* a new stream does not try there for a while */
    ck_assert_uint_eq(jobs_way_streams(b->far[1].way), 2);
    jobs_tick(b->jobs, 100000);
    ck_assert_str_eq(jobs_way_why(b->far[0].way), "");
    begin(b, 2, 1);
    ck_assert_uint_eq(jobs_way_streams(b->far[0].way), 1);
    bench_destroy(b);
}
END_TEST

START_TEST(when_all_are_busy_the_rung_is_a_gap_and_the_next_is_tried)
{
    struct bench *b = bench_of_open_ways();
    begin(b, 0, 1);
    end(b, 0, 1, 0);
    refuse(&b->far[0], newest_job(&b->far[0]), LINK_JOB_REFUSE, false);
    refuse(&b->far[1], newest_job(&b->far[1]), LINK_JOB_REFUSE, false);
    ck_assert_uint_eq(b->gaps, 1);
    ck_assert_int_eq(b->failure, JOBS_FAILED_BUSY);
    begin(b, 0, 2);
    ck_assert_uint_eq(count(&b->far[0], LINK_JOB_OPEN) + count(&b->far[1], LINK_JOB_OPEN), 3);
    bench_destroy(b);
}
END_TEST

START_TEST(attempts_are_counted)
{
    struct bench *b = bench_of_open_ways();
    begin(b, 0, 1);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(jobs_counters(b->jobs).moved, i);
        jobs_tick(b->jobs, i * 6000); /* neither is avoided for so long */
        refuse(&b->far[i % 2], newest_job(&b->far[i % 2]), LINK_JOB_FAILED, false);
    }
    ck_assert_uint_eq(jobs_counters(b->jobs).moved, 2);
    end(b, 0, 1, 12000);
    ck_assert_uint_eq(b->gaps, 1);
    ck_assert_int_eq(b->failure, JOBS_FAILED_TRANSCODE);
    bench_destroy(b);
}
END_TEST

START_TEST(a_fault_of_the_segment_is_not_tried_elsewhere)
{
    struct bench *b = bench_of_open_ways();
    begin(b, 0, 1);
    end(b, 0, 1, 0);
    refuse(&b->far[0], newest_job(&b->far[0]), LINK_JOB_FAILED, true);
    ck_assert_uint_eq(b->gaps, 1);
    ck_assert_uint_eq(b->far[1].n, 0);
    bench_destroy(b);
}
END_TEST

START_TEST(what_does_not_fit_is_asked_of_another)
{
    struct bench *b = bench_of_open_ways();
    begin(b, 0, 1);
    end(b, 0, 1, 0);
    uint64_t job = newest_job(&b->far[0]);
    answer(&b->far[0], job, 0, false, 42);
    answer(&b->far[0], job, 2, false, 42); /* 1 is missing */
    ck_assert_uint_eq(count(&b->far[0], LINK_JOB_CANCEL), 1);
    ck_assert_uint_eq(b->far[1].sent[newest(&b->far[1])].emit_from, 1);
    answer(&b->far[1], newest_job(&b->far[1]), 1, true, 42);
    ck_assert_uint_eq(rendition_last(b->rungs[0]), 1);
    ck_assert_uint_eq(b->gaps, 0);
    bench_destroy(b);
}
END_TEST

START_TEST(one_that_sleeps_loses_the_segment)
{
    struct bench *b = bench_of_open_ways();
    begin(b, 0, 1);
    end(b, 0, 1, 0);
    jobs_tick(b->jobs, DEADLINE / 3);
    ck_assert_uint_eq(b->far[1].n, 0);
    answer(&b->far[0], newest_job(&b->far[0]), 0, false, 42); /* it is slow, not asleep */
    jobs_tick(b->jobs, DEADLINE / 3 + 100);
    ck_assert_uint_eq(b->far[1].n, 0);
    jobs_tick(b->jobs, DEADLINE / 3 * 2 + 100);
    ck_assert_uint_eq(count(&b->far[0], LINK_JOB_CANCEL), 1);
    ck_assert_uint_eq(b->far[1].sent[newest(&b->far[1])].emit_from, 1);
    bench_destroy(b);
}
END_TEST

START_TEST(one_that_takes_nothing_loses_the_segment)
{
    struct bench *b = bench_of_open_ways();
    b->far[0].full = true;
    begin(b, 0, 1);
    end(b, 0, 1, 0);
    begin(b, 1, 1); /* another one's stream is not held up */
    ck_assert_uint_eq(count(&b->far[1], LINK_JOB_OPEN), 1);
    jobs_tick(b->jobs, DEADLINE / 3 + 100);
    ck_assert_str_eq(b->far[1].sent[newest(&b->far[1])].stream, "x");
    ck_assert_uint_eq(b->far[0].n, 0);
    bench_destroy(b);
}
END_TEST

START_TEST(all_that_waits_for_room_goes_out)
{
    struct bench *b = bench_of_open_ways();
    b->far[0].full = b->far[1].full = true;
    begin(b, 0, 1);
    begin(b, 1, 1);
    b->far[1].full = false;
    jobs_way_writable(b->far[1].way);
    ck_assert_uint_eq(count(&b->far[0], LINK_JOB_OPEN), 0);
    ck_assert_uint_eq(count(&b->far[1], LINK_JOB_OPEN), 1);
    b->far[0].full = false;
    jobs_way_writable(b->far[0].way);
    ck_assert_uint_eq(count(&b->far[0], LINK_JOB_OPEN), 1);
    ck_assert_uint_eq(count(&b->far[1], LINK_JOB_OPEN), 1);
    bench_destroy(b);
}
END_TEST

START_TEST(what_was_given_up_is_asked_of_nobody)
{
    struct bench *b = bench_of_open_ways();
    begin(b, 0, 1);
    answer(&b->far[0], newest_job(&b->far[0]), 0, false, 42);
    give_up(&b->far[0], newest_job(&b->far[0]));
    jobs_way_close(b->far[0].way, "not connected");
    ck_assert_uint_eq(b->far[1].n, 0);
    end(b, 0, 1, 0);
    ck_assert_uint_eq(b->gaps, 1);
    ck_assert(jobs_idle(b->jobs));
    bench_destroy(b);
}
END_TEST

START_TEST(one_that_is_withdrawn_is_told_and_left)
{
    struct bench *b = bench_of_open_ways();
    begin(b, 0, 1);
    jobs_way_withdraw(b->far[0].way, "too dear: it asks 5, the maximum is 2");
    ck_assert_uint_eq(count(&b->far[0], LINK_JOB_CANCEL), 1);
    ck_assert_uint_eq(count(&b->far[1], LINK_JOB_OPEN), 1);
    ck_assert_uint_eq(jobs_way_streams(b->far[0].way), 0);
    ck_assert(!jobs_way_is_open(b->far[0].way));
    bench_destroy(b);
}
END_TEST

START_TEST(without_any_the_reason_names_each)
{
    struct bench *b = bench_create();
    jobs_way_close(b->far[1].way, "too dear: it asks 5, the maximum is 2");
    ck_assert(!jobs_connected(b->jobs));
    begin(b, 0, 1);
    end(b, 0, 1, 0);
    jobs_tick(b->jobs, DEADLINE + 1);
    ck_assert_uint_eq(b->gaps, 1);
    ck_assert_int_eq(b->failure, JOBS_FAILED_NO_ORCHESTRATOR);
    ck_assert_str_eq(jobs_way_why(b->far[0].way), "not connected yet");
    begin(b, 0, 2); /* one comes: what waits goes there */
    jobs_way_open(b->far[1].way);
    ck_assert_uint_eq(b->far[1].sent[0].msn, 2);
    ck_assert_str_eq(jobs_way_why(b->far[1].way), "");
    bench_destroy(b);
}
END_TEST

UNIT_MAIN("jobs_way", a_rung_without_room_is_asked_of_another, a_rung_given_up_late_is_a_gap,
          streams_are_spread_and_stay, a_lost_orchestrators_segments_go_on_elsewhere,
          another_ones_answers_are_nobodys, a_busy_one_sends_the_stream_to_another,
          when_all_are_busy_the_rung_is_a_gap_and_the_next_is_tried, attempts_are_counted,
          a_fault_of_the_segment_is_not_tried_elsewhere, what_does_not_fit_is_asked_of_another,
          one_that_sleeps_loses_the_segment, one_that_takes_nothing_loses_the_segment,
          all_that_waits_for_room_goes_out, what_was_given_up_is_asked_of_nobody,
          one_that_is_withdrawn_is_told_and_left, without_any_the_reason_names_each)
