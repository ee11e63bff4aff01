/* The job table with many transcoders and too few: who gets what, what is given up, who gets it
 * again. B = 100 is the broadcaster. A rung of world.h asks for width * 10 * 30 pixels a second:
 * 30000, 60000, 90000 of a job of three. */
#include "farm.h"
#include "orchestrator/job.h"
#include "orchestrator/session.h"

/* A segment of n seconds, as it is published: 30 pictures a second from the table's now on. */
static void publish(uint64_t job, uint32_t *seq, unsigned pictures, bool last)
{
    for (unsigned i = 0; i < pictures; i++) {
        struct link_packet p = {.length = 1, .dts = *seq * 3000, .pts = *seq * 3000};
        struct link_unit u = {
            .packets = &p, .n_packets = 1, .seq = *seq, .last = last && i + 1 == pictures};
        struct blob *payload = blob_create(1);
        job_table_unit(w->table, B, job, &u, payload, w->now);
        blob_unref(payload);
        (*seq)++;
        w->now += i % 3 == 2 ? 34 : 33;
        if (i % 3 == 2) {
            job_table_tick(w->table, w->now);
        }
    }
}

/* All of a job's one rung at once. */
static void complete(link_peer t, uint64_t attempt)
{
    world_part(w, t, attempt, 0, 0, true, true);
    world_done(w, t, attempt);
}

START_TEST(jobs_go_by_pixels)
{
    start(NULL);
    fast(1, 9, 100000);
    fast(2, 9, 200000);
    world_job(w, B, 1, "a", 1, 3); /* 180000 */
    ck_assert_uint_eq(opens(2), 1);
    ck_assert_uint_eq(of(2)->rate, 180000);
    world_job(w, B, 2, "b", 1, 1);
    ck_assert_uint_eq(opens(1), 1); /* 100000 free, not 20000 */
    world_job(w, B, 3, "c", 1, 2);  /* 90000 */
    ck_assert_uint_eq(opens(1) + opens(2), 2);
    ck_assert_uint_eq(job_table_gauges(w->table).queued, 1);
    world_unit(w, B, 2, 0, true, 10); /* its input is there: it weighs no more, */
    advance(SESSION_PLACE_MS - JOB_TABLE_TICK_MS);
    ck_assert_uint_eq(opens(1), 1);
    advance(2 * JOB_TABLE_TICK_MS); /* when its stream's next one does not come */
    ck_assert_uint_eq(opens(1), 2);
    ck_assert_uint_eq(of(1)->rate, 90000);
    complete(1, w->sent[1].job);
    world_destroy(w);
}
END_TEST

START_TEST(who_has_nothing_to_do_may_try_more_than_it_says)
{
    start(NULL);
    fast(1, 9, 1000);
    world_job(w, B, 1, "a", 1, 3);
    ck_assert_uint_eq(opens(1), 1);
    ck_assert_uint_eq(world_last(w, 1, LINK_JOB_OPEN)->open.n_ladder, 3);
    ck_assert_uint_eq(job_table_counters(w->table).rungs_given_up, 0);
    world_destroy(w);
}
END_TEST

START_TEST(a_newcomer_gets_what_waits_at_once)
{
    start(NULL);
    fast(1, 9, 100000);
    world_job(w, B, 1, "a", 1, 2);
    world_job(w, B, 2, "b", 1, 2);
    ck_assert_uint_eq(opens(1), 1);
    fast(2, 9, 100000);
    ck_assert_uint_eq(opens(2), 1);
    ck_assert_uint_eq(world_last(w, 2, LINK_JOB_OPEN)->open.n_ladder, 2);
    world_destroy(w);
}
END_TEST

