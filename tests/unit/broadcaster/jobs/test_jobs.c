#include "broadcaster/jobs/jobs.h"

#include <string.h>

#include "answers.h"
#include "base/mem.h"
#include "tests/support/unit.h"

#define SENT_MAX 4096

/* What went out, and a switch for a full queue. */
struct wire {
    struct {
        enum link_msg_type type;
        uint64_t job, msn;
        size_t n_ladder;
        uint32_t emit_from, seq, vbv;
        bool last, preroll;
        char rung[32];
    } sent[SENT_MAX];
    size_t n;
    size_t room;
    uint32_t deadline_ms; /* of the newest JOB_OPEN */
};

static enum err on_send(void *arg, const struct link_msg *m, struct blob *payload)
{
    struct wire *w = arg;
    struct blob *envelope = link_msg_pack(m);
    if (envelope == NULL) {
        return ERR_LIMIT; /* as link_send_msg says it */
    }
    blob_unref(envelope);
    if (w->room == 0) {
        return ERR_AGAIN;
    }
    w->room--;
    ck_assert_uint_lt(w->n, SENT_MAX);
    w->sent[w->n].type = m->type;
    w->sent[w->n].job = m->job;
    if (m->type == LINK_JOB_OPEN) {
        w->sent[w->n].msn = m->open.msn;
        w->deadline_ms = m->open.deadline_ms;
        w->sent[w->n].n_ladder = m->open.n_ladder;
        w->sent[w->n].emit_from = m->open.ladder[0].emit_from;
        w->sent[w->n].vbv = m->open.ladder[0].vbv_init_permille;
        strcpy(w->sent[w->n].rung, m->open.ladder[0].name);
    } else if (m->type == LINK_JOB_UNIT) {
        w->sent[w->n].seq = m->unit.seq;
        w->sent[w->n].last = m->unit.last;
        if (m->unit.n_packets > 0) {
            ck_assert_uint_eq(m->unit.packets[0].length, blob_span(payload).len);
            w->sent[w->n].preroll = (m->unit.packets[0].flags & PACKET_PREROLL) != 0;
        }
    }
    w->n++;
    return ERR_OK;
}

struct bench {
    struct wire wire;
    struct board *board;
    struct jobs *jobs;
    struct jobs_way *way;
    struct rendition *rungs[2];
    struct job_stream *stream;
    struct track *video;
};

static struct bench *bench_create(void)
{
    struct bench *b = mem_alloc(sizeof *b);
    b->wire.room = SIZE_MAX;
    b->board = board_create();
    b->jobs = jobs_create(1000, 3);
    b->way = jobs_way_create(b->jobs, "a", on_send, &b->wire);
    const struct profile ladder[2] = {*profile_find(span_cstr("P144p30fps16x9")),
                                      *profile_find(span_cstr("P240p30fps16x9"))};
    b->rungs[0] = rendition_create(b->board, "x", ladder[0].name);
    b->rungs[1] = rendition_create(b->board, "x", ladder[1].name);
    b->stream = jobs_stream_create(b->jobs, "x", ladder, b->rungs, 2);
    b->video = small_picture();
    return b;
}