/* Affinity holds while its transcoder keeps up, and ends with the next segment when not. */
START_TEST(a_stream_leaves_who_is_overloaded_for_a_newcomer)
{
    struct job_table_config c = defaults();
    c.hedge_ms = 0;
    start(&c);
    fast(1, 9, 0);
    world_job(w, B, 1, "a", 1, 1);
    fast(2, 9, 0);
    world_job(w, B, 2, "a", 2, 1);
    ck_assert_uint_eq(opens(1), 2); /* warm caches */
    uint64_t first = world_attempt(w, 1) - 1;
    job_table_accepted(w->table, 1, first);
    job_table_accepted(w->table, 1, first + 1);
    uint32_t seq = 0;
    publish(1, &seq, 60, false);
    ck_assert_uint_eq(job_table_counters(w->table).late, 1);
    ck_assert_uint_eq(opens(2), 1); /* what is late itself */
    ck_assert(standing_is_overloaded(&of(1)->standing, w->now));
    world_job(w, B, 3, "a", 3, 1);
    ck_assert_uint_eq(opens(2), 2);
    ck_assert_uint_eq(opens(1), 2);
    world_destroy(w);
}
END_TEST

START_TEST(a_streams_jobs_may_be_on_several_transcoders)
{
    start(NULL);
    for (link_peer t = 1; t <= SESSION_JOBS_MAX; t++) {
        fast(t, 1, 0);
    }
    for (uint64_t n = 1; n <= SESSION_JOBS_MAX; n++) {
        world_job(w, B, n, "a", n, 1);
    }
    world_job(w, B, 99, "a", 99, 1);
    ck_assert_uint_eq(world_last(w, B, LINK_JOB_REFUSE)->job, 99);
    for (link_peer t = 1; t <= SESSION_JOBS_MAX; t++) {
        ck_assert_uint_eq(opens(t), 1);
        ck_assert_uint_eq(of(t)->load, 1);
    }
    for (uint64_t n = SESSION_JOBS_MAX; n >= 1; n--) { /* in whatever order */
        world_unit(w, B, n, 0, true, 10);
    }
    for (link_peer t = SESSION_JOBS_MAX; t >= 1; t--) {
        complete(t, world_attempt(w, t));
    }
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_DONE), SESSION_JOBS_MAX);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

static void open_watched(uint64_t job, const char *stream, uint32_t a, uint32_t b, uint32_t c)
{
    struct link_job_open o = world_open_of(stream, job, 3, 9000);
    const uint32_t viewers[] = {a, b, c};
    for (unsigned i = 0; i < 3; i++) {
        o.ladder[i].viewers = viewers[i];
    }
    job_table_open(w->table, B, job, &o, w->now);
}

/* T1 is as fast as that, whatever was seen of it. */
static void believe(uint64_t speed)
{
    fast(1, 1, 0); /* full in jobs: nothing is given to it */
    fast(1, 9, speed);
}

/* T1 was seen to be late with what it has, and still is; it is as fast as it says. That job, which
 * weighs nothing, is the first one it has. */
static void start_full(uint64_t speed)
{
    start(NULL);
    fast(1, 9, 1);
    struct link_job_open o = world_open_of("late", 1, 1, 60000);
    job_table_open(w->table, B, 90, &o, w->now);
    job_table_accepted(w->table, 1, world_attempt(w, 1));
    uint32_t seq = 0;
    publish(90, &seq, 30, true);
    advance(1500);
    ck_assert(standing_is_full(&of(1)->standing, w->now));
    believe(speed);
}

START_TEST(the_rung_of_the_fewest_viewers_is_given_up)
{
    start_full(300000);
    world_job(w, B, 1, "a", 1, 3); /* leaves 120000 */
    open_watched(2, "b", 1, 0, 5);
    ck_assert_uint_eq(opens(1), 2);
    advance(JOB_TABLE_SHED_SURE_MS - JOB_TABLE_TICK_MS);
    ck_assert_uint_eq(job_table_counters(w->table).rungs_given_up, 0);
    tick();
    ck_assert_uint_eq(opens(1), 3);
    const struct sent *up = world_last(w, B, LINK_RUNG_GIVEN_UP);
    ck_assert_uint_eq(up->job, 2);
    ck_assert_uint_eq(up->rung, 1);
    ck_assert_str_ne(up->reason, "");
    const struct link_job_open *o = &world_last(w, 1, LINK_JOB_OPEN)->open;
    ck_assert_uint_eq(o->n_ladder, 2);
    ck_assert_uint_eq(o->ladder[0].width, 100);
    ck_assert_uint_eq(o->ladder[1].width, 300);
    ck_assert_uint_eq(job_table_counters(w->table).rungs_given_up, 1);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_FAILED), 0);
    /* The rest of it is the whole of it. */
    uint64_t attempt = world_attempt(w, 1);
    world_unit(w, B, 2, 0, true, 10);
    world_part(w, 1, attempt, 0, 0, true, true);
    world_part(w, 1, attempt, 1, 0, true, true);
    ck_assert_uint_eq(world_last(w, B, LINK_RUNG_UNIT)->rung, 2);
    world_done(w, 1, attempt);
    ck_assert_uint_eq(world_last(w, B, LINK_JOB_DONE)->job, 2);
    ck_assert_uint_eq(world_last(w, B, LINK_JOB_DONE)->done.rungs[1].frames, 0);
    /* That stream's next one need not wait to be told. */
    open_watched(3, "b", 0, 0, 0);
    tick();
    ck_assert_uint_eq(opens(1), 4);
    ck_assert_uint_eq(world_last(w, B, LINK_RUNG_GIVEN_UP)->rung, 2); /* of equals the largest */
    ck_assert_uint_eq(world_last(w, 1, LINK_JOB_OPEN)->open.n_ladder, 2);
    world_destroy(w);
}
END_TEST

static uint64_t given_up(void)
{
    return job_table_counters(w->table).rungs_given_up;
}

#define APART_MS 300 /* for a plan is made only so often */

/* New segments of two streams that do not fit together, both open for so long: did they lose a
 * rung? */
static bool both_lose(uint64_t *job, int64_t ms)
{
    uint64_t before = given_up();
    open_watched(++*job, "a", 0, 0, 0);
    advance(APART_MS);
    open_watched(++*job, "b", 0, 0, 0);
    advance(ms);
    job_table_cancel(w->table, B, *job - 1, w->now);
    job_table_cancel(w->table, B, *job, w->now);
    return given_up() > before;
}

START_TEST(what_was_given_up_is_tried_again_less_and_less_often)
{
    uint64_t job = 100;
    start_full(300000);
    ck_assert(!both_lose(&job, 0));
    ck_assert(both_lose(&job, JOB_TABLE_SHED_SURE_MS));
    advance(JOB_TABLE_SHORT_MS - APART_MS - JOB_TABLE_TICK_MS);
    ck_assert(both_lose(&job, 0));
    advance(JOB_TABLE_TICK_MS);
    ck_assert(!both_lose(&job, 0));
    ck_assert(both_lose(&job, JOB_TABLE_SHED_SURE_MS));
    advance(2 * JOB_TABLE_SHORT_MS - APART_MS - JOB_TABLE_TICK_MS);
    ck_assert(both_lose(&job, 0));
    advance(JOB_TABLE_TICK_MS);
    ck_assert(!both_lose(&job, 0));
    world_destroy(w);
}
END_TEST

/* Who came first does not keep what is worth less. */
START_TEST(what_is_given_up_is_planned_over_all_streams)
{
    start_full(300000);
    world_job(w, B, 1, "a", 1, 3); /* leaves 120000 */
    open_watched(2, "b", 1, 0, 5);
    advance(9000 / JOB_TABLE_SHED_PART);
    ck_assert_uint_eq(job_table_counters(w->table).rungs_given_up, 1);
    world_job(w, B, 3, "a", 3, 3);
    ck_assert_uint_eq(job_table_counters(w->table).rungs_given_up, 2);
    ck_assert_uint_eq(world_last(w, B, LINK_RUNG_GIVEN_UP)->job, 3);
    ck_assert_uint_eq(world_last(w, B, LINK_RUNG_GIVEN_UP)->rung, 2);
    open_watched(4, "b", 1, 0, 5);
    ck_assert_uint_eq(job_table_counters(w->table).rungs_given_up, 2);
    /* There is room for all again. */
    fast(2, 9, 300000);
    world_job(w, B, 5, "a", 5, 3);
    ck_assert_uint_eq(job_table_counters(w->table).rungs_given_up, 2);
    world_destroy(w);
}
END_TEST