static void bench_destroy(struct bench *b)
{
    jobs_stream_destroy(b->stream);
    jobs_way_destroy(b->way);
    jobs_destroy(b->jobs);
    rendition_destroy(b->rungs[0]);
    rendition_destroy(b->rungs[1]);
    board_destroy(b->board);
    track_unref(b->video);
    mem_free(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static void send_shifted(struct bench *b, int64_t dts, int64_t pts, size_t size)
{
    struct blob *blob = blob_create(size);
    struct packet p = {.dts = dts, .pts = pts, .blob = blob, .data = blob_span(blob)};
    jobs_packet(b->stream, &p);
    blob_unref(blob);
}

static void send_packet(struct bench *b, int64_t dts, unsigned flags)
{
    struct blob *blob = blob_create(50);
    struct packet p = {
        .dts = dts, .pts = dts, .flags = flags, .blob = blob, .data = blob_span(blob)};
    jobs_packet(b->stream, &p);
    blob_unref(blob);
}

static void close_segment(struct bench *b, uint64_t msn, int64_t now)
{
    close_empty(b->stream, b->video, msn, now);
}

static void open_segment(struct bench *b, uint64_t msn)
{
    struct segment_info info = {.msn = msn};
    jobs_segment_open(b->stream, &info, b->video);
}

static void whole_segment(struct bench *b, uint64_t msn, int64_t now)
{
    open_segment(b, msn);
    send_packet(b, 0, PACKET_KEY);
    send_packet(b, 3000, 0);
    close_segment(b, msn, now);
}

static void answer(struct bench *b, uint64_t job, uint32_t rung, uint32_t part, bool last)
{
    struct answer a;
    answer_init(&a, job, part, last);
    a.msg.unit.rung = rung;
    answer_send(b->way, &a);
}

static size_t count(const struct bench *b, enum link_msg_type type)
{
    size_t n = 0;
    for (size_t i = 0; i < b->wire.n; i++) {
        n += b->wire.sent[i].type == type;
    }
    return n;
}

START_TEST(a_segment_streams_out_and_its_rungs_come_back)
{
    struct bench *b = bench_create();
    jobs_way_open(b->way);
    open_segment(b, 7);
    ck_assert_uint_eq(b->wire.n, 0);
    send_packet(b, 0, PACKET_KEY);
    ck_assert_uint_eq(b->wire.n, 2);
    ck_assert_int_eq(b->wire.sent[0].type, LINK_JOB_OPEN);
    ck_assert_uint_eq(b->wire.sent[0].msn, 7);
    ck_assert_uint_eq(b->wire.sent[0].n_ladder, 2);
    send_packet(b, 3000, 0);
    close_segment(b, 7, 0);
    ck_assert_uint_eq(b->wire.n, 4);
    ck_assert(b->wire.sent[3].last);
    ck_assert_uint_eq(b->wire.sent[3].seq, 2);
    uint64_t job = b->wire.sent[0].job;
    answer(b, job, 0, 0, false);
    answer(b, job, 1, 0, true);
    ck_assert_uint_eq(rendition_last(b->rungs[1]), 7);
    ck_assert_uint_eq(rendition_last(b->rungs[0]), 0);
    ck_assert(!jobs_idle(b->jobs));
    answer(b, job, 0, 1, true);
    ck_assert_uint_eq(rendition_last(b->rungs[0]), 7);
    ck_assert(jobs_idle(b->jobs));
    ck_assert_uint_eq(jobs_counters(b->jobs).done, 1);
    bench_destroy(b);
}
END_TEST

START_TEST(everything_is_sent_again_to_a_new_orchestrator)
{
    struct bench *b = bench_create();
    whole_segment(b, 1, 0); /* nobody there yet */
    ck_assert_uint_eq(b->wire.n, 0);
    jobs_way_open(b->way);
    ck_assert_uint_eq(b->wire.n, 4);
    uint64_t first = b->wire.sent[0].job;
    answer(b, first, 0, 0, false);
    answer(b, first, 0, 1, false);
    answer(b, first, 1, 0, true);
    jobs_way_close(b->way, "lost");
    jobs_way_open(b->way);
    ck_assert_uint_eq(b->wire.n, 8);
    ck_assert_int_eq(b->wire.sent[4].type, LINK_JOB_OPEN);
    ck_assert_uint_ne(b->wire.sent[4].job, first);
    /* Only the unfinished rung, from the part that is missing. */
    ck_assert_uint_eq(b->wire.sent[4].n_ladder, 1);
    ck_assert_str_eq(b->wire.sent[4].rung, "P144p30fps16x9");
    ck_assert_uint_eq(b->wire.sent[4].emit_from, 2);
    answer(b, first, 0, 2, true); /* late, of the lost opening */
    ck_assert_uint_eq(rendition_last(b->rungs[0]), 0);
    answer(b, b->wire.sent[4].job, 0, 2, true);
    ck_assert_uint_eq(rendition_last(b->rungs[0]), 1);
    ck_assert_uint_eq(jobs_counters(b->jobs).reopened, 1);
    bench_destroy(b);
}
END_TEST

START_TEST(a_full_queue_loses_nothing)
{
    struct bench *b = bench_create();
    b->wire.room = 2;
    jobs_way_open(b->way);
    whole_segment(b, 1, 0);
    whole_segment(b, 2, 0);
    ck_assert_uint_eq(b->wire.n, 2);
    while (b->wire.n < 8) {
        b->wire.room = 1;
        size_t before = b->wire.n;
        jobs_way_writable(b->way);
        ck_assert_uint_eq(b->wire.n, before + 1);
    }
    static const enum link_msg_type want[] = {LINK_JOB_OPEN, LINK_JOB_UNIT, LINK_JOB_UNIT,
                                              LINK_JOB_UNIT};
    for (size_t i = 0; i < 8; i++) {
        ck_assert_int_eq(b->wire.sent[i].type, want[i % 4]);
        if (i % 4 > 0) {
            ck_assert_uint_eq(b->wire.sent[i].seq, i % 4 - 1);
        }
    }
    bench_destroy(b);
}
END_TEST

START_TEST(late_ones_become_gaps_in_step)
{
    struct bench *b = bench_create();
    jobs_way_open(b->way);
    whole_segment(b, 1, 0);
    uint64_t first = b->wire.sent[0].job;
    answer(b, first, 0, 0, true);
    answer(b, first, 1, 0, true);
    whole_segment(b, 2, 100);
    whole_segment(b, 3, 200);
    uint64_t third = b->wire.sent[8].job;
    answer(b, third, 0, 0, true);
    answer(b, third, 1, 0, true);
    ck_assert_uint_eq(rendition_last(b->rungs[0]), 1); /* 2 holds 3 back */
    jobs_tick(b->jobs, 1050);
    ck_assert_uint_eq(rendition_last(b->rungs[0]), 1);
    jobs_tick(b->jobs, 1101);
    ck_assert_uint_eq(rendition_last(b->rungs[0]), 3);
    ck_assert_uint_eq(rendition_gaps(b->rungs[0]), 1);
    ck_assert_uint_eq(count(b, LINK_JOB_CANCEL), 1);
    bench_destroy(b);
}
END_TEST

START_TEST(too_many_unfinished_give_up_the_oldest)
{
    struct bench *b = bench_create();
    for (uint64_t msn = 1; msn <= JOBS_PER_STREAM_MAX + 3; msn++) {
        whole_segment(b, msn, 0);
    }
    ck_assert_uint_eq(jobs_counters(b->jobs).given_up, 3);
    jobs_way_open(b->way);
    ck_assert_uint_eq(b->wire.sent[0].msn, 4);
    ck_assert_uint_eq(count(b, LINK_JOB_OPEN), JOBS_PER_STREAM_MAX);
    bench_destroy(b);
}
END_TEST

START_TEST(units_that_do_not_fit_end_the_job)
{
    static const struct {
        uint32_t rung, part;
        bool last;
    } bad[] = {{2, 0, false}, {0, 1, false}, {1000, 0, true}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct bench *b = bench_create();
        jobs_way_open(b->way);
        whole_segment(b, 1, 0);
        answer(b, b->wire.sent[0].job, bad[i].rung, bad[i].part, bad[i].last);
        ck_assert_uint_eq(jobs_counters(b->jobs).refused_units, 1);
        ck_assert(jobs_idle(b->jobs));
        bench_destroy(b);
    }
}
END_TEST

START_TEST(a_failed_job_is_a_gap_and_the_next_goes_on)
{
    struct bench *b = bench_create();
    jobs_way_open(b->way);
    open_segment(b, 1);
    send_packet(b, 0, PACKET_KEY);
    struct link_msg m = {.type = LINK_JOB_FAILED, .job = b->wire.sent[0].job, .reason = "no"};
    jobs_way_message(b->way, &m, NULL);
    size_t sent = b->wire.n;
    send_packet(b, 3000, 0);
    ck_assert_uint_eq(b->wire.n, sent);
    close_segment(b, 1, 0);
    ck_assert(jobs_idle(b->jobs));
    whole_segment(b, 2, 0);
    uint64_t job = b->wire.sent[sent].job;
    answer(b, job, 0, 0, true);
    ck_assert_uint_eq(rendition_last(b->rungs[0]), 2);
    bench_destroy(b);
}
END_TEST

START_TEST(a_stream_without_rungs_has_no_jobs)
{
    struct bench *b = bench_create();
    jobs_way_open(b->way);
    jobs_stream_destroy(b->stream);
    b->stream = jobs_stream_create(b->jobs, "x", NULL, NULL, 0);
    for (uint64_t msn = 1; msn <= JOBS_PER_STREAM_MAX + 2; msn++) {
        whole_segment(b, msn, 0);
    }
    ck_assert(jobs_idle(b->jobs));
    ck_assert_uint_eq(b->wire.n, 0);
    ck_assert_uint_eq(jobs_counters(b->jobs).given_up, 0);
    bench_destroy(b);
}
END_TEST

static uint64_t lost(const struct bench *b, enum jobs_failure why)
{
    return jobs_counters(b->jobs).given_up_by[why];
}

START_TEST(failures_are_told_apart)
{
    struct bench *b = bench_create();
    struct link_msg m = {.type = LINK_JOB_FAILED, .reason = "no"};
    ck_assert_double_eq(jobs_success_rate(b->jobs), 1);
    whole_segment(b, 1, 0); /* nobody is connected */
    jobs_tick(b->jobs, 1001);
    ck_assert_uint_eq(lost(b, JOBS_FAILED_NO_ORCHESTRATOR), 1);
    ck_assert_double_eq(jobs_success_rate(b->jobs), 0);
    jobs_way_open(b->way);
    whole_segment(b, 2, 2000);
    jobs_tick(b->jobs, 3001);
    ck_assert_uint_eq(lost(b, JOBS_FAILED_LATE), 1);
    whole_segment(b, 3, 4000);
    m.job = b->wire.sent[b->wire.n - 1].job;
    jobs_way_message(b->way, &m, NULL);
    ck_assert_uint_eq(lost(b, JOBS_FAILED_TRANSCODE), 1);
    whole_segment(b, 4, 5000);
    m.type = LINK_JOB_REFUSE;
    m.job = b->wire.sent[b->wire.n - 1].job;
    jobs_way_message(b->way, &m, NULL);
    ck_assert_uint_eq(lost(b, JOBS_FAILED_BUSY), 1);
    whole_segment(b, 5, 6000);
    answer(b, b->wire.sent[b->wire.n - 1].job, 0, 1, false); /* part 0 is missing */
    ck_assert_uint_eq(lost(b, JOBS_FAILED_BAD_ANSWER), 1);
    whole_segment(b, 6, 7000);
    uint64_t job = b->wire.sent[b->wire.n - 1].job;
    answer(b, job, 0, 0, true);
    answer(b, job, 1, 0, true);
    ck_assert_uint_eq(jobs_counters(b->jobs).given_up, 5);
    ck_assert_double_eq_tol(jobs_success_rate(b->jobs), 1 / 6., 1e-9);
    for (uint64_t msn = 7; msn < 7 + JOBS_HISTORY; msn++) {
        whole_segment(b, msn, 8000);
        job = b->wire.sent[b->wire.n - 1].job;
        answer(b, job, 0, 0, true);
        answer(b, job, 1, 0, true);
    }
    ck_assert_double_eq(jobs_success_rate(b->jobs), 1);
    ck_assert_str_eq(jobs_failure_code(JOBS_FAILED_LATE), "LostSegment");
    ck_assert_str_eq(jobs_failure_code(JOBS_FAILED_INPUT), "SaveData");
    bench_destroy(b);
}
END_TEST

static size_t parts_of(struct bench *b, uint64_t msn)
{
    struct window *w = board_window(b->board, "x", "P144p30fps16x9");
    size_t n = 0;
    while (w != NULL && window_find_part(w, TRACK_VIDEO, msn, (uint32_t)n) != NULL) {
        n++;
    }
    window_unref(w);
    return n;
}

/* Two units make a part of 200 ms; the segment's last one is what is left. */
START_TEST(units_become_parts)
{
    struct bench *b = bench_create();
    jobs_way_open(b->way);
    open_segment(b, 1);
    send_packet(b, 0, PACKET_KEY);
    uint64_t job = b->wire.sent[0].job;
    answer(b, job, 0, 0, false);
    ck_assert_uint_eq(parts_of(b, 1), 0);
    answer(b, job, 0, 1, false);
    ck_assert_uint_eq(parts_of(b, 1), 1);
    struct window *w = board_window(b->board, "x", "P144p30fps16x9");
    const struct part *p = window_find_part(w, TRACK_VIDEO, 1, 0);
    ck_assert_uint_eq(part_packets(p)->count, 2 * UNIT_FRAMES);
    ck_assert_int_eq(part_info(p)->duration, 2 * UNIT_FRAMES * 3000);
    ck_assert_int_ge(w->lanes[TRACK_VIDEO].part_target, part_info(p)->duration);
    ck_assert(w->open && w->open_info.independent);
    window_unref(w);
    close_segment(b, 1, 0);
    answer(b, job, 0, 2, true);
    ck_assert_uint_eq(parts_of(b, 1), 2);
    ck_assert_uint_eq(rendition_last(b->rungs[0]), 1);
    ck_assert_uint_eq(rendition_waiting(b->rungs[1]), 1); /* nothing came of it */
    bench_destroy(b);
}
END_TEST

/* The orchestrator is lost in the middle of a segment: what was shown stays, and goes on behind. */
START_TEST(what_was_shown_is_never_replaced)
{
    struct bench *b = bench_create();
    jobs_way_open(b->way);
    open_segment(b, 1);
    send_packet(b, 0, PACKET_KEY);
    for (uint32_t unit = 0; unit < 5; unit++) {
        answer(b, b->wire.sent[0].job, 0, unit, false);
    }
    ck_assert_uint_eq(parts_of(b, 1), 2);
    struct window *before = board_window(b->board, "x", "P144p30fps16x9");
    jobs_way_close(b->way, "lost");
    jobs_way_open(b->way);
    close_segment(b, 1, 0);
    size_t open = b->wire.n;
    while (b->wire.sent[open - 1].type != LINK_JOB_OPEN) {
        open--;
    }
    ck_assert_uint_eq(b->wire.sent[open - 1].emit_from, 5);
    answer(b, b->wire.sent[open - 1].job, 0, 5, false);
    ck_assert_uint_eq(parts_of(b, 1), 3);
    answer(b, b->wire.sent[open - 1].job, 0, 6, true);
    ck_assert_uint_eq(parts_of(b, 1), 4);
    struct window *after = board_window(b->board, "x", "P144p30fps16x9");
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_ptr_eq(window_find_part(before, TRACK_VIDEO, 1, i),
                         window_find_part(after, TRACK_VIDEO, 1, i));
    }
    window_unref(before);
    window_unref(after);
    bench_destroy(b);
}
END_TEST

START_TEST(a_segment_that_came_whole_has_no_parts)
{
    struct bench *b = bench_create();
    jobs_way_open(b->way);
    struct segment_info info = {.msn = 1, .duration = 180000};
    jobs_segment_open(b->stream, &info, b->video);
    send_packet(b, 0, PACKET_KEY);
    close_segment(b, 1, 0);
    answer(b, b->wire.sent[0].job, 0, 0, false);
    answer(b, b->wire.sent[0].job, 0, 1, false);
    ck_assert_ptr_null(board_window(b->board, "x", "P144p30fps16x9"));
    answer(b, b->wire.sent[0].job, 0, 2, true);
    ck_assert_uint_eq(parts_of(b, 1), 0);
    ck_assert_uint_eq(rendition_last(b->rungs[0]), 1);
    bench_destroy(b);
}
END_TEST

START_TEST(the_rate_level_falls_with_bytes_and_rises_with_time)
{
    struct bench *b = bench_create();
    jobs_way_open(b->way);
    whole_segment(b, 1, 0);
    ck_assert_uint_eq(b->wire.sent[0].vbv, 900);
    answer(b, b->wire.sent[0].job, 0, 0, true);
    answer(b, b->wire.sent[0].job, 1, 0, true);
    whole_segment(b, 2, 0);
    ck_assert_uint_ge(b->wire.sent[4].vbv, 999); /* 80 bits in a third of a second: full */
    bench_destroy(b);
}
END_TEST

START_TEST(a_job_that_cannot_be_sent_holds_up_no_other)
{
    struct bench *b = bench_create();
    open_segment(b, 1);
    send_packet(b, 0, PACKET_KEY);
    send_shifted(b, 3000, 3000 + INT64_C(4) * 3600 * TICKS_PER_S, 50); /* over the link's limit */
    close_segment(b, 1, 0);
    whole_segment(b, 2, 0);
    jobs_way_open(b->way);
    ck_assert_uint_eq(count(b, LINK_JOB_OPEN), 2);
    ck_assert_uint_eq(count(b, LINK_JOB_CANCEL), 1);
    ck_assert(b->wire.sent[b->wire.n - 1].last);
    ck_assert_uint_eq(jobs_counters(b->jobs).given_up, 1);
    answer(b, b->wire.sent[b->wire.n - 1].job, 0, 0, true);
    ck_assert_uint_eq(rendition_last(b->rungs[0]), 2);
    bench_destroy(b);
}
END_TEST

START_TEST(an_empty_packet_is_not_sent)
{
    struct bench *b = bench_create();
    jobs_way_open(b->way);
    open_segment(b, 1);
    send_packet(b, 0, PACKET_KEY);
    send_shifted(b, 3000, 3000, 0);
    send_packet(b, 6000, 0);
    close_segment(b, 1, 0);
    ck_assert_uint_eq(count(b, LINK_JOB_UNIT), 3);
    ck_assert_uint_eq(b->wire.sent[b->wire.n - 1].seq, 2);
    ck_assert_uint_eq(jobs_counters(b->jobs).given_up, 0);
    bench_destroy(b);
}
END_TEST

/* One byte each: what is kept about a packet counts too. */
START_TEST(many_small_packets_are_bounded)
{
    struct bench *b = bench_create();
    open_segment(b, 1);
    size_t most = JOB_INPUT_MAX / sizeof(struct packet);
    for (size_t i = 0; i < most; i++) {
        send_shifted(b, (int64_t)i, (int64_t)i, 1);
    }
    close_segment(b, 1, 0);
    ck_assert_uint_eq(jobs_counters(b->jobs).given_up, 1);
    ck_assert(jobs_idle(b->jobs));
    bench_destroy(b);
}
END_TEST

/* The orchestrator's deadline counts from the opening: a long segment must not use it up. */
START_TEST(the_deadline_leaves_time_for_the_segment_itself)
{
    struct bench *b = bench_create();
    jobs_way_open(b->way);
    whole_segment(b, 1, 0);
    ck_assert_uint_ge(b->wire.deadline_ms, 1000 + 10000);
    bench_destroy(b);
}
END_TEST

START_TEST(no_ladder_no_jobs)
{
    struct bench *b = bench_create();
    struct job_stream *bare = jobs_stream_create(b->jobs, "y", NULL, NULL, 0);
    jobs_way_open(b->way);
    for (uint64_t msn = 1; msn < 20; msn++) {
        struct segment_info info = {.msn = msn, .duration = 180000};
        struct packets none;
        packets_init(&none);
        struct segment *s = segment_create(&info, b->video, &none, NULL);
        struct blob *blob = blob_create(10);
        struct packet p = {.flags = PACKET_KEY, .blob = blob, .data = blob_span(blob)};
        jobs_segment_open(bare, &(struct segment_info){.msn = msn}, b->video);
        jobs_packet(bare, &p);
        blob_unref(blob);
        jobs_segment_close(bare, s, 0);
        segment_unref(s);
        ck_assert(jobs_idle(b->jobs));
    }
    ck_assert_uint_eq(b->wire.n, 0);
    ck_assert_uint_eq(jobs_counters(b->jobs).given_up, 0);
    jobs_stream_destroy(bare);
    bench_destroy(b);
}
END_TEST

/* --- sound of a rung's own --- */

struct own_sound {
    bool there;
    struct sound *sound;
};

static bool own_sound(void *arg, size_t rung, const struct segment *source,
                      struct sound **ret_sound)
{
    const struct own_sound *o = arg;
    if (rung == 0 && !o->there) {
        return false;
    }
    *ret_sound = rung == 0 ? o->sound : segment_sound(source);
    return true;
}

static struct own_sound expect_sound(struct bench *b)
{
    struct packets none;
    packets_init(&none);
    struct track_params p = {.kind = TRACK_AUDIO, .codec = CODEC_AAC, .sample_rate = 16000};
    struct track *t = track_create(&p);
    struct own_sound o = {.sound = sound_create(t, &none)};
    track_unref(t);
    return o;
}

/* The last part too: behind it a further one would be promised. */
START_TEST(a_rung_waits_for_its_own_sound)
{
    struct bench *b = bench_create();
    struct own_sound o = expect_sound(b);
    jobs_stream_set_sound(b->stream, own_sound, &o);
    jobs_way_open(b->way);
    whole_segment(b, 1, 0);
    uint64_t job = b->wire.sent[0].job;
    for (uint32_t rung = 0; rung < 2; rung++) {
        for (uint32_t part = 0; part < 3; part++) {
            answer(b, job, rung, part, part == 2);
        }
    }
    ck_assert_uint_eq(rendition_last(b->rungs[1]), 1);
    ck_assert_uint_eq(rendition_last(b->rungs[0]), 0);
    ck_assert_uint_eq(parts_of(b, 1), 1);
    jobs_tick(b->jobs, 900); /* nobody is asked to make it again */
    ck_assert_uint_eq(count(b, LINK_JOB_OPEN), 1);
    jobs_stream_sound_came(b->stream, 2);
    ck_assert(!jobs_idle(b->jobs));
    o.there = true;
    jobs_stream_sound_came(b->stream, 1);
    ck_assert(jobs_idle(b->jobs));
    ck_assert_uint_eq(parts_of(b, 1), 2);
    struct window *w = board_window(b->board, "x", "P144p30fps16x9");
    ck_assert_ptr_eq(segment_sound(w->segments[0]), o.sound);
    window_unref(w);
    ck_assert_uint_eq(jobs_counters(b->jobs).done, 1);
    jobs_stream_sound_came(b->stream, 1); /* nobody waits any more */
    sound_unref(o.sound);
    bench_destroy(b);
}
END_TEST

START_TEST(a_rung_that_waits_for_sound_outlives_the_others)
{
    struct bench *b = bench_create();
    struct own_sound o = expect_sound(b);
    jobs_stream_set_sound(b->stream, own_sound, &o);
    jobs_way_open(b->way);
    whole_segment(b, 1, 0);
    uint64_t job = b->wire.sent[0].job;
    for (uint32_t part = 0; part < 3; part++) {
        answer(b, job, 0, part, part == 2);
    }
    struct link_msg m = {
        .type = LINK_JOB_FAILED, .job = job, .final = true, .reason = "no such codec"};
    jobs_way_message(b->way, &m, NULL);
    ck_assert_uint_eq(rendition_waiting(b->rungs[0]), 1);
    ck_assert_uint_eq(rendition_waiting(b->rungs[1]), 0); /* a gap, and nothing before it */
    o.there = true;
    jobs_stream_sound_came(b->stream, 1);
    ck_assert_uint_eq(rendition_last(b->rungs[0]), 1);
    ck_assert(jobs_idle(b->jobs));
    ck_assert_uint_eq(jobs_counters(b->jobs).given_up, 1);
    ck_assert_uint_eq(jobs_counters(b->jobs).done, 0);
    sound_unref(o.sound);
    bench_destroy(b);
}
END_TEST

START_TEST(a_rung_whose_sound_never_comes_is_a_gap)
{
    struct bench *b = bench_create();
    struct own_sound o = expect_sound(b);
    jobs_stream_set_sound(b->stream, own_sound, &o);
    jobs_way_open(b->way);
    whole_segment(b, 1, 0);
    for (uint32_t part = 0; part < 3; part++) {
        answer(b, b->wire.sent[0].job, 0, part, part == 2);
    }
    jobs_tick(b->jobs, 1001);
    ck_assert(jobs_idle(b->jobs));
    ck_assert_uint_eq(rendition_waiting(b->rungs[0]), 0);
    sound_unref(o.sound);
    bench_destroy(b);
}
END_TEST

UNIT_MAIN("jobs", a_rung_waits_for_its_own_sound, a_rung_that_waits_for_sound_outlives_the_others,
          a_rung_whose_sound_never_comes_is_a_gap, units_become_parts,
          what_was_shown_is_never_replaced, a_segment_that_came_whole_has_no_parts,
          a_segment_streams_out_and_its_rungs_come_back,
          everything_is_sent_again_to_a_new_orchestrator, a_full_queue_loses_nothing,
          late_ones_become_gaps_in_step, too_many_unfinished_give_up_the_oldest,
          units_that_do_not_fit_end_the_job, a_failed_job_is_a_gap_and_the_next_goes_on,
          a_stream_without_rungs_has_no_jobs, failures_are_told_apart,
          the_rate_level_falls_with_bytes_and_rises_with_time,
          a_job_that_cannot_be_sent_holds_up_no_other, an_empty_packet_is_not_sent,
          many_small_packets_are_bounded, the_deadline_leaves_time_for_the_segment_itself,
          no_ladder_no_jobs)