START_TEST(never_all_rungs_of_a_job)
{
    start_full(30000);
    world_job(w, B, 1, "a", 1, 1);
    open_watched(2, "b", 0, 0, 0);
    advance(4000);
    ck_assert_uint_eq(job_table_counters(w->table).rungs_given_up, 0); /* that would not help */
    believe(50000);
    tick();
    ck_assert_uint_eq(job_table_counters(w->table).rungs_given_up, 0); /* 20000 for 30000 */
    believe(60000);
    tick();
    ck_assert_uint_eq(job_table_counters(w->table).rungs_given_up, 2);
    ck_assert_uint_eq(world_last(w, 1, LINK_JOB_OPEN)->open.n_ladder, 1);
    ck_assert_uint_eq(world_last(w, 1, LINK_JOB_OPEN)->open.ladder[0].width, 100);
    world_destroy(w);
}
END_TEST

/* Of several that wait: the least worth of all goes first, and no more than is needed. */
START_TEST(no_more_rungs_than_must_be)
{
    start_full(100000);
    world_job(w, B, 1, "z", 1, 1); /* leaves 70000 */
    open_watched(2, "a", 5, 5, 5);
    open_watched(3, "b", 9, 9, 1);
    open_watched(4, "c", 5, 5, 5);
    advance(9000 / JOB_TABLE_SHED_PART);
    ck_assert_uint_eq(job_table_gauges(w->table).queued, 1);
    ck_assert_uint_eq(of(1)->rate, 90000); /* the smallest of each, and b waits with two */
    unsigned of_b = 0;
    for (size_t i = 0; i < w->n_sent; i++) {
        if (w->sent[i].type == LINK_RUNG_GIVEN_UP && w->sent[i].job == 3) {
            ck_assert_uint_eq(w->sent[i].rung, 2);
            of_b++;
        }
    }
    ck_assert_uint_eq(of_b, 1);
    ck_assert_uint_eq(job_table_counters(w->table).rungs_given_up, 5);
    world_destroy(w);
}
END_TEST

START_TEST(full_in_jobs_means_waiting)
{
    start(NULL);
    fast(1, 1, 1000000);
    world_job(w, B, 1, "a", 1, 1);
    open_watched(2, "b", 0, 0, 0);
    advance(3000);
    ck_assert_uint_eq(job_table_counters(w->table).rungs_given_up, 0);
    world_unit(w, B, 1, 0, true, 10);
    complete(1, world_attempt(w, 1));
    ck_assert_uint_eq(world_last(w, 1, LINK_JOB_OPEN)->open.n_ladder, 3);
    world_destroy(w);
}
END_TEST

/* --- two at once --- */

/* T1 is late with job 1, whose first part it has delivered; T2 has it too. */
static void hedge(size_t rungs)
{
    start(NULL);
    fast(1, 9, 0);
    world_job(w, B, 1, "a", 1, rungs);
    uint64_t attempt = world_attempt(w, 1);
    job_table_accepted(w->table, 1, attempt);
    fast(2, 9, 0);
    uint32_t seq = 0;
    publish(1, &seq, 12, false);
    for (uint32_t i = 0; i < rungs; i++) {
        world_part(w, 1, attempt, i, 0, true, false);
    }
    publish(1, &seq, 48, true);
    ck_assert_uint_eq(opens(2), 1);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_CANCEL), 0);
    ck_assert_uint_eq(job_table_counters(w->table).hedged, 1);
    ck_assert_uint_eq(job_table_gauges(w->table).doubled, 1);
    ck_assert_uint_eq(world_last(w, 2, LINK_JOB_OPEN)->open.ladder[0].emit_from, 1);
    job_table_accepted(w->table, 2, world_attempt(w, 2));
}

START_TEST(the_second_one_wins)
{
    hedge(1);
    uint64_t one = world_attempt(w, 1), two = world_attempt(w, 2);
    world_part(w, 2, two, 0, 1, true, false);
    ck_assert_uint_eq(world_last(w, B, LINK_RUNG_UNIT)->part, 1);
    ck_assert_uint_eq(world_last(w, 1, LINK_JOB_CANCEL)->job, one);
    size_t n = world_count(w, B, LINK_RUNG_UNIT);
    world_part(w, 1, one, 0, 1, false, false); /* it was under way */
    ck_assert_uint_eq(world_count(w, B, LINK_RUNG_UNIT), n);
    world_part(w, 2, two, 0, 2, false, true);
    world_done(w, 2, two);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_DONE), 1);
    ck_assert_uint_eq(job_table_counters(w->table).hedges_won, 1);
    ck_assert_uint_eq(job_table_counters(w->table).redispatched, 1);
    ck_assert_uint_eq(job_table_counters(w->table).bad_units, 0);
    world_check_empty(w);
    world_job(w, B, 2, "a", 2, 1);
    ck_assert_uint_eq(opens(2), 2); /* the stream stays there */
    world_destroy(w);
}
END_TEST

START_TEST(the_first_one_wins_after_all)
{
    hedge(1);
    uint64_t one = world_attempt(w, 1), two = world_attempt(w, 2);
    world_part(w, 1, one, 0, 1, false, false);
    ck_assert_uint_eq(world_last(w, 2, LINK_JOB_CANCEL)->job, two);
    world_part(w, 2, two, 0, 1, true, false);
    ck_assert_uint_eq(world_count(w, B, LINK_RUNG_UNIT), 2);
    world_part(w, 1, one, 0, 2, false, true);
    world_done(w, 1, one);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_DONE), 1);
    ck_assert_uint_eq(job_table_counters(w->table).hedges_won, 0);
    ck_assert_uint_eq(job_table_counters(w->table).redispatched, 0);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

/* Rung by rung: each has the encoder that began its newest emission to its end. */
START_TEST(each_wins_a_rung)
{
    hedge(2);
    uint64_t one = world_attempt(w, 1), two = world_attempt(w, 2);
    world_part(w, 1, one, 0, 1, false, false);
    world_part(w, 2, two, 1, 1, true, false);
    world_part(w, 2, two, 0, 1, true, false);  /* lost */
    world_part(w, 1, one, 1, 1, false, false); /* lost */
    ck_assert_uint_eq(world_count(w, B, LINK_RUNG_UNIT), 4);
    ck_assert_uint_eq(job_table_counters(w->table).hedge_units, 2);
    ck_assert_uint_eq(job_table_gauges(w->table).doubled, 1);
    world_part(w, 2, two, 1, 2, false, true);
    world_done(w, 2, two);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_DONE), 0);
    world_part(w, 1, one, 0, 2, false, true);
    world_done(w, 1, one);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_DONE), 1);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(one_of_two_may_go)
{
    hedge(2);
    uint64_t two = world_attempt(w, 2);
    job_table_transcoder_lost(w->table, 1, w->now);
    ck_assert_uint_eq(opens(2), 1); /* it does all of it already */
    ck_assert_uint_eq(job_table_gauges(w->table).queued, 0);
    for (uint32_t i = 0; i < 2; i++) {
        world_part(w, 2, two, i, 1, true, true);
    }
    world_done(w, 2, two);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_DONE), 1);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

/* What the second had given up on is done anew when the first one goes. */
START_TEST(a_lost_rung_is_not_forgotten)
{
    hedge(2);
    uint64_t one = world_attempt(w, 1), two = world_attempt(w, 2);
    world_part(w, 1, one, 0, 1, false, false);
    world_part(w, 2, two, 1, 1, true, false);
    fast(3, 9, 0);
    job_table_failed(w->table, 1, one, "broke", false, w->now);
    ck_assert_uint_eq(opens(3), 1);
    ck_assert_uint_eq(world_last(w, 3, LINK_JOB_OPEN)->open.n_ladder, 1);
    ck_assert_uint_eq(world_last(w, 3, LINK_JOB_OPEN)->open.ladder[0].width, 100);
    ck_assert_uint_eq(world_last(w, 3, LINK_JOB_OPEN)->open.ladder[0].emit_from, 2);
    uint64_t three = world_attempt(w, 3);
    world_part(w, 3, three, 0, 2, true, true);
    world_done(w, 3, three);
    world_part(w, 2, two, 1, 2, false, true);
    world_done(w, 2, two);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_DONE), 1);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(nobody_is_hedged_to_who_is_late_too)
{
    start(NULL);
    fast(1, 9, 0);
    fast(2, 9, 0);
    world_job(w, B, 1, "a", 1, 1);
    world_job(w, B, 2, "b", 1, 1);
    ck_assert_uint_eq(opens(1), 1);
    ck_assert_uint_eq(opens(2), 1);
    job_table_accepted(w->table, 1, world_attempt(w, 1));
    job_table_accepted(w->table, 2, world_attempt(w, 2));
    world_unit(w, B, 1, 0, true, 10);
    world_unit(w, B, 2, 0, true, 10);
    advance(1400);
    /* Whichever was seen to be late first was given to the other; that one's job stays. */
    ck_assert_uint_le(job_table_counters(w->table).hedged, 1);
    world_destroy(w);
}
END_TEST

START_TEST(hedging_can_be_switched_off)
{
    struct job_table_config c = defaults();
    c.hedge_ms = 0;
    start(&c);
    fast(1, 9, 0);
    world_job(w, B, 1, "a", 1, 1);
    fast(2, 9, 0);
    job_table_accepted(w->table, 1, world_attempt(w, 1));
    uint32_t seq = 0;
    publish(1, &seq, 60, false);
    ck_assert_uint_eq(job_table_counters(w->table).hedged, 0);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_CANCEL), 1); /* moved instead */
    ck_assert_uint_eq(opens(2), 1);
    world_destroy(w);
}
END_TEST

/* Two parts after they were due somebody else has it: sooner than a heartbeat would tell. */
START_TEST(silence_is_noticed_before_the_heartbeat)
{
    start(NULL);
    fast(1, 9, 0);
    world_job(w, B, 1, "a", 1, 1);
    uint64_t one = world_attempt(w, 1);
    job_table_accepted(w->table, 1, one);
    fast(2, 9, 0);
    uint32_t seq = 0;
    int64_t since = w->now;
    for (uint32_t part = 0; part < 30; part++) { /* of two frames */
        publish(1, &seq, 2, false);
        if (part >= 4) {
            world_part(w, 1, one, 0, part - 4, part == 4, false);
            since = w->now;
        }
    }
    while (opens(2) == 0) {
        publish(1, &seq, 3, false);
        ck_assert_int_lt(w->now - since, 1500);
    }
    world_destroy(w);
}
END_TEST

/* --- who fails --- */

START_TEST(who_fails_again_and_again_gets_nothing_for_a_while)
{
    start(NULL);
    fast(1, 9, 0);
    for (uint64_t n = 1; n <= STANDING_FAILURES_MAX; n++) {
        world_job(w, B, n, "a", n, 1);
        uint64_t attempt = world_attempt(w, 1);
        world_part(w, 1, attempt, 0, 7, true, false); /* garbage */
        job_table_cancel(w->table, B, n, w->now);
    }
    ck_assert_int_eq(w->last_note.type, JOB_NOTE_CANCELLED);
    ck_assert_uint_eq(job_table_counters(w->table).suspensions, 1);
    ck_assert(standing_is_suspended(&of(1)->standing, w->now));
    size_t before = opens(1);
    world_job(w, B, 9, "a", 9, 1);
    advance(STANDING_SUSPEND_MS - JOB_TABLE_TICK_MS);
    ck_assert_uint_eq(opens(1), before);
    tick();
    ck_assert_uint_eq(opens(1), before + 1); /* time is up */
    world_destroy(w);
}
END_TEST

/* A segment that nobody can do suspends nobody but those that it came to first. */
START_TEST(a_bad_segment_is_not_everybodys_fault)
{
    start(NULL);
    fast(1, 9, 0);
    fast(2, 9, 0);
    fast(3, 9, 0);
    for (uint64_t n = 1; n <= 2; n++) {
        world_job(w, B, n, "bad", n, 1);
        while (world_count(w, B, LINK_JOB_FAILED) < n) {
            for (link_peer t = 1; t <= 3; t++) {
                if (of(t)->load > 0) {
                    job_table_failed(w->table, t, world_attempt(w, t), "broke", false, w->now);
                }
            }
        }
    }
    ck_assert_uint_eq(
        of(1)->standing.failures + of(2)->standing.failures + of(3)->standing.failures, 2);
    ck_assert_uint_eq(job_table_counters(w->table).suspensions, 0);
    world_destroy(w);
}
END_TEST

START_TEST(a_rejected_rung_is_made_again_elsewhere)
{
    start(NULL);
    fast(1, 9, 0);
    world_job(w, B, 1, "a", 1, 2);
    uint64_t one = world_attempt(w, 1);
    world_unit(w, B, 1, 0, true, 10);
    world_part(w, 1, one, 0, 0, true, false);
    world_part(w, 1, one, 0, 1, false, false);
    world_part(w, 1, one, 0, 2, false, true);
    world_part(w, 1, one, 1, 0, true, false);
    fast(2, 9, 0);
    struct link_rung_word word = {.rung = 0, .part = 1};
    job_table_rung_reject(w->table, B, 1, &word, "it does not decode", w->now);
    ck_assert_uint_eq(job_table_counters(w->table).rungs_rejected, 1);
    ck_assert_uint_eq(of(1)->failed, 1);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_CANCEL), 1); /* the other rung is as good */
    const struct link_job_open *o = &world_last(w, 2, LINK_JOB_OPEN)->open;
    ck_assert_uint_eq(o->n_ladder, 2);
    ck_assert_uint_eq(o->ladder[0].width, 100);
    ck_assert_uint_eq(o->ladder[0].emit_from, 1);
    ck_assert_uint_eq(o->ladder[1].emit_from, 1);
    uint64_t two = world_attempt(w, 2);
    world_part(w, 2, two, 0, 1, true, true);
    ck_assert_uint_eq(world_last(w, B, LINK_RUNG_UNIT)->part, 1);
    world_part(w, 1, one, 1, 1, false, true); /* too late */
    world_part(w, 2, two, 1, 1, true, true);
    world_done(w, 2, two);
    const struct sent *done = world_last(w, B, LINK_JOB_DONE);
    ck_assert_ptr_nonnull(done);
    ck_assert_uint_eq(done->done.rungs[0].frames, 4);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

/* Whoever made it is charged, and does not get it again when it is opened anew. */
START_TEST(a_rung_rejected_when_its_job_is_over)
{
    start(NULL);
    fast(1, 9, 0);
    world_job(w, B, 1, "a", 1, 2);
    uint64_t one = world_attempt(w, 1);
    world_unit(w, B, 1, 0, true, 10);
    world_part(w, 1, one, 0, 0, true, true);
    world_part(w, 1, one, 1, 0, true, true);
    world_done(w, 1, one);
    fast(2, 9, 0);
    struct link_rung_word word = {.rung = 1, .part = 0};
    job_table_rung_reject(w->table, B, 1, &word, "too late", w->now);
    job_table_rung_reject(w->table, B, 1, &word, "twice", w->now);
    ck_assert_uint_eq(job_table_counters(w->table).rungs_rejected, 1);
    ck_assert_uint_eq(job_table_counters(w->table).stray, 1);
    ck_assert_uint_eq(of(1)->failed, 1);
    ck_assert_uint_eq(of(1)->standing.failures, 1);
    world_job(w, B, 2, "a", 1, 1);
    ck_assert_uint_eq(of(1)->load, 0);
    ck_assert_uint_eq(of(2)->load, 1);
    w->now += JOB_AVOID_MS;
    job_table_cancel(w->table, B, 2, w->now);
    job_table_transcoder_lost(w->table, 2, w->now);
    world_job(w, B, 3, "a", 1, 1);
    ck_assert_uint_eq(of(1)->load, 1);
    world_destroy(w);
}
END_TEST

/* It takes a job, does another one, and dies, over and over, each time as a new process. */
START_TEST(who_dies_in_a_loop_is_suspended_for_longer_and_longer)
{
    start(NULL);
    int64_t suspended_ms[6];
    for (link_peer n = 1; n <= 6; n++) {
        struct link_hello hello = {.capacity = 9, .software = "", .encoder = "x264"};
        char name[16];
        snprintf(name, sizeof name, "host:%u", 1000 + n);
        hello.name = name;
        ck_assert_int_eq(job_table_transcoder_joined(w->table, n, "10.0.0.9", &hello, w->now),
                         ERR_OK);
        suspended_ms[n - 1] = of(n)->standing.suspended_until_ms - w->now;
        w->now += suspended_ms[n - 1] > 0 ? suspended_ms[n - 1] : 0;
        world_job(w, B, 2 * n, "a", 2 * n, 1);
        world_unit(w, B, 2 * n, 0, true, 10);
        world_part(w, n, world_attempt(w, n), 0, 0, true, true);
        world_done(w, n, world_attempt(w, n));
        world_job(w, B, 2 * n + 1, "a", 2 * n + 1, 1);
        ck_assert_uint_gt(of(n)->load, 0);
        job_table_transcoder_lost(w->table, n, w->now);
        job_table_cancel(w->table, B, 2 * n + 1, w->now);
    }
    ck_assert_int_le(suspended_ms[2], 0);
    ck_assert_int_eq(suspended_ms[3], STANDING_SUSPEND_MS);
    ck_assert_int_eq(suspended_ms[4], 2 * STANDING_SUSPEND_MS);
    ck_assert_int_eq(suspended_ms[5], 4 * STANDING_SUSPEND_MS);
    ck_assert_uint_eq(job_table_counters(w->table).suspensions, 4);
    /* Others are not meant, and in the end it is forgotten. */
    fast(20, 9, 0);
    ck_assert_uint_eq(of(20)->standing.losses, 0);
    struct standing st = {.losses = 9, .lost_ms = 0};
    ck_assert(!standing_lost(&st, STANDING_LOSS_MS + 1));
    ck_assert_uint_eq(st.losses, 1);
    world_destroy(w);
}
END_TEST

START_TEST(rejections_that_cannot_be)
{
    start(NULL);
    fast(1, 9, 0);
    world_job(w, B, 1, "a", 1, 1);
    world_unit(w, B, 1, 0, true, 10);
    world_part(w, 1, world_attempt(w, 1), 0, 0, true, false);
    const struct link_rung_word words[] = {{1, 0}, {0, 1}, {UINT32_MAX, 0}, {0, UINT32_MAX}};
    for (size_t i = 0; i < 4; i++) {
        job_table_rung_reject(w->table, B, 1, &words[i], "no", w->now);
    }
    job_table_rung_reject(w->table, B, 2, &words[1], "no such job", w->now);
    ck_assert_uint_eq(job_table_counters(w->table).stray, 5);
    ck_assert_uint_eq(job_table_counters(w->table).rungs_rejected, 0);
    world_destroy(w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("job_table_farm");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 10);
    tcase_add_test(tc, jobs_go_by_pixels);
    tcase_add_test(tc, who_has_nothing_to_do_may_try_more_than_it_says);
    tcase_add_test(tc, a_newcomer_gets_what_waits_at_once);
    tcase_add_test(tc, a_stream_leaves_who_is_overloaded_for_a_newcomer);
    tcase_add_test(tc, a_streams_jobs_may_be_on_several_transcoders);
    tcase_add_test(tc, the_rung_of_the_fewest_viewers_is_given_up);
    tcase_add_test(tc, what_was_given_up_is_tried_again_less_and_less_often);
    tcase_add_test(tc, what_is_given_up_is_planned_over_all_streams);
    tcase_add_test(tc, never_all_rungs_of_a_job);
    tcase_add_test(tc, no_more_rungs_than_must_be);
    tcase_add_test(tc, full_in_jobs_means_waiting);
    tcase_add_test(tc, the_second_one_wins);
    tcase_add_test(tc, the_first_one_wins_after_all);
    tcase_add_test(tc, each_wins_a_rung);
    tcase_add_test(tc, one_of_two_may_go);
    tcase_add_test(tc, a_lost_rung_is_not_forgotten);
    tcase_add_test(tc, nobody_is_hedged_to_who_is_late_too);
    tcase_add_test(tc, hedging_can_be_switched_off);
    tcase_add_test(tc, silence_is_noticed_before_the_heartbeat);
    tcase_add_test(tc, who_fails_again_and_again_gets_nothing_for_a_while);
    tcase_add_test(tc, a_bad_segment_is_not_everybodys_fault);
    tcase_add_test(tc, a_rejected_rung_is_made_again_elsewhere);
    tcase_add_test(tc, a_rung_rejected_when_its_job_is_over);
    tcase_add_test(tc, who_dies_in_a_loop_is_suspended_for_longer_and_longer);
    tcase_add_test(tc, rejections_that_cannot_be);
    suite_add_tcase(suite, tc);
    return world_run(suite);
}
